"""WebSocket tunnels: the handshake is the target's, the bytes are nobody's but theirs."""
import base64
import hashlib
import os
import re
import signal
import socket
import threading

import h2.settings
import pytest
from harness import CONF, until
from http2_client import Client

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def read_head(s):
    """A head, its end, what followed; the end is empty where the peer came to its own before."""
    got = b""
    while b"\r\n\r\n" not in got:
        some = s.recv(4096)
        if not some:
            break
        got += some
    return got.partition(b"\r\n\r\n")


def shake_hands(port, path, *more):
    s = socket.create_connection(("127.0.0.1", port))
    s.settimeout(30)
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: keep-alive, Upgrade", "Upgrade: websocket",
             f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", *more]
    s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    head, _, rest = read_head(s)
    return s, head, rest


def receive(s, count, already=b""):
    got = already
    while len(got) < count:
        some = s.recv(65536)
        assert some, f"ended after {len(got)} of {count} bytes"
        got += some
    return got


@pytest.fixture
def live(run_postern, run_fake):
    postern = run_postern()
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    return postern


def test_echo_both_ways(live):
    s, head, rest = shake_hands(live.port, "/session/up/?token=x", "Sec-WebSocket-Protocol: vite-hmr")
    accept = base64.b64encode(hashlib.sha1(KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    assert head.startswith(b"HTTP/1.1 101") and b"Sec-WebSocket-Accept: " + accept in head
    assert b"Sec-WebSocket-Protocol: vite-hmr" in head
    assert receive(s, 5, rest) == b"hello"
    sent = os.urandom(3_000_000)
    threading.Thread(target=s.sendall, args=(sent,)).start()
    assert receive(s, len(sent)) == sent
    s.shutdown(socket.SHUT_WR)  # half-closed: what the target still says arrives
    assert receive(s, 3) == b"bye"
    assert s.recv(1) == b""
    until("counted", lambda: live.metric("postern_sockets_closed_total") == 1)


def test_what_is_sent_ahead_of_the_101_is_not_lost(live):
    s = socket.create_connection(("127.0.0.1", live.port))
    s.settimeout(30)
    s.sendall((f"GET /session/up/ HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {KEY}\r\n"
               "Sec-WebSocket-Version: 13\r\n\r\n").encode() + b"early")
    got = b""
    while not got.endswith(b"helloearly"):
        got += s.recv(4096)


def test_no_tunnel_without_a_websocket_handshake(live):
    for fields in (["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"], ["Upgrade: websocket"]):
        s = socket.create_connection(("127.0.0.1", live.port))
        s.settimeout(30)
        s.sendall("\r\n".join(["GET /session/up/ HTTP/1.1", "Host: h", *fields, "", ""]).encode())
        got = s.recv(65536)
        assert got.startswith(b"HTTP/1.1 200") and b'"upgrade"' not in got.lower()
        s.close()


def test_a_target_that_answers_otherwise_is_relayed(run_postern, run_fake):
    postern = run_postern()
    said = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('blurter', repr(said))}")
    until("routed", lambda: postern.get("/session/up/").status == 403)
    s, head, rest = shake_hands(postern.port, "/session/up/")
    assert head.startswith(b"HTTP/1.1 403") and receive(s, 2, rest) == b"no"


def test_a_target_that_hangs_is_504(run_postern, run_fake):
    postern = run_postern(main="upgrade_timeout 300ms;")
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('blurter', repr(b''), 'hold')}")
    s, head, _ = until("routed", lambda: (r := shake_hands(postern.port, "/session/up/"))[1][9:12] != b"404" and r)
    assert head.startswith(b"HTTP/1.1 504")


def test_an_idle_tunnel_ends(run_postern, run_fake):
    postern = run_postern(main="tunnel_timeout 2s;")
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    s, head, rest = shake_hands(postern.port, "/session/up/")
    receive(s, 5, rest)
    end = b""
    while some := s.recv(100):
        end += some
    assert end in (b"", b"bye")


