"""Field lines, and the fields that are for one hop or for postern alone (RFC 9110 5 to 10, RFC 9112 5)."""
from .case import Case, Seen, head, passes, post, refused, uploads

LINES = [refused("field: " + name, head(*lines)) for name, lines in {
    "space before the colon": (b"A : b",),
    "tab before the colon": (b"A\t: b",),
    "vertical tab before the colon": (b"A\v: b",),
    "no name": (b": b",),
    "only a colon": (b":",),
    "no colon": (b"abc",),
    "space line": (b" ",),
    "tab line": (b"\t",),
    "folded": (b"A: b", b" c"),
    "folded with a tab": (b"A: b", b"\tc"),
    "folded length": (b"A: b", b" Content-Length: 5"),
    "space in a name": (b"A B: c",),
    "tab in a name": (b"A\tB: c",),
    "NUL in a name": (b"A\0B: c",),
    "NUL first in a name": (b"\0A: b",),
    "CR in a name": (b"A\rB: c",),
    "LF in a name": (b"A\nB: c",),
    "UTF-8 in a name": (b"Caf\xc3\xa9: a",),
    "DEL in a name": (b"A\x7f: b",),
    "at in a name": (b"A@B: c",),
    "brackets around a name": (b"[A]: b",),
    "quotes around a name": (b'"A": b',),
    "slash in a name": (b"A/B: c",),
    "backslash in a name": (b"A\\B: c",),
    "comma in a name": (b"A,B: c",),
    "semicolon in a name": (b"A;B: c",),
    "equals in a name": (b"A=B: c",),
    "question mark in a name": (b"A?B: c",),
    "braces in a name": (b"{A}: b",),
    "brackets in a known name": (b"Content-Length[]: 5",),
    "NUL in a value": (b"A: b\0c",),
    "NUL first in a value": (b"A: \0b",),
    "NUL alone": (b"A: \0",),
    "01 in a value": (b"A: \x01",),
    "backspace in a value": (b"A: b\x08",),
    "vertical tab in a value": (b"A: b\vc",),
    "form feed in a value": (b"A: b\fc",),
    "escape in a value": (b"A: \x1b[31m",),
    "1f in a value": (b"A: \x1f",),
    "DEL in a value": (b"A: \x7f",),
    "bare CR in a value": (b"A: b\rc",),
    "bare CR at the end": (b"A: b\r",),
    "bare CR first": (b"A: \rb",),
    "bare LF in a value": (b"A: b\nc: d",),
    "bare LF ends the line": (b"A: b\nX-Session-Id: forged",),
    "bare LF ends the head": (b"A: b\n\nGET /evil HTTP/1.1\r\nHost: h",),
    "CR first in a line": (b"\rA: b",),
    "CR alone": (b"\r",),
    "LF first in a line": (b"\nA: b",),
    "a second request line": (b"GET /evil HTTP/1.1",),
}.items()] + [
    refused("field: bare LF for the end", b"GET /x HTTP/1.1\r\nHost: h\r\n\n"),
    refused("field: CR X for the end", b"GET /x HTTP/1.1\r\nHost: h\r\n\rX"),
    refused("field: folded before Host", b"GET /x HTTP/1.1\r\n A: b\r\nHost: h\r\n\r\n"),
    passes("field: no space", head(b"A:b"), b"a: b"),
    passes("field: many blanks", head(b"A:  \t b c \t "), b"a: b c"),
    passes("field: tab inside", head(b"A: b\tc"), b"a: b\tc"),
    passes("field: empty value", head(b"A:"), b"a: "),
    passes("field: blank value", head(b"A: \t "), b"a: "),
    passes("field: colons in a value", head(b"A: b: c:"), b"a: b: c:"),
    passes("field: colon first in a value", head(b"A:: b"), b"a: : b"),
    passes("field: Latin-1 in a value", head(b"A: caf\xe9"), b"a: caf\xe9"),
    passes("field: UTF-8 in a value", head(b"A: caf\xc3\xa9"), b"a: caf\xc3\xa9"),
    passes("field: 80 and ff in a value", head(b"A: \x80\xff"), b"a: \x80\xff"),
    passes("field: odd token bytes in a name", head(b"!#$%&'*+.^_`|~: b"), b"!#$%&'*+.^_`|~: b"),
    passes("field: repeated", head(b"A: b", b"a: c"), b"a: b", b"a: c"),
    passes("field: coded CR LF in a value", head(b"A: b%0d%0aHost: else"), b"a: b%0d%0aHost: else"),
]


