"""What each kind of request gets in each state of its session: DESIGN's table, seen from outside."""
import http.client
import os
import signal
import threading

import pytest
from harness import raw, request, until

UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}


@pytest.fixture
def postern(run_postern):
    """One session in each state, named after it; holds are short."""
    running = run_postern(session="hold 300ms; dev_server vite;")
    for state in ("initializing", "inactive", "failed"):
        running.set_session(state, state)
    until("routed", lambda: all(running.document(f"/session/{s}/").status != 404 for s in ("initializing", "inactive", "failed")))
    return running


@pytest.mark.parametrize("state, status, page", [
    ("initializing", 503, "loading"), ("inactive", 503, "resume"), ("failed", 503, "failed"), ("unknown", 404, "not-found")])
def test_documents_get_pages(postern, state, status, page):
    answer = postern.document(f"/session/{state}/")
    assert (answer.status, answer.headers["x-postern-page"]) == (status, page)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    if state == "initializing":
        assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("state, status", [("initializing", 503), ("inactive", 503), ("failed", 503), ("unknown", 404)])
@pytest.mark.parametrize("kind", ["fetch", "upgrade", "unsafe"])
def test_no_page_for_those_who_want_none(postern, state, status, kind):
    path = f"/session/{state}/x"
    if kind == "unsafe":
        answer = request(postern.port, path, method="POST", body=b"x")
    else:
        answer = postern.get(path, headers=UPGRADE if kind == "upgrade" else {"Accept": "application/json"})
    assert answer.status == status
    assert "html" not in answer.headers["content-type"] and "x-postern-page" not in answer.headers
    if kind == "fetch":
        assert answer.headers["content-type"] == "application/json" and answer.json["error"]["status"] == status


def test_draining_is_static_for_readers(run_postern):
    postern = run_postern()
    control = postern.children()["control"][0]
    os.kill(control, signal.SIGSTOP)  # or it would end the drain at once: there is nothing to stop
    try:
        postern.set_session("d", "draining")
        until("routed", lambda: postern.document("/session/d/").text == "<h1>static home</h1>")
        assert postern.get("/session/d/", headers=UPGRADE).status == 503
        assert request(postern.port, "/session/d/", method="POST", body=b"x").status == 503
    finally:
        os.kill(control, signal.SIGCONT)


def test_head_of_a_page(postern):
    got, _ = raw(postern.port, b"HEAD /session/failed/ HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\nConnection: close\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 503") and got.endswith(b"\r\n\r\n") and b"Content-Length: 0" not in got


@pytest.fixture
def waiting(run_postern, run_fake):
    running = run_postern(session="hold 20s; dev_server vite;")
    running.set_session("soon", "initializing")
    running.target = run_fake("mirror")
    until("routed", lambda: running.document("/session/soon/").status == 503)
    return running


def activate(postern):
    postern.set_session("soon", "active", f"127.0.0.1:{postern.target}")


def test_held_requests_are_answered_once_the_session_is_there(waiting):
    answers = {}

    def ask(name, **how):
        answers[name] = request(waiting.port, "/session/soon/held", **how)

    asked = [threading.Thread(target=ask, args=("fetch",)),
             threading.Thread(target=ask, args=("post",), kwargs={"method": "POST", "body": b"x" * 100_000})]
    for thread in asked:
        thread.start()
    until("both are held", lambda: waiting.metric("postern_holds_total") == 2)
    activate(waiting)
    for thread in asked:
        thread.join(60)
    assert answers["fetch"].json["target"] == "/held"
    assert answers["post"].json["body_bytes"] == 100_000


def test_a_held_upgrade_becomes_a_tunnel(waiting):
    connection = http.client.HTTPConnection("127.0.0.1", waiting.port, timeout=30)
    connection.request("GET", "/session/soon/", headers=UPGRADE)
    until("held", lambda: waiting.metric("postern_holds_total") == 1)
    activate(waiting)
    assert connection.getresponse().status == 101


def test_the_loading_page_is_told(waiting):
    connection = http.client.HTTPConnection("127.0.0.1", waiting.port, timeout=30)
    connection.request("GET", "/session/soon/.postern/events")
    events = connection.getresponse()
    assert events.headers["content-type"] == "text/event-stream" and events.headers["cache-control"] == "no-store"
    first = events.readline() + events.readline() + events.readline() + events.readline()
    assert b'event: state\ndata: {"state":"initializing"}' in first
    activate(waiting)
    assert b'data: {"state":"active"}' in events.read()  # and the stream ends