class Target:
    """Takes WebSockets. Says `first` behind its handshake, and keeps what comes until the end."""

    def __init__(self, first=b"\x81\x02hi"):
        self.first = first
        self.said = {}  # by session
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(s,), daemon=True).start()

    def talk(self, s):
        head, end, rest = read_head(s)
        if not end:
            return
        fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
        key = re.search(rb"(?i)sec-websocket-key: (\S+)", head)
        if not key:
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return s.close()
        accept = base64.b64encode(hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        s.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept
                  + b"\r\n\r\n" + self.first)
        said = rest
        while some := s.recv(4096):
            said += some
        self.said[fields["x-session-id"]] = said
        s.close()


@pytest.fixture
def target():
    one = Target()
    yield one
    one.listener.close()


def rest_of(s, within=30):
    """All that comes until the other side ends."""
    s.settimeout(within)
    got = b""
    while some := s.recv(4096):
        got += some
    return got


GOING_AWAY = b"\x88\x02\x03\xe9"


@pytest.mark.parametrize("how", ["removed", "failed", "inactive", "another's"])
def test_a_session_that_is_gone_takes_its_tunnels_along(run_postern, target, how):
    postern = run_postern()
    for name in ("up", "stays"):
        postern.set_session(name, "active", f"127.0.0.1:{target.port}")
    sockets = {}
    for name in ("up", "stays"):
        until("routed", lambda name=name: postern.get(f"/session/{name}/").status == 200)
        s, head, rest = shake_hands(postern.port, f"/session/{name}/")
        assert receive(s, 4, rest) == b"\x81\x02hi"
        s.sendall(b"\x81\x83\0\0\0\0yes")
        sockets[name] = s
    if how == "removed":
        assert postern.cli("sessions", "rm", "up").returncode == 0
    elif how == "another's":
        postern.set_session("newer", "active", f"127.0.0.1:{target.port}", "--thread", "up")
    else:
        postern.set_session("up", how)
    assert rest_of(sockets["up"]) == GOING_AWAY
    until("the target is told", lambda: "up" in target.said)
    assert target.said["up"] == b"\x81\x83\0\0\0\0yes" + b"\x88\x82\0\0\0\0\x03\xe9"
    until("counted", lambda: postern.metric("postern_tunnels_ended_total") == 1)
    until("counted", lambda: postern.metric("postern_sockets_closed_total") == 1)
    assert "stays" not in target.said
    sockets["stays"].close()
    until("it was open until now", lambda: target.said.get("stays") == b"\x81\x83\0\0\0\0yes")