def filled(size):
    """A head of just so many bytes."""
    empty = len(head(b"A: "))
    return head(b"A: " + b"b" * (size - empty))


LIMITS = [
    passes("limit: a head of 16 KiB", filled(16384), b"a: " + b"b" * (16384 - len(head(b"A: ")))),
    refused("limit: a head of 16 KiB and a byte", filled(16385), 431),
    refused("limit: an endless value", b"GET /x HTTP/1.1\r\nHost: h\r\nA: " + b"b" * 40000, 431),
    refused("limit: an endless name", b"GET /x HTTP/1.1\r\nHost: h\r\n" + b"a" * 40000, 431),
    refused("limit: a head of 64 KiB", filled(65536), 431),
    passes("limit: 100 fields", head(*[b"A: b"] * 99), *[b"a: b"] * 99),
    refused("limit: 101 fields", head(*[b"A: b"] * 100), 431),
    refused("limit: a thousand fields", head(*[b"A: b"] * 1000), 431),
    passes("limit: Connection names 16 fields", head(b"Connection: " + b",".join(b"a%d" % i for i in range(16)), b"A3: b", b"C: d"), b"c: d"),
    refused("limit: Connection names 17 fields", head(b"Connection: " + b",".join(b"a%d" % i for i in range(17)))),
    uploads("limit: a body of client_max_body_size", post(b"Content-Length: 65536", body=b"x" * 65536), b"x" * 65536),
]

