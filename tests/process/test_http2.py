"""HTTP/2: many requests on one connection, each as by HTTP/1.1; and no more of anything than is allowed."""
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import h2.connection
import h2.errors
import h2.exceptions
import h2.settings
import pytest
from harness import CONF, DOCUMENT, request, until
from http2_client import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
                          Client, frame)

HTTP2_CONF = CONF.replace("default_server;", "default_server http2;")


@pytest.fixture
def live(run_postern, run_fake):
    return start(run_postern, run_fake)


def start(run_postern, run_fake, **more):
    postern = run_postern(conf=HTTP2_CONF, **more)
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    return postern


def lines(postern, count=1):
    until("written", lambda: len(postern.access_log().splitlines()) >= count)
    return [json.loads(line) for line in postern.access_log().splitlines()]


# --- as by HTTP/1.1

def test_a_request_is_the_same_as_by_http_1(live):
    with Client(live.port) as c:
        got = c.get("/session/up/a?b=c", more=[("cookie", "a=b"), ("x-mine", "1"), ("cookie", "c=d")])
        assert got.status == 200 and got.headers["content-type"]
        seen = json.loads(got.body)
        plain = live.get("/session/up/a?b=c", headers={"Cookie": "a=b; c=d", "X-Mine": "1"}).json
        assert seen["method"] == "GET" and seen["target"] == plain["target"]
        assert sorted(seen["fields"]) == sorted(plain["fields"])
        for name in ("connection", "transfer-encoding", "keep-alive"):
            assert name not in got.headers
    line = [entry for entry in lines(live, 3) if entry["protocol"] == "HTTP/2.0"]
    assert len(line) == 1 and line[0]["target"] == "/session/up/a?b=c" and line[0]["session"] == "up"
    assert live.metric("postern_http2_connections_total") == 1


