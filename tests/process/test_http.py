"""HTTP/1.1 through the router, in both directions, as bytes."""
import hashlib
import os
import socket
import threading
import time

import pytest
from harness import raw, request, until


@pytest.fixture
def live(run_postern, run_fake):
    """A postern whose session "up" is a mirror."""
    postern = run_postern(session="dev_server vite; client_max_body_size 8m;")
    postern.target = run_fake("mirror")
    postern.set_session("up", "active", f"127.0.0.1:{postern.target}", "--client", "acme")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    return postern


def head(path, *fields, method="GET", port=80):
    return "".join([f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n", *(f + "\r\n" for f in fields), "\r\n"]).encode()


def test_what_the_target_sees(live):
    seen = live.get("/session/up/a%2Fb/@id/__x00__x?q=%2F", headers={
        "X-Session-Id": "forged", "X-Postern-Anything": "forged", "X-Forwarded-For": "6.6.6.6", "X-Real-IP": "6.6.6.6",
        "Connection": "keep-alive, X-Hop", "X-Hop": "1", "Keep-Alive": "5", "TE": "trailers", "Cookie": "a=b; postern_session=up; c=d",
        "Origin": f"http://127.0.0.1:{live.port}", "Accept": "x/y"}).json
    fields = dict(seen["fields"])
    assert seen["target"] == "/a%2Fb/@id/__x00__x?q=%2F"  # byte for byte, without the prefix
    assert fields["x-session-id"] == "up"
    assert fields["x-forwarded-for"] == "127.0.0.1" and fields["x-real-ip"] == "127.0.0.1"
    assert fields["x-forwarded-proto"] == "http" and fields["x-forwarded-prefix"] == "/session/up"
    assert fields["x-forwarded-host"] == f"127.0.0.1:{live.port}"
    assert fields["host"] == f"localhost:{live.target}" and fields["origin"] == f"http://localhost:{live.target}"
    assert fields["cookie"] == "a=b; c=d"
    assert fields["accept"] == "x/y"
    assert not {"x-postern-anything", "x-hop", "keep-alive", "te", "connection"} & set(fields)


def test_one_connection_serves_many_requests(live):
    wanted = b"".join(head(f"/session/up/{i}", port=live.port) for i in range(50))
    got, ending = raw(live.port, wanted, enough=lambda got: got.count(b"HTTP/1.1 200 OK") == 50 and got.endswith(b"}"))
    assert got.count(b"HTTP/1.1 200 OK") == 50 and ending == "open"
    order = [got.index(b'"target": "/%d"' % i) for i in range(50)]
    assert order == sorted(order)


def test_target_connections_are_kept(live):
    numbers = {live.get(f"/session/up/{i}").json["connection"] for i in range(20)}
    assert len(numbers) <= 3  # one a worker, and the first look of the fixture


@pytest.mark.parametrize("coded", ["length", "chunked"])
def test_body_then_the_next_request(live, coded):
    body = (b"Content-Length: 11\r\n\r\nhello world" if coded == "length"
            else b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext\r\n world\r\n0\r\nTrailer: x\r\n\r\n")
    sent = f"POST /session/up/a HTTP/1.1\r\nHost: h:{live.port}\r\n".encode() + body + head("/session/up/after", port=live.port)
    for cut in (len(sent), 60, len(sent) - 30, len(sent) - 60):
        with socket.create_connection(("127.0.0.1", live.port)) as s:
            s.settimeout(30)
            s.sendall(sent[:cut])
            time.sleep(0.05)  # so that the router sees the cut
            s.sendall(sent[cut:])
            got = b""
            while b'"/after"' not in got:
                got += s.recv(65536)
        assert b'"body_bytes": 11' in got, cut
        assert got.count(b"HTTP/1.1 200") == 2, cut


@pytest.mark.parametrize("size", [1, 16_000, 70_000, 5_000_000])
def test_big_bodies_arrive_whole_both_ways(live, size):
    body = os.urandom(size)
    answer = request(live.port, "/session/up/in", method="POST", body=body)
    assert answer.json["body_sha"] == hashlib.sha256(body).hexdigest()
    assert len(live.get(f"/session/up/bytes/{size}").body) == size


def test_expect_continue(live):
    sent = (f"POST /session/up/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").encode()
    got, _ = raw(live.port, sent, enough=lambda got: b"\r\n\r\n" in got)
    assert got == b"HTTP/1.1 100 Continue\r\n\r\n"
    got, _ = raw(live.port, sent + b"abc", enough=lambda got: got.endswith(b"}"))
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK") and b'"body_bytes": 3' in got
    assert b"expect" not in got.lower().split(b"\r\n\r\n", 2)[2]


def test_answers_without_body(live):
    for path, method in (("/status/204", "GET"), ("/status/304", "GET"), ("/bytes/100", "HEAD")):
        sent = head("/session/up" + path, method=method, port=live.port) + head("/session/up/next", port=live.port)
        got, _ = raw(live.port, sent, enough=lambda got: b'"target": "/next"' in got)
        assert got.count(b"HTTP/1.1 ") == 2, (path, got)
        assert b'"target": "/next"' in got


def test_codings_of_answers(live):
    assert live.get("/session/up/chunked").body == b"hello world"
    assert live.get("/session/up/close").body == b"until close"
    assert live.get("/session/up/interim").status == 200
    old, ending = raw(live.port, b"GET /session/up/chunked HTTP/1.0\r\nHost: h\r\n\r\n")
    assert old.endswith(b"\r\n\r\nhello world") and ending == "closed" and b"chunked" not in old


def test_answers_lose_what_is_between_hops(live):
    answer = live.get("/session/up/hop")
    assert answer.headers["x-kept"] == "1"
    assert "x-secret" not in answer.headers and "keep-alive" not in answer.headers


def test_an_answer_streams(live):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
    connection.request("GET", "/session/up/stream")
    answer = connection.getresponse()
    assert answer.read(9) == b"data: 1\n\n"  # it is here before the rest exists
    live.get("/session/up/go")
    assert answer.read() == b"data: 2\n\n"


BAD = {
    "both framings": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: h\n\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n z\r\n\r\n",
    "NUL": b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n",
    "odd coding": b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "coding in 1.0": b"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
    "version": b"GET / HTTP/2.0\r\nHost: h\r\n\r\n",
    "dot segments": b"GET /session/up/../../x HTTP/1.1\r\nHost: h\r\n\r\n",
    "coded dot segments": b"GET /session/up/%2e%2e/x HTTP/1.1\r\nHost: h\r\n\r\n",
    "long target": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "huge head": b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: " + b"a" * 40000 + b"\r\n\r\n",
    "many fields": b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(500)) + b"\r\n",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_are_refused_and_the_connection_ends(live, name):
    got, ending = raw(live.port, BAD[name] + head("/session/up/smuggled", port=live.port))
    assert got[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 414", b"HTTP/1.1 431", b"HTTP/1.1 501", b"HTTP/1.1 505"), got[:200]
    assert got.count(b"HTTP/1.1 ") == 1 and ending in ("closed", "reset")


@pytest.mark.parametrize("body", [b"zz\r\n", b"5\r\nhelloX", b"-1\r\n", b"fffffffffffffffff\r\n"])
def test_a_broken_chunked_body_is_400(live, body):
    sent = b"POST /session/up/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    got, ending = raw(live.port, sent + head("/session/up/smuggled", port=live.port))
    assert got.startswith(b"HTTP/1.1 400") and got.count(b"HTTP/1.1 ") == 1 and ending in ("closed", "reset")


def test_long_bodies_pass_whole_and_leave_nothing_behind(live):
    """Long bodies go past the worker, through pipes that are used again: by more clients at once than there are pipes."""
    body = bytes(range(256)) * 16 * 1024  # 4 MiB
    sha = hashlib.sha256(body).hexdigest()

    def there_and_back(i, results):
        sent = body[i:]
        seen = request(live.port, f"/session/up/{i}", method="POST", body=sent)
        got = request(live.port, f"/session/up/bytes/{3_000_000 + i}")
        results[i] = (seen.status, seen.json["body_bytes"], got.body.count(b"x")), seen.json["body_sha"]

    results = {}
    clients = [threading.Thread(target=there_and_back, args=(i, results)) for i in range(40)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    assert {i: seen for i, (seen, _) in results.items()} == {i: (200, len(body) - i, 3_000_000 + i) for i in range(40)}
    assert results[0][1] == sha and results[7][1] == hashlib.sha256(body[7:]).hexdigest()


def test_a_body_past_its_limit_is_413(live):
    assert request(live.port, "/session/up/", method="POST", body=b"x" * (8 * 1024 * 1024 + 1)).status == 413
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    sent = b"POST /session/up/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 140
    got, _ = raw(live.port, sent)
    assert b"HTTP/1.1 413" in got or got == b""  # a client that sends on may see the reset first
    until("counted", lambda: live.metric("postern_body_too_large_total") == 2)


def test_an_unread_body_is_never_taken_for_a_request(live):
    inner = head("/session/up/smuggled", port=live.port)
    sent = f"POST /session/none/ HTTP/1.1\r\nHost: h\r\nContent-Length: {len(inner)}\r\n\r\n".encode() + inner
    got, _ = raw(live.port, sent + head("/session/up/after", port=live.port), enough=lambda got: b"/after" in got)
    assert got.startswith(b"HTTP/1.1 404") and got.count(b"HTTP/1.1 ") == 2 and b"smuggled" not in got


def test_slow_heads_end(run_postern):
    postern = run_postern(main="client_header_timeout 1s; keepalive_timeout 1s;")
    got, ending = raw(postern.port, b"GET / HT")
    assert got.startswith(b"HTTP/1.1 408") and ending == "closed"
    got, ending = raw(postern.port, head("/", port=postern.port))
    assert got.startswith(b"HTTP/1.1 200") and ending == "closed"  # idle after it
    assert postern.metric("postern_timeouts_header_total") == 1


def test_location_priority(run_postern, run_fake):
    fixed = run_fake("mirror")
    postern = run_postern(server=f"""
        location = /exact           {{ return 200 exact; }}
        location /exact             {{ return 200 prefix; }}
        location /exact/longer/     {{ return 200 longer; }}
        location /hermes/           {{ proxy 127.0.0.1:{fixed}; }}
        location /old               {{ return 301 /new; }}""")
    answers = {path: postern.get(path).text for path in ("/exact", "/exacts", "/exact/longer/x", "/exact/x")}
    assert answers == {"/exact": "exact", "/exacts": "prefix", "/exact/longer/x": "longer", "/exact/x": "prefix"}
    assert postern.get("/hermes/a?b").json["target"] == "/hermes/a?b"
    moved = postern.get("/old")
    assert moved.status == 301 and moved.headers["location"] == "/new"


def test_another_port_of_the_same_target(run_postern, run_fake):
    site, api = run_fake("mirror"), run_fake("mirror")
    postern = run_postern(server=f"location /session/{{threadId}}/api/ {{ session; port {api}; }}")
    postern.set_session("up", "active", f"127.0.0.1:{site}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    assert postern.get("/session/up/x").json["port"] == site
    assert postern.get("/session/up/api/x").json["port"] == api


def test_targets_outside_allow_targets_are_refused(run_postern):
    postern = run_postern(main="allow_targets 10.0.0.0/8;")
    postern.set_session("evil", "active", "127.0.0.1:9")
    answer = until("routed", lambda: (a := postern.get("/session/evil/")).status != 404 and a)
    assert answer.status == 502 and "127.0.0.1" not in answer.text
    assert postern.metric("postern_targets_refused_total") >= 1


def test_the_access_log_tells_each_request(live):
    import json

    live.get("/session/up/logged?x", headers={"User-Agent": 'quo"te\\'})
    line = until("logged", lambda: next((l for l in live.access_log().splitlines() if "logged" in l), None))
    entry = json.loads(line)
    assert entry["target"] == "/session/up/logged?x" and entry["status"] == 200 and entry["decision"] == "proxy"
    assert entry["session"] == "up" and entry["upstream"] == f"127.0.0.1:{live.target}" and entry["user_agent"] == 'quo"te\\'
