"""TLS to the browser: which certificate, what is spoken, sessions taken up again, reloads, and clients that do it wrong."""
import contextlib
import hashlib
import json
import os
import pwd
import signal
import socket
import ssl
import subprocess
import threading

import pytest
from harness import CONF, Postern, free_ports, raw, request, until
from test_websocket import GOING_AWAY, KEY, Target, rest_of
from tls_client import Certificate, ask, connect, context, get, s_client, shown_at

BOTH = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    return {"a": Certificate(folder, "a", ["a.test", "alias.test"]), "b": Certificate(folder, "b", ["b.test"]),
            "rsa": Certificate(folder, "rsa", ["a.test"], kind="rsa"), "wild": Certificate(folder, "wild", ["*.edit.acme.test"])}


SERVERS = """
ssl_handshake_timeout 4s;
ssl_ticket_rotation {rotation};
server {
    listen 127.0.0.1:{tls} ssl;
    listen 127.0.0.1:{plain};
    server_name a.test;
    ssl_certificate {a}.pem {a}.key;
    ssl_certificate {rsa}.pem {rsa}.key;
    ssl_redirect on;
    location /session/{threadId}/ { session; dev_server vite; }
    location /said { return 200 a; }
    location /served { return 200 plain; ssl_redirect off; }
    location / { static {folder}/static; }
}
server {
    listen 127.0.0.1:{tls} ssl;
    server_name b.test;
    ssl_certificate {b}.pem {b}.key;
    location / { return 200 b; }
}
server {
    listen 127.0.0.1:{tls} ssl;
    server_name {threadId}.edit.acme.test;
    ssl_certificate {wild}.pem {wild}.key;
    location / { session; }
}
server {
    listen 127.0.0.1:{tls} ssl;
    server_name alias.test;
    ssl_certificate {a}.pem {a}.key;
    ssl_certificate {rsa}.pem {rsa}.key;
    location / { return 200 alias; }
}
"""


@pytest.fixture
def run_tls(run_postern, certificates):
    """run_tls(rotation, main) → a postern with SERVERS; `tls` and `plain` are its ports."""

    def run(rotation="1h", main="", **more):
        tls, plain = free_ports(2)
        names = {name: str(made.pem).removesuffix(".pem") for name, made in certificates.items()}
        postern = run_postern(main=main + SERVERS, tls=tls, plain=plain, rotation=rotation, **names, **more)
        postern.tls, postern.plain = tls, plain
        return postern

    return run


