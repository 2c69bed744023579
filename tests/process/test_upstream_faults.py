"""Evil and broken targets: a clear 502 or 504 or a clean end, never a poisoned connection, never someone else's answer."""
import pathlib

import pytest
from harness import raw, request, until


@pytest.fixture
def faulty(run_postern, run_fake):
    """faulty(said, ending, conf…) → a postern whose session "bad" says these bytes; "good" is a mirror."""

    def start(said, ending="close", main=""):
        postern = run_postern(session="hold 500ms;", main=main)
        postern.set_session("good", "active", f"127.0.0.1:{run_fake('mirror')}")
        postern.set_session("bad", "active", f"127.0.0.1:{run_fake('blurter', repr(said), ending)}")
        until("routed", lambda: {"good", "bad"} <= set(postern.cli("table", "dump").stdout.split()))
        return postern

    return start


NO_ANSWER = {
    "nothing": b"",
    "no status line": b"SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/0.9": b"<h1>hello</h1>",
    "cut head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "both framings": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
    "status 99": b"HTTP/1.1 099 Odd\r\n\r\n",
    "status 1000": b"HTTP/1.1 1000 Odd\r\n\r\n",
    "101 unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "interim flood": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "giant head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "bare CR": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", NO_ANSWER)
def test_no_valid_answer_is_502(faulty, name):
    postern = faulty(NO_ANSWER[name])
    answer = postern.get("/session/bad/")
    assert answer.status == 502, answer
    assert "127.0.0.1" not in answer.text  # no address of ours in what the client sees
    assert postern.get("/session/good/x").json["target"] == "/x"
    assert postern.metric("postern_upstream_errors_total") >= 1


@pytest.mark.parametrize("said", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
])
def test_a_cut_body_shows_as_cut(faulty, said):
    postern = faulty(said)
    got, ending = raw(postern.port, b"GET /session/bad/ HTTP/1.1\r\nHost: h\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200") and ending in ("reset", "closed")
    assert not got.endswith(b"0\r\n\r\n")


def test_what_follows_an_answer_is_not_the_next_one(faulty):
    postern = faulty(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", "hold")
    for _ in range(3):
        assert postern.get("/session/bad/").text == "ok"


def test_an_early_answer_to_an_upload_arrives(faulty):
    postern = faulty(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig", "hold")
    answer = request(postern.port, "/session/bad/", method="POST", body=b"x" * 200_000)
    assert answer.status == 413 and answer.text == "big"


def test_a_silent_target_is_504(faulty):
    postern = faulty(b"", "hold", main="proxy_read_timeout 3s;")
    assert postern.get("/session/bad/").status == 504
    assert postern.get("/session/good/").status == 200


def has_connections_to(port):
    """Of which neither side has been told that the other has ended it."""
    entries = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(entry[2].endswith(f":{port:04X}") and entry[3] == "01" for entry in entries)


def test_a_kept_connection_that_was_closed_is_tried_again(run_postern, run_fake):
    # The blurter answers one request a connection and closes without saying so.
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    postern, target = run_postern(), run_fake("blurter", repr(said))
    postern.set_session("once", "active", f"127.0.0.1:{target}")
    until("routed", lambda: postern.get("/session/once/").status == 200)
    for _ in range(20):
        assert postern.get("/session/once/").text == "ok"
    # What cannot be sent twice goes out only where the peer is known not to have closed: its end has to have arrived.
    for _ in range(5):
        until("the connections to it have ended", lambda: not has_connections_to(target))
        assert request(postern.port, "/session/once/", method="POST", body=b"x").text == "ok"


def test_a_target_that_is_gone(faulty):
    postern = faulty(b"")
    postern.set_session("gone", "active", "127.0.0.1:1")
    until("routed", lambda: postern.document("/session/gone/").status != 404)
    page = postern.document("/session/gone/")
    assert page.status == 503 and page.headers["x-postern-page"] == "reconnecting" and page.headers["cache-control"] == "no-store"
    held = postern.get("/session/gone/x.js")
    assert held.status == 503 and held.headers["content-type"].startswith("text/plain")