def test_http_1_is_spoken_on_the_same_port(live):
    assert live.get("/session/up/").status == 200
    with Client(live.port) as c:
        assert c.get("/").body == b"<h1>static home</h1>"
    assert live.get("/", headers={"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}).status == 200


def test_where_it_is_not_asked_for_the_preface_is_refused(run_postern):
    postern = run_postern()
    with Client(postern.port) as c:
        with pytest.raises(Exception):
            c.get("/")
    assert postern.get("/").status == 200


def test_many_streams_at_once(live):
    with Client(live.port) as c:
        ids = [c.request(f"/session/up/bytes/{1000 + i}") for i in range(100)]
        for i, stream in enumerate(ids):
            got = c.answer(stream)
            assert got.status == 200 and len(got.body) == 1000 + i
        slow = c.request("/session/up/slow/4")
        assert c.get("/session/up/bytes/10").body == b"x" * 10
        assert not c.streams[slow].over
        assert c.answer(slow).status == 200


def test_answers_of_all_kinds(live):
    with Client(live.port) as c:
        assert c.get("/session/up/chunked").body == b"hello world"
        assert c.get("/session/up/close").body == b"until close"
        assert c.get("/session/up/interim").status == 200
        got = c.get("/session/up/bytes/500", method="HEAD")
        assert got.status == 200 and got.body == b"" and got.headers["content-length"] == "500"
        for status in (204, 304):
            got = c.get(f"/session/up/status/{status}")
            assert got.status == status and got.body == b"" and got.ended
        assert c.get("/session/nobody/x", more=[(n.lower(), v) for n, v in DOCUMENT.items()]).status == 404
        assert c.get("/session/nobody/x").status == 404
        assert c.get("/../x").status == 400
        got = c.get("/nothing")
        assert got.status == 404 and b"no such page" in got.body
        assert c.get("*", method="OPTIONS").status == 204
        assert c.get("/", method="TRACE").status == 501


def test_bodies_both_ways(live):
    with Client(live.port, within=30) as c:
        for size in (0, 1, 3000, 100_000, 3_000_000):
            body = os.urandom(size)
            for more in ([("content-length", str(size))], []):
                got = c.get("/session/up/echo", method="POST", more=more, body=body)
                assert got.status == 200
                seen = json.loads(got.body)
                assert seen["body_bytes"] == size and seen["body_sha"] == hashlib.sha256(body).hexdigest()
        assert len(c.get("/session/up/bytes/5000000").body) == 5_000_000


def test_big_answers_through_small_windows(live):
    small = {h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 100}
    with Client(live.port, settings=small) as c:
        ids = [c.request("/session/up/bytes/20000") for _ in range(5)]
        for stream in ids:
            assert len(c.answer(stream).body) == 20_000


def test_a_stalled_stream_stalls_no_other(live):
    with Client(live.port, greedy=False) as c:
        stalled = c.request("/session/up/bytes/1000000")
        c.until(lambda: len(c.streams[stalled].body) == 65535)
        c.h2.increment_flow_control_window(1_000_000)  # the connection's
        c.flush()
        for _ in range(3):
            assert len(c.get("/session/up/bytes/1000").body) == 1000
        upload = c.request("/session/up/slow/30", method="POST", end=False)  # whose body nobody sends
        assert len(c.get("/session/up/bytes/1000").body) == 1000
        assert not c.streams[stalled].over and not c.streams[upload].over


def test_expect_and_trailers(live):
    with Client(live.port) as c:
        stream = c.request("/session/up/echo", "POST", [("expect", "100-continue"), ("content-length", "5")], end=False)
        c.until(lambda: c.streams[stream].interim)
        assert c.streams[stream].interim[0][":status"] == "100"
        c.send(stream, b"hello", end=True)
        assert c.answer(stream).status == 200
        stream = c.request("/session/up/echo", "POST", end=False)
        c.send(stream, b"hello")
        c.h2.send_headers(stream, [("x-trailer", "1")], end_stream=True)
        c.flush()
        got = c.answer(stream)
        assert got.status == 200 and b"x-trailer" not in got.body


def test_an_answer_that_breaks_off_is_a_reset(run_postern, run_fake):
    listening = socket.create_server(("127.0.0.1", 0))

    def broken():
        peer, _ = listening.accept()
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        peer.close()

    threading.Thread(target=broken, daemon=True).start()
    postern = run_postern(conf=HTTP2_CONF)
    postern.set_session("up", "active", f"127.0.0.1:{listening.getsockname()[1]}")
    until("routed", lambda: postern.cli("sessions", "list").stdout.count("up") > 0)
    with Client(postern.port) as c:
        got = c.get("/session/up/")
        assert got.status in (200, None) and got.body in (b"", b"half")  # the reset overtakes what has not gone out
        assert got.reset == h2.errors.ErrorCodes.INTERNAL_ERROR
        assert c.get("/").status == 200


def test_errors_are_proper_answers(live):
    with Client(live.port, checked=False) as c:
        assert c.get("/", more=[("x", "y" * 20_000)]).status == 431
        assert c.get("/", more=[(f"x{i}", "y") for i in range(150)]).status == 431
        assert c.get("/" + "a" * 9000).status == 414
        assert c.get("/", authority="a:b:c").status == 400
        assert c.get("/", authority=None).reset == h2.errors.ErrorCodes.PROTOCOL_ERROR
        assert c.get("/").status == 200


def test_a_body_that_is_too_large(run_postern, run_fake):
    postern = start(run_postern, run_fake, session="client_max_body_size 10k;")
    with Client(postern.port) as c:
        stream = c.request("/session/up/echo", "POST", [("content-length", "20000")], end=False)
        assert c.answer(stream).status == 413
        stream = c.request("/session/up/echo", "POST", end=False)
        c.send(stream, b"x" * 30_000)
        assert c.answer(stream).status == 413
        assert c.get("/").status == 200


def test_pages_and_held_requests(run_postern, run_fake):
    live = start(run_postern, run_fake, session="dev_server vite; hold 60s;")
    document = [(n.lower(), v) for n, v in DOCUMENT.items()]
    live.set_session("new", "initializing")
    until("known", lambda: live.document("/session/new/").status == 503)
    with Client(live.port) as c:
        page = c.get("/session/new/", more=document)
        assert page.status == 503 and page.headers["x-postern-page"] == "loading" and page.headers["retry-after"]
        held = c.request("/session/new/api")
        events = c.request("/session/new/-postern/events")
        assert c.get("/").status == 200
        assert not c.streams[held].over
        target = live.cli("sessions", "list").stdout.split("127.0.0.1:")[1].split()[0]
        live.set_session("new", "active", f"127.0.0.1:{target}")
        assert c.answer(held).status == 200
        c.streams.pop(events)


# --- what ends

def test_a_client_that_resets_ends_the_work_for_it(live):
    with Client(live.port) as c:
        stream = c.request("/session/up/slow/20")
        until("there", lambda: c.receive() or True)
        assert c.get("/").status == 200
        c.h2.reset_stream(stream)
        c.flush()
        until("given up", lambda: any(e["status"] == 499 for e in lines(live)))
        assert c.get("/").status == 200


def test_reload_says_goodbye_and_lets_finish(live):
    with Client(live.port) as idle, Client(live.port) as busy:
        assert idle.get("/").status == 200
        slow = busy.request("/session/up/slow/8")
        assert busy.get("/").status == 200
        live.signal(signal.SIGHUP)
        idle.until_closed()
        assert idle.goaway == 0
        busy.until(lambda: busy.goaway is not None)
        assert not busy.streams[slow].over
        assert busy.answer(slow).status == 200
        busy.until_closed()
        assert busy.goaway == 0 and busy.last_stream < 100
    assert live.get("/").status == 200


def test_after_keepalive_requests_the_connection_ends(run_postern):
    postern = run_postern(conf=HTTP2_CONF, main="keepalive_requests 5;")
    with Client(postern.port) as c:
        for _ in range(5):
            assert c.get("/").status == 200
        c.until_closed()
        assert c.goaway == 0


def test_quiet_connections_end(run_postern):
    postern = run_postern(conf=HTTP2_CONF, main="keepalive_timeout 3s; client_header_timeout 3s;")
    with Client(postern.port) as c:
        assert c.get("/").status == 200
        for _ in range(8):  # what carries nothing keeps no connection
            c.h2.ping(b"12345678")
            c.flush()
            c.receive()
        c.until_closed()
        assert c.goaway == 0


def test_slow_readers_are_reset(run_postern, run_fake):
    postern = start(run_postern, run_fake, main="send_timeout 1s;")
    with Client(postern.port, greedy=False) as c:
        for path in ("/session/up/bytes/1000000", "/session/up/bytes/66000"):
            stream = c.request(path)
            got = c.answer(stream)
            assert got.reset == h2.errors.ErrorCodes.INTERNAL_ERROR
            c.h2.increment_flow_control_window(65535)
            c.flush()
        assert c.get("/").status == 200
    until("counted", lambda: postern.metric("postern_timeouts_send_total") == 2)


def test_a_slow_body_is_answered_408(run_postern, run_fake):
    postern = start(run_postern, run_fake, main="client_body_timeout 1s;")
    with Client(postern.port) as c:
        stream = c.request("/session/up/echo", "POST", [("content-length", "100")], end=False)
        c.send(stream, b"x")
        assert c.answer(stream).status == 408
        assert c.get("/").status == 200


# --- other clients

@pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
def test_curl(live, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(os.urandom(2_000_000))
    base = f"http://127.0.0.1:{live.port}/session/up"
    got = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_version} %{http_code} %{size_download}",
                          f"{base}/bytes/1000000"], capture_output=True, text=True, timeout=60)
    assert got.stdout == "2 200 1000000", got
    got = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--data-binary", f"@{big}", "-w", "%{http_version} %{http_code}",
                          "-o", "/dev/null", f"{base}/echo"], capture_output=True, text=True, timeout=60)
    assert got.stdout == "2 200", got


