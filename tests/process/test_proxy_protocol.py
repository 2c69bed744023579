"""Who the client is: PROXY headers before everything else, and X-Forwarded-For from proxies that are trusted."""
import json
import socket
import ssl
import struct

import pytest
from harness import BINARY, CONF, Program, free_ports, raw, request, until
from tls_client import Certificate, ask, connect, context

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
GET = b"GET /session/up/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
WITH_PROXY = CONF.replace("default_server;", "default_server proxy_protocol;")


def v2(command, family, payload):
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(payload)) + payload


V4 = v2(0x21, 0x11, socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1") + struct.pack(">HH", 56324, 443))
V6 = v2(0x21, 0x21, socket.inet_pton(socket.AF_INET6, "2001:db8::7") + bytes(16) + struct.pack(">HH", 56324, 443))


@pytest.fixture
def proxied(run_postern, run_fake):
    """A postern that trusts 127.0.0.1 and reads PROXY headers; its session "up" mirrors requests."""

    def start(main="trusted_proxies 127.0.0.1;"):
        postern = run_postern(conf=WITH_PROXY, main=main)
        postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
        until("routed", lambda: "up" in postern.cli("table", "dump").stdout.split())
        return postern

    return start


def seen(answer):
    """What the target saw of the client: status, {field: value}."""
    head, _, body = answer.partition(b"\r\n\r\n")
    fields = dict(json.loads(body)["fields"]) if head.startswith(b"HTTP/1.1 200") else {}
    return int(head.split()[1]), fields


@pytest.mark.parametrize("header, client", [
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", "192.0.2.7"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (V4, "192.0.2.7"),
    (V6, "2001:db8::7"),
    (v2(0x20, 0x00, b""), "127.0.0.1"),
    (v2(0x21, 0x00, b"opaque"), "127.0.0.1"),
    (v2(0x21, 0x31, bytes(216)), "127.0.0.1"),
    (v2(0x21, 0x11, V4[16:] + b"\x20" + struct.pack(">H", 4000) + bytes(4000)), "192.0.2.7"),
])
def test_the_client_is_whom_the_header_names(proxied, header, client):
    postern = proxied()
    status, fields = seen(raw(postern.port, header + GET)[0])
    assert status == 200
    assert fields["x-real-ip"] == client and fields["x-forwarded-for"] == client
    until("logged", lambda: f'"client":"{client}"' in postern.access_log())


def test_a_header_may_come_byte_by_byte(proxied):
    postern = proxied()
    for header in (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", V4):
        with socket.create_connection(("127.0.0.1", postern.port)) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in header + GET[:5]:
                s.sendall(bytes([byte]))
            s.sendall(GET[5:])
            got = b""
            while some := s.recv(65536):
                got += some
        assert seen(got)[1]["x-real-ip"] == "192.0.2.7"


def test_what_the_client_says_of_itself_is_not_believed(proxied):
    # The proxy passes bytes: X-Forwarded-For behind its header is the client's own invention.
    postern = proxied()
    forged = GET.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\r\n")
    for header, client in ((V4, "192.0.2.7"), (b"PROXY UNKNOWN\r\n", "127.0.0.1")):
        fields = seen(raw(postern.port, header + forged)[0])[1]
        assert fields["x-real-ip"] == client and fields["x-forwarded-for"] == client


def test_a_proxy_behind_the_proxy_is_believed(proxied):
    # A balancer passes a CDN's bytes: both are trusted, and the CDN says who its client is.
    postern = proxied("trusted_proxies 127.0.0.1 192.0.2.0/24;")
    fields = seen(raw(postern.port, V4 + GET.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 203.0.113.5\r\n\r\n"))[0])[1]
    assert fields["x-real-ip"] == "203.0.113.5" and fields["x-forwarded-for"] == "203.0.113.5, 192.0.2.7"


@pytest.mark.parametrize("start", [
    GET, b"\x16\x03\x01", b"PROXY TCP4 1.2.3.4\r\n", b"PROXY TCP4 999.2.3.4 1.2.3.4 1 2\r\n", b"PROXY UNKNOWN " + b"x" * 100,
    SIGNATURE + b"\x11", v2(0x21, 0x11, b"short"), v2(0x21, 0x11, V4[16:] + bytes(4096)), V4[:-1], b"PROXY TCP4 1.2.3.4 1.2",
])
def test_without_a_good_header_the_connection_is_closed(proxied, start):
    postern = proxied()
    cut_off = start in (V4[:-1], b"PROXY TCP4 1.2.3.4 1.2")
    got, ending = raw(postern.port, start, end_sending=cut_off)
    assert got == b"" and ending in ("closed", "reset")
    until("counted", lambda: postern.metric("postern_proxy_headers_refused_total") == 1)
    assert seen(raw(postern.port, V4 + GET)[0])[0] == 200


def test_only_trusted_proxies_may_connect(proxied):
    postern = proxied("trusted_proxies 10.0.0.0/8;")
    got, ending = raw(postern.port, V4 + GET)
    assert got == b"" and ending in ("closed", "reset")
    until("counted", lambda: postern.metric("postern_proxy_headers_refused_total") == 1)
    assert postern.metric("postern_requests_total") == 0


def test_a_header_has_its_time(proxied):
    postern = proxied("trusted_proxies 127.0.0.1; client_header_timeout 300ms;")
    assert raw(postern.port, b"PROXY TCP4 192.")[0] == b""
    until("counted", lambda: postern.metric("postern_proxy_headers_refused_total") == 1)


def test_tls_follows_the_header(run_postern, run_fake, tmp_path):
    certificate, port = Certificate(tmp_path, "mine", ["a.test"]), free_ports(1)[0]
    postern = run_postern(main=f"trusted_proxies 127.0.0.1; server {{ listen 127.0.0.1:{port} ssl proxy_protocol; server_name a.test; "
                               f"{certificate.line} location /session/{{threadId}}/ {{ session; }} }}")
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    unix = v2(0x21, 0x31, bytes(216))
    for header, client in [(V4, "192.0.2.7"), (b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n", "2001:db8::7"), (unix, "127.0.0.1")]:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            plain.sendall(header)
            with context().wrap_socket(plain, server_hostname="a.test") as s:
                assert s.getpeercert(True) == certificate.der
                for _ in range(2):
                    fields = dict(ask(s, "/session/up/x").json["fields"])
                    assert fields["x-real-ip"] == client and fields["x-forwarded-proto"] == "https"
        until("logged", lambda: f'"client":"{client}"' in postern.access_log())
    # In one segment with the client's first record, as a proxy sends it that waited for that.
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context().wrap_bio(incoming, outgoing, server_hostname="a.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        s.sendall(V4 + outgoing.read())
        incoming.write(s.recv(65536))
        try:
            client.do_handshake()
        except ssl.SSLWantReadError:
            pass  # what came was not all of its flight
        assert client.version() == "TLSv1.3" or incoming.pending == 0
    assert postern.metric("postern_tls_handshakes_total") >= 3
    # Without it, and inside of TLS, it is none.
    with pytest.raises((ssl.SSLError, ConnectionError)), connect(port, "a.test"):
        pass
    until("counted", lambda: postern.metric("postern_proxy_headers_refused_total") == 1)


def test_proxy_protocol_without_trusted_proxies_is_no_conf(tmp_path):
    conf = tmp_path / "p.conf"
    conf.write_text("session_table t; store sqlite s.db; control { token_file t.token; }\n"
                    "server { listen 127.0.0.1:8080 proxy_protocol; }\n")
    test = Program([BINARY, "-t", "-c", str(conf)], tmp_path / "log")
    assert test.wait() == 78
    assert "p.conf:2: directive \"listen\": nobody may connect with proxy_protocol" in test.log()


def test_a_trusted_proxy_names_its_client(run_postern, run_fake):
    postern = run_postern(main="trusted_proxies 127.0.0.1 10.0.0.0/8;")
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    answer = postern.get("/session/up/x", {"X-Forwarded-For": "6.6.6.6, 192.0.2.7, 10.1.2.3", "X-Forwarded-Host": "public.example"})
    fields = dict(answer.json["fields"])
    assert fields["x-forwarded-for"] == "6.6.6.6, 192.0.2.7, 10.1.2.3, 127.0.0.1"
    assert fields["x-real-ip"] == "192.0.2.7" and fields["x-forwarded-host"] == "public.example"
    until("logged", lambda: '"client":"192.0.2.7"' in postern.access_log())
    # The next request of the connection may be another client's.
    s = socket.create_connection(("127.0.0.1", postern.port))
    for client in ("192.0.2.8", "192.0.2.9", None):
        more = f"X-Forwarded-For: {client}\r\n" if client else ""
        s.sendall(f"GET /session/up/x HTTP/1.1\r\nHost: h\r\n{more}\r\n".encode())
        got = b""
        while b"\r\n\r\n" not in got or not got.endswith(b"}"):
            got += s.recv(65536)
        assert seen(got)[1]["x-real-ip"] == (client or "127.0.0.1")
    s.close()
