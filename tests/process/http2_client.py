"""A raw HTTP/2 peer for tests: python3-h2 keeps the state, the socket is ours, and so is every byte that breaks a rule."""
import socket
import struct
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Stream:
    def __init__(self):
        self.headers = {}
        self.interim = []
        self.body = b""
        self.ended = False
        self.reset = None

    @property
    def status(self):
        return int(self.headers[":status"]) if self.headers else None

    @property
    def over(self):
        return self.ended or self.reset is not None


class Client:
    """One connection. Its own windows are opened as data comes, unless `greedy` is False."""

    def __init__(self, port, greedy=True, settings=None, within=30, checked=True):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(0.05)
        self.within = within
        self.greedy = greedy
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=checked,
                                           normalize_outbound_headers=checked)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        if settings:
            self.h2.update_settings(settings)
        self.authority = f"127.0.0.1:{port}"
        self.streams = {}
        self.goaway = None  # its error code
        self.unread = b""
        self.closed = False
        self.seen = []
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self):
        out = self.h2.data_to_send()
        if out:
            self.send_raw(out)

    def send_raw(self, data):
        self.socket.settimeout(self.within)
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True
        self.socket.settimeout(0.05)

    def fields(self, path="/", method="GET", more=(), **pseudo):
        names = {":method": method, ":scheme": "http", ":authority": self.authority, ":path": path}
        for name, value in pseudo.items():
            names[":" + name] = value
        return [(n, v) for n, v in names.items() if v is not None] + list(more)

    def request(self, path="/", method="GET", more=(), end=True, **pseudo):
        stream = self.h2.get_next_available_stream_id()
        self.streams[stream] = Stream()
        self.h2.send_headers(stream, self.fields(path, method, more, **pseudo), end_stream=end)
        self.flush()
        return stream

    def send(self, stream, data, end=False):
        """As much as the windows take, waiting for them where needed."""
        while data:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(data))
            if room > 0:
                self.h2.send_data(stream, data[:room])
                data = data[room:]
                self.flush()
            else:
                self.until(lambda: self.h2.local_flow_control_window(stream) > 0 or self.streams[stream].over)
            if self.streams[stream].over:
                return
        if end:
            self.h2.end_stream(stream)
            self.flush()

    def receive(self):
        """One read of what there is; False: nothing came."""
        try:
            data = self.socket.recv(262144)
        except TimeoutError:
            return False
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return False
        try:
            events = self.h2.receive_data(self.without_goaway(data))
        except h2.exceptions.ProtocolError:
            self.closed = True
            raise
        for event in events:
            self.seen.append(event)
            stream = self.streams.get(getattr(event, "stream_id", None))
            if stream is None:
                continue
            elif isinstance(event, h2.events.ResponseReceived):
                stream.headers = dict(event.headers)
            elif isinstance(event, h2.events.InformationalResponseReceived):
                stream.interim.append(dict(event.headers))
            elif isinstance(event, h2.events.DataReceived):
                stream.body += event.data
                if self.greedy and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                stream.ended = True
            elif isinstance(event, h2.events.StreamReset):
                stream.reset = event.error_code
        self.flush()
        return True

    def without_goaway(self, data):
        """python3-h2 takes no frame behind a GOAWAY, though streams in flight go on: those it does not see."""
        self.unread += data
        passed = b""
        while len(self.unread) >= 9:
            size = 9 + int.from_bytes(self.unread[:3], "big")
            if len(self.unread) < size:
                break
            one, self.unread = self.unread[:size], self.unread[size:]
            if one[3] == GOAWAY:
                self.goaway = int.from_bytes(one[13:17], "big")
                self.last_stream = int.from_bytes(one[9:13], "big")
            else:
                passed += one
        return passed

    def until(self, condition, within=None):
        end = time.monotonic() + (within or self.within)
        while not condition():
            assert not self.closed, f"the connection has ended; goaway {self.goaway}"
            assert time.monotonic() < end, f"not in time: {[(n, vars(s)) for n, s in self.streams.items()]!r:.2000}"
            self.receive()

    def until_closed(self, within=None):
        end = time.monotonic() + (within or self.within)
        while not self.closed:
            assert time.monotonic() < end, "the connection is still open"
            self.receive()

    def answer(self, stream, within=None):
        s = self.streams[stream]
        self.until(lambda: s.over, within)
        return s

    def get(self, path="/", method="GET", more=(), body=None, **pseudo):
        stream = self.request(path, method, more, end=body is None, **pseudo)
        if body is not None:
            self.send(stream, body, end=True)
        return self.answer(stream)