HOPS = [passes("hop: " + name, head(*lines), *kept) for name, lines, kept in (
    ("Connection names a field", (b"Connection: A", b"A: b", b"C: d"), (b"c: d",)),
    ("Connection names it in another case", (b"Connection: a-B", b"A-b: c"), ()),
    ("Connection names it behind it", (b"A: b", b"Connection: A"), ()),
    ("two Connections", (b"Connection: A", b"A: b", b"Connection: C", b"C: d"), ()),
    ("Connection with empty members", (b"Connection: , A,, keep-alive ,", b"A: b"), ()),
    ("Connection is blank", (b"Connection:", b"A: b"), (b"a: b",)),
    ("Connection names Host", (b"Connection: Host",), ()),
    ("Connection names X-Forwarded-For", (b"Connection: X-Forwarded-For, X-Real-IP",), ()),
    ("Connection names X-Session-Id", (b"Connection: X-Session-Id", b"X-Session-Id: forged"), ()),
    ("Keep-Alive", (b"Keep-Alive: timeout=5", b"Connection: keep-alive"), ()),
    ("Proxy-Connection", (b"Proxy-Connection: A", b"A: b"), (b"a: b",)),
    ("Proxy-Authorization", (b"Proxy-Authorization: Basic YQ==",), ()),
    ("TE", (b"TE: trailers, chunked", b"Connection: TE"), ()),
    ("TE alone", (b"TE: gzip;q=0",), ()),
    ("Trailer", (b"Trailer: Content-Length",), ()),
    ("Upgrade without Connection", (b"Upgrade: websocket",), ()),
    ("h2c", (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"), ()),
    ("h2c, settings not named", (b"Connection: Upgrade", b"Upgrade: h2c", b"A: b"), (b"a: b",)),
    ("h2c and another", (b"Connection: Upgrade", b"Upgrade: h2c, foo/2"), ()),
    ("HTTP/2.0 asked", (b"Connection: Upgrade", b"Upgrade: HTTP/2.0"), ()),
    ("TLS asked", (b"Connection: Upgrade", b"Upgrade: TLS/1.0"), ()),
    ("an unknown upgrade", (b"Connection: Upgrade", b"Upgrade: x"), ()),
    ("websocket, not named by Connection", (b"Connection: keep-alive", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"),
     (b"sec-websocket-version: 13",)),
    ("websocketx", (b"Connection: Upgrade", b"Upgrade: websocketx"), ()),
)] + [
    passes("hop: Connection names Cookie", head(b"Connection: Cookie", b"Cookie: a=b"), b"cookie: a=b",
           deviation="without Cookie: each field that Connection names is removed (RFC 9110 7.6.1); kept on purpose"),
    passes("hop: Connection names Authorization", head(b"Connection: Authorization", b"Authorization: a"), b"authorization: a",
           deviation="without Authorization: each field that Connection names is removed (RFC 9110 7.6.1); kept on purpose"),
    uploads("hop: Connection names Content-Length", post(b"Connection: Content-Length", b"Content-Length: 5", body=b"hello"), b"hello"),
    uploads("hop: Connection names Transfer-Encoding", post(b"Connection: Transfer-Encoding", b"Transfer-Encoding: chunked",
                                                          body=b"5\r\nhello\r\n0\r\n\r\n"), b"hello"),
]

FORGED = [passes("own: " + name.decode("latin-1"), head(name + b": forged", b"A: b"), b"a: b") for name in (
    b"X-Session-Id", b"x-session-id", b"X-SESSION-ID", b"X_Session_Id", b"x_session-id", b"X-Session_ID",
    b"X-Postern-Page", b"x-postern-x", b"X_Postern_Page", b"X-Postern_Page", b"X_POSTERN-PAGE", b"x-postern-" + b"a" * 100,
    b"X-Forwarded-For", b"X_Forwarded_For", b"X-Forwarded_For", b"X-Forwarded-Host", b"X-Forwarded-Proto", b"X-Forwarded-Prefix",
    b"X_Forwarded_Proto", b"X-Real-IP", b"X_Real_IP", b"Forwarded", b"Transfer_Encoding", b"Content_Length",
)] + [
    passes("own: in a session's request", head(b"X-Session-Id: forged", b"x_session_id: forged", start=b"GET /session/up/x HTTP/1.1"),
           session=b"up"),
    passes("own: a short X_Postern_ name", head(b"X_Postern_" + b"a" * 14 + b": forged")),
    passes("own: a long X_Postern_ name", head(b"X_Postern_" + b"a" * 90 + b": forged")),
    passes("own: another field that ends alike", head(b"Y-X-Session-Id: b"), b"y-x-session-id: b"),
    passes("own: X-Forwarded-Port and the like", head(b"X-Forwarded-Port: 1", b"x_forwarded_ssl: on", b"X-Original-URL: /a"), b"x-original-url: /a"),
]

EXPECT = [refused("expect: " + name, post(b"Content-Length: 5", *lines, body=b"hello"), 417) for name, lines in {
    "another": (b"Expect: 200-ok",),
    "blank": (b"Expect:",),
    "twice": (b"Expect: 100-continue", b"Expect: 100-continue"),
    "list": (b"Expect: 100-continue, 100-continue",),
    "with a parameter": (b"Expect: 100-continue;a=b",),
    "with a letter": (b"Expect: 100-continuex",),
}.items()] + [
    refused("expect: another of a GET", head(b"Expect: nothing"), 417),
    passes("expect: of a GET without a body", head(b"Expect: 100-continue")),
    uploads("expect: length 0", post(b"Expect: 100-continue", b"Content-Length: 0"), b""),
    uploads("expect: the body comes at once", post(b"Expect: 100-Continue", b"Content-Length: 5", body=b"hello"), b"hello", interim=(100,)),
    uploads("expect: the body comes late", (post(b"Expect: 100-continue", b"Content-Length: 5"), 0.02, b"hello"), b"hello", interim=(100,)),
    uploads("expect: chunked", post(b"Expect: 100-continue", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"), b"hello",
            interim=(100,)),
    Case("expect: to nowhere", head(b"Expect: 100-continue", b"Content-Length: 5", start=b"POST /session/none/ HTTP/1.1"), (404,), ends=True),
    Case("expect: HTTP/1.0", post(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello", start=b"POST /x HTTP/1.0"), (200,),
         (Seen(b"POST /x HTTP/1.1", body=b"hello"),), ends=True),
]

KEY, VERSION = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13"
ASKS = (b"Connection: Upgrade", b"Upgrade: websocket")

HANDSHAKES = [refused("handshake: " + name, head(*lines)) for name, lines in {
    "no key": (*ASKS, VERSION),
    "no version": (*ASKS, KEY),
    "blank key": (*ASKS, b"Sec-WebSocket-Key:", VERSION),
    "blank version": (*ASKS, KEY, b"Sec-WebSocket-Version:"),
    "two keys": (*ASKS, KEY, KEY, VERSION),
    "two versions": (*ASKS, KEY, VERSION, b"Sec-WebSocket-Version: 8"),
    "a length": (*ASKS, KEY, VERSION, b"Content-Length: 5"),
    "chunked": (*ASKS, KEY, VERSION, b"Transfer-Encoding: chunked"),
    "both lengths": (*ASKS, KEY, VERSION, b"Content-Length: 5", b"Transfer-Encoding: chunked"),
}.items()]


def not_switched(name, start, *lines):
    """A handshake that the upstream answers with 200: nothing is tunnelled, and what follows it is no request."""
    asked = b"connection: Upgrade", b"upgrade: websocket"
    kept = tuple(text.split(b":")[0].lower() + text[text.index(b":"):] for text in lines if not text.startswith((b"Connection", b"Upgrade")))
    return Case("handshake: " + name, head(*lines, start=start), (200,), (Seen(b"GET /x HTTP/1.1", kept + asked),), ends=True)


HANDSHAKES += [
    not_switched("answered 200", b"GET /x HTTP/1.1", *ASKS, KEY, VERSION),
    not_switched("version 12 is the target's to judge", b"GET /x HTTP/1.1", *ASKS, KEY, b"Sec-WebSocket-Version: 12"),
    not_switched("version 999", b"GET /x HTTP/1.1", *ASKS, KEY, b"Sec-WebSocket-Version: 999"),
    not_switched("a key of another length", b"GET /x HTTP/1.1", *ASKS, b"Sec-WebSocket-Key: YQ==", VERSION),
    not_switched("with h2c in the list", b"GET /x HTTP/1.1", b"Connection: Upgrade", b"Upgrade: h2c, websocket", KEY, VERSION),
    not_switched("in capitals", b"GET /x HTTP/1.1", b"Connection: keep-alive, UPGRADE", b"Upgrade: WEBSOCKET", KEY, VERSION),
    passes("handshake: HTTP/1.0", head(*ASKS, KEY, VERSION, start=b"GET /x HTTP/1.0"), KEY.replace(b"Sec-WebSocket-Key", b"sec-websocket-key"),
           VERSION.replace(b"Sec-WebSocket-Version", b"sec-websocket-version"), ends=True),
    uploads("handshake: POST", post(*ASKS, KEY, VERSION), b"", KEY.replace(b"Sec-WebSocket-Key", b"sec-websocket-key"),
            VERSION.replace(b"Sec-WebSocket-Version", b"sec-websocket-version")),
]

COOKIES = [passes("cookie: " + name, head(*lines), *kept) for name, lines, kept in (
    ("postern's own is taken out", (b"Cookie: a=b; postern_session=forged; c=d",), (b"cookie: a=b; c=d",)),
    ("postern's own alone", (b"Cookie: postern_session=forged",), ()),
    ("postern's own twice", (b"Cookie: postern_session=forged; postern_session=forged",), ()),
    ("postern's own in two lines", (b"Cookie: postern_session=forged", b"Cookie: a=b; postern_session=forged"), (b"cookie: a=b",)),
    ("postern's own with blanks", (b"Cookie: a=b ;\tpostern_session = forged ; c=d",), (b"cookie: a=b; c=d",)),
    ("postern's own without a value", (b"Cookie: postern_session; a=b",), (b"cookie: a=b",)),
    ("postern's own behind nothing", (b"Cookie: ;; ;postern_session=forged;",), ()),
    ("a longer name", (b"Cookie: postern_session2=b; xpostern_session=c",), (b"cookie: postern_session2=b; xpostern_session=c",)),
    ("two lines", (b"Cookie: a=b", b"Cookie: c=d"), (b"cookie: a=b", b"cookie: c=d")),
    ("odd bytes", (b'Cookie: a="b;c"; =; d',), (b'cookie: a="b;c"; =; d',)),
)]

OPTIONS = [
    passes("Max-Forwards: of a GET is no business of ours", head(b"Max-Forwards: 0"), b"max-forwards: 0"),
    passes("Max-Forwards: 0 of an OPTIONS", head(b"Max-Forwards: 0", start=b"OPTIONS /x HTTP/1.1"), b"max-forwards: 0", line=b"OPTIONS /x HTTP/1.1",
           deviation="answered by postern: an OPTIONS with Max-Forwards 0 goes no further (RFC 9110 7.6.2); nginx and HAProxy pass it, too"),
]

ALL = {"cookies": COOKIES, "Max-Forwards": OPTIONS, "field lines": LINES, "limits": LIMITS, "between hops": HOPS, "postern's own": FORGED, "Expect": EXPECT,
       "handshakes": HANDSHAKES}
