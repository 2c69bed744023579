"""One session never has another's key, whoever makes it: a URL, the API, the store, the command line. And a cookie
that remembers a session says no more than a URL."""
import sqlite3
import time

import pytest
from harness import CONF, DOCUMENT, raw, request, start_postern, until


def keyed(route_key):
    """Clients and threads both in the path: whoever opens a session's page needs both names right."""
    return (CONF.replace("route_key       {threadId};", f"route_key       {route_key};")
            .replace("location /session/{threadId}/", "location /session/{clientId}/{threadId}/")
            .replace("session/{threadId}/;", "session/{clientId}/{threadId}/;"))


@pytest.fixture
def run_keyed(run_postern):
    def run(route_key="{clientId}-{threadId}", **more):
        return run_postern(conf=keyed(route_key), **more)
    return run


def activate(postern, client, thread):
    return postern.api_call("POST", "/api/sessions/activate", {"clientId": client, "userId": "u", "threadId": thread})


def shown(postern, path):
    """The name of the session that the target was told, or the status."""
    answer = postern.get(path)
    return answer.json["headers"].get("x-session-id") if answer.status == 200 else answer.status


def test_names_that_could_be_anothers(run_keyed, run_fake):
    postern = run_keyed()
    target = f"127.0.0.1:{run_fake('mirror')}"
    assert activate(postern, "a", "b-c").status == 201
    done = postern.cli("sessions", "set", "a-b-c", "--status", "active", "--target", target)
    assert done.returncode == 0, done.stderr
    until("routed", lambda: postern.get("/session/a/b-c/").status == 200)

    refused = activate(postern, "a-b", "c")
    assert refused.status == 400
    error = refused.json["error"]
    assert (error["code"], error["field"]) == ("route_key_ambiguous", "clientId")
    assert 'clientId "a-b"' in error["message"] and "such as {clientId}@{threadId}" in error["message"]

    done = postern.cli("sessions", "set", "squatter", "--client", "a-b", "--thread", "c", "--status", "active", "--target", target)
    assert done.returncode != 0 and error["message"] in done.stderr

    before = postern.metric("postern_route_keys_refused_total")
    assert postern.get("/session/a-b/c/").status == 404
    assert postern.metric("postern_route_keys_refused_total") == before + 1
    explained = postern.cli("explain", f"http://127.0.0.1:{postern.port}/session/a-b/c/").stdout
    assert "answer 404: the route key is empty, too long, malformed, or could be another session's, too" in explained

    # Another program writes a record, once with the key of the one that is there.
    skipped = postern.metric("postern_sync_skipped_total")
    with sqlite3.connect(postern.folder / "sessions.db", timeout=30) as db:
        for name, key in (("x1", ""), ("x2", "a-b-c")):
            db.execute("INSERT INTO sessions (session_id, client_id, user_id, thread_id, route_key, status, target, created_at_ms) "
                       "VALUES (?, 'a-b', 'u', 'c', ?, 'active', '127.0.0.1:1', ?)", (name, key, int(time.time() * 1000) + 60_000))
    until("skipped", lambda: postern.metric("postern_sync_skipped_total") >= skipped + 2)
    assert postern.get("/session/a/b-c/").status == 200
    for name in ("x1", "x2"):
        assert postern.log().count(f'session "{name}" is not routed: clientId "a-b" does not go with route_key') == 1


@pytest.mark.parametrize("separator, session", [("@", "a-b@c"), ("/", "a-b%2Fc")])
def test_separators_that_no_name_has(run_keyed, run_fake, separator, session):
    postern = run_keyed("{clientId}" + separator + "{threadId}")
    target = f"127.0.0.1:{run_fake('mirror')}"
    names = [("a-b", "c"), ("a", "b-c"), ("a-", "b-c")]
    for client, thread in names:
        assert activate(postern, client, thread).status == 201
        done = postern.cli("sessions", "set", f"{client}{separator}{thread}", "--status", "active", "--target", target)
        assert done.returncode == 0, done.stderr
    until("routed", lambda: all(postern.get(f"/session/{c}/{t}/").status == 200 for c, t in names))
    dump = postern.cli("table", "dump").stdout
    assert all(f"{c}{separator}{t}" in dump for c, t in names)
    assert postern.status(session) == "active"
    assert postern.api_call("POST", f"/api/sessions/{session}/deactivate").status in (200, 202)
    resume = until("stopped", lambda: (page := postern.document("/session/a-b/c/")).headers.get("x-postern-page") == "resume" and page)
    assert resume.status == 503
    woken = postern.api_call("POST", f"/api/routes/{session}/wake")
    assert woken.status in (200, 201, 202), woken
    until("woken", lambda: postern.status(session) == "initializing")
    # The page's own button, as a form: the same through the worker.
    assert activate(postern, "a-b", "c").status in (200, 201)


def test_a_cookie_leads_below_a_prefix_of_two_names(run_keyed, run_fake):
    postern = run_keyed("{clientId}@{threadId}", session="dev_server vite; hold 300ms;")
    done = postern.cli("sessions", "set", "s1", "--client", "m", "--thread", "x", "--status", "active",
                       "--target", f"127.0.0.1:{run_fake('mirror')}")
    assert done.returncode == 0, done.stderr
    until("routed", lambda: postern.get("/session/m/x/").status == 200)
    cookie = postern.document("/session/m/x/deep/page").headers["set-cookie"].split(";")[0]
    assert cookie == "postern_session=/session/m/x"
    moved = request(postern.port, "/foo?q", headers={**DOCUMENT, "Cookie": cookie})
    assert moved.status == 307 and moved.headers["location"] == "/session/m/x/foo?q"
    got, _ = raw(postern.port, (f"GET /hmr HTTP/1.1\r\nHost: 127.0.0.1:{postern.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                                f"Cookie: {cookie}\r\n\r\n").encode(), enough=lambda got: b"\r\n\r\n" in got)
    assert not got.startswith(b"HTTP/1.1 404"), got  # the target's own answer, whatever it is
    assert b"HTTP/1.1" in got
    for forged in ("//evil.example", "/session/m", "/session/m/x/", "/session/m/x/y", "/session/../m/x", "/session/m/x%0d%0aA:b", "/", "x"):
        answer = request(postern.port, "/foo", headers={**DOCUMENT, "Cookie": f"postern_session={forged}"})
        assert answer.status == 404 and "location" not in answer.headers, forged


def test_an_absolute_target_with_a_query_and_no_path(run_postern):
    postern = run_postern()
    got, _ = raw(postern.port, f"GET http://127.0.0.1:{postern.port}?a HTTP/1.1\r\nHost: 127.0.0.1:{postern.port}\r\n"
                               "Connection: close\r\n\r\n".encode())
    assert got.startswith(b"HTTP/1.1 200"), got
    assert got.endswith(b"<h1>static home</h1>")
