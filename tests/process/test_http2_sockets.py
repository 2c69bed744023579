"""WebSockets over HTTP/2 (RFC 8441): open only where a target has accepted them."""
import os

import h2.settings
import pytest
from harness import CONF, until
from http2_client import Client, Stream


@pytest.fixture
def live(run_postern, run_fake):
    postern = run_postern(conf=CONF.replace("default_server;", "default_server http2;"), server="location /fixed { return 200 ok; }")
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    return postern


def test_a_websocket(live):
    with Client(live.port) as c:
        c.until(lambda: h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL in c.h2.remote_settings)
        stream = c.request("/session/up/?token=x", "CONNECT", [("sec-websocket-protocol", "vite-hmr"), ("sec-websocket-version", "13")],
                           end=False, protocol="websocket")
        c.until(lambda: c.streams[stream].headers and c.streams[stream].body == b"hello")
        headers = c.streams[stream].headers
        assert headers[":status"] == "200" and headers["sec-websocket-protocol"] == "vite-hmr"
        assert not {"upgrade", "connection", "sec-websocket-accept"} & set(headers)
        sent = os.urandom(300_000)
        c.send(stream, sent)
        c.until(lambda: len(c.streams[stream].body) == len(sent) + 5)
        assert c.streams[stream].body[5:] == sent
        assert c.get("/").status == 200
        c.h2.end_stream(stream)  # half-closed: what the target still says arrives
        c.flush()
        got = c.answer(stream)
        assert got.body.endswith(b"bye") and got.reset in (None, 0)
        again = c.request("/session/up/", "CONNECT", end=False, protocol="websocket")
        c.until(lambda: c.streams[again].body == b"hello")
        c.h2.reset_stream(again)
        c.flush()
    until("closed", lambda: live.metric("postern_sockets_closed_total") == 2)


def test_sockets_that_are_refused(live):
    live.set_session("off", "inactive")
    until("known", lambda: live.get("/session/off/").status == 503)
    with Client(live.port, checked=False) as c:
        assert c.get("/session/off/", "CONNECT", protocol="websocket", body=b"").status == 503
        # By HTTP/2 a 2xx would be an open socket, whatever it is by HTTP/1.1.
        for path in ("/", "/fixed", "/session/up/.postern/events", "/session/off/.postern/events"):
            refused = c.get(path, "CONNECT", protocol="websocket", body=b"")
            assert refused.status == 501 and refused.body == b"There is no WebSocket at this address.\n", path
        stream = c.h2.get_next_available_stream_id()
        c.streams[stream] = Stream()
        c.h2.send_headers(stream, [(":method", "CONNECT"), (":authority", "example.com:443")])
        c.flush()
        assert c.answer(stream).status == 501


@pytest.mark.parametrize("said, status, body", [
    # As it stands the body is a frame of text: another site's script could read it, if it were passed on as a socket's.
    (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n\x81\x05pwned", 502, b"The target did not answer the handshake.\n"),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 502, b"The target did not answer the handshake.\n"),
    (b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 502, b"The target did not answer the handshake.\n"),
    (b"HTTP/1.1 101 Go\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", 502,
     b"The target did not answer the handshake.\n"),
    (b"HTTP/1.1 307 Elsewhere\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", 307, b""),
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 404, b"no"),
])
def test_a_target_that_accepts_no_socket(live, run_fake, said, status, body):
    live.set_session("bad", "active", f"127.0.0.1:{run_fake('blurter', repr(said), 'close')}")
    until("routed", lambda: "bad" in live.cli("table", "dump").stdout.split())
    with Client(live.port) as c:
        got = c.get("/session/bad/", "CONNECT", protocol="websocket", body=b"")
        assert (got.status, got.body) == (status, body)
    if status == 502:
        assert "upstream 127.0.0.1" in live.log() and "handshake" in live.log()
        until("counted", lambda: live.metric("postern_upstream_errors_total") == 1)
