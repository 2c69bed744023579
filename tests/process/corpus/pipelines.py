"""Several requests on one connection, and bodies that are not as long as they said: which of them is seen, and when."""
from .case import HALF_CLOSE, Case, Seen, chunked, head, line, own_answer, passes, post, refused

TWO = Seen(b"GET /1 HTTP/1.1"), Seen(b"GET /2 HTTP/1.1")
ONE_0 = head(start=b"GET /x HTTP/1.0")
UPLOAD = Seen(b"POST /x HTTP/1.1", body=b"hello")
INNER = line(b"GET /evil HTTP/1.1")
LENGTH_OF_INNER = b"Content-Length: %d" % len(INNER)

ONE_AFTER_THE_OTHER = [
    Case("pipeline: two", line(b"GET /1 HTTP/1.1") + line(b"GET /2 HTTP/1.1"), (200, 200), TWO),
    Case("pipeline: two, cut in the second", (line(b"GET /1 HTTP/1.1") + b"GE", 0.01, b"T /2 HTTP/1.1\r\nHo", 0.01, b"st: h\r\n\r\n"),
         (200, 200), TWO),
    Case("pipeline: an empty line between", line(b"GET /1 HTTP/1.1") + b"\r\n" + line(b"GET /2 HTTP/1.1"), (200, 200), TWO),
    Case("pipeline: fifty", b"".join(line(b"GET /%d HTTP/1.1" % i) for i in range(50)), (200,) * 50,
         tuple(Seen(b"GET /%d HTTP/1.1" % i) for i in range(50)), methods=(b"GET",) * 50),
    Case("pipeline: HEAD, then GET", line(b"HEAD /1 HTTP/1.1") + line(b"GET /2 HTTP/1.1"), (200, 200),
         (Seen(b"HEAD /1 HTTP/1.1"), TWO[1]), methods=(b"HEAD", b"GET")),
    Case("pipeline: HEAD with a body, then GET", head(b"Content-Length: 5", start=b"HEAD /1 HTTP/1.1") + b"hello" + line(b"GET /2 HTTP/1.1"),
         (200, 200), (Seen(b"HEAD /1 HTTP/1.1", body=b"hello"), TWO[1]), methods=(b"HEAD", b"GET")),
    Case("pipeline: a length, then chunks", post(b"Content-Length: 5", body=b"hello") + chunked(b"5\r\nhello\r\n0\r\n\r\n"), (200, 200),
         (UPLOAD, UPLOAD), methods=(b"POST", b"POST")),
    Case("pipeline: chunks with trailers, then a length", chunked(b"5;a\r\nhello\r\n0\r\nA: b\r\n\r\n") + post(b"Content-Length: 5", body=b"hello"),
         (200, 200), (UPLOAD, UPLOAD), methods=(b"POST", b"POST")),
    Case("pipeline: an empty line behind a body", post(b"Content-Length: 5", body=b"hello\r\n"), (200,), (UPLOAD,), methods=(b"POST",)),
    Case("pipeline: good, then a bad one", line(b"GET /1 HTTP/1.1") + b"GET /2 HTTP/1.1\nHost: h\n\n", (200, 400), TWO[:1], ends=True),
    Case("pipeline: good, then two framings", line(b"GET /1 HTTP/1.1") + post(b"Content-Length: 1", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
         (200, 400), TWO[:1], ends=True),
    Case("pipeline: good, then a broken chunked body", line(b"GET /1 HTTP/1.1") + chunked(b"zz\r\n"), (200, 400),
         (TWO[0], Seen(b"POST /x HTTP/1.1", whole=False)), ends=True),
    Case("pipeline: good, then a cut head", (line(b"GET /1 HTTP/1.1") + b"GET /2 HTTP/1.1\r\nHo", HALF_CLOSE), (200,), TWO[:1], ends=True,
         behind=False),
    Case("pipeline: good, then another session's", line(b"GET /session/up/1 HTTP/1.1") + line(b"GET /2 HTTP/1.1"), (200, 200),
         (Seen(b"GET /1 HTTP/1.1", session=b"up"), TWO[1])),
    Case("pipeline: a page of postern's own, then good", line(b"GET /session/none/ HTTP/1.1") + line(b"GET /2 HTTP/1.1"), (404, 200), TWO[1:]),
]

CLOSING = [
    Case("close: asked", head(b"Connection: close"), (200,), (Seen(b"GET /x HTTP/1.1"),), ends=True),
    Case("close: asked in capitals", head(b"Connection: CLOSE"), (200,), (Seen(b"GET /x HTTP/1.1"),), ends=True),
    Case("close: asked in a list", head(b"Connection: keep-alive, close"), (200,), (Seen(b"GET /x HTTP/1.1"),), ends=True),
    Case("close: asked in a second line", head(b"Connection: keep-alive", b"Connection: close"), (200,), (Seen(b"GET /x HTTP/1.1"),), ends=True),
    passes("close: closex is not close", head(b"Connection: closex")),
    Case("close: HTTP/1.0", ONE_0, (200,), (Seen(b"GET /x HTTP/1.1"),), ends=True),
    passes("close: HTTP/1.0, kept alive", head(b"Connection: keep-alive", start=b"GET /x HTTP/1.0"), says=b"Connection: keep-alive"),
    Case("close: HTTP/1.0, keep-alive and close", head(b"Connection: keep-alive, close", start=b"GET /x HTTP/1.0"), (200,),
         (Seen(b"GET /x HTTP/1.1"),), ends=True),
    Case("close: HTTP/1.0, Proxy-Connection", head(b"Proxy-Connection: keep-alive", start=b"GET /x HTTP/1.0"), (200,),
         (Seen(b"GET /x HTTP/1.1"),), ends=True),
    Case("close: HTTP/1.0 GET with a body", head(b"Content-Length: 5", b"Connection: keep-alive", start=b"GET /x HTTP/1.0") + b"hello", (200,),
         (Seen(b"GET /x HTTP/1.1", body=b"hello"),)),
    Case("close: HTTP/1.0 POST", head(b"Content-Length: 5", b"Connection: keep-alive", start=b"POST /x HTTP/1.0") + b"hello", (200,),
         (UPLOAD,), methods=(b"POST",)),
    refused("close: HTTP/1.0 POST without a length", head(start=b"POST /x HTTP/1.0")),
    refused("close: HTTP/1.0 PUT without a length", head(b"Connection: keep-alive", start=b"PUT /x HTTP/1.0")),
    Case("close: the client sends no more", (head(b"Content-Length: 5", start=b"POST /x HTTP/1.1") + b"hello", HALF_CLOSE), (200,), (UPLOAD,),
         ends=True, behind=False, methods=(b"POST",)),
    Case("close: nothing sent", (b"", HALF_CLOSE), (), ends=True, behind=False),
    Case("close: an empty line", (b"\r\n", HALF_CLOSE), (), ends=True, behind=False),
    Case("close: a cut request line", (b"GET /x HT", HALF_CLOSE), (), ends=True, behind=False),
    Case("close: a head without its end", (b"GET /x HTTP/1.1\r\nHost: h\r\n", HALF_CLOSE), (), ends=True, behind=False),
    Case("close: a head that drips", (b"GET /x HTTP/1.1\r\n", *(p for _ in range(5) for p in (0.8, b"A: b\r\n"))), (408,), ends=True, behind=False),
    Case("close: a head that stops", b"GET /x HTTP/1.1\r\nHost: h\r\n", (408,), ends=True, behind=False),
]

BODIES = [
    Case("body: shorter than its length, the next request is its rest",
         post(b"Content-Length: 10", body=b"hello"), (200, 400), (Seen(b"POST /x HTTP/1.1", body=b"helloGET /"),), ends=True, methods=(b"POST",)),
    Case("body: longer than its length", post(b"Content-Length: 5", body=b"hello\0\0"), (200, 400), (UPLOAD,), ends=True, methods=(b"POST",)),
    Case("body: longer, the rest is a request", post(b"Content-Length: 5", body=b"hello" + line(b"GET /2 HTTP/1.1")), (200, 200),
         (UPLOAD, TWO[1]), methods=(b"POST",)),
    Case("body: cut by the client's end", (post(b"Content-Length: 10", body=b"hello"), HALF_CLOSE), (400,),
         (Seen(b"POST /x HTTP/1.1", body=b"hello", whole=False),), ends=True, behind=False, methods=(b"POST",)),
    Case("body: stops", post(b"Content-Length: 10", body=b"hello"), (408,),
         (Seen(b"POST /x HTTP/1.1", body=b"hello", whole=False),), ends=True, behind=False, methods=(b"POST",)),
    Case("body: chunks stop", chunked(b"5\r\nhello\r\n"), (408,),
         (Seen(b"POST /x HTTP/1.1", body=b"hello", whole=False),), ends=True, behind=False, methods=(b"POST",)),
    own_answer("body: unread by postern's own answer, all here", post(LENGTH_OF_INNER, body=INNER, start=b"POST /session/none/ HTTP/1.1"), 404),
    Case("body: unread by postern's own answer, not all here",
         (post(LENGTH_OF_INNER, start=b"POST /session/none/ HTTP/1.1"), 0.02, INNER), (404,), ends=True),
    Case("body: chunked, unread by postern's own answer",
         post(b"Transfer-Encoding: chunked", body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(INNER), INNER), start=b"POST /session/none/ HTTP/1.1"),
         (404,), ends=True),
    Case("body: of a GET, unread by a redirect", head(LENGTH_OF_INNER, start=b"GET /session/up HTTP/1.1") + INNER, (307,)),
    Case("body: of a refused path", post(LENGTH_OF_INNER, body=INNER, start=b"POST /x/../y HTTP/1.1"), (400,), ends=True),
    Case("body: too large, never read", post(b"Content-Length: 70000", body=INNER), (413,), ends=True, methods=(b"POST",)),
    Case("body: a byte at a time", (post(b"Content-Length: 5"), *(piece for byte in b"hello" for piece in (0.002, bytes([byte])))),
         (200,), (UPLOAD,), methods=(b"POST",)),
]

ALL = {"pipelines": ONE_AFTER_THE_OTHER, "closing": CLOSING, "bodies": BODIES}
