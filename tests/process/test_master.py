"""The master's promises about sockets, generations and what it hands to whom."""
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import threading

import pytest
from harness import BINARY, free_ports, request, until
from test_roles import Load, gone


@pytest.fixture
def live(run_postern, run_fake):
    postern = run_postern(main="worker_shutdown_timeout 20s;", server="location = /version { return 200 one; }")
    postern.target = run_fake("mirror")
    postern.set_session("up", "active", f"127.0.0.1:{postern.target}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    return postern


def put_conf(postern, conf):
    """In one piece: a reload may come at any time."""
    new = postern.conf_path.with_suffix(".new")
    new.write_text(conf)
    new.rename(postern.conf_path)


def edit(postern, *changes):
    conf = postern.conf_path.read_text()
    for old, new in changes:
        assert old in conf, old
        conf = conf.replace(old, new)
    put_conf(postern, conf)


def version_of(postern, text):
    put_conf(postern, re.sub(r"return 200 \w+", f"return 200 {text}", postern.conf_path.read_text()))


def reload(postern, text):
    """Loads the conf again with another version in it, and waits until only the new generation is there."""
    version_of(postern, text)
    before = postern.log().count("is the current one")
    postern.signal(signal.SIGHUP)
    until("the new generation is the current one", lambda: postern.log().count("is the current one") > before)
    workers = int(re.search(r"workers\s+(\d+)", postern.conf_path.read_text()).group(1))
    until("old workers are gone", lambda: len(postern.children().get("worker", [])) == workers)
    until("each role is there once", lambda: [len(postern.children().get(r, [])) for r in ("sync", "control")] == [1, 1])
    assert postern.get("/version").text == text


class KeptAlive:
    """A client that asks on one connection for as long as it lasts, and reconnects only after the answer that ends it."""

    def __init__(self, port):
        self.answered, self.cut = 0, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port,))
        self._thread.start()

    def _run(self, port):
        while not self._stop.is_set():
            with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
                f = s.makefile("rb")
                while not self._stop.is_set():
                    try:
                        s.sendall(f"GET /session/up/k HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
                        status = f.readline()
                    except OSError:
                        status = b""
                    if not status:
                        self.cut.append("a connection in use was closed without an answer")
                        break
                    if b" 200 " not in status:
                        self.cut.append(status)
                    fields = {}
                    while (line := f.readline().strip()):
                        name, value = line.split(b":", 1)
                        fields[name.lower()] = value.strip()
                    body = f.read(int(fields[b"content-length"]))
                    if len(body) != int(fields[b"content-length"]):
                        self.cut.append("a body was cut")
                    self.answered += 1
                    if fields.get(b"connection") == b"close":
                        break

    def __enter__(self):
        until("it is served", lambda: self.answered > 5)
        return self

    def __exit__(self, *_):
        before = self.answered
        until("it is still served", lambda: self.answered > before + 5)
        self._stop.set()
        self._thread.join(60)


def test_reloads_with_more_and_fewer_workers_lose_nothing(live):
    with Load(live.port) as load, KeptAlive(live.port) as kept:
        for i, workers in enumerate([4, 1, 3, 3, 2]):
            edit(live, (re.search(r"workers\s+\d+;", live.conf_path.read_text()).group(0), f"workers {workers};"))
            reload(live, f"v{i}")
    assert not load.failed and not load.wrong and not kept.cut
    assert live.cli("table", "check").returncode == 0


def test_a_storm_of_reloads_ends_in_one_generation(live):
    with Load(live.port) as load:
        for i in range(10):
            version_of(live, f"v{i}")
            live.signal(signal.SIGHUP)
        until("the last conf answers", lambda: live.get("/version").text == "v9")
        until("two workers are left", lambda: len(live.children()["worker"]) == 2)
    assert not load.failed and not load.wrong
    assert live.program.log().count("cannot") == 0


def test_listen_addresses_come_and_go_with_a_reload(live):
    second = free_ports(1)[0]
    listen = f"listen          127.0.0.1:{live.port} default_server;"
    edit(live, (listen, f"{listen}\n    listen 127.0.0.1:{second};"))
    reload(live, "two")
    assert request(second, "/version").text == "two" and f"listening on 127.0.0.1:{second}" in live.log()
    edit(live, (f"listen 127.0.0.1:{second};", ""))
    reload(live, "three")
    with pytest.raises(OSError):
        request(second, "/version")


def test_port_0_is_the_systems_choice_and_stays_over_a_reload(run_postern):
    postern = run_postern(server="listen 127.0.0.1:0; location = /version { return 200 one; }")
    port = int(re.search(r"listening on 127\.0\.0\.1:(\d+)", postern.log().replace(f":{postern.port}", "")).group(1))
    assert request(port, "/version").text == "one"
    reload(postern, "two")
    assert request(port, "/version").text == "two"


def refused_reload(postern, *words):
    before = postern.children()
    postern.signal(signal.SIGHUP)
    line = until("it is refused", lambda: next((s for s in postern.log().splitlines() if "reload refused" in s), None))
    for word in words:
        assert word in line
    assert postern.get("/version").text == "one" and postern.children() == before
    assert postern.get("/session/up/").status == 200


def test_a_reload_onto_a_taken_port_changes_nothing(live):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        edit(live, ("default_server;", f"default_server; listen 127.0.0.1:{port};"), ("200 one", "200 two"))
        refused_reload(live, f"127.0.0.1:{port}", "Address already in use")


def test_a_reload_onto_a_missing_folder_changes_nothing(live):
    edit(live, ("access.log json", "no/such/access.log json"), ("200 one", "200 two"))
    refused_reload(live, "access_log", "no/such/access.log")


def test_a_reload_onto_a_page_that_is_no_good_changes_nothing(live):
    (live.folder / "page.html").write_bytes(b"x" * (1024 * 1024 + 1))
    edit(live, ("location = /version", "page not_found page.html; location = /version"), ("200 one", "200 two"))
    refused_reload(live, "page", "page.html", "1 MiB at most")


def test_a_conf_that_is_just_being_written_changes_nothing(live):
    put_conf(live, "")
    refused_reload(live, "no server block")


def test_what_only_a_restart_changes_is_said_and_the_rest_is_done(live):
    edit(live, ("capacity=1k", "capacity=2k"), ("postern.pid", "other.pid"))
    reload(live, "two")
    log = live.log()
    assert "session_table changes only at a restart" in log and "capacity=2000" in log
    assert "pid changes only at a restart" in log
    assert live.get("/session/up/").status == 200
    assert (live.folder / "postern.pid").exists() and not (live.folder / "other.pid").exists()


def test_control_moves_to_another_port_with_a_reload(live):
    port = free_ports(1)[0]
    edit(live, (f"127.0.0.1:{live.api}", f"127.0.0.1:{port}"))
    reload(live, "two")
    until("control answers there", lambda: request(port, "/healthz").status == 200)
    old, live.api = live.api, port
    with pytest.raises(OSError):
        request(old, "/healthz")


def test_children_have_only_what_their_role_needs(live):
    def held(pid):
        return [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd") if os.path.lexists(f"/proc/{pid}/fd/{n}")]

    listening = {}
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A":
            listening[f"socket:[{fields[9]}]"] = int(fields[1].split(":")[1], 16)
    ports = {role: [{listening[f] for f in held(pid) if f in listening} for pid in pids] for role, pids in live.children().items()}
    assert ports == {"worker": [{live.port}, {live.port}], "sync": [set()], "control": [{live.api}]}
    for pids in live.children().values():
        for pid in pids:
            assert not [f for f in held(pid) if f.endswith(("postern.pid", ".lock"))]
            assert "signalfd" not in " ".join(held(pid))
            assert b"postern: " in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()


def test_sockets_that_stay_open_are_cut_at_the_shutdown_timeout(live):
    from test_websocket import receive, shake_hands

    edit(live, ("worker_shutdown_timeout 20s", "worker_shutdown_timeout 1s"))
    reload(live, "one")
    s, _, rest = shake_hands(live.port, "/session/up/")
    receive(s, 5, rest)
    old = live.children()["worker"]
    version_of(live, "two")
    live.signal(signal.SIGHUP)
    until("old workers are gone", lambda: all(map(gone, old)))
    assert s.recv(1) == b""
    s.close()


def test_a_worker_that_hangs_does_not_keep_postern_from_stopping(live):
    stuck = live.children()["worker"][0]
    os.kill(stuck, signal.SIGSTOP)
    assert live.stop() == 0
    assert gone(stuck)


def test_a_role_that_dies_again_and_again_is_started_ever_later(live):
    for _ in range(4):
        victim = until("sync is there", lambda: live.children().get("sync"))[0]
        os.kill(victim, signal.SIGKILL)
        until("it is gone", lambda: gone(victim))
    starts = [line for line in live.log().splitlines() if "started sync as process" in line]
    until("the last one", lambda: live.children().get("sync"))
    assert len(starts) <= 5
    assert live.get("/session/up/").status == 200
    live.set_session("later", "failed")
    until("followed again", lambda: live.get("/session/later/").status == 503)


def test_signals_to_children_and_unused_ones_harm_nobody(live):
    before = live.children()
    for pids in before.values():
        for pid in pids:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGPIPE):
                os.kill(pid, number)
    live.signal(signal.SIGUSR2)
    until("it is said", lambda: "SIGUSR2" in live.log())
    assert live.get("/session/up/").status == 200 and live.children() == before


@pytest.mark.parametrize("content, mode, word", [("x" * 64, 0o644, "mode 0644"), ("short", 0o600, "16 to 512"), ("", 0o600, "16 to 512"),
                                                 ("two\nlines" * 8, 0o600, "one line")])
def test_a_token_file_that_is_no_secret_is_refused(live, content, mode, word):
    assert live.stop() == 0
    token = live.folder / "control.token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600 and re.fullmatch("[0-9a-f]{64}\n", token.read_text())
    token.write_text(content)
    token.chmod(mode)
    done = subprocess.run([BINARY, "-c", str(live.conf_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and word in done.stderr.splitlines()[-1] and str(token) in done.stderr
    token.unlink()
    live.start()


def test_the_token_stays_over_restarts(live):
    token = live.token
    assert live.stop() == 0
    live.start()
    assert live.token == token and live.activate("x").status in (200, 201)
