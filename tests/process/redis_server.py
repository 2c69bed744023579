"""A Redis server of a test's own, and a client of it that knows nothing of postern.

    def test_it(redis):                     # see conftest.py; ended with the test
        redis.call("HLEN", key)
        ... redis.url, redis.kill(), redis.start() ...

Never the host's service: another port, another folder, nothing is kept on disk unless `save` is asked for."""
import os
import pathlib
import shutil
import socket

import harness


class RedisError(Exception):
    """What the server refused."""


class RedisServer(harness.Server):
    def __init__(self, folder, *options):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = harness.free_ports(1)[0]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.options = list(options)
        self.password = None

    def start(self):
        """Starts it, again on the same port, and waits until it answers."""
        assert shutil.which("redis-server"), "redis-server is not installed: ./dev test process brings it"
        self.program = harness.Program(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--save", "",
             "--appendonly", "no", "--unixsocket", str(self.folder / "redis.sock"), *self.options],
            self.folder / "redis.log", cwd=self.folder, env={**os.environ, "LC_ALL": "C"})
        harness.until("redis-server answers", self._answers, within=60, every=0.05)

    def _answers(self):
        assert self.program.alive(), f"redis-server ended at its start:\n{self.program.log()[-3000:]}"
        try:
            return self.call("PING") == "PONG"
        except RedisError as why:
            return "NOAUTH" in str(why)
        except OSError:
            return False

    def call(self, *words):
        """One command on a connection of its own."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as s:
            stream = s.makefile("rb")
            if self.password:
                self._exchange(s, stream, ("AUTH", self.password))
            return self._exchange(s, stream, words)

    def _exchange(self, s, stream, words):
        parts = [str(word).encode() for word in words]
        s.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return self._reply(stream)

    def _reply(self, stream):
        line = stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest.decode()
        if rest == b"-1":
            return None
        if kind == b"$":
            return stream.read(int(rest) + 2)[:-2].decode()
        return [self._reply(stream) for _ in range(int(rest))]

    def key(self, ending):
        """The one key with this ending (":rows"), of the only table that is followed."""
        found = [key for key in self.call("KEYS", "postern1:*") if key.endswith(":" + ending)]
        return found[0] if found else None

    def meta(self):
        key = self.key("meta")
        if not key:
            return {}
        flat = self.call("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2]))

    def rows(self):
        """{key: body}."""
        key = self.key("rows")
        flat = self.call("HGETALL", key) if key else []
        return {name: row.split(" ", 6)[6] for name, row in zip(flat[::2], flat[1::2])}

    def leases(self):
        """{number: token} of the feeders that hold one."""
        keys = [key for key in self.call("KEYS", "postern1:*") if ":lease" in key]
        return {int(key[-1]): self.call("GET", key) for key in keys}
