"""The routers under test: each takes the same sessions and does the same work, in its own words.

All: /session/{id}/rest goes to the session's upstream as /rest with x-session-id, X-Forwarded-For, X-Forwarded-Proto,
X-Forwarded-Host and X-Real-IP added, over kept-alive connections; an unknown id gets the 404 page, an initializing one the
loading page with 503, Retry-After and no-store; /static/ is a folder of files; an access log of every request.
"""

import os
import pathlib
import resource
import shutil
import sqlite3
import subprocess

import check
from world import ROOT, ROUTER_CORE, Trouble, free_ports

PAGE = "text/html; charset=utf-8"


def connections_max():
    """What HAProxy may promise: it wants two descriptors for each, and refuses to start without."""
    return min(32768, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500) // 2)


class Contender:
    name = ""
    about = ""
    cannot = ()  # cases that it has no words for

    def __init__(self, world, pages):
        self.world = world
        self.pages = pages
        self.port, self.tls_port, self.http2_port = free_ports(3)
        self.closing_port = self.port
        self.folder = world.folder / self.name
        self.folder.mkdir()

    def missing(self):
        """Why it cannot run here, or None."""
        return None

    def start(self):
        self.write()
        self.process = self.world.start(self.name, ROUTER_CORE, self.command(), self.port)

    def write(self):
        pass

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


class Relay(Contender):
    name = "relay"
    about = "C, epoll, one recv and one send each way, no HTTP, no log: the floor"
    cannot = ("tls", "tls-new", "tls-resumed", "http2", "http2-static")

    def write(self):
        self.closing_port = free_ports(1)[0]
        page = (self.world.folder / "site/static/page.html").read_bytes()
        self.answers = [
            self.answer("404", "404 Not Found", self.pages.not_found),
            self.answer("503", "503 Service Unavailable\r\nRetry-After: 2", self.pages.loading),
            self.answer("static", "200 OK", page),
        ]

    def answer(self, name, status, body):
        head = f"HTTP/1.1 {status}\r\nContent-Type: {PAGE}\r\nContent-Length: {len(body)}\r\n\r\n"
        return str(self.file(name, head.encode() + body))

    def command(self):
        ports = [str(p) for p in self.world.upstream_ports]
        return [str(self.world.tools["relay"]), str(self.port), str(self.closing_port)] + self.answers + ports


class Nginx(Contender):
    modules = ()

    def missing(self):
        if not shutil.which("nginx"):
            return "no nginx (Debian: nginx-light)"
        for module in self.modules:
            if not self.module(module).exists():
                return f"no {module} (Debian: libnginx-mod-http-lua)"
        return None

    @staticmethod
    def module(name):
        return pathlib.Path("/usr/lib/nginx/modules") / name

    def command(self):
        return [shutil.which("nginx"), "-p", str(self.folder), "-c", "nginx.conf", "-e", "error.log"]

    def page_variables(self):
        """The pages as variables: an nginx string holds no '$' and no more than 4 KiB, so in pieces."""
        lines = ['geo $dollar { default "$"; }']
        for name, page in (("not_found", self.pages.not_found), ("loading", self.pages.loading)):
            text = page.decode().replace("\\", "\\\\").replace('"', '\\"').replace("$", "${dollar}")
            pieces, piece = [], ""
            for token in text.split("${dollar}"):
                token = ("${dollar}" if pieces or piece else "") + token
                while len((piece + token).encode()) > 3000:
                    cut = 3000 - len(piece.encode())
                    while token[:cut].endswith("\\") or "${" in token[max(0, cut - 9):cut]:
                        cut -= 1
                    pieces.append(piece + token[:cut])
                    piece, token = "", token[cut:]
                piece += token
            pieces.append(piece)
            for i, piece in enumerate(pieces):
                lines.append(f'map "" ${name}_{i} {{ default "{piece}"; }}')
            setattr(self, f"{name}_text", "".join(f"${name}_{i}" for i in range(len(pieces))))
        return "\n".join(lines)

    def conf(self, http, location):
        w = self.world
        pages = self.page_variables()
        self.file("nginx.conf", f"""
daemon off;
worker_processes 1;
{"user root;" if os.geteuid() == 0 else ""}
pid {self.folder}/nginx.pid;
{"".join(f"load_module {self.module(m)};" for m in self.modules)}
worker_rlimit_nofile 65536;
events {{ worker_connections 32768; }}
http {{
    access_log {self.folder}/access.log combined buffer=32k flush=1s;
    client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
    fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
    keepalive_requests 100000000;
    sendfile on; tcp_nodelay on;
    proxy_buffer_size 32k; proxy_buffers 16 32k; proxy_busy_buffers_size 128k; proxy_max_temp_file_size 0;
    types {{ text/html html; }} charset utf-8;
    map_hash_max_size 65536; map_hash_bucket_size 128; variables_hash_max_size 4096;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    {pages}
    {http}
    server {{
        listen 127.0.0.1:{self.port} reuseport;
        listen 127.0.0.1:{self.tls_port} ssl reuseport;
        listen 127.0.0.1:{self.http2_port} http2 reuseport;
        ssl_certificate {w.folder}/certificate.pem;
        ssl_certificate_key {w.folder}/certificate.key;
        ssl_protocols TLSv1.3;
        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
        location ~ ^/session/(?<sid>[^/]+)(?<rest>/.*)$ {{
            default_type text/html;
            {location.replace("NOT_FOUND", self.not_found_text).replace("LOADING", self.loading_text)}
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header x-session-id $sid;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
        location /static/ {{ root {w.folder}/site; }}
    }}
}}
""")


