"""Sends a case, and says what is wrong with what came of it: at the client, and at the upstream."""
import socket
import time

from . import strict
from .case import HALF_CLOSE

BEHIND = b"GET /behind HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
AFTER = b"%s /after/%d HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
OWN = {b"host", b"x-real-ip", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-prefix", b"x-session-id",
       b"content-length", b"transfer-encoding"}
WITHIN = 30.0


def exchange(port, pieces):
    """Sends the pieces while reading; (bytes, "closed" | "reset" | "open")."""
    got = bytearray()
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.settimeout(WITHIN)
        try:
            try:
                for piece in pieces:
                    if piece == HALF_CLOSE:
                        s.shutdown(socket.SHUT_WR)
                    elif isinstance(piece, bytes):
                        s.sendall(piece)
                    else:
                        time.sleep(piece)
            except (BrokenPipeError, ConnectionResetError):
                pass  # there may be an answer to read still
            while some := s.recv(65536):
                got += some
            return bytes(got), "closed"
        except TimeoutError:
            return bytes(got), "open"
        except OSError:
            return bytes(got), "reset"


class Wrong(AssertionError):
    pass


def demand(condition, what, *shown):
    if not condition:
        raise Wrong("\n".join([what, *(f"  {name}: {value!r}" for name, value in shown)]))


def requests_in(streams, tolerated=()):
    """All requests that the upstream saw; raises Wrong for bytes that it could read in two ways.
    tolerated: fields that a known deviation lets through."""
    requests = []
    for stream in streams:
        demand(b"forged" not in stream and b"/evil" not in stream, "the upstream saw what it must not", ("bytes", stream))
        try:
            got, rest = strict.read_requests(stream)
        except strict.Violation as violation:
            raise Wrong(f"the upstream saw {violation}\n  bytes: {stream!r}") from None
        demand(not rest, "the upstream saw a cut head", ("bytes", stream))
        requests += got
    for request in requests:
        check_own_fields(request, tolerated)
    return requests


def check_own_fields(request, tolerated):
    """What postern says about the client is there once, and cannot come from the client."""
    names = [name.replace(b"_", b"-") for name, value in request.fields if name + b": " + value not in tolerated]
    demand(not [n for n in names if n.startswith(b"x-postern-")], "X-Postern-* from a client", ("fields", request.fields))
    for name, value in ((b"x-real-ip", b"127.0.0.1"), (b"x-forwarded-for", b"127.0.0.1"), (b"x-forwarded-proto", b"http")):
        demand(request.values(name) == [value], f"{name.decode()} is not postern's own", ("fields", request.fields))
    twins = [n for n, _ in request.fields if b"_" in n and n.replace(b"_", b"-") in OWN]
    demand(not twins, "a twin of a field of postern's", ("names", twins))


def seen_as(request, want):
    """Whether the request is exactly the wanted one; raises Wrong with the difference."""
    kept = tuple(name + b": " + value for name, value in request.fields if name not in OWN)
    demand(request.line == want.line, "another request line", ("seen", request.line), ("wanted", want.line))
    demand(kept == want.kept, "other fields", ("seen", kept), ("wanted", want.kept))
    demand(request.values(b"host") == [want.host], "another Host", ("seen", request.values(b"host")), ("wanted", want.host))
    demand(request.values(b"x-session-id") == ([want.session] if want.session else []), "another session",
           ("seen", request.values(b"x-session-id")), ("wanted", want.session))
    if want.whole:
        demand(request.whole and request.body == want.body, "another body", ("seen", request.body), ("wanted", want.body))
    else:
        demand(not request.whole, "a broken body looks whole to the upstream", ("seen", request))
        demand(want.body.startswith(request.body), "another body", ("seen", request.body), ("wanted", want.body))


def answers_in(got, methods, ending):
    try:
        answers, rest = strict.read_answers(got, methods, ending == "closed")
    except strict.Violation as violation:
        raise Wrong(f"the client got {violation}") from None
    return answers, rest


