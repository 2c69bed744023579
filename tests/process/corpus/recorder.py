"""An upstream that writes down every byte it gets, and says what it is told to."""
import contextlib
import select
import socket
import struct
import threading
import time

from . import strict

END, RESET, WAIT_FOR_BODY, WAIT_FOR_END = "end", "reset", "wait for the body", "wait until postern ends the connection"


class Recorder:
    """Answers each request with 200 and "seen METHOD TARGET", where no script says otherwise.

    scripts: {name: steps} for the requests with the field X-Play: name. A step is bytes to send, a number of seconds to wait,
    WAIT_FOR_BODY, WAIT_FOR_END, END or RESET; without one of the last two, the connection goes on with the next request."""

    def __init__(self):
        self.scripts = {}
        self.streams = []  # bytes of each connection, in the order they were accepted
        self.open = set()
        self.playing = 0  # scripts that are not at their end
        self.changed = threading.Condition()
        self.stopped = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.stopped.set()
        self.listener.close()

    def mark(self):
        with self.changed:
            return [len(s) for s in self.streams]

    def since(self, mark):
        """What came since then, connection by connection."""
        with self.changed:
            parts = [bytes(s[mark[i] if i < len(mark) else 0:]) for i, s in enumerate(self.streams)]
        return [part for part in parts if part]

    def wait_until_said(self):
        """Until no script has more to say: what follows meets all of it."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.playing == 0, 30), "a script of the recorder did not end"

    def drop_connections(self):
        """Ends all that are open, so that none is kept."""
        with self.changed:
            for connection in self.open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def accept(self):
        # What is taken off a socket is written down under one lock: settle() sees it in one place or the other.
        while not self.stopped.is_set():
            select.select([self.listener], [], [], 0.5)
            stream = bytearray()
            with self.changed:
                try:
                    connection, _ = self.listener.accept()
                except BlockingIOError:
                    continue
                except OSError:
                    return
                self.streams.append(stream)
                self.open.add(connection)
            connection.setblocking(True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection, stream), daemon=True).start()

    def serve(self, connection, stream):
        try:
            self.answer_all(connection, stream)
        finally:
            with self.changed:
                self.open.discard(connection)
                connection.close()

    def answer_all(self, connection, stream):
        done = 0  # bytes of the stream that are dealt with
        # What is no good request ends the connection: the test judges it by the stream.
        with contextlib.suppress(OSError, strict.Violation):
            while True:
                head = self.until(connection, stream, lambda: strict.read_head(bytes(stream[done:]), strict.REQUEST_LINE))
                if head is None or not self.play(connection, stream, done, head[0]):
                    return
                if not self.until(connection, stream, lambda: self.first_is_whole(stream[done:])):
                    return
                message, behind_head = strict.read_head(bytes(stream[done:]), strict.REQUEST_LINE)
                done = len(stream) - len(strict.read_body(message, behind_head))

    def play(self, connection, stream, done, request):
        """Whether the connection goes on."""
        name = request.values(b"x-play")
        if b" /after/" in request.line:
            self.settle(connection)
        with self.changed:
            self.playing += 1
        try:
            for step in self.scripts[name[0].decode()] if name else (WAIT_FOR_BODY, self.plain_answer(request)):
                if step == WAIT_FOR_BODY:
                    if not self.until(connection, stream, lambda: self.first_is_whole(stream[done:])):
                        return False
                elif step == WAIT_FOR_END:
                    self.until(connection, stream, lambda: None)
                elif step == RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return False
                elif step == END:
                    connection.shutdown(socket.SHUT_WR)
                    break
                elif isinstance(step, bytes):
                    connection.sendall(step)
                else:
                    self.stopped.wait(step)
        finally:
            with self.changed:
                self.playing -= 1
                self.changed.notify_all()
        return True

    def until(self, connection, stream, found):
        """Reads on until found() gives something true; None when the peer ends first."""
        while not (value := found()):
            select.select([connection], [], [])
            with self.changed:
                some = connection.recv(65536)
                stream += some
            if not some:
                return None
        return value

    def settle(self, own):
        """Until all that reached this machine before now is written down, whichever connection it came on."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with self.changed:
                ready, _, _ = select.select([self.listener, *(c for c in self.open if c is not own and c.fileno() >= 0)], [], [], 0)
            if not ready:
                return
            time.sleep(0.0005)

    @staticmethod
    def first_is_whole(data):
        return strict.read_requests(bytes(data))[0][0].whole

    @staticmethod
    def plain_answer(request):
        method, target, _ = request.line.split(b" ")
        body = b"seen " + method + b" " + target
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        return head if method == b"HEAD" else head + body