@pytest.mark.parametrize("size", [1, 3_000_000])
def test_curl_gets_the_answer_to_a_body_that_nobody_wants(live, tmp_path, size):
    body = tmp_path / "body"
    body.write_bytes(b"a" * size)
    answers = [subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--data-binary", f"@{body}", "-w", "%{http_code}", "-o", "/dev/null",
                               f"http://127.0.0.1:{live.port}/session/unknown/"], capture_output=True, text=True, timeout=60)
               for _ in range(10)]
    assert [a.stdout for a in answers] == ["404"] * 10, [a.stderr for a in answers]


@pytest.mark.skipif(not shutil.which("h2load"), reason="no h2load")
def test_h2load(live):
    got = subprocess.run(["h2load", "-n", "5000", "-c", "4", "-m", "50", f"http://127.0.0.1:{live.port}/session/up/bytes/1024",
                          f"http://127.0.0.1:{live.port}/"], capture_output=True, text=True, timeout=60)
    assert "5000 succeeded, 0 failed" in got.stdout, got.stdout


@pytest.mark.skipif(not shutil.which("nghttp"), reason="no nghttp")
def test_nghttp(live):
    got = subprocess.run(["nghttp", "-nv", f"http://127.0.0.1:{live.port}/session/up/bytes/100000"], capture_output=True, text=True, timeout=60)
    assert ":status: 200" in got.stdout and "GOAWAY" in got.stdout and "error_code=NO_ERROR" in got.stdout, got.stdout


