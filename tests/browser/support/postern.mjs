// One real postern for a test file: its conf, its sessions' sites, and the session API. Everything it writes lies in
// build/browser/NAME/ and is looked at after a failure.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './wait.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const binary = process.env.POSTERN ?? join(root, 'build/release/postern');
const site = join(root, 'conf/quickstart/site');

/** `count` ports that nothing listens on. Below those that the kernel gives to outgoing connections (from 32768): the browser and
 * the dev servers have many of them before postern listens. */
async function free_ports(count) {
  const is_free = (port) => new Promise((done) => {
    const server = createServer().once('error', () => done(false)).listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
  const ports = [];
  for (let port = 10_000 + Math.floor(Math.random() * 9_000); ports.length < count; port += 1)
    if (await is_free(port)) ports.push(port);
  return ports;
}

function make_certificate(folder) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '90',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')], { stdio: 'pipe' });
}

const session_location = (more) => `
    location /session/{threadId}/ {
        session;
        strip_prefix    on;
        dev_server      vite;
        wake            auto;
        hold            30s;
        ${more}
    }`;

const conf_text = ({ folder, port, secure_port, api, ports, idle_timeout, route_ttl, location }) => `
workers         2;
error_log       stderr info;
pid             ${folder}/postern.pid;
access_log      ${folder}/access.log combined;
session_table   ${folder}/sessions.table capacity=1k;
access_key_file ${folder}/access.key;
route_key       {threadId};
store sqlite    ${folder}/sessions.db { flush 500ms; }
control {
    listen          127.0.0.1:${api};
    token_file      ${folder}/control.token;
    preview_url     http://127.0.0.1:${port}/session/{threadId}/;
}
lifecycle {
    idle_timeout    ${idle_timeout};
    route_ttl       ${route_ttl};
    launcher process {
        command     ${root}/tests/browser/support/start-held {threadId} {port};
        ready       http / within 60s;
        stop        TERM 5s;
        ports       ${ports};
        output_directory ${folder}/output;
    }
}
allow_targets   127.0.0.0/8;
server {
    listen          127.0.0.1:${port} default_server;
    listen          127.0.0.1:${secure_port} ssl http2;
    ssl_certificate ${folder}/cert.pem ${folder}/key.pem;
    server_name     127.0.0.1 localhost;
    ${session_location(location)}
    location /api/sessions/ { control open; }
    location /start/        { static ${root}/conf/quickstart/landing; }
    location /              { static ${site}/dist; }
}
server {
    listen          127.0.0.1:${port};
    server_name     {threadId}.localhost;
    location / {
        session;
        dev_server      vite;
        wake            auto;
        hold            30s;
    }
}
`;

export class Postern {
  /** Starts one. Options: idle_timeout, route_ttl (as in the conf), location (more lines for the session location). */
  static async start(name, { idle_timeout = '5m', route_ttl = '30m', location = '', conf } = {}) {
    const self = new Postern();
    self.folder = join(root, 'build/browser', name);
    self.sites = join(self.folder, 'sites');
    rmSync(self.folder, { recursive: true, force: true });
    mkdirSync(self.sites, { recursive: true });
    [self.port, self.api_port, self.secure_port] = await free_ports(3);
    make_certificate(self.folder);
    self.url = `http://127.0.0.1:${self.port}`;
    // Of its own: another run's dev servers may be on their way to the first ports of all.
    const first = 20_000 + Math.floor(Math.random() * 100) * 100;
    const ports = `${first}-${first + 99}`;
    const values = { folder: self.folder, port: self.port, secure_port: self.secure_port, api: self.api_port, ports, idle_timeout, route_ttl, location };
    writeFileSync(join(self.folder, 'postern.conf'), (conf ?? conf_text)(values));
    self.#run();
    const ended = self.ended.then((status) => { throw new Error(`postern ended with ${status}:\n${self.log()}`); });
    const ready = until('postern is ready', async () => (await fetch(`http://127.0.0.1:${self.api_port}/readyz`)).ok);
    await Promise.race([ready, ended]).catch((error) => {
      self.child.kill('SIGKILL');
      throw error;
    });
    ended.catch(() => {}); // from here on an end is stop()'s business
    self.token = readFileSync(join(self.folder, 'control.token'), 'utf8').trim();
    return self;
  }

  #run() {
    const log = openSync(join(self_log(this.folder)), 'a');
    this.child = spawn(binary, ['-c', join(this.folder, 'postern.conf')], {
      stdio: ['ignore', log, log],
      env: { ...process.env, POSTERN_SITES: this.sites, ASTRO_TELEMETRY_DISABLED: '1' },
    });
    this.ended = new Promise((done, fail) => {
      this.child.once('exit', (code, signal) => done(code ?? signal));
      this.child.once('error', (error) => fail(new Error(`${binary} does not run (./dev build makes it): ${error.message}`)));
    });
  }

  log() {
    return readFileSync(self_log(this.folder), 'utf8').split('\n').slice(-40).join('\n');
  }

  /** Ends postern as a user would, and gives its exit status; no dev server may outlive it. */
  async stop() {
    this.child.kill('SIGTERM');
    const killer = setTimeout(() => this.child.kill('SIGKILL'), 60_000);
    const status = await this.ended;
    clearTimeout(killer);
    for (const name of readdirSync(this.sites)) {
      const pid = this.pid_of(name);
      if (!pid) continue;
      process.kill(pid, 'SIGKILL');
      throw new Error(`postern ended (${status}) and left the dev server of ${name} running`);
    }
    return status;
  }

  // --- the session API ---

  async api(path, body) {
    const answer = await fetch(`http://127.0.0.1:${this.api_port}/api/sessions/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  }

  async activate(thread) {
    const made = await this.api('activate', { clientId: 'garden', userId: 'tester', threadId: thread, instruction: '' });
    (this.ids ??= new Map()).set(thread, made.sessionId);
    return made;
  }

  async status(thread) {
    return (await this.api(`${encodeURIComponent(this.ids.get(thread))}/status`)).status;
  }

  async deactivate(thread) {
    return this.api(`${encodeURIComponent(this.ids.get(thread))}/deactivate`, {});
  }

  /** The query of a new link that opens the session. */
  async link(thread) {
    return (await this.api(`${encodeURIComponent(this.ids.get(thread))}/links`, {})).query;
  }

  async revoke_links(thread) {
    const answer = await fetch(`http://127.0.0.1:${this.api_port}/api/sessions/${encodeURIComponent(this.ids.get(thread))}/links`,
      { method: 'DELETE', headers: { authorization: `Bearer ${this.token}` } });
    if (!answer.ok) throw new Error(`links: ${answer.status} ${await answer.text()}`);
  }

  becomes(thread, status, options) {
    return until(`session ${thread} is ${status}`, async () => (await this.status(thread)) === status, options);
  }

  page_of(thread) {
    return `${this.url}/session/${thread}/`;
  }

  /** The same over TLS. */
  secure_page_of(thread) {
    return `https://localhost:${this.secure_port}/session/${thread}/`;
  }

  // --- the session's files and process ---

  /** Makes the session's copy of the site before its first start, with `changes`: {file: (text) => text}. */
  make_site(thread, changes = {}) {
    const copy = join(this.sites, thread);
    mkdirSync(copy);
    for (const part of ['package.json', 'astro.config.mjs', 'tsconfig.json', 'src', 'public'])
      cpSync(join(site, part), join(copy, part), { recursive: true });
    symlinkSync(join(site, 'node_modules'), join(copy, 'node_modules'));
    for (const [file, change] of Object.entries(changes)) this.edit(thread, file, change);
  }

  /** Changes a file as an editor does; a change that changes nothing is a mistake of the test. */
  edit(thread, file, change) {
    const path = join(this.sites, thread, file);
    const before = readFileSync(path, 'utf8');
    const after = change(before);
    if (after === before) throw new Error(`the edit of ${file} changes nothing`);
    writeFileSync(path, after);
  }

  hold(thread) {
    writeFileSync(join(this.sites, `${thread}.hold`), '');
  }

  release(thread) {
    rmSync(join(this.sites, `${thread}.hold`), { force: true });
  }

  /** The dev server's process: the one whose folder is the session's site. 0: none. */
  pid_of(thread) {
    const copy = join(this.sites, thread);
    if (!existsSync(copy)) return 0;
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      try {
        if (readlinkSync(`/proc/${entry}/cwd`) === copy) return Number(entry);
      } catch {
        // gone meanwhile, or another user's
      }
    }
    return 0;
  }
}

const self_log = (folder) => join(folder, 'postern.log');