class Judge:
    """One postern, one recorder; each case is judged alone, with good requests behind and after it."""

    def __init__(self, postern, recorder):
        self.postern, self.recorder = postern, recorder
        self.count = 0

    def after(self, method=b"GET"):
        """A good request of another client: it must get its own answer, over whatever connections were kept."""
        self.count += 1
        got, ending = exchange(self.postern.port, [AFTER % (method, self.count)])
        wanted = b"seen %s /after/%d" % (method, self.count)
        answers, _ = answers_in(got, [b"GET"], ending)
        demand(len(answers) == 1 and answers[0].status == 200 and answers[0].body == wanted, "the next client got another answer",
               ("got", got), ("wanted", wanted))

    def request(self, case):
        mark = self.recorder.mark()
        goes_on = case.behind and not case.ends
        # What follows the case goes with it in one write where it can: a wrong idea of where it ends shows.
        *first, last = case.pieces
        pieces = [*first, last + BEHIND] if case.behind and isinstance(last, bytes) else [*first, last]
        got, ending = exchange(self.postern.port, pieces)
        try:
            self.judge_request(case, got, ending, goes_on, mark)
        except Wrong as wrong:
            raise Wrong(shown(case, wrong, got, ending, pieces, self.recorder.since(mark))) from None

    def judge_request(self, case, got, ending, goes_on, mark):
        demand(ending != "open", "the connection was not closed")
        answers, rest = answers_in(got, case.methods, ending)
        demand(not rest and all(a.whole for a in answers), "an answer that is not whole", ("answers", answers), ("rest", rest))
        statuses = tuple(a.status for a in answers)
        demand(statuses == case.answers + ((200,) if goes_on else ()), "other answers",
               ("got", statuses), ("wanted", case.answers))
        demand(tuple(answers[0].interim) == case.interim if answers else True, "other interim answers")
        demand(case.says in got, f"the client was not told {case.says!r}")
        if goes_on:
            demand(answers[-1].body == b"seen GET /behind", "the request behind got another answer", ("got", answers[-1].body))
        self.after()
        tolerated = [text for want in case.seen for text in want.kept] if case.deviation else ()
        requests = requests_in(self.recorder.since(mark), tolerated)
        own = [r for r in requests if not r.line.startswith((b"GET /behind ", b"GET /after/"))]
        behind = [r for r in requests if r.line.startswith(b"GET /behind ")]
        demand(len(behind) == goes_on, "the request behind was seen %d times" % len(behind))
        demand(len(requests) == len(own) + len(behind) + 1, "other requests", ("seen", requests))
        if any(not want.whole for want in case.seen) and len(own) < len(case.seen):
            own.append(None)  # a body that broke at once may have kept its request from going out
        demand(len(own) == len(case.seen), "the upstream saw %d requests for %d" % (len(own), len(case.seen)), ("seen", own))
        for request, want in zip(own, case.seen):
            if request is not None:
                seen_as(request, want)

    def evil(self, case):
        mark = self.recorder.mark()
        self.recorder.scripts[case.name] = case.steps
        start = case.method + b" /asked HTTP/" + case.version + b"\r\nHost: h\r\nX-Play: " + case.name.encode() + b"\r\n"
        goes_on = not case.ends and not case.cut and case.version == b"1.1"
        pieces = [start + case.fields + b"\r\n" + case.upload[0], *case.upload[1:]]
        if goes_on and isinstance(pieces[-1], bytes):
            pieces[-1] += BEHIND
        got, ending = exchange(self.postern.port, pieces)
        try:
            self.judge_evil(case, got, ending, goes_on, mark)
        except Wrong as wrong:
            raise Wrong(shown(case, wrong, got, ending, pieces, self.recorder.since(mark))) from None

    def judge_evil(self, case, got, ending, goes_on, mark):
        demand(ending != "open", "the connection was not closed")
        demand(case.has in got, f"the client did not get {case.has!r}")
        demand(not case.lacks or case.lacks not in got, f"the client got {case.lacks!r}")
        # Without a length, only a reset tells a cut answer from a whole one.
        answers, rest = answers_in(got, [case.method], ending)
        if case.cut:
            demand(len(answers) <= 1 and not any(a.whole for a in answers), "a cut answer looks whole", ("answers", answers))
            demand(all(a.status == case.status for a in answers), "another status")
        else:
            demand(not rest and all(a.whole for a in answers), "an answer that is not whole", ("answers", answers), ("rest", rest))
            statuses = [a.status for a in answers]
            demand(statuses == [case.status] * bool(case.status) + [200] * goes_on, "other answers", ("got", statuses))
            if case.body is not None:
                demand(answers[0].body == case.body, "another body", ("got", answers[0].body), ("wanted", case.body))
            got_fields = {name + b": " + value for name, value in answers[0].fields} if answers else set()
            demand(got_fields >= set(case.fields_got), "fields are missing", ("got", got_fields))
            demand(not answers or tuple(answers[0].interim) == case.interim, "other interim answers")
        if goes_on:
            demand(answers[-1].body == b"seen GET /behind", "the request behind got another answer", ("got", answers[-1].body))
        self.recorder.wait_until_said()
        self.after(case.next_method)
        self.after()
        requests = requests_in(self.recorder.since(mark))
        behind = [r for r in requests if r.line.startswith(b"GET /behind ")]
        demand(len(behind) == goes_on, "the request behind was seen %d times" % len(behind))
        own = [r for r in requests if b" /asked " in r.line]
        demand(len(own) in case.tries, "the upstream saw %d requests for one" % len(own), ("seen", own))


def shown(case, wrong, got, ending, pieces, streams):
    def short(data):
        return repr(data if len(data) <= 1500 else data[:700] + b" ... " + data[-700:])

    lines = [f"{case.name}: {wrong}"]
    lines += [f"  sent: {short(p) if isinstance(p, bytes) else p}" for p in pieces]
    lines += [f"  client got ({ending}): {short(got)}"]
    lines += [f"  upstream saw: {short(s)}" for s in streams]
    known = case.deviation
    if known:
        lines += [f"  a known deviation; right would be: {known}"]
    return "\n".join(lines)
