"""What all contenders share: a folder, ports, sessions, the pages, the C helpers."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ROUTER_CORE, LOAD_CORE = "0", "1"


class Trouble(Exception):
    """Something that the reader can do something about; one sentence."""


def free_ports(count):
    held = []
    for _ in range(count):
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        held.append(s)
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def wait_for_port(port, process, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Trouble(f"{process.args[0]} ended with status {process.returncode}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise Trouble(f"nothing listens on 127.0.0.1:{port} after {seconds} s")


def pinned(core, command):
    """On one core; as root also ahead of whatever else the machine does."""
    nice = ["nice", "-n", "-10"] if os.geteuid() == 0 else []
    return nice + ["taskset", "-c", core] + command


class World:
    """The temporary folder and the upstream. Use as a context: everything started in it is ended with it."""

    def __init__(self, sessions):
        self.sessions = sessions
        self.initializing = sessions // 20
        self.active = sessions - self.initializing
        self.started = []

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-bench-"))
        self.folder.chmod(0o755)
        try:
            self.tools = {name: self._compile(name) for name in ("relay", "upstream", "sockets_load")}
            self.tools["tls_load"] = self._compile("tls_load", "-pthread", "-lssl", "-lcrypto")
            self.certificate()
            self.upstream_ports = free_ports(4)
            self.start("upstream", LOAD_CORE, [str(self.tools["upstream"])] + [str(p) for p in self.upstream_ports],
                       self.upstream_ports[-1])
            static = self.folder / "site" / "static"
            static.mkdir(parents=True)
            lines = "".join(f"<p>Line {i} of a page that never changes.</p>\n" for i in range(180))
            (static / "page.html").write_text(f"<!doctype html>\n<title>Page</title>\n{lines}")
            os.utime(static / "page.html", (1_700_000_000, 1_700_000_000))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self.started):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def certificate(self):
        """certificate.pem and .key, and both in one file as HAProxy wants it; ECDSA on P-256, as most are today."""
        pem, key = self.folder / "certificate.pem", self.folder / "certificate.key"
        subprocess.run(["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "90",
                        "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", pem], check=True, capture_output=True)
        key.chmod(0o600)
        (self.folder / "both.pem").write_text(pem.read_text() + key.read_text())

    def _compile(self, name, *more):
        """Into build/, and only when the source is newer."""
        out = ROOT / "build" / "bench-router" / name
        source = HERE / f"{name}.c"
        if not out.exists() or out.stat().st_mtime < source.stat().st_mtime:
            out.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", str(out), str(source), *more], check=True)
        return out

    def start(self, name, core, command, port, **options):
        """Starts a process that goes on until the end, and waits until it listens."""
        log = open(self.folder / f"{name}.out", "ab")
        process = subprocess.Popen(pinned(core, command), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   cwd=self.folder, **options)
        log.close()
        self.started.append(process)
        try:
            wait_for_port(port, process)
        except Trouble as trouble:
            said = (self.folder / f"{name}.out").read_text(errors="replace").strip().splitlines()[-6:]
            raise Trouble(f"{name}: {trouble}" + "".join(f"\n    {line}" for line in said)) from None
        return process

    def session_table(self):
        """(id, port or None) of each session; None: initializing."""
        for i in range(self.active):
            yield f"a{i:06d}", self.upstream_ports[i % 4]
        for i in range(self.initializing):
            yield f"i{i:06d}", None