@pytest.mark.parametrize("how", ["step by step", "seen as one", "given to another"])
def test_one_that_is_made_anew_under_the_same_name_does_not_get_them(run_postern, target, how):
    postern = run_postern()
    postern.set_session("up", "active", f"127.0.0.1:{target.port}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    s, head, rest = shake_hands(postern.port, "/session/up/")
    assert receive(s, 4, rest) == b"\x81\x02hi"
    (sync,) = postern.children()["sync"]
    if how == "seen as one":
        os.kill(sync, signal.SIGSTOP)
    if how != "given to another":
        assert postern.cli("sessions", "rm", "up").returncode == 0
    postern.set_session("up", "active", f"127.0.0.1:{target.port}", "--user", "another")
    os.kill(sync, signal.SIGCONT)
    assert rest_of(s) == GOING_AWAY
    until("the target is told", lambda: target.said.get("up") == b"\x88\x82\0\0\0\0\x03\xe9")


def test_one_that_is_only_changed_keeps_them(run_postern, run_fake, target):
    postern = run_postern(conf=CONF.replace("workers         2;", "workers 1;"))
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
    postern.set_session("ends", "active", f"127.0.0.1:{target.port}")
    until("routed", lambda: postern.get("/session/up/").status == postern.get("/session/ends/").status == 200)
    up, _, rest = shake_hands(postern.port, "/session/up/")
    assert receive(up, 5, rest) == b"hello"
    postern.set_session("up", "active", f"127.0.0.1:{target.port}", "--branch", "new")
    until("elsewhere now", lambda: postern.get("/session/up/").body == b"")
    ends, _, rest = shake_hands(postern.port, "/session/ends/")
    assert postern.cli("sessions", "rm", "ends").returncode == 0
    assert rest_of(ends).endswith(GOING_AWAY)
    until("the worker has looked", lambda: postern.metric("postern_tunnels_ended_total") == 1)
    up.sendall(b"still")
    assert receive(up, 5) == b"still"
    until("counted", lambda: postern.metric("postern_sockets_closed_total") == 1)


def test_no_frame_is_put_into_another(run_postern):
    half = Target(b"\x81\x7e\x10\x00" + b"x" * 100)  # 4096 bytes are to come
    postern = run_postern()
    postern.set_session("up", "active", f"127.0.0.1:{half.port}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    s, head, rest = shake_hands(postern.port, "/session/up/")
    receive(s, 104, rest)
    s.sendall(b"\x81\x83\0\0")
    assert postern.cli("sessions", "rm", "up").returncode == 0
    assert rest_of(s) == b""
    until("the target is told", lambda: half.said.get("up") == b"\x81\x83\0\0")
    half.listener.close()


def test_by_http2_too_it_takes_them_along(run_postern, target):
    live = run_postern(conf=CONF.replace("default_server;", "default_server http2;"))
    for name in ("up", "stays"):
        live.set_session(name, "active", f"127.0.0.1:{target.port}")
        until("routed", lambda name=name: live.get(f"/session/{name}/").status == 200)
    with Client(live.port) as c:
        c.until(lambda: h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL in c.h2.remote_settings)
        up, stays = (c.request(f"/session/{name}/", "CONNECT", end=False, protocol="websocket") for name in ("up", "stays"))
        c.until(lambda: c.streams[up].body == c.streams[stays].body == b"\x81\x02hi")
        assert live.cli("sessions", "rm", "up").returncode == 0
        got = c.answer(up)
        assert got.body == b"\x81\x02hi" + GOING_AWAY and got.reset in (None, 0)
        assert c.get("/").status == 200 and not c.streams[stays].over
        until("counted", lambda: live.metric("postern_tunnels_ended_total") == 1)
        until("the target is told", lambda: target.said.get("up") == b"\x88\x82\0\0\0\0\x03\xe9")


@pytest.mark.parametrize("by", ["worker_shutdown_timeout", "a fast stop"])
def test_a_worker_that_has_to_end_says_so(run_postern, target, by):
    live = run_postern(conf=CONF.replace("default_server;", "default_server http2;"), main="worker_shutdown_timeout 300ms;")
    for name in ("up", "two"):
        live.set_session(name, "active", f"127.0.0.1:{target.port}")
        until("routed", lambda name=name: live.get(f"/session/{name}/").status == 200)
    s, _, rest = shake_hands(live.port, "/session/up/")
    assert receive(s, 4, rest) == b"\x81\x02hi"
    with Client(live.port) as c:
        c.until(lambda: h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL in c.h2.remote_settings)
        two = c.request("/session/two/", "CONNECT", end=False, protocol="websocket")
        c.until(lambda: c.streams[two].body == b"\x81\x02hi")
        live.signal(signal.SIGHUP if by == "worker_shutdown_timeout" else signal.SIGTERM)
        assert rest_of(s) == GOING_AWAY
        assert c.answer(two).body == b"\x81\x02hi" + GOING_AWAY
    until("the targets are told", lambda: list(target.said.values()) == [b"\x88\x82\0\0\0\0\x03\xe9"] * 2)


def test_by_http2_a_target_has_to_understand_the_handshake(run_postern, run_fake):
    live = run_postern(conf=CONF.replace("default_server;", "default_server http2;"))
    for name, field in (("none", ""), ("wrong", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")):
        said = f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{field}\r\n".encode()
        live.set_session(name, "active", f"127.0.0.1:{run_fake('blurter', repr(said))}")
        until("known", lambda: live.get(f"/session/{name}/", headers={"Accept": "x"}).status != 404)
        with Client(live.port, checked=False) as c:
            assert c.get(f"/session/{name}/", "CONNECT", protocol="websocket", body=b"").status == 502
