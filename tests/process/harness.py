"""One real postern for a test: its conf, its files, its log, and a raw way to talk to it.

Everything a test starts lies in its own folder and is ended by pid. Nothing here sleeps for a fixed time where a condition
can be waited for."""
import http.client
import itertools
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("POSTERN", str(ROOT / "build/release/postern"))
FAKES = ROOT / "tests/fakes"


def until(what, condition, within=30.0, every=0.01, seen=None):
    """The condition's first truthy value; AssertionError with `what`, and with what `seen` gives then, when it does not come
    `within` seconds. That is no promise of the program's: it is what a machine may need that stands still now and then."""
    end = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {within} s: {what}{f'; seen: {seen()}' if seen else ''}"
        time.sleep(every)


_ports = itertools.cycle(range(10_000, 20_000))
for _ in range(random.randrange(10_000)):
    next(_ports)


def free_ports(count):
    """Ports that nothing listens on, and that were not given for 10,000 others: what asked first may not listen yet. Below
    those that the kernel gives to outgoing connections (from 32768): a port that is listened to again later must not have
    become someone's own meanwhile."""
    free = []
    while len(free) < count:
        port = next(_ports)
        try:
            socket.create_server(("127.0.0.1", port)).close()
            free.append(port)
        except OSError:
            pass
    return free


def launcher_ports():
    """A launcher's line with ports of its own: of two launchers on one host, in two runs of these tests, each would give the first
    free one to a program that takes some time to listen there."""
    first = 20_000 + random.randrange(100) * 100
    return f"ports {first}-{first + 99};"


class Answer:
    """A whole HTTP answer: status, headers (lower case, last one wins; `all` has every line), body."""

    def __init__(self, status, lines, body, reason=""):
        self.status, self.reason, self.body = status, reason, body
        self.all = [(name.lower(), value) for name, value in lines]
        self.headers = dict(self.all)

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:200]!r}>"


def request(port, path="/", method="GET", headers=None, body=None, host=None, timeout=30):
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host or f"127.0.0.1:{port}")
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None and "Transfer-Encoding" not in (headers or {}):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        got = connection.getresponse()
        return Answer(got.status, got.getheaders(), got.read(), got.reason)
    finally:
        connection.close()


DOCUMENT = {"Accept": "text/html", "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}


def raw(port, sent, within=30.0, end_sending=False, enough=None):
    """Sends bytes, and gives all that comes back until the peer closes ("closed", "reset"), until it is `enough`, a function of
    what came, or `within` s pass ("open")."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(within)
        got = b""
        try:
            s.sendall(sent)
            if end_sending:
                s.shutdown(socket.SHUT_WR)
            while True:
                some = s.recv(65536)
                if not some:
                    return got, "closed"
                got += some
                if enough and enough(got):
                    return got, "open"
        except TimeoutError:
            return got, "open"
        except (ConnectionResetError, BrokenPipeError):
            return got, "reset"


class Program:
    """A process of the test's own: started, and ended by pid."""

    def __init__(self, arguments, log, **options):
        self.log_path = pathlib.Path(log)
        self._log = open(log, "ab")
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, **options)
        self.pid = self.process.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, within=60):
        try:
            return self.process.wait(within)
        finally:
            if self.process.poll() is not None:
                self._log.close()

    def end(self, within=60):
        """TERM, then KILL; the exit status."""
        if self.alive():
            self.signal(signal.SIGTERM)
            try:
                return self.wait(within)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.wait()
                raise AssertionError(f"{self.process.args} did not end within {within} s of TERM:\n{self.log()[-3000:]}")
        return self.wait()


def start_fake(folder, name, *arguments):
    """A peer from tests/fakes that prints its port first: (Program, port)."""
    log = pathlib.Path(folder) / f"{name}-{len(list(pathlib.Path(folder).glob(name + '-*')))}.log"
    fake = Program([sys.executable, "-u", str(FAKES / f"{name}.py"), *map(str, arguments)], log)
    port = until(f"{name} says its port", lambda: re.match(r"port (\d+)\n", fake.log()))
    return fake, int(port.group(1))


class Server:
    """A server of a test's own, which has nothing to keep: `program` is it, None before its start."""
    program = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        """Ends it at once."""
        if self.program and self.program.alive():
            self.program.signal(signal.SIGKILL)
            self.program.wait()

    def pause(self):
        """It takes connections, and answers nothing until `go_on`."""
        self.program.signal(signal.SIGSTOP)

    def go_on(self):
        self.program.signal(signal.SIGCONT)


