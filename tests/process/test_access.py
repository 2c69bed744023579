"""Who is let in: by a signed link, the cookie that it is exchanged for, or a network; and how that ends."""
import http.client
import json
import os
import re
import signal
import time
from urllib.parse import urlsplit

import pytest
from harness import CONF, DOCUMENT, raw, request, until
from test_websocket import KEY, receive, shake_hands

NAME = re.compile(r"__Host-postern_access_[0-9a-f]{16}")


@pytest.fixture
def guarded(run_postern, run_fake):
    """Two running sessions that only links open."""
    port = run_fake("mirror")
    postern = run_postern(session="dev_server vite; hold 5s; access link;", main="access_key_file {folder}/access.key;",
                          server="location /from/v4/ { static {folder}/static; access 127.0.0.0/8; }"
                                 "location /from/v6/ { static {folder}/static; access ::1 10.0.0.0/8; }"
                                 f"location /up/v4/ {{ proxy 127.0.0.1:{port}; access 127.0.0.1; }}"
                                 f"location /up/v6/ {{ proxy 127.0.0.1:{port}; access 2001:db8::/32; }}"
                                 "location /both/{threadId}/ { session; access link 127.0.0.1; }")
    for name in ("one", "two"):
        postern.set_session(name, "active", f"127.0.0.1:{port}")
    until("routed", lambda: "none" not in postern.cli("explain", f"http://127.0.0.1:{postern.port}/session/two/").stdout.split("route ")[-1][:20])
    postern.mirror = port
    return postern


def link(postern, name, **body):
    made = postern.api_call("POST", f"/api/sessions/{name}/links", body or None)
    assert made.status == 201, made
    return made.json


def path_of(url):
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def opened(postern, name, **body):
    """The cookie that a browser has once it has opened a new link."""
    answer = postern.document(path_of(link(postern, name, **body)["url"]))
    assert answer.status == 303 and answer.headers["location"] == f"/session/{name}/"
    return answer.headers["set-cookie"].split(";")[0]


