"""What keeps a session from being stopped as idle, and what does not."""
import socket
import time

import harness
from harness import until
from test_lifecycle import is_served, live, serve  # noqa: F401 (live is a fixture)
from test_roles import gone


def with_idle(live, seconds):  # noqa: F811
    return live(conf=harness.CONF.replace("idle_timeout    1h", f"idle_timeout    {seconds}s"))


def test_a_request_in_flight_is_no_idleness(live):  # noqa: F811
    postern = with_idle(live, 4)
    pid = serve(postern, "t")
    answer = postern.get("/session/t/slow/9")
    assert answer.status == 200 and answer.json["pid"] == pid
    until("it is idle afterwards", lambda: gone(pid))


def test_an_upload_that_drips_is_no_idleness(live):  # noqa: F811
    postern = with_idle(live, 4)
    pid = serve(postern, "t")
    with socket.create_connection(("127.0.0.1", postern.port)) as s:
        s.settimeout(30)
        s.sendall(f"POST /session/t/upload HTTP/1.1\r\nHost: 127.0.0.1:{postern.port}\r\nContent-Length: 10\r\n\r\n".encode())
        for _ in range(10):
            s.sendall(b"x")
            time.sleep(0.9)
        assert s.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert is_served(postern, "t")["pid"] == pid
