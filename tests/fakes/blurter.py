"""An upstream that reads one request head on each connection, sends fixed bytes whatever was asked, and ends the connection.

Arguments: the bytes as a Python literal, and how it goes on: "close" (default), "hold" (keeps the connection open), "reset"."""
import ast
import socket
import socketserver
import struct
import sys
import threading

SAID = ast.literal_eval(sys.argv[1])
ENDING = sys.argv[2] if len(sys.argv) > 2 else "close"


class Blurter(socketserver.BaseRequestHandler):
    def handle(self):
        got = b""
        while b"\r\n\r\n" not in got:
            some = self.request.recv(65536)
            if not some:
                return
            got += some
        self.request.sendall(SAID)
        if ENDING == "hold":
            threading.Event().wait(120)
        if ENDING == "reset":
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


with Server(("127.0.0.1", 0), Blurter) as server:
    print("port", server.server_address[1], flush=True)
    server.serve_forever()
