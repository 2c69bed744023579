"""An upstream that behaves: answers every request with what it saw of it, as JSON, over keep-alive connections.

Paths ask for other manners: /chunked, /close (no length, then closes), /status/204, /slow/SECONDS, /bytes/N, /redirect
(Location: /about), /interim (100 and 103 first), /@vite/client (the expression that holds the HMR base), WebSocket upgrades
(echo after a greeting), /stream (an event, then another when the request line of the next connection says /go)."""
import base64
import hashlib
import json
import socketserver
import threading
import time

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
GO = threading.Event()


def read_head(f):
    line = f.readline()
    if not line:
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    fields = []
    while True:
        field = f.readline().decode("latin-1").rstrip("\r\n")
        if not field:
            return method, target, fields
        name, value = field.split(":", 1)
        fields.append((name.lower(), value.strip()))


def read_body(f, fields):
    if "content-length" in fields:
        return f.read(int(fields["content-length"]))
    body = b""
    while fields.get("transfer-encoding") == "chunked":
        size = int(f.readline().split(b";")[0], 16)
        body += f.read(size)
        f.readline()
        if size == 0:
            break
    return body


class Mirror(socketserver.StreamRequestHandler):
    def handle(self):
        self.connection_number = self.server.accepted()
        while True:
            head = read_head(self.rfile)
            if head is None or not self.answer(*head):
                return

    def send(self, status, body=b"", more="", head=False):
        self.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + (b"" if head else body))
        return True

    def answer(self, method, target, lines):
        fields = dict(lines)
        if fields.get("upgrade", "").lower() == "websocket":
            return self.echo(fields)
        body = read_body(self.rfile, fields)
        path = target.split("?")[0]
        if path == "/chunked":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: 1\r\n\r\n")
            return True
        if path == "/close":
            self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\nuntil close")
            return False
        if path.startswith("/status/"):
            self.wfile.write(f"HTTP/1.1 {path[8:]} Whatever\r\n\r\n".encode())
            return True
        if path.startswith("/slow/"):
            time.sleep(float(path[6:]))
        if path.startswith("/bytes/"):
            return self.send("200 OK", b"x" * int(path[7:]), head=method == "HEAD")
        if path == "/redirect":
            return self.send("302 Found", more="Location: /about\r\n")
        if path == "/interim":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        if path == "/hop":
            return self.send("200 OK", b"ok", more="Connection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=5\r\nX-Kept: 1\r\n")
        if path == "/@vite/client":
            return self.send("200 OK", b'const base = `${hmrPort || importMetaUrl.port}${"/"}`;',
                             more='Content-Type: text/javascript\r\nETag: "1"\r\n', head=method == "HEAD")
        if path == "/go":
            GO.set()
        if path == "/stream":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
            GO.wait(120)
            self.wfile.write(b"data: 2\n\n")
            return False
        seen = {"method": method, "target": target, "fields": lines, "body_bytes": len(body), "body_sha": hashlib.sha256(body).hexdigest(),
                "connection": self.connection_number, "port": self.server.server_address[1]}
        return self.send("200 OK", json.dumps(seen).encode(), more="Content-Type: application/json\r\n", head=method == "HEAD")

    def echo(self, fields):
        accept = base64.b64encode(hashlib.sha1(fields["sec-websocket-key"].encode() + GUID).digest()).decode()
        protocol = f"Sec-WebSocket-Protocol: {fields['sec-websocket-protocol']}\r\n" if "sec-websocket-protocol" in fields else ""
        self.wfile.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{protocol}"
                         f"Sec-WebSocket-Accept: {accept}\r\n\r\nhello".encode())
        while some := self.connection.recv(65536):
            self.wfile.write(some)
        self.wfile.write(b"bye")
        return False


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256
    connections = 0
    lock = threading.Lock()

    def accepted(self):
        with self.lock:
            self.connections += 1
            return self.connections


if __name__ == "__main__":
    import sys

    with Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Mirror) as server:
        print("port", server.server_address[1])
        server.serve_forever()
