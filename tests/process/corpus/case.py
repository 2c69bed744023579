"""What a case is, and the short forms to write one in."""
from dataclasses import dataclass

HALF_CLOSE = "half-close"  # among the pieces of `sent`


@dataclass(frozen=True)
class Seen:
    """One request as the upstream must see it, in postern's normal form."""

    line: bytes
    kept: tuple = ()  # b"name: value" of what went on beside postern's own fields, names in lower case, in order
    body: bytes = b""
    whole: bool = True
    host: bytes = b"h"
    session: bytes = b""  # X-Session-Id


@dataclass(frozen=True)
class Case:
    """What a client sends and what has to come of it. `sent` is bytes, or pieces: bytes, seconds to wait, HALF_CLOSE."""

    name: str
    sent: object
    answers: tuple  # final statuses that the client gets, in order
    seen: tuple = ()
    ends: bool = False  # postern closes the connection; else a good request behind it must be answered
    behind: bool = True  # send that good request, too; where the connection ends, it must never be seen
    methods: tuple = (b"GET",)
    interim: tuple = ()  # 1xx that the client gets before the first answer
    says: bytes = b""  # must be in what the client gets
    deviation: str = ""  # not empty: what is expected is what postern does, and this is what would be right

    @property
    def pieces(self):
        return self.sent if isinstance(self.sent, tuple) else (self.sent,)


@dataclass(frozen=True)
class Evil:
    """What an upstream says to one request, and what the client has to get of it."""

    name: str
    steps: tuple  # see recorder.py
    status: int  # what the client gets; 0: nothing but a connection that ends
    body: bytes = None  # of that answer, when it is whole
    cut: bool = False  # the answer must not look whole, and the connection ends
    method: bytes = b"GET"
    fields: bytes = b""  # of the request, more
    upload: tuple = (b"",)  # pieces behind the request's head
    version: bytes = b"1.1"
    tries: tuple = (1,)  # how often the upstream may have seen the request
    ends: bool = False  # postern closes the connection behind the answer
    lacks: bytes = b"evil"  # must not be in anything a client gets
    has: bytes = b""  # must be in what the client gets
    interim: tuple = ()
    fields_got: tuple = ()  # b"name: value" that the client must get
    deviation: str = ""
    next_method: bytes = b"GET"  # of the next client


def head(*lines, start=b"GET /x HTTP/1.1", host=b"Host: h\r\n"):
    """A request head: the start line, Host, and these lines."""
    return start + b"\r\n" + host + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def post(*lines, body=b"", start=b"POST /x HTTP/1.1"):
    return head(*lines, start=start) + body


def line(start):
    return head(start=start)


def chunked(body, *lines):
    return post(b"Transfer-Encoding: chunked", *lines, body=body)


def refused(name, sent, status=400, **more):
    return Case(name, sent, (status,), ends=True, **more)


def passes(name, sent, *kept, line=b"GET /x HTTP/1.1", body=b"", host=b"h", session=b"", **more):
    return Case(name, sent, (200,), (Seen(line, kept, body, host=host, session=session),), methods=(line.split(b" ")[0],), **more)


def uploads(name, sent, body, *kept, **more):
    return passes(name, sent, *kept, line=b"POST /x HTTP/1.1", body=body, **more)


def own_answer(name, sent, status, **more):
    """postern answers by itself, and the connection goes on."""
    return Case(name, sent, (status,), **more)
