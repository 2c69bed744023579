"""WebSocket tunnels: the handshake is the target's, the bytes are nobody's but theirs."""
import base64
import hashlib
import os
import socket
import threading

import pytest
from harness import CONF, until
from http2_client import Client

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def shake_hands(port, path, *more):
    s = socket.create_connection(("127.0.0.1", port))
    s.settimeout(5)
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: keep-alive, Upgrade", "Upgrade: websocket",
             f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", *more]
    s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    got = b""
    while b"\r\n\r\n" not in got:
        some = s.recv(4096)
        if not some:
            break
        got += some
    head, _, rest = got.partition(b"\r\n\r\n")
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
    s.settimeout(5)
    s.sendall((f"GET /session/up/ HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {KEY}\r\n"
               "Sec-WebSocket-Version: 13\r\n\r\n").encode() + b"early")
    got = b""
    while not got.endswith(b"helloearly"):
        got += s.recv(4096)


def test_no_tunnel_without_a_websocket_handshake(live):
    for fields in (["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"], ["Upgrade: websocket"]):
        s = socket.create_connection(("127.0.0.1", live.port))
        s.settimeout(5)
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
    postern = run_postern(main="tunnel_timeout 300ms;")
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    s, head, rest = shake_hands(postern.port, "/session/up/")
    receive(s, 5, rest)
    end = b""
    while some := s.recv(100):
        end += some
    assert end in (b"", b"bye")


def test_by_http2_a_target_has_to_understand_the_handshake(run_postern, run_fake):
    live = run_postern(conf=CONF.replace("default_server;", "default_server http2;"))
    for name, field in (("none", ""), ("wrong", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")):
        said = f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{field}\r\n".encode()
        live.set_session(name, "active", f"127.0.0.1:{run_fake('blurter', repr(said))}")
        until("known", lambda: live.get(f"/session/{name}/", headers={"Accept": "x"}).status != 404)
        with Client(live.port, checked=False) as c:
            assert c.get(f"/session/{name}/", "CONNECT", protocol="websocket", body=b"").status == 502
