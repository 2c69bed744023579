"""What an upstream may say that it must not, and what the client gets of it (RFC 9112 4, 6 and 9, RFC 9110 15)."""
from .case import HALF_CLOSE, Evil
from .fields import ASKS, KEY, VERSION
from .judge import BEHIND
from .recorder import END, RESET, WAIT_FOR_BODY, WAIT_FOR_END

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\nok"
SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
CLOSE = b"Connection: close\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def said(*fields, status=OK, body=b"evil"):
    return status + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body


def no_answer(name, *steps, status=502, **more):
    return Evil("answer: " + name, steps, status, **more)


def whole(name, *steps, status=200, body=b"ok", **more):
    return Evil("answer: " + name, steps, status, body, **more)


def cut(name, *steps, status=200, **more):
    return Evil("answer: " + name, steps, status, cut=True, **more)


STATUS_LINES = [no_answer("status line: " + name, text) for name, text in {
    "none, HTTP/0.9": b"<h1>evil</h1>",
    "another protocol": b"SSH-2.0-evil\r\n\r\n",
    "ICY": said(status=b"ICY 200 OK\r\n"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2 settings": b"\0\0\0\x04\0\0\0\0\0",
    "a TLS alert": b"\x15\x03\x03\0\x02\x02\x28",
    "a request": b"GET /evil HTTP/1.1\r\nHost: h\r\n\r\n",
    "empty line first": b"\r\n" + WHOLE,
    "space first": b" " + WHOLE,
    "lower-case": said(status=b"http/1.1 200 OK\r\n"),
    "HTTP/0.9": said(status=b"HTTP/0.9 200 OK\r\n"),
    "HTTP/2": said(status=b"HTTP/2 200 OK\r\n"),
    "HTTP/2.0": said(status=b"HTTP/2.0 200 OK\r\n"),
    "HTTP/1.10": said(status=b"HTTP/1.10 200 OK\r\n"),
    "two spaces": said(status=b"HTTP/1.1  200 OK\r\n"),
    "tab": said(status=b"HTTP/1.1\t200 OK\r\n"),
    "no status": said(status=b"HTTP/1.1 OK\r\n"),
    "two digits": said(status=b"HTTP/1.1 20 OK\r\n"),
    "four digits": said(status=b"HTTP/1.1 2000 OK\r\n"),
    "signed": said(status=b"HTTP/1.1 +200 OK\r\n"),
    "hexadecimal": said(status=b"HTTP/1.1 0xc8 OK\r\n"),
    "000": said(status=b"HTTP/1.1 000 OK\r\n"),
    "099": said(status=b"HTTP/1.1 099 OK\r\n"),
    "600": said(status=b"HTTP/1.1 600 OK\r\n"),
    "999": said(status=b"HTTP/1.1 999 OK\r\n"),
    "letters behind the status": said(status=b"HTTP/1.1 200OK\r\n"),
    "NUL in the reason": said(status=b"HTTP/1.1 200 O\0K\r\n"),
    "CR in the reason": said(status=b"HTTP/1.1 200 O\rK\r\n"),
    "escape in the reason": said(status=b"HTTP/1.1 200 \x1b[31m\r\n"),
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 4\n\nevil",
    "CR CR LF": said(status=b"HTTP/1.1 200 OK\r\r\n"),
    "endless": b"HTTP/1.1 200 " + b"a" * 50_000,
}.items()] + [
    whole("status line: no reason", said(b"Content-Length: 2", status=b"HTTP/1.1 200 \r\n", body=b"ok")),
    whole("status line: no reason, no space", said(b"Content-Length: 2", status=b"HTTP/1.1 200\r\n", body=b"ok")),
    whole("status line: Latin-1 reason", said(b"Content-Length: 2", status=b"HTTP/1.1 200 \xe9t\xe9\r\n", body=b"ok")),
    whole("status line: unknown status", said(b"Content-Length: 2", status=b"HTTP/1.1 599 X\r\n", body=b"ok"), status=599),
    whole("status line: HTTP/1.9", said(b"Content-Length: 2", status=b"HTTP/1.9 200 OK\r\n", body=b"ok")),
]

HEADS = [no_answer("head: " + name, text) for name, text in {
    "both framings": said(b"Content-Length: 4", b"Transfer-Encoding: chunked"),
    "both framings, the other order": said(b"Transfer-Encoding: chunked", b"Content-Length: 4"),
    "length repeated": said(b"Content-Length: 4", b"Content-Length: 4"),
    "two lengths": said(b"Content-Length: 4", b"Content-Length: 5"),
    "list of lengths": said(b"Content-Length: 4, 4"),
    "length signed": said(b"Content-Length: +4"),
    "length negative": said(b"Content-Length: -1"),
    "length hexadecimal": said(b"Content-Length: 0x4"),
    "length blank": said(b"Content-Length:"),
    "length of letters": said(b"Content-Length: four"),
    "length 2^63": said(b"Content-Length: 9223372036854775808"),
    "length 2^64 + 4": said(b"Content-Length: 18446744073709551620"),
    "coding gzip": said(b"Transfer-Encoding: gzip"),
    "coding gzip, chunked": said(b"Transfer-Encoding: gzip, chunked"),
    "coding chunked, chunked": said(b"Transfer-Encoding: chunked, chunked"),
    "coding chunked, gzip": said(b"Transfer-Encoding: chunked, gzip"),
    "coding identity": said(b"Transfer-Encoding: identity"),
    "coding xchunked": said(b"Transfer-Encoding: xchunked"),
    "coding blank": said(b"Transfer-Encoding:"),
    "coding twice": said(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "coding with a vertical tab": said(b"Transfer-Encoding: \vchunked"),
    "coding in HTTP/1.0": said(b"Transfer-Encoding: chunked", status=b"HTTP/1.0 200 OK\r\n"),
    "NUL in a value": said(b"A: \0"),
    "control byte in a value": said(b"A: \x01"),
    "CR in a value": said(b"A: b\rSet-Cookie: evil"),
    "LF in a value": said(b"A: b\nSet-Cookie: evil"),
    "folded": said(b"A: b", b" evil"),
    "folded first": said(b" A: b"),
    "space before the colon": said(b"Content-Length : 4"),
    "no colon": said(b"evil"),
    "no name": said(b": evil"),
    "NUL in a name": said(b"A\0: evil"),
    "space in a name": said(b"A B: evil"),
    "UTF-8 in a name": said(b"Caf\xc3\xa9: evil"),
    "bare LF for its end": OK + b"A: b\r\n\nevil",
    "101 fields": said(*[b"A: b"] * 101),
    "40 KB": said(b"A: " + b"b" * 40_000),
    "endless": OK + b"A: " + b"b" * 100_000,
    "Connection names 17 fields": said(b"Connection: " + b",".join(b"a%d" % i for i in range(17))),
    "204 with a length": said(b"Content-Length: 4", status=b"HTTP/1.1 204 No Content\r\n"),
    "204 with a coding": said(b"Transfer-Encoding: chunked", status=b"HTTP/1.1 204 No Content\r\n"),
    "100 with a length": said(b"Content-Length: 4", status=b"HTTP/1.1 100 Continue\r\n") + WHOLE,
    "103 with a coding": said(b"Transfer-Encoding: chunked", status=b"HTTP/1.1 103 Early Hints\r\n", body=b"") + WHOLE,
    "nine interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + WHOLE,
    "flood of interim answers": b"HTTP/1.1 103 Early Hints\r\nLink: <evil>\r\n\r\n" * 2000,
    "101 unasked": said(b"Upgrade: h2c", b"Connection: Upgrade", status=b"HTTP/1.1 101 Switching Protocols\r\n"),
    "101 unasked, to websocket": said(b"Upgrade: websocket", b"Connection: Upgrade", status=b"HTTP/1.1 101 Switching Protocols\r\n"),
    "101 behind an interim answer": said(status=b"HTTP/1.1 100 Continue\r\n", body=b"") + said(status=b"HTTP/1.1 101 X\r\n"),
}.items()] + [
    no_answer("head: cut, end", OK + b"Content-Le", END),
    no_answer("head: cut in the status line, end", b"HTTP/1.", END),
    no_answer("head: cut before the empty line, end", OK + b"Content-Length: 4\r\n", END),
    no_answer("head: cut, reset", OK + b"Content-Le", RESET),
    no_answer("head: interim, then end", b"HTTP/1.1 100 Continue\r\n\r\n", END),
    whole("head: 100 fields", said(b"Content-Length: 2", *[b"A: b"] * 99, body=b"ok")),
    whole("head: 30 KB", said(b"Content-Length: 2", b"A: " + b"b" * 30_000, body=b"ok")),
    whole("head: eight interim answers", b"HTTP/1.1 103 Early Hints\r\nLink: <evil>\r\n\r\n" * 8 + WHOLE),
    whole("head: length with zeros in front", said(b"Content-Length: 0002", body=b"ok"), fields_got=(b"content-length: 2",)),
    whole("head: coding in capitals", said(b"Transfer-Encoding: CHUNKED", body=b"2\r\nok\r\n0\r\n\r\n")),
    whole("head: fields between hops", said(b"Content-Length: 2", b"Connection: X-A, keep-alive", b"X-A: evil", b"Keep-Alive: evil",
                                            b"Proxy-Connection: evil", b"Upgrade: evil", b"TE: evil", b"Trailer: evil", body=b"ok")),
    whole("head: fields of postern's own", said(b"Content-Length: 2", b"X-Session-Id: evil", b"X-Postern-Page: evil", body=b"ok")),
    whole("head: HTTP/1.0, kept alive", said(b"Content-Length: 2", b"Connection: keep-alive", status=b"HTTP/1.0 200 OK\r\n", body=b"ok")),
    whole("head: HTTP/1.0 and more behind", said(b"Content-Length: 2", status=b"HTTP/1.0 200 OK\r\n", body=b"okevil")),
    whole("head: a Date stays", said(b"Content-Length: 2", b"Date: Thu, 01 Jan 1970 00:00:00 GMT", body=b"ok"),
          fields_got=(b"date: Thu, 01 Jan 1970 00:00:00 GMT",)),
    whole("head: no Date is given one", WHOLE, has=b"\r\nDate: "),  # RFC 9110 6.6.1
    whole("head: a name with an underscore", said(b"Content-Length: 2", b"X_Session_Id: evil", b"x_postern_page: evil", body=b"ok"),
          lacks=b"evil"),
    whole("head: cookies stay apart", said(b"Content-Length: 2", b"Set-Cookie: a=b", b"Set-Cookie: c=d", body=b"ok"),
          fields_got=(b"set-cookie: a=b", b"set-cookie: c=d")),
]

# A body that breaks after its head has gone out: the client must see that it is not whole.
BODIES = [cut("chunks: " + name, CHUNKED + body + b"evil" * (not body.endswith(b"l")), END) for name, body in {
    "sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "no hexadecimal": b"zz\r\n",
    "empty size": b"\r\n",
    "space before": b" 5\r\nhello\r\n",
    "space behind": b"5 \r\nhello\r\n",
    "17 digits": b"00000000000000005\r\nhello\r\n",
    "2^64 - 1": b"ffffffffffffffff\r\n",
    "LF only behind a size": b"5\nhello\r\n",
    "NUL in an extension": b"5;\0\r\nhello\r\n",
    "extension of 300 bytes": b"5;" + b"a" * 300 + b"\r\nhello\r\n",
    "LF only behind data": b"5\r\nhello\n0\r\n\r\n",
    "data longer than said": b"5\r\nhello!\r\n0\r\n\r\n",
    "trailer without a colon": b"5\r\nhello\r\n0\r\nabc\r\n\r\n",
    "trailer folded": b"5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
    "trailers of 9 KB": b"5\r\nhello\r\n0\r\nA: " + b"b" * 9000 + b"\r\n\r\n",
    "cut in data": b"5\r\nhel",
}.items()] + [
    cut("chunks: cut at once", CHUNKED, END),
    cut("chunks: cut in a size", CHUNKED + b"5", END),
    cut("chunks: cut behind data", CHUNKED + b"5\r\nhello", END),
    cut("chunks: cut before the last chunk", CHUNKED + b"5\r\nhello\r\n", END),
    cut("chunks: cut before the last empty line", CHUNKED + b"5\r\nhello\r\n0\r\n", END),
    cut("chunks: reset", CHUNKED + b"5\r\nhello\r\n", RESET),
    cut("chunks: cut, for HTTP/1.0", CHUNKED + b"5\r\nhello\r\n", END, version=b"1.0"),
    cut("chunks: broken, for HTTP/1.0", CHUNKED + b"5\r\nhello\r\nzz\r\n", END, version=b"1.0"),
    cut("chunks: stop", CHUNKED + b"5\r\nhello\r\n", WAIT_FOR_END, END),
    cut("length: short, end", OK + b"Content-Length: 100\r\n\r\nshort", END),
    cut("length: nothing, end", OK + b"Content-Length: 100\r\n\r\n", END),
    cut("length: short, reset", OK + b"Content-Length: 100\r\n\r\nshort", RESET),
    cut("length: short, for HTTP/1.0", OK + b"Content-Length: 100\r\n\r\nshort", END, version=b"1.0"),
    cut("length: stops", OK + b"Content-Length: 100\r\n\r\nshort", WAIT_FOR_END, b"evil", END),
    cut("length: long and short", OK + b"Content-Length: 400000\r\n\r\n" + b"x" * 300_000, END),
    cut("no length: reset", OK + b"\r\nhello", 0.02, RESET),
    cut("no length: reset, for HTTP/1.0", OK + b"\r\nhello", 0.02, RESET, version=b"1.0"),
    whole("no length: until the end", OK + b"\r\nok", END),
    whole("no length: HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nok", END),
    whole("no length: nothing", OK + b"\r\n", END, body=b""),
    whole("chunks: trailers are dropped", CHUNKED + b"2\r\nok\r\n0\r\nA: evil\r\nSet-Cookie: evil\r\nContent-Length: 9\r\n\r\n"),
    whole("chunks: extensions are dropped", CHUNKED + b'2;evil="a b"\r\nok\r\n0;evil\r\n\r\n'),
    whole("chunks: nothing", CHUNKED + b"0\r\n\r\n", body=b""),
    whole("chunks: for HTTP/1.0", CHUNKED + b"2\r\nok\r\n0\r\n\r\n", version=b"1.0"),
    whole("chunks: in pieces", CHUNKED, 0.01, b"2", 0.01, b"\r\no", 0.01, b"k\r\n0\r", 0.01, b"\n\r\n"),
    whole("the head in pieces", b"HT", 0.01, b"TP/1.1 200 OK\r", 0.01, b"\nContent-Length: 2\r\n\r", 0.01, b"\nok"),
]

# More than the answer. The kept connections must never give the rest to another client.
MORE = [
    whole("more: behind the length", WHOLE + b"evil"),
    whole("more: a second answer at once", WHOLE + SECOND),
    whole("more: behind the last chunk", CHUNKED + b"2\r\nok\r\n0\r\n\r\nevil"),
    whole("more: a second answer behind chunks", CHUNKED + b"2\r\nok\r\n0\r\n\r\n" + SECOND),
    whole("more: empty line behind", WHOLE + b"\r\n"),
    whole("more: 204 and a body", said(status=b"HTTP/1.1 204 No Content\r\n"), status=204, body=b""),
    whole("more: 304 and a body", said(b"Content-Length: 4", status=b"HTTP/1.1 304 Not Modified\r\n"), status=304, body=b""),
    whole("more: 304 and chunks", said(b"Transfer-Encoding: chunked", status=b"HTTP/1.1 304 Not Modified\r\n", body=b"4\r\nevil\r\n0\r\n\r\n"),
          status=304, body=b""),
    whole("more: HEAD and a body", said(b"Content-Length: 4"), method=b"HEAD", body=b""),
    whole("more: HEAD and chunks", CHUNKED + b"4\r\nevil\r\n0\r\n\r\n", method=b"HEAD", body=b""),
    whole("more: HEAD and a second answer", said(b"Content-Length: 4", body=SECOND), method=b"HEAD", body=b""),
    whole("more: an interim answer behind", WHOLE + b"HTTP/1.1 100 Continue\r\n\r\n"),
    whole("more: length 0 and a body", said(b"Content-Length: 0"), body=b""),
    whole("more: reset behind", WHOLE, 0.03, RESET, fields=CLOSE, ends=True),
]
# What comes when nothing is asked is no answer to what is asked next (RFC 9112 9.2): the kept connection is closed.
LATE = [whole("late: " + name, *steps, fields=CLOSE, ends=True, **more) for name, steps, more in (
    ("a second answer", (WHOLE, 0.03, SECOND), {}),
    ("a second answer before a POST", (WHOLE, 0.03, SECOND), {"next_method": b"POST"}),
    ("a second answer behind chunks", (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", 0.03, SECOND), {}),
    ("no HTTP", (WHOLE, 0.03, b"evil"), {}),
    ("a byte", (WHOLE, 0.03, b"H"), {}),
    ("an interim answer", (WHOLE, 0.03, b"HTTP/1.1 100 Continue\r\n\r\n"), {}),
    ("a 408 before its end", (WHOLE, 0.03, b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nevil", END), {}),
    ("the body of a 204", (b"HTTP/1.1 204 No Content\r\n\r\n", 0.03, SECOND), {"status": 204, "body": b""}),
    ("the body of a 304", (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 42\r\n\r\n", 0.03, SECOND),
     {"status": 304, "body": b""}),
    ("the body of a HEAD", (OK + b"Content-Length: 42\r\n\r\n", 0.03, SECOND), {"method": b"HEAD", "body": b""}),
    ("end", (WHOLE, 0.03, END), {}),
    ("end before a POST", (WHOLE, 0.03, END), {"next_method": b"POST"}),
    ("reset before a POST", (WHOLE, 0.03, RESET), {"next_method": b"POST"}),
)]

BODY = b"Content-Length: 60000\r\n"
HALF = b"x" * 30_000
A_WHILE = 1.0  # in which what the upstream said has long arrived
EARLY = b"HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno"

MOMENTS = [
    no_answer("nothing: end", END, tries=(1, 2)),
    no_answer("nothing: reset", RESET, tries=(1, 2)),
    no_answer("nothing: end, PUT", WAIT_FOR_BODY, END, method=b"PUT", fields=b"Content-Length: 2\r\n", upload=(b"ab",), tries=(1, 2)),
    no_answer("nothing: end, POST", WAIT_FOR_BODY, END, method=b"POST", fields=b"Content-Length: 2\r\n", upload=(b"ab",)),
    no_answer("nothing: reset, POST", WAIT_FOR_BODY, RESET, method=b"POST", fields=b"Content-Length: 2\r\n", upload=(b"ab",)),
    no_answer("nothing: end, PATCH", END, method=b"PATCH"),
    no_answer("nothing: silence", WAIT_FOR_END, END, status=504),
    no_answer("nothing: silence, POST", WAIT_FOR_END, END, status=504, method=b"POST"),
    no_answer("half a head, then silence", OK + b"Content-Le", WAIT_FOR_END, END, status=504),
    no_answer("a head that drips longer than proxy_read_timeout", *[p for b in (OK, b"Content-", b"Length: 2\r\n") for p in (b, 1.6)], b"\r\nok",
              status=504),
    whole("early: to a whole upload", EARLY, status=409, body=b"no", method=b"POST", fields=b"Content-Length: 2\r\n", upload=(b"ab",)),
    whole("early: to a half upload", EARLY, status=409, body=b"no", method=b"POST", fields=BODY, upload=(HALF, A_WHILE, HALF + BEHIND), ends=True),
    whole("early: to a half upload, then end", EARLY, END, status=409, body=b"no", method=b"POST", fields=BODY,
          upload=(HALF, A_WHILE, HALF + BEHIND), ends=True),
    whole("early: to chunks", EARLY, status=409, body=b"no", method=b"POST", fields=b"Transfer-Encoding: chunked\r\n",
          upload=(b"5\r\nhello\r\n", A_WHILE, b"0\r\n\r\n" + BEHIND), ends=True),
    whole("early: the rest of the upload is a request", EARLY, status=409, body=b"no", method=b"POST",
          fields=b"Content-Length: %d\r\n" % len(BEHIND), upload=(b"", A_WHILE, BEHIND), ends=True),
    no_answer("early: reset in the upload", RESET, method=b"POST", fields=BODY, upload=(HALF, A_WHILE, HALF + BEHIND), ends=True),
    no_answer("early: end in the upload", END, method=b"POST", fields=BODY, upload=(HALF, A_WHILE, HALF + BEHIND), ends=True),
    no_answer("early: no HTTP in the upload", b"evil\r\n\r\n", method=b"POST", fields=BODY, upload=(HALF, A_WHILE, HALF + BEHIND), ends=True),
    # As nginx, which takes a client's half-close for its leaving: nothing is answered, nothing sent twice.
    no_answer("the client leaves while it waits", WAIT_FOR_END, WHOLE, status=0, upload=(b"", 0.03, HALF_CLOSE), ends=True),
    no_answer("the client leaves while it waits, PUT", WAIT_FOR_END, WHOLE, status=0, method=b"PUT", fields=b"Content-Length: 2\r\n",
              upload=(b"ab", 0.03, HALF_CLOSE), ends=True),
    no_answer("the client leaves while it waits, POST", WAIT_FOR_END, WHOLE, status=0, method=b"POST", fields=b"Content-Length: 2\r\n",
              upload=(b"ab", 0.03, HALF_CLOSE), ends=True),
    whole("early: 100, then the answer", b"HTTP/1.1 100 Continue\r\n\r\n", WAIT_FOR_BODY, WHOLE, method=b"POST",
          fields=b"Content-Length: 2\r\nExpect: 100-continue\r\n", upload=(b"ab",), interim=(100,)),
]

ASKING = b"".join(text + b"\r\n" for text in (*ASKS, KEY, VERSION))
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n"


def handshake(name, *steps, status=502, **more):
    return Evil("handshake: " + name, steps, status, fields=ASKING, ends=True, **more)


HANDSHAKES = [
    handshake("101", SWITCH + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi", END, status=101, body=b"hi"),
    handshake("101 with a length", said(b"Content-Length: 4", b"Upgrade: websocket", status=SWITCH)),
    handshake("101 with a coding", said(b"Transfer-Encoding: chunked", b"Upgrade: websocket", status=SWITCH)),
    handshake("200 and no more", WHOLE, status=200, body=b"ok"),
    handshake("426", said(b"Content-Length: 2", b"Sec-WebSocket-Version: 13", status=b"HTTP/1.1 426 Upgrade Required\r\n", body=b"no"),
              status=426, body=b"no"),
    handshake("200, then frames", WHOLE + b"evil", status=200, body=b"ok"),
    handshake("silence", WAIT_FOR_END, END, status=504),
    handshake("no HTTP", b"evil", END),
    handshake("end", END),
    handshake("101 to h2c", SWITCH + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\nevil", END),  # RFC 9110 7.8
    handshake("101 without Upgrade", SWITCH + b"\r\nevil", END),  # RFC 9110 15.2.2
    handshake("101 to WebSocket in capitals", SWITCH + b"Upgrade: WebSocket\r\nConnection: Upgrade\r\n\r\nhi", END, status=101, body=b"hi"),
]

ALL = {"status lines": STATUS_LINES, "heads": HEADS, "bodies": BODIES, "more than the answer": MORE, "late": LATE, "moments": MOMENTS,
       "handshakes": HANDSHAKES}
