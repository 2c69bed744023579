"""A session's container for the process launcher: `container.py PORT THREAD FOLDER`. It serves once FOLDER/gate exists.

Answers /... with who it is as JSON; /die ends it at once; /slow/SECONDS answers late; FOLDER/no-THREAD makes it fail with a last word. What happens to it is
written to FOLDER/THREAD.events, one word a line: started PID, served, term."""
import http.server
import json
import os
import pathlib
import signal
import sys
import time

port, thread, folder = int(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])


def note(event):
    with open(folder / f"{thread}.events", "a") as f:
        f.write(event + "\n")


def leave(*_):
    note("term")
    os._exit(0)


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/die":
            os._exit(1)
        if self.path.startswith("/slow/"):
            time.sleep(float(self.path.split("/")[2]))
        body = json.dumps({"pid": os.getpid(), "thread": thread, "path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_):
        pass


signal.signal(signal.SIGTERM, leave)
note(f"started {os.getpid()}")
if (folder / f"no-{thread}").exists():
    print("the site has no front door")
    sys.exit(3)
while not (folder / "gate").exists():
    time.sleep(0.01)
with http.server.ThreadingHTTPServer(("127.0.0.1", port), Site) as server:
    note("served")
    server.serve_forever()