class NginxMap(Nginx):
    name = "nginx-map"
    about = "nginx with the sessions as a map in its conf: a changed session needs a reload"

    def write(self):
        rows = "".join(f"{sid} {f'u{port}' if port else 'loading'};\n" for sid, port in self.world.session_table())
        self.file("sessions.map", rows)
        upstreams = "".join(f"upstream u{p} {{ server 127.0.0.1:{p}; keepalive 64; keepalive_requests 100000000; }}\n"
                            for p in self.world.upstream_ports)
        self.conf(upstreams + f'map $sid $target {{ default ""; include {self.folder}/sessions.map; }}', """
            if ($target = "") { return 404 "NOT_FOUND"; }
            if ($target = loading) {
                add_header Retry-After 2 always;
                add_header Cache-Control no-store always;
                return 503 "LOADING";
            }
            proxy_pass http://$target$rest$is_args$args;""")


class NginxLua(Nginx):
    name = "nginx-lua"
    about = "nginx with the sessions in a lua_shared_dict and balancer_by_lua: sessions and targets change at run time"
    modules = ("ndk_http_module.so", "ngx_http_lua_module.so")

    def write(self):
        rows = "".join(f"{sid} {port or 0}\n" for sid, port in self.world.session_table())
        self.file("sessions.txt", rows)
        self.file("404.html", self.pages.not_found)
        self.file("503.html", self.pages.loading)
        self.conf(f"""
    lua_shared_dict sessions 16m;
    init_by_lua_block {{
        balancer = require "ngx.balancer"
        local function read(name)
            local f = assert(io.open("{self.folder}/" .. name)); local s = f:read("*a"); f:close(); return s
        end
        page_404, page_503 = read("404.html"), read("503.html")
        for sid, port in read("sessions.txt"):gmatch("(%S+) (%d+)\\n") do
            assert(ngx.shared.sessions:set(sid, "127.0.0.1:" .. port))
        end
    }}
    upstream targets {{
        server 0.0.0.1;
        balancer_by_lua_block {{ assert(balancer.set_current_peer(ngx.ctx.host, ngx.ctx.port)) }}
        keepalive 256; keepalive_requests 100000000;
    }}""", """
            rewrite_by_lua_block {
                local target = ngx.shared.sessions:get(ngx.var.sid)
                local page
                if not target then
                    ngx.status, page = 404, page_404
                else
                    local colon = target:find(":", 1, true)
                    local port = tonumber(target:sub(colon + 1))
                    if port ~= 0 then
                        ngx.ctx.host, ngx.ctx.port = target:sub(1, colon - 1), port
                        return
                    end
                    ngx.status, page = 503, page_503
                    ngx.header["Retry-After"] = "2"
                    ngx.header["Cache-Control"] = "no-store"
                end
                ngx.header["Content-Length"] = #page
                ngx.print(page)
                return ngx.exit(ngx.status)
            }
            proxy_pass http://targets$rest$is_args$args;""")


