"""Limits per client and per session, over all workers: connections, requests, bytes. Clients are loopback addresses."""
import os
import signal
import socket
import time

import pytest
from harness import free_ports, request, until
from http2_client import Client
from test_websocket import shake_hands

GET = b"GET /session/up/x HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture
def limited(run_postern, run_fake):
    """limited(main…) → a postern with two workers whose session "up" mirrors requests."""

    def start(main, **more):
        postern = run_postern(main=main, **more)
        postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
        until("routed", lambda: "up" in postern.cli("table", "dump").stdout.split())
        return postern

    return start


def connect(port, client="127.0.0.2"):
    return socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(client, 0))


def ask(s, sent=GET):
    """The status and head of the next answer; (None, b"") when the connection ends without one."""
    got = b""
    try:
        s.sendall(sent)
        while b"\r\n\r\n" not in got:
            some = s.recv(65536)
            if not some:
                return None, b""
            got += some
    except (ConnectionResetError, BrokenPipeError):
        return None, b""
    return int(got.split()[1]), got.split(b"\r\n\r\n")[0]


def open_connections(port, count, client="127.0.0.2"):
    """That many connections that have been served once, by whichever worker."""
    held = []
    while len(held) < count:
        s = connect(port, client)
        status, _ = ask(s, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert status == 200, (len(held), status)
        held.append(s)
    return held


def first_answer(port, client="127.0.0.2", within=0.3):
    """What a new connection is told before it says anything; "open" if nothing within that time."""
    with connect(port, client) as s:
        s.settimeout(within)
        try:
            return s.recv(65536)
        except TimeoutError:
            return "open"
        except ConnectionResetError:
            return b""


def refusal(port, client="127.0.0.2"):
    """The same of a connection that is refused, however long that takes."""
    return first_answer(port, client, within=30)


def test_connections_of_one_client(limited):
    postern = limited("client_connections 5;")
    held = open_connections(postern.port, 5)
    for _ in range(10):
        told = refusal(postern.port)
        assert told.startswith(b"HTTP/1.1 429 ") and b"\r\nRetry-After: 1\r\n" in told
    assert first_answer(postern.port, "127.0.0.3") == "open"
    assert postern.metric("postern_client_connections_limited_total") == 10
    assert postern.log().count("more are refused (client_connections)") == 1
    held.pop().close()
    until("there is room again", lambda: first_answer(postern.port) == "open")


def test_counts_survive_a_reload_and_a_killed_worker(limited):
    postern = limited("client_connections 6;")
    held = open_connections(postern.port, 6)
    workers = set(postern.children()["worker"])
    postern.signal(signal.SIGHUP)
    until("the next generation", lambda: "generation 2" in postern.log())
    # Idle connections end with their generation: what is held now is none, and nothing has leaked.
    until("the old one has left", lambda: not workers & set(postern.children()["worker"]))
    for s in held:
        s.close()
    held = open_connections(postern.port, 6)
    assert refusal(postern.port) != "open"
    # Both workers are killed: their connections are gone, and so are their counts.
    for pid in postern.children()["worker"]:
        os.kill(pid, signal.SIGKILL)
    held = open_connections(postern.port, 6)
    assert refusal(postern.port) != "open"


def test_an_old_generations_tunnel_still_counts(limited):
    postern = limited("client_connections 2;")
    tunnel = shake_hands(postern.port, "/session/up/")[0]  # from 127.0.0.1
    workers = set(postern.children()["worker"])
    postern.signal(signal.SIGHUP)
    until("the next generation", lambda: "generation 2" in postern.log())
    assert workers & set(postern.children()["worker"])
    held = open_connections(postern.port, 1, "127.0.0.1")
    assert refusal(postern.port, "127.0.0.1").startswith(b"HTTP/1.1 429 ")
    tunnel.close()
    until("it is counted no more", lambda: first_answer(postern.port, "127.0.0.1") == "open")
    held[0].close()


def test_trusted_proxies_may_have_more(limited):
    postern = limited("client_connections 1; trusted_proxies 127.0.0.9;")
    held = open_connections(postern.port, 4, "127.0.0.9")
    held += open_connections(postern.port, 1)
    assert refusal(postern.port).startswith(b"HTTP/1.1 429 ")


def test_requests_of_one_client_whichever_worker_serves_them(limited):
    postern = limited("client_request_rate 30r/m burst=8;")
    answers, began = [], time.monotonic()
    for _ in range(20):
        with connect(postern.port) as s:
            answers.append(ask(s))
    statuses, filled_again = [status for status, _ in answers], (time.monotonic() - began) // 2 + 1
    assert statuses[:8] == [200] * 8 and statuses.count(200) <= 8 + filled_again and 429 in statuses, statuses
    head = next(head for status, head in answers if status == 429)
    retry_after = int(head.split(b"Retry-After: ")[1].split(b"\r\n")[0])
    assert 1 <= retry_after <= 2
    with connect(postern.port, "127.0.0.3") as s:
        assert ask(s)[0] == 200
    assert postern.metric("postern_client_requests_limited_total") == statuses.count(429)
    assert postern.log().count("is over client_request_rate") == 1
    until("logged", lambda: '"decision":"limited"' in postern.access_log())
    # The connection stays, and is served again when the bucket says so.
    with connect(postern.port) as s:
        until("another", lambda: ask(s)[0] == 200)


def test_a_429_has_the_form_that_suits_who_asks(limited):
    postern = limited("client_request_rate 1r/m burst=1;")
    assert postern.get("/session/up/x").status == 200
    page = postern.document("/session/up/x")
    assert page.status == 429 and "text/html" in page.headers["content-type"] and 50 <= int(page.headers["retry-after"]) <= 60
    answer = postern.get("/session/up/x", {"Accept": "application/json"})
    assert answer.status == 429 and answer.json["error"]["status"] == 429
    upload = request(postern.port, "/session/up/x", method="POST", body=b"x" * 300_000)
    assert upload.status == 429


def test_what_is_answered_without_a_location_is_under_the_rate_as_well(limited):
    plain = free_ports(1)[0]
    postern = limited(f"client_request_rate 1r/m burst=2; server {{ listen 127.0.0.1:{plain}; server_name a.test; "
                      "location / { return 200 ok; ssl_redirect 443; } }")
    others = {b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n": b"204", b"GET https://h/ HTTP/1.1\r\nHost: h\r\n\r\n": b"421",
              b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n": b"301", b"GET / HTTP/1.1\r\nHost: other\r\n\r\n": b"421"}
    for number, (sent, status) in enumerate(others.items(), 2):
        port = plain if sent.startswith(b"GET / ") else postern.port
        statuses = []
        for _ in range(3):
            with connect(port, f"127.0.0.{number}") as s:
                s.sendall(sent)
                statuses.append(s.recv(65536)[9:12])
        assert statuses == [status, status, b"429"], sent
    assert postern.metric("postern_client_requests_limited_total") == 4


def test_what_was_asked_before_is_not_seen_in_an_answer_without_a_location(limited):
    postern = limited("", server="location /named { return 200 ok; add_header X-Named yes; }")
    with connect(postern.port) as s:
        s.sendall(b"GET /named HTTP/1.1\r\nHost: h\r\n\r\n")
        assert b"X-Named: yes" in s.recv(65536)
        s.sendall(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = s.recv(65536)
        assert answer.startswith(b"HTTP/1.1 204") and b"X-Named" not in answer


def test_a_429_over_http2_ends_a_stream_and_no_other(limited):
    port = free_ports(1)[0]
    postern = limited(f"client_request_rate 3r/m burst=3; server {{ listen 127.0.0.1:{port} http2; "
                      "location /session/{threadId}/ { session; } location / { return 200 ok; } }")
    with Client(port) as client:
        held = client.request("/session/up/stream")
        client.until(lambda: client.streams[held].headers)
        streams = [client.request("/") for _ in range(5)]
        client.until(lambda: all(client.streams[s].over for s in streams))
        answers = [client.streams[s] for s in streams]
        statuses = [a.status for a in answers]
        assert statuses.count(429) >= 2 and set(statuses) == {200, 429}
        refused = answers[statuses.index(429)]
        assert 1 <= int(refused.headers["retry-after"]) <= 60 and refused.reset is None and refused.body
        assert client.goaway is None and not client.streams[held].over and client.streams[held].status == 200
    assert postern.metric("postern_client_requests_limited_total") == statuses.count(429)


def test_limits_hold_for_the_client_that_a_trusted_proxy_names(limited):
    postern = limited("client_request_rate 1r/m burst=2; trusted_proxies 127.0.0.1 10.0.0.0/8;")

    def status(client):
        return postern.get("/session/up/x", {"X-Forwarded-For": client} if client else {}).status

    assert [status("192.0.2.7") for _ in range(4)] == [200, 200, 429, 429]
    assert status("192.0.2.8") == 200
    assert [status("2001:db8::1"), status("2001:db8::2"), status("2001:db8::3")] == [200, 200, 429]
    assert [status(None) for _ in range(5)] == [200] * 5  # the proxy itself
    assert [status("10.1.2.3") for _ in range(5)] == [200] * 5  # another one, through it


def test_requests_of_one_session(limited, run_fake):
    postern = limited("session_request_rate 1r/m burst=3;")
    postern.set_session("other", "active", f"127.0.0.1:{run_fake('mirror')}")
    until("routed", lambda: "other" in postern.cli("table", "dump").stdout.split())
    statuses = []
    for client in ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6"):
        with connect(postern.port, client) as s:
            statuses.append(ask(s)[0])
    assert statuses == [200, 200, 200, 429, 429]
    assert postern.get("/session/other/").status == 200
    assert postern.get("/").status == 200  # no session's
    assert postern.metric("postern_session_requests_limited_total") == 2


def test_a_reload_forgets_no_rate(limited):
    postern = limited("client_request_rate 1r/m burst=2;")
    assert [postern.get("/session/up/x").status for _ in range(3)] == [200, 200, 429]
    postern.signal(signal.SIGHUP)
    until("the next generation", lambda: "generation 2" in postern.log())
    assert postern.get("/session/up/x").status == 429


@pytest.mark.parametrize("direction", ["down", "up", "static"])
def test_bodies_are_slowed_to_the_byte_rate(limited, direction):
    postern = limited("client_byte_rate 400k/s burst=256k;")
    (postern.folder / "static" / "file").write_bytes(b"x" * 1_000_000)
    began = time.monotonic()
    if direction == "down":
        answer = postern.get("/session/up/bytes/1000000")
    elif direction == "up":
        answer = request(postern.port, "/session/up/x", method="POST", body=b"x" * 1_000_000)
    else:
        answer = postern.get("/file")
    assert answer.status == 200
    assert time.monotonic() - began > 1.5  # (1,000,000 - 256 Ki) / 400 Ki: 1.8 s; unlimited it is a few ms
    assert postern.metric("postern_bytes_slowed_total") == 1


def test_who_owes_too_many_bytes_is_refused(limited):
    postern = limited("session_byte_rate 10k/s burst=10k;")
    for _ in range(10):
        answer = postern.get("/session/up/bytes/5000")
    assert answer.status == 429 and int(answer.headers["retry-after"]) >= 1
    assert postern.metric("postern_session_bytes_limited_total") >= 1
    assert postern.get("/").status == 200


def test_a_tunnel_over_its_rate_is_slowed_and_not_cut(limited):
    postern = limited("client_byte_rate 200k/s burst=20k;")
    s = shake_hands(postern.port, "/session/up/")[0]
    message = b"\x82\xfe" + (50_000).to_bytes(2, "big") + bytes(4) + b"m" * 50_000
    began = time.monotonic()
    s.sendall(message)
    got = b""
    while len(got) < 50_000:
        got += s.recv(65536)
    assert time.monotonic() - began > 0.25  # 100 kB both ways, 20 KiB at once: 0.4 s
    assert postern.metric("postern_bytes_slowed_total") == 1
    s.sendall(message)  # it lives
    more = b""
    while len(more) < 50_000:
        more += s.recv(65536)
    s.close()