def test_the_event_stream_has_the_fields_of_its_location(run_postern):
    postern = run_postern(session="add_header X-Ours yes; table_age_header X-Age;")
    postern.set_session("bad", "failed")
    until("routed", lambda: postern.document("/session/bad/").status == 503)
    events = postern.get("/session/bad/.postern/events")
    assert b'"state":"failed"' in events.body
    assert events.headers["x-ours"] == "yes" and int(events.headers["x-age"]) >= 0


def test_a_method_that_is_refused_is_told_which_is_not(waiting):
    for path, method, allowed in (("events", "POST", "GET"), ("events", "HEAD", "GET"), ("wake", "GET", "POST")):
        for accept in ("text/html", "application/json"):
            answer = request(waiting.port, f"/session/soon/.postern/{path}", method=method, headers={"Accept": accept})
            assert answer.status == 405 and answer.headers["allow"] == allowed, (path, method)
    assert "allow" not in waiting.get("/session/none/.postern/wake/x").headers


def test_expired_links(run_postern):
    postern = run_postern(session="on_expired static;")
    assert postern.document("/session/never/").text == "<h1>static home</h1>"
    assert postern.get("/session/never/x.js").status == 404


def test_slash_referer_and_cookie(run_postern, run_fake):
    postern = run_postern(session="dev_server vite;")
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
    until("routed", lambda: postern.get("/session/up/").status == 200)

    slash = postern.get("/session/up?a=b")
    assert slash.status in (307, 308) and slash.headers["location"] == "/session/up/?a=b"

    here = f"http://127.0.0.1:{postern.port}"
    moved = postern.get("/@vite/client?t=1", headers={"Referer": f"{here}/session/up/page"})
    assert moved.status == 307 and moved.headers["location"] == "/session/up/@vite/client?t=1"
    assert moved.headers["cache-control"] == "no-store" and moved.headers["vary"] == "Referer"
    posted = request(postern.port, "/api/x", method="POST", body=b"x", headers={"Referer": f"{here}/session/up/"})
    assert posted.status == 307
    foreign = postern.get("/@vite/client", headers={"Referer": "http://evil.example/session/up/"})
    assert foreign.status == 404

    cookie = postern.document("/session/up/").headers["set-cookie"]
    assert cookie.startswith("postern_session=/session/up;") and "HttpOnly" in cookie
    remembered = postern.document("/about", headers={"Cookie": "postern_session=/session/up"})
    assert remembered.status == 307 and remembered.headers["location"] == "/session/up/about"
    assert postern.get("/x.js", headers={"Cookie": "postern_session=/session/up"}).status == 404  # navigations only


def test_dev_server_repairs(run_postern, run_fake):
    postern = run_postern(session="dev_server vite;")
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    client = postern.get("/session/up/@vite/client", headers={"Accept-Encoding": "gzip", "If-None-Match": '"1"'})
    assert client.text == 'const base = `${hmrPort || importMetaUrl.port}${"/session/up/"}`;'
    assert "etag" not in client.headers and int(client.headers["content-length"]) == len(client.body)
    asked = request(postern.port, "/session/up/@vite/client", method="HEAD", headers={"If-None-Match": '"1"'})
    assert asked.status == 200 and not {"etag", "content-length"} & asked.headers.keys(), "the body's, before it is repaired"
    assert asked.headers["content-type"] == "text/javascript"
    assert postern.metric("postern_hmr_base_missing_total") == 0
    assert postern.get("/session/up/redirect").headers["location"] == "/session/up/about"


def test_a_session_for_each_host(run_postern, run_fake):
    postern = run_postern(main="""
        server {
            listen 127.0.0.1:{port};
            server_name {threadId}.edit.example.com;
            location / { session; dev_server vite; }
        }""")
    a, b = run_fake("mirror"), run_fake("mirror")
    postern.set_session("a", "active", f"127.0.0.1:{a}")
    postern.set_session("b", "active", f"127.0.0.1:{b}")
    until("routed", lambda: postern.get("/", host="b.edit.example.com").status == 200)
    assert postern.get("/x", host="a.edit.example.com").json["port"] == a
    assert postern.get("/x", host="B.Edit.Example.COM:80").json["port"] == b
    assert postern.get("/x", host="c.edit.example.com").status == 404
    assert postern.get("/", host="elsewhere.example").text == "<h1>static home</h1>"
    assert dict(postern.get("/x", host="a.edit.example.com").json["fields"])["host"] == f"localhost:{a}"