class Haproxy(Contender):
    name = "haproxy"
    about = "HAProxy with a map file; its log is one write a request (it has no buffered one)"
    cannot = ("static", "http2-static")

    def missing(self):
        return None if shutil.which("haproxy") else "no haproxy (Debian: haproxy)"

    def command(self):
        return [shutil.which("haproxy"), "-db", "-f", str(self.folder / "haproxy.cfg")]

    def write(self):
        rows = "".join(f"{sid} {f'u{port}' if port else 'loading'}\n" for sid, port in self.world.session_table())
        self.file("sessions.map", rows)
        self.file("404.html", self.pages.not_found)
        self.file("503.html", self.pages.loading)
        backends = "".join(f"backend u{p}\n    server s 127.0.0.1:{p} pool-max-conn -1\n" for p in self.world.upstream_ports)
        self.file("haproxy.cfg", f"""
global
    nbthread 1
    maxconn {connections_max()}
    tune.bufsize 32768
    log stdout format raw local0 info
    ssl-default-bind-options ssl-min-ver TLSv1.3
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 75s
    timeout server 60s
    timeout tunnel 600s
    http-reuse always
frontend all
    bind 127.0.0.1:{self.port}
    bind 127.0.0.1:{self.http2_port} proto h2
    bind 127.0.0.1:{self.tls_port} ssl crt {self.world.folder}/both.pem
    http-request set-var(txn.sid) path,field(3,/)
    http-request set-var(txn.target) var(txn.sid),map_str({self.folder}/sessions.map,none)
    http-request return status 404 content-type "{PAGE}" file {self.folder}/404.html if {{ var(txn.target) -m str none }}
    http-request return status 503 content-type "{PAGE}" hdr Retry-After 2 hdr Cache-Control no-store file {self.folder}/503.html if {{ var(txn.target) -m str loading }}
    http-request replace-path /session/[^/]+(/.*) \\1
    http-request set-header x-session-id %[var(txn.sid)]
    http-request set-header X-Real-IP %[src]
    http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    option forwardfor
    use_backend %[var(txn.target)]
{backends}""")


class Postern(Contender):
    name = "postern"
    about = "all of it: store, sync and control beside one worker; the sessions change at run time"
    binary = ROOT / "build" / "release" / "postern"

    def missing(self):
        return None if self.binary.exists() else f"no {self.binary} (./dev build)"

    def command(self):
        return [str(self.binary), "-c", str(self.folder / "postern.conf")]

    def write(self):
        control = free_ports(1)[0]
        self.file("postern.conf", f"""
workers         1;
worker_connections 32768;
client_connections off;
error_log       stderr warn;
access_log      {self.folder}/access.log combined;
pid             {self.folder}/postern.pid;
session_table   {self.folder}/sessions.table capacity=32k;
route_key       {{threadId}};
store sqlite    {self.folder}/sessions.db;
control {{
    listen      127.0.0.1:{control};
    token_file  {self.folder}/control.token;
}}
lifecycle {{
    idle_timeout 24h;
    route_ttl    48h;
    history      72h;
}}
allow_targets   127.0.0.0/8;
server {{
    listen      127.0.0.1:{self.port};
    listen      127.0.0.1:{self.http2_port} http2;
    listen      127.0.0.1:{self.tls_port} ssl;
    ssl_certificate {self.world.folder}/certificate.pem {self.world.folder}/certificate.key;
    ssl_protocols TLSv1.3;
    location /session/{{threadId}}/ {{
        session;
        strip_prefix on;
        wake off;
    }}
    location /static/ {{ static {self.world.folder}/site/static; }}
}}
""")
        self.fill_store()

    def start(self):
        super().start()
        check.wait_for_session(self, f"a{self.world.active - 1:06d}")  # sync reads the store beside the worker's start

    def fill_store(self):
        """One active and one initializing session by the CLI; the others are copies of these rows under other ids.
        Ten thousand runs of the CLI would take longer than the benchmark."""
        examples = {}
        for kind, options in (("a", ["--status", "active", "--target", f"127.0.0.1:{self.world.upstream_ports[0]}"]),
                              ("i", ["--status", "initializing"])):
            sid = f"{kind}000000"
            command = self.command() + ["sessions", "set", sid, "--client", "acme", "--user", "bench", "--thread", sid]
            done = subprocess.run(command + options, capture_output=True, text=True, timeout=30)
            if done.returncode != 0:
                raise Trouble(f"postern sessions set: {done.stderr.strip() or done.stdout.strip()}")
            examples[kind] = sid
        database = sqlite3.connect(self.folder / "sessions.db")
        database.row_factory = sqlite3.Row
        rows = {kind: dict(database.execute("select * from sessions where session_id = ?", (sid,)).fetchone())
                for kind, sid in examples.items()}
        example_target = f"127.0.0.1:{self.world.upstream_ports[0]}"
        with database:
            for sid, port in self.world.session_table():
                example = examples[sid[0]]
                if sid == example:
                    continue
                row = {key: value.replace(example, sid).replace(example_target, f"127.0.0.1:{port}")
                       if isinstance(value, str) else value for key, value in rows[sid[0]].items()}
                database.execute(f"insert into sessions ({','.join(row)}) values ({','.join('?' * len(row))})",
                                 list(row.values()))
        database.close()


ALL = [Postern, NginxMap, NginxLua, Haproxy, Relay]