def test_a_link_is_exchanged_for_a_cookie_and_the_session_works(guarded):
    made = link(guarded, "one", expiresIn=600)
    assert made["sessionId"] == "one" and made["url"].endswith("/session/one/?" + made["query"])
    assert abs(time.time() + 600 - time.mktime(time.strptime(made["expiresAt"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 60
    answer = guarded.document(path_of(made["url"]) + "&view=a%20b&x")
    assert answer.status == 303 and answer.headers["location"] == "/session/one/?view=a%20b&x"
    assert answer.headers["referrer-policy"] == "no-referrer" and answer.headers["cache-control"] == "no-store"
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    assert NAME.fullmatch(cookie.split("=")[0])
    assert sorted(attributes)[:1] + sorted(attributes)[2:] == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]
    assert 540 <= int(re.search(r"Max-Age=(\d+)", answer.headers["set-cookie"])[1]) <= 600
    # The cookie is the target's as little as the token is: pages, fetches and sockets, with others' cookies as they were.
    for headers in (DOCUMENT, {"Sec-Fetch-Dest": "empty"}):
        seen = guarded.get("/session/one/a?b=c", headers={**headers, "Cookie": f"x=1; {cookie}; y=2"}).json
        assert seen["target"] == "/a?b=c" and dict(seen["fields"])["cookie"] == "x=1; y=2"
    assert "cookie" not in dict(guarded.get("/session/one/", headers={"Cookie": cookie}).json["fields"])
    s, head, rest = shake_hands(guarded.port, "/session/one/", f"Cookie: {cookie}")
    assert head.startswith(b"HTTP/1.1 101") and receive(s, 5, rest) == b"hello"
    events = guarded.get("/session/one/.postern/events", headers={"Cookie": cookie})
    assert events.status in (200, 404) or b"state" in events.body
    assert guarded.metric("postern_access_links_opened_total") == 1


def test_without_a_pass_nothing_is_told(guarded):
    for name in ("one", "nobody"):
        page = guarded.document(f"/session/{name}/")
        assert page.status == 403 and b"Ask for a new one" in page.body and page.headers["cache-control"] == "no-store"
        fetched = guarded.get(f"/session/{name}/x.js", headers={"Accept": "application/json"})
        assert fetched.status == 403 and fetched.json["error"]["status"] == 403
        assert request(guarded.port, f"/session/{name}/", method="POST", body=b"x").status == 403
        _, head, _ = shake_hands(guarded.port, f"/session/{name}/")
        assert head.startswith(b"HTTP/1.1 403")
    bodies = {name: guarded.document(f"/session/{name}/").body.replace(f"/session/{name}".encode(), b"") for name in ("one", "nobody")}
    assert bodies["one"] == bodies["nobody"]
    assert guarded.metric("postern_access_refused_total") == 10
    for ending in ("/.postern/wake", "/.postern/events"):
        assert request(guarded.port, "/session/one" + ending, method="POST", body=b"").status == 403


def test_two_sessions_side_by_side(guarded):
    one, two = opened(guarded, "one"), opened(guarded, "two")
    assert one.split("=")[0] != two.split("=")[0]
    jar = f"{one}; {two}"
    for name in ("one", "two"):
        assert guarded.document(f"/session/{name}/", headers={"Cookie": jar}).status == 200
    assert "cookie" not in dict(guarded.get("/session/one/", headers={"Cookie": jar}).json["fields"])
    assert "cookie" not in dict(guarded.get("/up/v4/", headers={"Cookie": jar}).json["fields"])
    assert guarded.get("/session/two/", headers={"Cookie": one}).status == 403
    # Neither the other's value under one's own name.
    swapped = f"{two.split('=')[0]}={one.split('=', 1)[1]}"
    assert guarded.get("/session/two/", headers={"Cookie": swapped}).status == 403


def test_a_connection_that_was_let_in_is_asked_each_time(guarded):
    one, two = opened(guarded, "one", expiresIn=10), opened(guarded, "two")
    connection = http.client.HTTPConnection("127.0.0.1", guarded.port)

    def ask(name, cookie):
        connection.request("GET", f"/session/{name}/", headers={"Cookie": cookie} if cookie else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    value = one.split("=", 1)[1]
    for name, cookie, status in [("one", one, 200), ("one", one, 200), ("one", None, 403), ("one", one[:-1], 403), ("two", one, 403),
                                 ("two", f"{two.split('=')[0]}={value}", 403), ("two", two, 200), ("one", one, 200), ("one", "x=1", 403)]:
        assert ask(name, cookie) == status, (name, cookie)
    until("it has expired", lambda: ask("one", one) == 403)


def test_forged_and_expired(guarded):
    made = link(guarded, "one", expiresIn=4)
    token = made["query"].split("=")[1]
    cookie = opened(guarded, "one")
    for wrong in (token[:-1], token[:-1] + ("0" if token[-1] != "0" else "1"), token.replace("-", "--", 1), "f" + token, "", "x" * 5000,
                  cookie.split("=", 1)[1], token.upper()):
        assert guarded.document(f"/session/one/?postern_access={wrong}").status == 403, wrong
    assert guarded.document(f"/session/two/?{made['query']}").status == 403
    assert guarded.get("/session/one/", headers={"Cookie": f"{cookie.split('=')[0]}={token}"}).status == 403
    until("the link has expired", lambda: guarded.document(path_of(made["url"])).status == 403)
    # Who is in already and opens an old link again stays in, without the token in the address bar.
    again = guarded.document(path_of(made["url"]), headers={"Cookie": cookie})
    assert again.status == 303 and again.headers["location"] == "/session/one/" and "set-cookie" not in again.headers


def test_the_cookie_ends_with_the_link(guarded):
    cookie = opened(guarded, "one", expiresIn=5)
    s, head, rest = shake_hands(guarded.port, "/session/one/", f"Cookie: {cookie}")
    assert head.startswith(b"HTTP/1.1 101") and receive(s, 5, rest) == b"hello"
    until("it has ended", lambda: guarded.get("/session/one/", headers={"Cookie": cookie}).status == 403)
    assert s.recv(100) in (b"", b"bye")  # its "hello" is no frame, so none follows


def test_revoked_in_all_workers_and_open_sockets_end(guarded):
    made, cookie, other = link(guarded, "one"), opened(guarded, "one"), opened(guarded, "two")
    s, head, rest = shake_hands(guarded.port, "/session/one/", f"Cookie: {cookie}")
    assert head.startswith(b"HTTP/1.1 101") and receive(s, 5, rest) == b"hello"
    kept = [http.client.HTTPConnection("127.0.0.1", guarded.port) for _ in range(20)]

    def ask(connection):
        connection.request("GET", "/session/one/", headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    assert {ask(c) for c in kept} == {200}
    ports = guarded.children()["worker"]
    assert len(ports) == 2
    assert guarded.api_call("DELETE", "/api/sessions/one/links").status == 200
    assert {ask(c) for c in kept} == {403}  # by the time of the answer, on both workers
    assert {guarded.get("/session/one/", headers={"Cookie": cookie}).status for _ in range(20)} == {403}
    assert guarded.document(path_of(made["url"])).status == 403
    assert guarded.get("/session/two/", headers={"Cookie": other}).status == 200
    try:
        while s.recv(100):
            pass
    except ConnectionResetError:
        pass
    assert guarded.get("/session/one/", headers={"Cookie": opened(guarded, "one")}).status == 200
    assert guarded.api_call("DELETE", "/api/sessions/none/links").status == 404


def test_a_link_to_an_earlier_session_of_the_name_is_none(guarded):
    cookie = opened(guarded, "one")
    assert guarded.cli("sessions", "rm", "one").returncode == 0
    until("gone", lambda: guarded.get("/session/one/", headers={"Cookie": cookie}).status == 403)
    time.sleep(1.1 - time.time() % 1)  # a generation is a second
    guarded.set_session("one", "active", f"127.0.0.1:{guarded.mirror}")
    fresh = until("there again", lambda: (c := opened(guarded, "one")) and guarded.get("/session/one/", headers={"Cookie": c}).status == 200 and c)
    assert fresh != cookie and guarded.get("/session/one/", headers={"Cookie": cookie}).status == 403


def test_from_the_command_line(guarded):
    done = guarded.cli("sessions", "link", "one", "--for", "10m")
    assert done.returncode == 0, done.stderr
    answer = guarded.document(path_of(done.stdout.strip()))
    cookie = answer.headers["set-cookie"].split(";")[0]
    assert answer.status == 303 and guarded.get("/session/one/", headers={"Cookie": cookie}).status == 200
    assert "revoked" in guarded.cli("sessions", "unlink", "one").stdout
    until("revoked", lambda: guarded.get("/session/one/", headers={"Cookie": cookie}).status == 403)
    for arguments, said in [(["link", "none"], "no session"), (["link", "one", "--for", "90d"], "--for"), (["unlink", "none"], "no session")]:
        failed = guarded.cli("sessions", *arguments)
        assert failed.returncode != 0 and said in failed.stderr, failed


def test_from_the_command_line_without_preview_url(run_postern, run_fake):
    conf = "\n".join(line for line in CONF.splitlines() if "preview_url" not in line)
    postern = run_postern(conf=conf, session="dev_server vite; access link;", main="access_key_file {folder}/access.key;")
    postern.set_session("one", "active", f"127.0.0.1:{run_fake('mirror')}")
    done = postern.cli("sessions", "link", "one")
    assert done.returncode == 0 and done.stdout.startswith("/session/one/?postern_access=")
    assert "server's address" in done.stderr and "preview_url" in done.stderr
    answer = postern.document(done.stdout.strip())
    assert answer.status == 303 and answer.headers["location"] == "/session/one/" and answer.headers["set-cookie"]


def test_nobody_else_gets_to_see_the_token(guarded):
    made = link(guarded, "one")
    token = made["query"].split("=")[1]
    path = path_of(made["url"])
    cookie = opened(guarded, "one")
    # A program that shows the token itself is let in, and it goes no further; neither does one in a Referer.
    seen = guarded.get(path + "&a=1", headers={"Referer": f"http://127.0.0.1/session/one/x?b=2&{made['query']}#y"}).json
    assert seen["target"] == "/?a=1" and dict(seen["fields"])["referer"] == "http://127.0.0.1/session/one/x?b=2#y"
    s, head, rest = shake_hands(guarded.port, path)
    assert head.startswith(b"HTTP/1.1 101")
    s.close()
    guarded.document(path)
    guarded.document(path.replace("/session/one/?", "/session/one?"))  # to the slash, with the token
    guarded.get(f"/session/nobody/?{made['query']}")
    guarded.get(f"/session/one/../x?{made['query']}")
    guarded.get(f"/elsewhere?{made['query']}", headers={"Cookie": cookie})
    guarded.get(f"/up/v4/?{made['query']}")
    escaped = made["query"].replace("postern", "%70oster%6E")
    assert guarded.document(f"/session/one/?b=2&{escaped}").headers["location"] == "/session/one/?b=2"
    # Links as mail programs and careless hands leave them open nothing, and are logged as little.
    for broken in (f"/session/one/%3F{made['query']}", f"/session/one/?c&amp;{made['query']}", f"/session/one/%3F{escaped}"):
        assert guarded.get(broken, headers={"Referer": f"http://x{broken}"}).status == 403
    explained = guarded.cli("explain", made["url"]).stdout
    assert "only by a link" in explained and token not in explained
    assert "decision   for whom access lets in: proxy to" in explained
    # Each worker writes its log in its own time.
    requests_logged = ("/up/v4/", "/session/nobody/", "/elsewhere", "/session/one/?a=1", "/session/one/?b=2", "/session/one/?c&amp;")
    until("logged", lambda: all(text in guarded.access_log() for text in requests_logged))
    mac = token.split("-")[2]
    for text in (guarded.access_log(), guarded.log()):
        assert mac not in text and cookie.split("-")[-1] not in text
        assert (guarded.folder / "access.key").read_text().strip() not in text
    assert "/session/one/?a=1" in guarded.access_log()


def test_the_slash_is_added_before_the_token_is_taken(guarded):
    made = link(guarded, "one")
    answer = guarded.document(f"/session/one?{made['query']}")
    assert answer.status == 307 and answer.headers["location"] == f"/session/one/?{made['query']}"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_another_spelling_of_a_session_keeps_the_link(run_postern, run_fake):
    # A location of files sees it first, and says how it is spelled here.
    postern = run_postern(session="dev_server vite; access link;", main="access_key_file {folder}/access.key;")
    postern.set_session("one", "active", f"127.0.0.1:{run_fake('mirror')}")
    made = link(postern, "one")
    for spelling in ("//session/one/x", "/%73ession/one/x"):
        answer = postern.document(f"{spelling}?a=1&{made['query']}")
        assert answer.status == 301 and answer.headers["location"] == f"/session/one/x?a=1&{made['query']}", answer
        assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"
    answer = postern.document(answer.headers["location"])
    assert answer.status == 303 and answer.headers["location"] == "/session/one/x?a=1"
    until("logged", lambda: "/%73ession/one/x?a=1" in postern.access_log() and "//session/one/x?a=1" in postern.access_log())
    assert made["query"].split("-")[-1] not in postern.access_log()


def test_networks(guarded):
    assert guarded.get("/from/v4/").status == 200 and guarded.get("/from/v6/").status == 403
    assert guarded.get("/up/v4/").status == 200 and guarded.get("/up/v6/").status == 403
    page = guarded.document("/from/v6/")
    assert page.status == 403 and b"not open to your network" in page.body
    # Either is enough.
    assert guarded.get("/both/one/").status == 200
    assert guarded.get("/both/nobody/").status == 404


def test_networks_are_asked_for_the_client_and_not_for_the_proxy(run_postern):
    postern = run_postern(main="trusted_proxies 127.0.0.0/8;",
                          server="location /from/ { static {folder}/static; access 10.0.0.0/8 2001:db8::/32; }")
    for forwarded, status in [("10.1.2.3", 200), ("2001:db8::7", 200), ("192.168.0.1", 403), ("10.1.2.3, 192.168.0.1", 403), (None, 403)]:
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        assert postern.get("/from/", headers=headers).status == status, forwarded


def test_keys_change_one_after_the_other(guarded):
    key_file = guarded.folder / "access.key"
    assert key_file.stat().st_mode & 0o777 == 0o600
    first = key_file.read_text().strip()
    assert len(first) == 64
    old = opened(guarded, "one")
    second = os.urandom(32).hex()

    def reload_with(text):
        before = guarded.children()["worker"]
        key_file.write_text(text)
        guarded.signal(signal.SIGHUP)
        until("new workers", lambda: not set(before) & set(guarded.children().get("worker", [])) and len(guarded.children()["worker"]) == 2)
        until("control is back", lambda: guarded.api_call("GET", "/readyz").status == 200)

    reload_with(f"{second}\n{first}\n")
    new = until("made with the new key", lambda: (c := opened(guarded, "one")) and c)
    for cookie in (old, new):
        assert guarded.get("/session/one/", headers={"Cookie": cookie}).status == 200
    reload_with(f"{second}\n")
    assert guarded.get("/session/one/", headers={"Cookie": new}).status == 200
    assert guarded.get("/session/one/", headers={"Cookie": old}).status == 403
    os.chmod(key_file, 0o640)
    tested = guarded.cli("-t")
    assert tested.returncode != 0 and "access_key_file" in tested.stderr and "0640" in tested.stderr
    key_file.chmod(0o600)


def test_where_no_location_has_links(run_postern):
    postern = run_postern()
    postern.set_session("one", "active", "127.0.0.1:9")
    refused = postern.api_call("POST", "/api/sessions/one/links")
    assert refused.status == 409 and refused.json["error"]["code"] == "links_off"
    assert not (postern.folder / "access.key").exists()
    failed = postern.cli("sessions", "link", "one")
    assert failed.returncode != 0 and "access link" in failed.stderr