def test_the_other_ways_in_are_none(live):
    assert request(live.port, "/", headers={"Upgrade": "h2c", "Connection": "Upgrade"}).status == 200


# --- floods: each is bounded in what it costs, and others notice nothing of it

def flooded(postern, send, within=60):
    """What `send(client)` does makes postern end the connection. How, and how much memory it took at most, in KiB."""
    workers = postern.children()["worker"]
    before = sum(rss(pid) for pid in workers)
    with Client(postern.port, within=within) as c:
        c.get("/")
        c.greedy = False
        try:
            send(c)
        except OSError:
            pass
        most = sum(rss(pid) for pid in workers) - before
        end = time.monotonic() + within
        while not c.closed:
            assert time.monotonic() < end, "the connection is still open"
            try:
                c.receive()
            except h2.exceptions.ProtocolError:
                break
    assert postern.children()["worker"] == workers
    assert postern.get("/").status == 200
    return c.goaway, most


def rss(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def head(c, path="/session/up/slow/30"):
    return c.h2.encoder.encode([(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", path)])


CALM = 11  # ENHANCE_YOUR_CALM


def test_rapid_reset(live):
    def attack(c):
        block = head(c)
        for start in range(3, 200_003, 2_000):
            c.send_raw(b"".join(frame(HEADERS, END_STREAM | END_HEADERS, n, block) + frame(RST_STREAM, 0, n, b"\0\0\0\x08")
                                for n in range(start, start + 2_000, 2)))
            if c.closed:
                break

    before = live.metric("postern_upstream_connects_total")
    goaway, most = flooded(live, attack)
    assert goaway in (CALM, None)  # None: a reset came before it was read
    assert most < 20_000
    assert live.metric("postern_http2_floods_total") == 1
    assert live.metric("postern_upstream_connects_total") - before <= 600


@pytest.mark.parametrize("provoke", [
    lambda n: frame(WINDOW_UPDATE, 0, n, b"\0\0\0\0"),
    lambda n: frame(WINDOW_UPDATE, 0, n, b"\x7f\xff\xff\xff"),
    lambda n: frame(DATA, 0, n, b"x"),
    lambda n: frame(PRIORITY, 0, n, struct.pack(">IB", n, 1)),
    lambda n: frame(HEADERS, END_STREAM | END_HEADERS, n, b"\x82"),
], ids=["window-0", "window-overflow", "data-after-end", "own-parent", "headers-after-end"])
def test_made_you_reset(live, provoke):
    def attack(c):
        block = head(c)
        for start in range(3, 60_003, 2_000):
            c.send_raw(b"".join(frame(HEADERS, END_STREAM | END_HEADERS, n, block) + provoke(n) for n in range(start, start + 2_000, 2)))
            if c.closed:
                break

    goaway, most = flooded(live, attack)
    assert goaway is None or goaway != 0
    assert most < 20_000


def test_continuation_flood(live):
    def attack(c):
        c.send_raw(frame(HEADERS, END_STREAM, 3, head(c)))
        for _ in range(10_000):
            c.send_raw(frame(CONTINUATION, 0, 3, b"\x00\x01a\x01b" * 100))
            if c.closed:
                break

    _, most = flooded(live, attack)
    assert most < 5_000
    assert live.metric("postern_http2_floods_total") == 1


def test_hpack_bomb(live):
    def attack(c):
        big = b"\x40\x01x\x7f\xa1\x1e" + b"y" * 4000  # a field of 4000 bytes into the table, and then by one byte each
        for n in range(3, 4_003, 2):
            c.send_raw(frame(HEADERS, END_STREAM | END_HEADERS, n, hpack_plain("/") + big + b"\xbe" * 10_000))
            if c.closed:
                break

    goaway, most = flooded(live, attack)
    assert goaway in (CALM, None) and most < 20_000


@pytest.mark.parametrize("one", [
    frame(PING, 0, 0, b"12345678"),
    frame(SETTINGS, 0, 0),
    frame(SETTINGS, 0, 0, b"\0\4\0\0\xff\xff" * 10),
    frame(PRIORITY, 0, 1001, b"\0\0\0\0\1"),
    frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
    frame(0xbe, 0, 0, b"x"),
], ids=["ping", "settings", "settings-entries", "priority", "window-update", "unknown"])
def test_control_floods(live, one):
    def attack(c):
        for _ in range(200):
            c.send_raw(one * 1000)
            if c.closed:
                break

    goaway, most = flooded(live, attack)
    assert goaway in (CALM, None) and most < 20_000
    assert live.metric("postern_http2_floods_total") == 1


def test_empty_data_flood(live):
    def attack(c):
        c.request("/session/up/echo", "POST", end=False)
        for _ in range(200):
            c.send_raw(frame(DATA, 0, 3) * 1000)
            if c.closed:
                break

    goaway, _ = flooded(live, attack)
    assert goaway in (CALM, None)


def test_streams_beyond_the_limit_are_refused(run_postern, run_fake):
    postern = start(run_postern, run_fake, main="http2_max_concurrent_streams 10;")
    with Client(postern.port) as c:
        ids = [c.request("/session/up/slow/4") for _ in range(20)]  # before it has read what it is allowed
        results = [c.answer(n) for n in ids]
        assert [r.status for r in results[:10]] == [200] * 10
        assert {r.reset for r in results[10:]} == {h2.errors.ErrorCodes.REFUSED_STREAM}
    assert postern.metric("postern_http2_streams_refused_total") == 10


def hpack_plain(path):
    """GET http://h PATH without compression."""
    return b"\x82\x86\x00\x0a:authority\x01h\x04" + bytes([len(path)]) + path.encode()


def test_garbage_ends_a_connection_and_no_worker(live):
    workers = live.children()["worker"]
    chance = random.Random(7)
    for _ in range(300):
        with Client(live.port) as c:
            junk = b"".join(frame(chance.randrange(12), chance.randrange(256), chance.choice((0, 1, 1, 3, 5, 2**31 - 1)),
                                  chance.randbytes(chance.choice((0, 1, 4, 5, 8, 30)))) for _ in range(20))
            c.send_raw(frame(HEADERS, END_HEADERS, 1, hpack_plain("/session/up/bytes/100000")) + junk)
            c.socket.shutdown(socket.SHUT_WR)
            try:
                while c.socket.recv(65536):
                    pass
            except OSError:
                pass
    assert live.children()["worker"] == workers
    assert live.get("/").status == 200


# --- downgrade attacks: nothing of them is seen behind

def test_attacks_in_fields(live):
    table = [{"more": fields} for fields in (
        [("x", "a\r\ny: b")], [("x", "a\nb")], [("x", "a\0b")], [("x\r\ny", "b")], [("x: y", "b")], [("x y", "b")], [("X", "b")], [("", "b")],
        [("transfer-encoding", "chunked")], [("connection", "x")], [("te", "gzip")], [("upgrade", "websocket")], [("keep-alive", "1")],
        [("content-length", "5"), ("content-length", "6")], [("content-length", "+5")], [("content-length", "5, 5")],
        [("content-length", "5")],  # and no body
        [("host", "evil.example")], [("cookie", "a=b\r\nx: y")], [(":path", "/second")], [(":x", "y")], [("a", "b"), (":path", "/")])]
    for name, values in {
        "path": ("/ HTTP/1.1\r\nHost: evil\r\n\r\n", "/a b", "http://evil/", "a", "", "/\xe9", "/a#b", "/a\0", None),
        "method": ("GET / HTTP/1.1\r\nx: ", "G T", "", "CONNECT", None),
        "authority": ("a b", "a\r\nb: c", "user@h", "h/path", "h#", "", "a,b", None),
        "scheme": ("http://evil/?", "ftp", "", None),
        "protocol": ("websocket", "h2c"),
    }.items():
        table += [{name: value} for value in values]
    before = live.metric("postern_decisions_proxy_total")
    for how in table:
        with Client(live.port, checked=False) as c:
            got = c.answer(c.request(**{"path": "/session/up/attack", **how}))
            assert got.status in (400, 501) or got.reset == h2.errors.ErrorCodes.PROTOCOL_ERROR, (how, got.status, got.reset, got.body)
            assert c.get("/").status == 200, "the others on this connection"
    assert live.metric("postern_decisions_proxy_total") == before
    assert live.metric("postern_requests_bad_total") == len(table)


@pytest.mark.parametrize("said,sent", [(5, b"123"), (5, b"1234567")])
def test_a_length_that_is_not_the_bodys(live, said, sent):
    with Client(live.port, checked=False) as c:
        stream = c.request("/session/up/echo", "POST", [("content-length", str(said))], end=False)
        c.send_raw(frame(DATA, END_STREAM, stream, sent))
        assert c.answer(stream).reset == h2.errors.ErrorCodes.PROTOCOL_ERROR
        assert c.get("/").status == 200
    assert not any(entry["status"] == 200 and entry["target"] == "/session/up/echo" for entry in lines(live))


# --- with TLS

def test_with_tls_it_is_agreed_on(run_postern, run_fake, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", tmp_path / "key.pem", "-out",
                    tmp_path / "certificate.pem"], check=True, capture_output=True)
    conf = HTTP2_CONF.replace("default_server http2;",
                              f"default_server ssl http2;\n    ssl_certificate {tmp_path}/certificate.pem {tmp_path}/key.pem;")
    postern = run_postern(conf=conf)
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
    base = ["curl", "-sS", "--cacert", tmp_path / "certificate.pem", "--resolve", f"localhost:{postern.port}:127.0.0.1"]

    def curl(path, *more):
        done = subprocess.run([*base, *more, f"https://localhost:{postern.port}{path}"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    until("routed", lambda: "up" in postern.cli("sessions", "list").stdout and '"GET"' in curl("/session/up/"))
    version = ["-o", os.devnull, "-w", "%{http_version} %{http_code} %{size_download}"]
    assert curl("/session/up/bytes/3000000", *version) == "2 200 3000000"
    assert curl("/session/up/bytes/1000", "--http1.1", *version) == "1.1 200 1000"
    fields = dict(json.loads(curl("/session/up/x"))["fields"])
    assert fields["x-forwarded-proto"] == "https"
    big = tmp_path / "big"
    big.write_bytes(os.urandom(1_000_000))
    assert json.loads(curl("/session/up/x", "--data-binary", f"@{big}"))["body_bytes"] == 1_000_000
    until("logged", lambda: any(entry["protocol"] == "HTTP/2.0" for entry in lines(postern)))
