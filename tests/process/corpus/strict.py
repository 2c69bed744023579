"""Reads messages as RFC 9112 has them and nothing else: what a most careful peer would take the bytes for."""
import re
from dataclasses import dataclass, field

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") (/[!-\"$-~]*|\*) HTTP/1\.1")
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t -~\x80-\xff]*")
FIELD_LINE = re.compile(rb"(" + TOKEN + rb"):[ \t]*([\t -~\x80-\xff]*)")
CHUNK_LINE = re.compile(rb"[0-9a-fA-F]{1,16}")


class Violation(Exception):
    """Bytes that no careful sender would have sent."""


@dataclass
class Message:
    line: bytes
    fields: list = field(default_factory=list)  # (lower-case name, value)
    body: bytes = b""
    whole: bool = False  # else: the head is all there, the body is not
    interim: list = field(default_factory=list)  # of an answer: the 1xx before it

    def values(self, name):
        return [value for n, value in self.fields if n == name]

    @property
    def status(self):
        return int(self.line[9:12])


def read_head(data, line_form):
    """(Message, rest), or None when the head is not all there. Raises Violation."""
    end = data.find(b"\r\n\r\n")
    checked = data if end < 0 else data[:end]
    for bad in (b"\0", b"\r\r"):
        if bad in checked:
            raise Violation(f"{bad!r} in a head")
    if re.search(rb"(?<!\r)\n|\r(?!\n)", checked[:-1] if end < 0 else checked):
        raise Violation("a bare CR or LF in a head")
    if end < 0:
        return None
    line, *lines = data[:end].split(b"\r\n")
    if not line_form.fullmatch(line):
        raise Violation(f"the first line: {line!r}")
    message = Message(line)
    for text in lines:
        found = FIELD_LINE.fullmatch(text)
        if not found:
            raise Violation(f"a field line: {text!r}")
        message.fields.append((found[1].lower(), found[2].strip(b" \t")))
    lengths, codings = message.values(b"content-length"), message.values(b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Violation(f"more than one framing: {lengths} {codings}")
    if codings and codings != [b"chunked"] or lengths and not re.fullmatch(rb"[0-9]{1,19}", lengths[0]):
        raise Violation(f"a framing: {lengths} {codings}")
    return message, data[end + 4:]


def read_chunks(data):
    """(content, rest); rest is None when the end is not there yet."""
    content = b""
    while True:
        line, crlf, rest = data.partition(b"\r\n")
        if not CHUNK_LINE.fullmatch(line):
            if crlf or not re.fullmatch(rb"[0-9a-fA-F]{0,16}\r?", line):
                raise Violation(f"a chunk size: {line[:40]!r}")
            return content, None
        size = int(line, 16)
        if not crlf or len(rest) < size + 2:
            if len(rest) > size and not b"\r\n".startswith(rest[size:]):
                raise Violation(f"behind a chunk: {rest[size:size + 20]!r}")
            return content + rest[:size], None
        if rest[size:size + 2] != b"\r\n":
            raise Violation(f"behind a chunk: {rest[size:size + 20]!r}")
        content, data = content + rest[:size], rest[size + 2:]
        if size == 0:
            return content, data


def read_body(message, data, until_close=False):
    """Fills the body; the rest behind it."""
    if message.values(b"transfer-encoding"):
        message.body, rest = read_chunks(data)
        message.whole = rest is not None
        return rest or b""
    if until_close:
        message.body = data
        return b""
    size = int(message.values(b"content-length")[0]) if message.values(b"content-length") else 0
    message.body, message.whole = data[:size], len(data) >= size
    return data[size:]


def read_requests(data):
    """All requests in `data`, the last one perhaps not whole; and what is left of a head that is not all there."""
    requests = []
    while data:
        got = read_head(data, REQUEST_LINE)
        if got is None:
            break
        message, data = got
        if len(message.values(b"host")) != 1:
            raise Violation(f"Host: {message.values(b'host')}")
        data = read_body(message, data)
        requests.append(message)
    return requests, data


def read_answers(data, methods, closed):
    """All answers in `data` to requests with these methods, 1xx kept aside; and what is left."""
    answers, interim = [], []
    while data:
        got = read_head(data, STATUS_LINE)
        if got is None:
            break
        message, data = got
        if message.status < 200 and message.status != 101:
            interim.append(message.status)
            continue
        method = methods[len(answers)] if len(answers) < len(methods) else b"GET"
        message.interim, interim = interim, []
        answers.append(message)
        if message.status == 101:
            message.body, message.whole, data = data, True, b""
        elif message.status in (204, 304) or method == b"HEAD":
            message.whole = True
        else:
            framed = message.values(b"content-length") or message.values(b"transfer-encoding")
            data = read_body(message, data, until_close=not framed)
            message.whole = message.whole or (not framed and closed)
    return answers, data
