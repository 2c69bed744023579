"""The session API from outside: who shows no token cannot keep others from it, and what is no HTTP is told so."""
import contextlib
import os
import resource
import selectors
import socket
import threading
import time

from harness import raw, request, until

SILENT, PROMISING = 1500, 500
HEAD_WITHOUT_BODY = b"POST /api/sessions/activate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Crowd:
    """Clients that connect and then say nothing, or promise a body that never comes; each that is closed comes back."""

    def __init__(self, port, silent=SILENT, promising=PROMISING, comes_back=True):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
        self.port, self.comes_back = port, comes_back
        self.selector = selectors.DefaultSelector()
        self.opened = 0
        self.over = threading.Event()
        for says in [b""] * silent + [HEAD_WITHOUT_BODY] * promising:
            self.connect(says)
        self.thread = threading.Thread(target=self.follow)

    def connect(self, says):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", self.port))
        self.selector.register(client, selectors.EVENT_READ | (selectors.EVENT_WRITE if says else 0), says)
        self.opened += 1

    def follow(self):
        while not self.over.is_set():
            for key, events in self.selector.select(0.1):
                with contextlib.suppress(OSError):
                    if events & selectors.EVENT_WRITE:
                        key.fileobj.send(key.data)
                        self.selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                        continue
                    if key.fileobj.recv(4096):
                        continue
                self.selector.unregister(key.fileobj)
                key.fileobj.close()
                if self.comes_back:
                    self.connect(key.data)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def time_of_an_answer(postern, seconds, at_least=20):
    """The mean of all answers in this time, and of a few: /healthz and an authorised status in turn. Who is turned away because
    it was slower than the crowd (this program may stand still between connecting and sending) tries again, and has waited."""
    i, began = 0, time.monotonic()
    while time.monotonic() < began + seconds or i < at_least:
        try:
            if i % 2:
                answer = postern.api_call("GET", "/api/sessions/t/status")
                assert answer.status == 200 and answer.json["status"] == "initializing"
            else:
                assert request(postern.api, "/healthz").status == 200
        except ConnectionError:
            continue
        i += 1
    return (time.monotonic() - began) / i


def test_idle_clients_without_a_token_keep_nobody_out(run_postern):
    postern = run_postern()
    assert postern.activate("t").status == 201
    control = postern.children()["control"][0]
    before = descriptors(control)
    with Crowd(postern.api) as crowd:
        until("it is full", lambda: postern.metric("postern_control_connections_refused_total") > SILENT - 1024)
        took = time_of_an_answer(postern, 3)
        assert took < 1, f"{took:.3f} s"  # each would be 2 s late if it had to wait until somebody's time is over
        assert postern.metric("postern_control_connections") <= 1024 + 64
        print(f"{crowd.opened} connections opened, {took * 1000:.0f} ms an answer")
    until("all are gone", lambda: descriptors(control) <= before + 2)
    assert postern.children()["control"] == [control]
    warnings = [line for line in postern.log().splitlines() if "have shown no token are closed early" in line]
    assert len(warnings) == 1 and " warn " in warnings[0], warnings


def test_idle_clients_that_stay_away_are_gone_after_the_deadline(run_postern):
    postern = run_postern()
    control = postern.children()["control"][0]
    before = descriptors(control)
    with Crowd(postern.api, 200, 100, comes_back=False):
        until("they are in", lambda: descriptors(control) > before + 100)
        until("all are gone", lambda: descriptors(control) <= before + 2)


def test_a_good_token_keeps_its_connection_in_the_crowd(run_postern):
    postern = run_postern()
    ask = f"GET /readyz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {postern.token}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", postern.api), timeout=30) as client:
        client.sendall(ask)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
        with Crowd(postern.api):
            until("some had to go", lambda: postern.metric("postern_control_connections_refused_total") > 0)
            client.sendall(ask)
            assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_refusal_does_not_wait_for_the_body(run_postern):
    postern = run_postern()
    for says, status in ((HEAD_WITHOUT_BODY, b"401"), (HEAD_WITHOUT_BODY.replace(b"/api/sessions/activate", b"/healthz"), b"405")):
        answer, end = raw(postern.api, says)
        assert answer.startswith(b"HTTP/1.1 " + status) and b"Connection: close" in answer and end == "closed", answer


def test_what_is_no_http_is_told_so_and_closed(run_postern):
    postern = run_postern()
    line = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    for sent, status in ((line + b"Content-Length: -1\r\n\r\n", b"400"), (line + b"X: " + b"x" * 65536 + b"\r\n\r\n", b"431"),
                         (b"GET /" + b"x" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414")):
        answer, end = raw(postern.api, sent)
        assert answer.startswith(b"HTTP/1.1 " + status), answer[:200]
        assert end in ("closed", "reset")
    assert request(postern.api, "/healthz").status == 200


def test_limits_are_the_confs(run_postern):
    import harness

    postern = run_postern(conf=harness.CONF.replace("token_file", "connections 16; body_size 1k; token_file"))
    assert postern.metric("postern_control_connections_max") == 16
    assert postern.activate("t").status == 201
    large = postern.activate("u", instruction="x" * 1100)
    assert large.status == 413 and "1024" in large.text
