"""That a contender does the work before it is measured: a router that answers wrongly is quick for nothing."""

import http.client
import socket
import time

from world import Trouble

DOCUMENT = {"Accept": "text/html,application/xhtml+xml"}


class Pages:
    """The 404 and loading pages that all contenders send: postern's own where it runs."""

    def __init__(self, not_found=None, loading=None):
        filler = b"<p>Nothing to see here, and it takes a page of a few kilobytes to say so.</p>\n" * 40
        self.not_found = not_found or b"<!doctype html>\n<title>Not found</title>\n" + filler
        self.loading = loading or b"<!doctype html>\n<title>Starting</title>\n" + filler


def get(contender, path, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or DOCUMENT)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Trouble(f"{contender.name}: GET {path}: {error!r}") from None
    finally:
        connection.close()


def wait_for_session(contender, session, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if get(contender, f"/session/{session}/")[0] == 200:
                return
        except Trouble:
            pass  # listens, but is not that far yet
        time.sleep(0.05)
    raise Trouble(f"{contender.name}: session {session} is not routed after {seconds} s")


def pages_of(contender):
    return Pages(get(contender, "/session/x000001/")[2], get(contender, "/session/i000001/")[2])


def expect(contender, what, got, wanted):
    if got != wanted:
        raise Trouble(f"{contender.name}: {what} is {got!r}, should be {wanted!r}")


def contender(world, c, cases):
    for i in (0, 1, 2, 3, world.active - 1):
        status, _, body = get(c, f"/session/a{i:06d}/src/main.js")
        expect(c, f"status of session a{i:06d}", (status, len(body)), (200, 1024))
    status, headers, body = get(c, "/session/x000001/")
    expect(c, "status of an unknown session", status, 404)
    status, headers, body = get(c, "/session/i000001/")
    expect(c, "status of an initializing session", (status, "Retry-After" in headers), (503, True))
    if "big" in cases:
        expect(c, "size of /big", len(get(c, "/session/a000001/big")[2]), 1024 * 1024)
    if "static" in cases and "static" not in c.cannot:
        page = (world.folder / "site/static/page.html").read_bytes()
        expect(c, "static page is whole", get(c, "/static/page.html")[2] == page, True)
    if "sockets" in cases:
        socket_echoes(c)
    if c.name != "relay":  # it passes bytes on as they are
        forwarded(c)


def forwarded(c):
    _, _, body = get(c, "/session/a000001/echo", dict(DOCUMENT, **{"X-Session-Id": "forged"}))
    head = body.decode("latin-1").split("\r\n")
    expect(c, "request line sent on", head[0], "GET /echo HTTP/1.1")
    fields = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), []).append(value.strip())
    expect(c, "x-session-id sent on", fields.get("x-session-id"), ["a000001"])
    expect(c, "X-Forwarded-For sent on", fields.get("x-forwarded-for"), ["127.0.0.1"])
    expect(c, "X-Forwarded-Proto sent on", fields.get("x-forwarded-proto"), ["http"])


def socket_echoes(c):
    with socket.create_connection(("127.0.0.1", c.port), timeout=10) as s:
        s.sendall(f"GET /session/a000001/ws HTTP/1.1\r\nHost: 127.0.0.1:{c.port}\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = s.recv(4096)
            if not more:
                break
            head += more
        expect(c, "answer to an upgrade", head[:12], b"HTTP/1.1 101")
        s.sendall(b"\x82\xa0" + b"\0\0\0\0" + b"e" * 32)
        got = b""
        while len(got) < 34:
            more = s.recv(4096)
            if not more:
                break
            got += more
        expect(c, "echo of a frame", got, b"\x82\x20" + b"e" * 32)
