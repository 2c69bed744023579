"""Certificates made by openssl, and TLS clients that say which one they were shown."""
import contextlib
import http.client
import socket
import ssl
import subprocess

from harness import Answer


class Certificate:
    """NAME.pem and NAME.key in a folder, self-signed."""

    def __init__(self, folder, name, names, days=90, kind="ec"):
        self.pem, self.key, self.name = folder / f"{name}.pem", folder / f"{name}.key", name
        self.make(names, days, kind)

    def make(self, names, days=90, kind="ec"):
        new = ["-newkey", "rsa:2048"] if kind == "rsa" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        alternatives = ",".join(f"DNS:{n}" for n in names)
        subprocess.run(["openssl", "req", "-x509", "-nodes", *new, "-keyout", self.key, "-out", self.pem, "-subj", f"/CN={names[0]}",
                        "-addext", f"subjectAltName={alternatives}", "-days", str(days)], check=True, capture_output=True)
        self.key.chmod(0o600)

    @property
    def der(self):
        return ssl.PEM_cert_to_DER_cert(self.pem.read_text())

    @property
    def line(self):
        return f"ssl_certificate {self.pem} {self.key};"


def context(version=None, alpn=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if version:
        made.minimum_version = made.maximum_version = version
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


@contextlib.contextmanager
def connect(port, name=None, using=None, session=None, timeout=30):
    """A connection with its handshake done; `name`: SNI."""
    using = using or context()
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with using.wrap_socket(plain, server_hostname=name, session=session) as s:
            yield s


def shown_at(port, name=None, using=None):
    with connect(port, name, using) as s:
        return s.getpeercert(True)


def ask(s, path="/", host="a.test", method="GET", fields=(), body=b""):
    """A request on a connection that is there, and its answer."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
    got = http.client.HTTPResponse(s, method=method)
    got.begin()
    return Answer(got.status, got.getheaders(), got.read(), got.reason)


def get(port, path="/", name="a.test", host=None, using=None, **more):
    with connect(port, name, using) as s:
        return ask(s, path, host or name or "a.test", **more)


def s_client(port, *arguments, sent="", within=60):
    """What openssl s_client says of a connection."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments], input=sent, capture_output=True,
                          text=True, timeout=within)
    return done.stdout + done.stderr
