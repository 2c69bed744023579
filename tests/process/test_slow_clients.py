"""Clients that are slow on purpose: each is ended by its deadline or its rate, and nobody else notices."""
import pathlib
import re
import select
import socket
import ssl
import threading
import time

import pytest
from harness import free_ports, request, until
from test_websocket import receive, shake_hands
from tls_client import Certificate, connect, context

RATE = "client_min_rate 1k/s within=2s;"


@pytest.fixture
def live(run_postern, run_fake):
    def start(main, **more):
        postern = run_postern(main=f"client_connections off; {main}", **more)
        postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
        until("routed", lambda: "up" in postern.cli("table", "dump").stdout.split())
        (postern.folder / "static" / "file").write_bytes(b"x" * 8_000_000)
        return postern

    return start


class Dripper:
    """One byte a step of what it sends, one byte a step of what it gets; it ends when postern ends it."""

    def __init__(self, kind, port):
        self.kind, self.got, self.ended = kind, b"", ""
        self.socket = socket.socket()
        if kind.startswith("reader"):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        whole, self.left = {
            "head": (b"", b"GET /session/up/x HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 10_000),
            "body": (b"POST /session/up/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n", b"b" * 10_000),
            "chunks": (b"POST /session/up/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n", b"c" * 10_000),
            "reader": (b"GET /session/up/bytes/8000000 HTTP/1.1\r\nHost: h\r\n\r\n", b""),
            "reader of a file": (b"GET /file HTTP/1.1\r\nHost: h\r\n\r\n", b""),
        }[kind]
        self.socket.sendall(whole)
        self.socket.setblocking(False)

    def step(self):
        try:
            if self.left:
                self.socket.send(self.left[:1])
                self.left = self.left[1:]
            some = self.socket.recv(1 if self.kind.startswith("reader") else 65536)
            self.got += some
            if not some:
                self.ended = "closed"
        except BlockingIOError:
            pass
        except (ConnectionResetError, BrokenPipeError):
            self.ended = "reset"


def resident_kb(pids):
    return sum(int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) for pid in pids)


def test_500_slow_clients_are_ended_and_normal_ones_never_notice(live):
    postern = live("client_header_timeout 5s; client_body_timeout 1h; send_timeout 1h; client_min_rate 1k/s within=5s;")
    assert postern.get("/session/up/x").status == 200
    workers = postern.children()["worker"]
    before = most = resident_kb(workers)
    slow = [Dripper(kind, postern.port) for kind in ["head", "body", "chunks", "reader", "reader of a file"] * 100]
    normal, over = [], threading.Event()

    def go_on():
        while not over.is_set():
            normal.append(postern.get("/session/up/x").status)
            normal.append(request(postern.port, "/session/up/x", method="POST", body=b"x" * 50_000).status)
            normal.append(postern.get("/").status)

    others = [threading.Thread(target=go_on) for _ in range(2)]
    for thread in others:
        thread.start()
    until("all are in", lambda: postern.metric("postern_connections_accepted_total") >= 500)
    patience = time.monotonic() + 120
    while any(not s.ended for s in slow) and time.monotonic() < patience:
        for s in slow:
            if not s.ended:
                s.step()
        # What is left to read of an answer that was broken off is of no interest.
        if postern.metric("postern_min_rate_send_total") == 200:
            for s in slow:
                s.ended = s.ended or ("reset" if s.kind.startswith("reader") else "")
        most = max(most, resident_kb(workers))
        time.sleep(0.1)  # the drippers' own pace
    over.set()
    for thread in others:
        thread.join()
    assert not [s.kind for s in slow if not s.ended]
    assert set(normal) == {200} and len(normal) > 20
    for s in slow:
        if not s.kind.startswith("reader"):
            assert s.got.startswith(b"HTTP/1.1 408 "), (s.kind, s.got[:100], s.ended)
    assert postern.metric("postern_timeouts_header_total") == 100
    assert postern.metric("postern_min_rate_body_total") == 200
    assert postern.metric("postern_min_rate_send_total") == 200
    assert set(postern.children()["worker"]) == set(workers)
    assert most - before < 64 * 1024  # 500 clients; a block of 128 KiB for each that has a body on its way