class Postern:
    """A running postern. `conf` is the whole conf with {folder}, {port} and {api} to be filled in (double other braces
    are not needed: only these three names are replaced)."""

    def __init__(self, folder, conf, start=True, **values):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.port, self.api = free_ports(2)
        self.values = {**values, "folder": str(self.folder), "port": str(self.port), "api": str(self.api)}
        self.conf_path = self.folder / "postern.conf"
        self.write_conf(conf)
        self.program = None
        if start:
            self.start()

    def write_conf(self, conf):
        for name, value in self.values.items():
            conf = conf.replace("{" + name + "}", str(value))
        self.conf_path.write_text(conf)

    def launch(self, **options):
        """Starts the process and waits for nothing."""
        self.program = Program([BINARY, "-c", str(self.conf_path)], self.folder / "postern.log", **options)
        return self

    def start(self, **options):
        self.launch(**options)

        def ready():
            assert self.program.alive(), f"postern ended with {self.program.process.returncode}:\n{self.log()}"
            try:
                return request(self.api, "/readyz").status == 200
            except OSError:
                return False

        until("postern is ready", ready, within=60)
        return self

    @property
    def token(self):
        return (self.folder / "control.token").read_text().strip()

    @property
    def pid(self):
        return self.program.pid

    def log(self):
        return self.program.log()

    def stop(self, within=60):
        """As `kill PID`; the exit status."""
        return self.program.end(within)

    def signal(self, number):
        self.program.signal(number)

    def children(self):
        """{role: [pid]} of the processes that live now, by their title: worker, sync, control."""
        roles = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text()
                pid, rest = text.split(" ", 1)
                state, parent = rest[rest.rindex(")") + 2:].split()[:2]
                title = stat.with_name("cmdline").read_bytes().split(b"\0")[0].decode()
            except OSError:
                continue
            if int(parent) == self.pid and state != "Z":
                for role in ("worker", "sync", "control"):
                    if role in title:
                        roles.setdefault(role, []).append(int(pid))
        return roles

    def cli(self, *arguments, within=60):
        """`postern -c CONF arguments...`: the completed process."""
        return subprocess.run([BINARY, "-c", str(self.conf_path), *arguments], capture_output=True, text=True, timeout=within)

    def set_session(self, name, status, target=None, *more):
        arguments = ["sessions", "set", name, "--status", status, *more]
        if target:
            arguments += ["--target", target]
        done = self.cli(*arguments)
        assert done.returncode == 0, done.stderr
        return done

    def get(self, path="/", headers=None, **more):
        return request(self.port, path, headers=headers, **more)

    def document(self, path, headers=None, **more):
        """As a browser's navigation."""
        return request(self.port, path, headers={**DOCUMENT, **(headers or {})}, **more)

    def api_call(self, method, path, body=None, token=None):
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return request(self.api, path, method=method, headers=headers, body=json.dumps(body).encode() if body is not None else None)

    def activate(self, thread, **more):
        return self.api_call("POST", "/api/sessions/activate", {"clientId": "acme", "userId": "ann", "threadId": thread, **more})

    def status(self, session):
        return self.api_call("GET", f"/api/sessions/{session}/status").json.get("status")

    def metric(self, name):
        """A metric's value, summed over its labels."""
        text = self.api_call("GET", "/metrics").text
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M)
        assert found, f"no metric {name}"
        return sum(map(float, found))

    def access_log(self):
        return (self.folder / "access.log").read_text()


# What most tests start from; a test that is about the conf writes its own.
CONF = """
workers         2;
error_log       stderr info;
pid             {folder}/postern.pid;
access_log      {folder}/access.log json;
session_table   {folder}/sessions.table capacity=1k;
route_key       {threadId};
store sqlite    {folder}/sessions.db { flush 200ms; }
control {
    listen          127.0.0.1:{api};
    token_file      {folder}/control.token;
    preview_url     http://127.0.0.1:{port}/session/{threadId}/;
}
lifecycle {
    idle_timeout    1h;
    route_ttl       1h;
    {lifecycle}
}
{main}
server {
    listen          127.0.0.1:{port} default_server;
    location /session/{threadId}/ {
        session;
        static_root     {folder}/static;
        {session}
    }
    location /api/sessions/ { control open; }
    location /  { static {folder}/static; }
    {server}
}
"""


def start_postern(folder, conf=CONF, main="", lifecycle="", session="dev_server vite; hold 5s;", server="", **values):
    """A running postern from CONF with more lines put into its blocks, and a small static site."""
    folder = pathlib.Path(folder)
    static = folder / "static"
    static.mkdir(parents=True, exist_ok=True)
    if not (static / "index.html").exists():
        (static / "index.html").write_text("<h1>static home</h1>")
    return Postern(folder, conf, main=main, lifecycle=lifecycle, session=session, server=server, **values)