@pytest.fixture
def secure(run_tls, run_fake):
    postern = run_tls()
    postern.set_session("up", "active", f"127.0.0.1:{run_fake('mirror')}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    return postern


# --- what is spoken ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("version", BOTH)
def test_a_proxied_request(secure, version):
    with connect(secure.tls, "a.test", context(version)) as s:
        for _ in range(3):
            answer = ask(s, "/session/up/page", fields=["Origin: https://a.test", "X-Forwarded-Proto: http"])
            seen = dict(answer.json["fields"])
            assert seen["x-forwarded-proto"] == "https"
            assert seen["origin"].startswith("http://localhost:"), "the browser's own origin is the dev server's"
        other = ask(s, "/session/up/page", fields=["Origin: http://a.test"])
        assert dict(other.json["fields"])["origin"] == "http://a.test", "another scheme is another origin"
    assert secure.metric("postern_tls_handshakes_total") == 1


def test_the_cookie_of_a_session_stays_with_https(secure):
    document = ["Accept: text/html", "Sec-Fetch-Dest: document"]
    assert "; Secure" in get(secure.tls, "/session/up/", fields=document).headers["set-cookie"]
    assert "Secure" not in secure.document("/session/up/").headers["set-cookie"]


def test_old_versions_and_weak_ciphers_are_refused(secure):
    for version in ("-tls1", "-tls1_1"):
        assert "Cipher is (NONE)" in s_client(secure.tls, version, "-cipher", "DEFAULT@SECLEVEL=0")
    for cipher in ("AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256", "NULL", "RC4"):
        said = s_client(secure.tls, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
        assert "Cipher is (NONE)" in said or "no cipher match" in said, cipher
    assert "handshake" in secure.log()  # each with its reason
    until("counted", lambda: secure.metric("postern_tls_handshakes_failed_total") >= 6)


def test_no_certificate_is_asked_for_and_no_compression_used(secure):
    for version in ("-tls1_2", "-tls1_3"):
        said = s_client(secure.tls, version, "-msg", "-servername", "a.test")
        assert "CertificateRequest" not in said and "Compression: NONE" in said


def test_renegotiation_is_refused_and_key_updates_are_answered(secure):
    def talk(version, command):
        p = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{secure.tls}", version, "-servername", "a.test"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(p.stdout))
        reader.start()
        until("connected", lambda: any(b"Verify return code" in line for line in lines))
        p.stdin.write(command)
        until("the command was carried out", lambda: any(w in b"".join(lines) for w in (b"RENEGOTIATING", b"KEYUPDATE")))
        with contextlib.suppress(BrokenPipeError):
            p.stdin.write(b"GET /said HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        p.wait(60)
        reader.join()
        p.stdin.close()
        p.stdout.close()
        return b"".join(lines)

    assert b"no renegotiation" in talk("-tls1_2", b"R\n")
    assert b"HTTP/1.1 200 OK" in talk("-tls1_3", b"K\n")


def test_alpn(secure):
    with connect(secure.tls, "a.test", context(alpn=["h2", "http/1.1"])) as s:
        assert s.selected_alpn_protocol() == "http/1.1"
        assert ask(s, "/said").text == "a"
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"), connect(secure.tls, "a.test", context(alpn=["smtp"])):
        pass


# --- which certificate ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, certificate", [
    ("a.test", "a"), ("A.TEST", "a"), ("b.test", "b"), ("x.edit.acme.test", "wild"), ("X.Edit.Acme.Test", "wild"), ("alias.test", "a"),
    ("unknown.test", "a"), ("edit.acme.test", "a"), ("x.b.test", "a"), (None, "a")])
def test_the_name_chooses_the_certificate(secure, certificates, name, certificate):
    for version in BOTH:
        assert shown_at(secure.tls, name, context(version)) == certificates[certificate].der


def test_a_client_without_ecdsa_gets_the_rsa_certificate(secure, certificates):
    only_rsa = context(ssl.TLSVersion.TLSv1_2)
    only_rsa.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    assert shown_at(secure.tls, "a.test", only_rsa) == certificates["rsa"].der


@pytest.mark.parametrize("name, host, status", [
    ("a.test", "a.test", 200), ("a.test", "b.test", 421), ("b.test", "a.test", 421), ("a.test", "x.edit.acme.test", 421),
    ("a.test", "alias.test", 200),  # the same certificate
    ("a.test", "A.Test.:443", 200), ("unknown.test", "a.test", 200), ("unknown.test", "b.test", 421),
    (None, "b.test", 200),  # no name was said
])
def test_a_host_with_another_certificate_is_elsewhere(secure, name, host, status):
    assert get(secure.tls, "/said", name, host).status == status


def test_a_connection_goes_on_after_421(secure):
    with connect(secure.tls, "a.test") as s:
        assert ask(s, "/said", host="b.test").status == 421
        assert ask(s, "/said").status == 200
    assert secure.metric("postern_tls_misdirected_total") == 1


def test_the_url_scheme_is_the_connections(secure):
    assert get(secure.tls, "https://a.test/said").text == "a"
    assert get(secure.tls, "http://a.test/said").status == 421
    assert request(secure.plain, "https://a.test/served", host="a.test").status == 421


# --- sessions taken up again ------------------------------------------------------------------------------------------

class Visitor:
    """A client that offers its last session; `visit` tells whether it was taken up."""

    def __init__(self, port, version):
        self.port, self.using, self.session = port, context(version), None

    def visit(self, name="a.test"):
        with connect(self.port, name, self.using, self.session) as s:
            ask(s, "/said", name)  # its answer comes behind the ticket
            reused, self.session = s.session_reused, s.session
            return reused


@pytest.mark.parametrize("version", BOTH)
def test_resumption_on_every_worker_and_after_a_reload(secure, version):
    visitor = Visitor(secure.tls, version)
    assert not visitor.visit()
    for _ in range(16):  # two workers: all on one would be luck of one in 32,768
        assert visitor.visit()
    secure.signal(signal.SIGHUP)
    until("reloaded", lambda: "generation 2" in secure.log() and "is the current one" in secure.log())
    until("old workers are gone", lambda: len(secure.children()["worker"]) == 2)
    for _ in range(8):
        assert visitor.visit()
    assert not visitor.visit("b.test"), "a ticket of another certificate"
    assert secure.metric("postern_tls_resumed_total") == 24


def test_openssl_resumes(secure, tmp_path):
    kept = tmp_path / "session"
    assert "New, TLSv1.3" in s_client(secure.tls, "-servername", "a.test", "-sess_out", kept, "-ign_eof",
                                      sent="GET /said HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
    said = s_client(secure.tls, "-servername", "a.test", "-sess_in", kept)
    assert "Reused, TLSv1.3" in said and "Early data was not sent" in said


def test_tickets_end_with_their_key(run_tls):
    postern = run_tls(rotation="5s")
    first = Visitor(postern.tls, ssl.TLSVersion.TLSv1_2)
    assert not first.visit()
    kept = first.session
    turns = postern.log().count("made a new key for TLS tickets")
    until("two rotations", lambda: postern.log().count("made a new key for TLS tickets") >= turns + 2)
    first.session = kept
    assert not first.visit()
    assert first.visit()


def test_without_tickets_nothing_is_resumed(run_tls):
    postern = run_tls(main="ssl_session_tickets off;")
    for version in BOTH:
        visitor = Visitor(postern.tls, version)
        assert [visitor.visit() for _ in range(3)] == [False] * 3


# --- bytes ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("version", BOTH)
def test_ten_megabytes_each_way(secure, version):
    body = os.urandom(10_000_000)
    with connect(secure.tls, "a.test", context(version)) as s:
        up = ask(s, "/session/up/", method="POST", body=body).json
        assert (up["body_bytes"], up["body_sha"]) == (len(body), hashlib.sha256(body).hexdigest())
        assert len(ask(s, "/session/up/bytes/10000000").body) == 10_000_000
        assert ask(s, "/session/up/chunked").text == "hello world"


def test_a_file(secure):
    content = os.urandom(3_000_000)
    (secure.folder / "static/big").write_bytes(content)
    with connect(secure.tls, "a.test") as s:
        assert ask(s, "/big").body == content
        assert ask(s, "/big", fields=["Range: bytes=100-20000099"]).body == content[100:]


def test_a_slow_reader_holds_only_itself_up(secure):
    with connect(secure.tls, "a.test") as slow:
        slow.sendall(b"GET /session/up/bytes/30000000 HTTP/1.1\r\nHost: a.test\r\n\r\n")
        for _ in range(20):
            assert get(secure.tls, "/said").text == "a"
        got = 0
        while got < 30_000_000:
            got += len(slow.recv(65536))


def upgrade(s, path, greeting):
    """Opens a WebSocket; all until the target's greeting."""
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
              f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    got = b""
    while not got.endswith(greeting):
        got += s.recv(4096)
    return got


def test_a_websocket(secure):
    with connect(secure.tls, "a.test") as s:
        got = upgrade(s, "/session/up/", b"hello")
        assert got.startswith(b"HTTP/1.1 101")
        sent, got = os.urandom(2_000_000), b""
        threading.Thread(target=s.sendall, args=(sent,)).start()
        while len(got) < len(sent):
            got += s.recv(65536)
        assert got == sent
        socket.socket.shutdown(s, socket.SHUT_WR)  # half-closed, and without a word of TLS
        assert s.recv(3) == b"bye"


def test_a_websocket_ends_with_its_session(secure):
    target = Target()
    secure.set_session("gone", "active", f"127.0.0.1:{target.port}")
    until("routed", lambda: secure.get("/session/gone/").status == 200)
    with connect(secure.tls, "a.test") as s:
        upgrade(s, "/session/gone/", b"\x81\x02hi")
        assert secure.cli("sessions", "rm", "gone").returncode == 0
        s.suppress_ragged_eofs = False  # it ends with close_notify
        assert rest_of(s) == GOING_AWAY
    target.listener.close()


def test_the_last_answer_ends_with_close_notify(secure):
    with connect(secure.tls, "a.test") as s:
        assert ask(s, "/said", fields=["Connection: close"]).text == "a"
        s.suppress_ragged_eofs = False
        assert s.recv(1) == b""


# --- clients that do it wrong -----------------------------------------------------------------------------------------

def test_plain_http_at_the_tls_port(secure):
    for sent in (b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n" + b"x" * 100_000):
        got, end = raw(secure.tls, sent)
        assert got.startswith(b"HTTP/1.1 400 Bad Request\r\n") and b"plain HTTP request was sent to HTTPS port" in got and end == "closed"
    until("counted", lambda: secure.metric("postern_tls_plain_http_total") == 3)


def test_garbage_in_the_handshake(secure):
    hello = bytes.fromhex("16030100c4010000c00303") + os.urandom(32)
    for sent in (b"\x16", b"\0" * 50, b"\xff" * 50, b"\x16\x03\x01\xff\xff" + b"x" * 70_000, hello, hello + b"\0" * 200,
                 b"\x16\x03\x01\x00\x02\x01\x00", b"\x15\x03\x01\x00\x02\x02\x28", b"\x80\x2e\x01\x00\x02" + b"x" * 60, os.urandom(5000)):
        with contextlib.suppress(ConnectionError, OSError):  # it may be over before all is said
            assert raw(secure.tls, sent, end_sending=True)[1] in ("closed", "reset")
    assert get(secure.tls, "/said").text == "a"
    until("counted", lambda: secure.metric("postern_tls_handshakes_failed_total") >= 9)


def test_a_slow_handshake_is_ended(secure):
    with socket.create_connection(("127.0.0.1", secure.tls)) as silent, socket.create_connection(("127.0.0.1", secure.tls)) as slow:
        slow.sendall(b"\x16\x03\x01")
        for s in (silent, slow):
            s.settimeout(30)
            assert s.recv(1) == b""
    until("counted", lambda: secure.metric("postern_timeouts_handshake_total") == 2)


def test_truncated_and_forged_records(secure):
    for version in BOTH:
        for sent in (b"\x17\x03\x03\x40\x00half", b"\x17\x03\x03\x00\x40" + b"z" * 64, b"\x17\x03\x03\xff\xff" + b"z" * 70_000, b"\x16", b"GET / "):
            with connect(secure.tls, "a.test", context(version)) as s:
                with open(os.dup(s.fileno()), "wb", buffering=0) as under:
                    under.write(sent)
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(s, socket.SHUT_WR)
                    while s.recv(4096):
                        pass
    assert get(secure.tls, "/said").text == "a"


def test_a_body_cut_short_is_not_taken_for_whole(secure):
    with connect(secure.tls, "a.test") as s:
        s.sendall(b"POST /session/up/ HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nhalf")
        socket.socket.shutdown(s, socket.SHUT_WR)
        assert b" 200 " not in s.recv(4096)


# --- from http to https -----------------------------------------------------------------------------------------------

def test_redirect(secure):
    for path, method, status in [("/x/y?z=%2e", "GET", 301), ("/", "HEAD", 301), ("/session/up/", "POST", 308), ("//evil.test/", "GET", 301)]:
        answer = request(secure.plain, path, method=method, host="a.test:8000")
        assert (answer.status, answer.headers["location"]) == (status, f"https://a.test:{secure.tls}{path}")
    for host in ("evil.test", "a.test.evil.test", "127.0.0.1"):
        answer = request(secure.plain, "/", host=host)
        assert answer.status == 421 and "location" not in answer.headers
    assert request(secure.plain, "/served", host="a.test").text == "plain"
    assert raw(secure.plain, b"GET /\r\nX: HTTP/1.1\r\n\r\n")[0].startswith(b"HTTP/1.1 400")
    elsewhere = secure.cli("explain", "https://a.test:1/x").stdout  # a port that a proxy in front may have
    assert f":{secure.tls}, as none has the URL's port" in elsewhere
    assert "redirect with 301 to https://a.test:" in secure.cli("explain", f"http://a.test:{secure.plain}/x").stdout


def test_behind_a_proxy_that_has_the_certificate(run_tls):
    postern = run_tls(main="trusted_proxies 127.0.0.1;")
    assert request(postern.plain, "/said", host="a.test", headers={"X-Forwarded-Proto": "https"}).status == 200
    assert request(postern.plain, "/said", host="a.test", headers={"X-Forwarded-Proto": "http"}).status == 301


# --- files and reloads ------------------------------------------------------------------------------------------------

def reload(postern):
    before = postern.log().count("is the current one") + postern.log().count("reload refused")
    postern.signal(signal.SIGHUP)
    until("reloaded", lambda: postern.log().count("is the current one") + postern.log().count("reload refused") > before)


def test_a_reload_reads_certificates_again_and_drops_nobody(run_postern, tmp_path):
    certificate = Certificate(tmp_path, "mine", ["a.test"])
    [tls] = free_ports(1)
    postern = run_postern(main=f"worker_shutdown_timeout 1m; server {{ listen 127.0.0.1:{tls} ssl; server_name a.test; {certificate.line}"
                               " location / { return 200 a; } }")
    old = certificate.der
    with connect(tls, "a.test") as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: a.t")
        certificate.make(["a.test"])
        assert certificate.der != old
        reload(postern)
        assert shown_at(tls, "a.test") == certificate.der
        s.sendall(b"est\r\n\r\n")  # what was begun is finished by who began it
        assert s.recv(4096).startswith(b"HTTP/1.1 200 OK")
    new = certificate.der
    for wrong in ("", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        certificate.pem.write_text(wrong)
        reload(postern)
        assert f"{certificate.pem} holds no certificate in PEM form" in postern.log()
        assert "reload refused, the running conf stays" in postern.log()
        assert shown_at(tls, "a.test") == new


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_workers_cannot_read_the_key(run_postern, tmp_path):
    folder = tmp_path / "postern"
    folder.mkdir()
    user = pwd.getpwnam("nobody")
    for each in (*tmp_path.parents, tmp_path, folder):
        if str(each).startswith("/tmp/pytest") and each != folder:
            each.chmod(0o755)
    os.chown(folder, user.pw_uid, user.pw_gid)
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o700)
    certificate = Certificate(secret, "mine", ["a.test"])
    [tls] = free_ports(1)
    postern = run_postern(main=f"user nobody; server {{ listen 127.0.0.1:{tls} ssl; {certificate.line} location / {{ return 200 a; }} }}")
    assert get(tls).text == "a"
    for worker in postern.children()["worker"]:
        with open(f"/proc/{worker}/status") as status:
            assert f"\nUid:\t{user.pw_uid}\t{user.pw_uid}\t" in status.read()
    certificate.make(["a.test"])
    reload(postern)  # and it is root again that reads it
    assert shown_at(tls) == certificate.der


def test_the_check_of_a_conf_tells_what_is_wrong(tmp_path):
    good, other, short = (Certificate(tmp_path, name, ["a.test"], days) for name, days in (("good", 90), ("other", 90), ("short", 3)))
    postern = Postern(tmp_path / "p", CONF, start=False, main="", lifecycle="", session="", server="")
    (postern.folder / "static").mkdir()

    def check(line, names="a.test"):
        postern.write_conf(CONF.replace("{main}", f"worker_connections 100;\nserver {{ listen 127.0.0.1:1 ssl; server_name {names};\n{line}\n}}"))
        done = postern.cli("-t")
        return done.returncode, done.stderr

    line = str(postern.conf_path)
    code, said = check(good.line)
    assert code == 0 and "warning" not in said
    for given, fault in [
            ("", 'directive "listen": ssl needs a certificate; write ssl_certificate'),
            (f"ssl_certificate {good.pem} {other.key};", f"{other.key} is not the private key of the first certificate in {good.pem}"),
            (f"ssl_certificate {tmp_path}/none.pem {good.key};", f"{tmp_path}/none.pem cannot be read: No such file or directory"),
            (f"ssl_certificate {good.key} {good.pem};", f"{good.key} holds no certificate in PEM form"),
            (f"{good.line} ssl_ciphers NO-SUCH;", "OpenSSL takes none of NO-SUCH")]:
        code, said = check(given)
        assert code != 0 and line in said and fault in said and "argument" not in said, said
    assert "expires in less than 14 days" in check(short.line)[1]
    assert "is not for server_name b.test" in check(good.line, "b.test")[1]
    good.key.chmod(0o644)
    code, said = check(good.line)
    assert code == 0 and f"everyone can read the private key {good.key}" in said


def test_nothing_secret_is_logged(secure):
    with connect(secure.tls, "a.test") as s:
        ask(s, "/said", fields=["Cookie: secret=1", "Authorization: Bearer secret"])
    until("logged", lambda: "/said" in secure.access_log())
    lines = secure.access_log() + secure.log()
    assert "/said" in lines and "secret=1" not in lines and "Bearer" not in lines and "PRIVATE" not in lines
    assert all(json.loads(line) for line in secure.access_log().splitlines())