def drip(port, path, body, step, interval=0.1, connect=lambda port: socket.create_connection(("127.0.0.1", port), timeout=60)):
    """A POST whose body comes in steps; the first line of the answer."""
    with connect(port) as s:
        s.sendall(f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        for start in range(0, len(body), step):
            s.sendall(body[start:start + step])
            if select.select([s], [], [], interval)[0]:
                break
        return s.recv(65536).split(b"\r\n")[0]


def test_a_slow_upload_that_keeps_the_rate_arrives(live):
    postern = live(RATE)
    assert drip(postern.port, "/session/up/x", b"x" * 40_000, 1_000) == b"HTTP/1.1 200 OK"
    assert drip(postern.port, "/session/up/x", b"x" * 5_000, 20).startswith(b"HTTP/1.1 408 ")


def test_the_rate_holds_over_tls(live, tmp_path):
    certificate, port = Certificate(tmp_path, "mine", ["h"]), free_ports(1)[0]
    postern = live(RATE + f"server {{ listen 127.0.0.1:{port} ssl; server_name h; {certificate.line} "
                          "location /session/{threadId}/ { session; } location / { static {folder}/static; } }")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        def secure(to, version=version):
            return connect(to, "h", context(version), timeout=60)

        before = [postern.metric(f"postern_min_rate_{what}_total") for what in ("body", "send")]
        assert drip(port, "/session/up/x", b"x" * 40_000, 1_000, connect=secure) == b"HTTP/1.1 200 OK"
        # A byte of body is a record of some thirty: the rate is that of what is sent, not of what it is wrapped in.
        assert drip(port, "/session/up/x", b"x" * 5_000, 5, connect=secure).startswith(b"HTTP/1.1 408 ")
        with secure(port) as s:
            s.sendall(b"GET /file HTTP/1.1\r\nHost: h\r\n\r\n")
            assert s.recv(1)
            until("ended", lambda: postern.metric("postern_min_rate_send_total") == before[1] + 1)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                while s.recv(65536):
                    pass
                raise ConnectionError("the end of what was sent is no end of the answer")
        until("counted", lambda: postern.metric("postern_min_rate_body_total") == before[0] + 1)


def test_the_rate_can_be_off(live):
    postern = live("client_min_rate off;")
    assert drip(postern.port, "/session/up/x", b"x" * 25, 1) == b"HTTP/1.1 200 OK"


def test_who_has_nothing_to_take_is_not_slow(live):
    postern = live(RATE)
    events = socket.create_connection(("127.0.0.1", postern.port), timeout=30)
    events.sendall(b"GET /session/up/stream HTTP/1.1\r\nHost: h\r\n\r\n")
    until("the first event", lambda: b"data" in events.recv(65536))
    silent = shake_hands(postern.port, "/session/up/")[0]
    # As long as it takes to end a client that is too slow, twice.
    for _ in range(2):
        assert drip(postern.port, "/session/up/x", b"x" * 1000, 1).startswith(b"HTTP/1.1 408 ")
    postern.get("/session/up/go")
    until("the second event", lambda: b"data" in events.recv(65536))
    silent.sendall(b"\x82\x85" + bytes(4) + b"hello")
    assert receive(silent, 11).endswith(b"hello")
    events.close()
    silent.close()


def test_a_silent_client_still_has_its_timeout(live):
    postern = live("client_body_timeout 300ms; client_min_rate 1k/s within=30s;")
    with socket.create_connection(("127.0.0.1", postern.port), timeout=30) as s:
        s.sendall(b"POST /session/up/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nx")
        assert s.recv(65536).startswith(b"HTTP/1.1 408 ")
    assert postern.metric("postern_timeouts_body_total") == 1
    assert postern.metric("postern_min_rate_body_total") == 0
