"""What a service, or what stands between, can do wrong: each is told apart, and tried again where that may help."""
import contextlib
import gzip
import json
import subprocess
import threading
import time
import zlib
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import aws_fakes
import harness
import pytest
from aws_driver import AwsCall, Failed
from aws_fakes import FakeHttp, in_turn, no, ok

QUICK = {"transient_ms": 1, "throttle_ms": 1, "key": "KEY", "secret": "SECRET", "region": "eu-north-1"}


def came_to(fake, **said):
    """What one call ends as: "ok", or its error's name; and the attempts that it took."""
    with AwsCall(endpoint=fake.url, **{**QUICK, **said}) as aws:
        try:
            aws.call("Scan", {"TableName": "table"})
            return "ok", len(fake.asked)
        except Failed as failed:
            return failed.error, len(fake.asked)


PASSING = {
    "a 500": (500, {}, "oops"), "a 503 page": (503, {}, "<html>"), "a named 500": no("InternalServerError", status=500),
    "throttling": no("ThrottlingException"), "throughput": no("ProvisionedThroughputExceededException"),
    "too many readers": no("LimitExceededException"), "no JSON": ok("it works!"), "cut JSON": ok('{"Items": [{"a'),
    "another sum": (200, {"x-amz-crc32": "17"}, "{}"), "an empty answer": ok(""), "a closed connection": aws_fakes.close,
    "a reset": aws_fakes.reset, "a cut body": aws_fakes.cut, "no HTTP": aws_fakes.babble,
    "broken gzip": ok(gzip.compress(b"{}")[:-4], **{"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("what", PASSING)
def test_what_may_pass_is_tried_again(what):
    with FakeHttp(in_turn(PASSING[what], PASSING[what], ok())) as fake:
        assert came_to(fake) == ("ok", 3)


@pytest.mark.parametrize("what, error", [
    ("a 500", "down"), ("a closed connection", "down"), ("a reset", "down"), ("a cut body", "down"), ("throttling", "throttled"),
    ("too many readers", "throttled"), ("no JSON", "garbage"), ("another sum", "garbage"), ("no HTTP", "garbage"), ("broken gzip", "garbage")])
def test_what_does_not_pass_is_told_apart(what, error):
    with FakeHttp(in_turn(PASSING[what])) as fake:
        assert came_to(fake) == (error, 4)


@pytest.mark.parametrize("answer, error", [
    (no("ValidationException"), "validation"), (no("AccessDeniedException"), "denied"), (no("ExpiredIteratorException"), "expired_iterator"),
    (no("TrimmedDataAccessException"), "trimmed"), (no("ResourceNotFoundException"), "not_found"), (no("BrandNewException"), "refused"),
    ((301, {"Location": "http://127.0.0.1:1/"}, ""), "garbage"), ((403, {}, "<html>sign in"), "garbage"),
    (ok('{"a":"' + "x" * 5000 + '"}'), "too_large"), (ok("[" * 4000), "garbage"),
    (ok(gzip.compress(b"x" * 1_000_000), **{"Content-Encoding": "gzip"}), "too_large")])
def test_what_will_not_change_is_asked_once(answer, error):
    with FakeHttp(in_turn(answer)) as fake:
        said = {"attempts": 1} if error == "garbage" else {}
        assert came_to(fake, answer_bytes_max=4096, **said) == (error, 1)


def test_deep_json_is_survived():
    for depth, comes_to in (100, "ok"), (200_000, "garbage"):
        with FakeHttp(in_turn(ok('{"a\\"[[":' * depth + "1" + "}" * depth))) as fake:
            assert came_to(fake, attempts=1) == (comes_to, 1)


def test_every_attempt_is_signed_and_whole():
    with FakeHttp(in_turn(PASSING["a 500"], aws_fakes.close, ok())) as fake:
        assert came_to(fake, token="TOKEN") == ("ok", 3)
        for asked in fake.asked:
            assert aws_fakes.signature_problem(asked, "dynamodb", "eu-north-1", "KEY", "SECRET", "TOKEN") is None
            assert aws_fakes.model_problem("dynamodb", asked.operation, json.loads(asked.body)) is None
            assert "expect" not in asked.headers and "accept" not in asked.headers
        assert aws_fakes.signature_problem(fake.asked[0], "dynamodb", "eu-north-1", "KEY", "OTHER", "TOKEN")


def test_calls_use_their_connection_again_and_threads_have_their_own():
    all_are_there = threading.Barrier(1, timeout=20)

    def together(_):
        with contextlib.suppress(threading.BrokenBarrierError):
            all_are_there.wait()
        return ok()
    with FakeHttp(together) as fake, AwsCall(endpoint=fake.url, **QUICK) as aws:
        for _ in range(5):
            aws.call("ListTables")
        assert len({asked.peer for asked in fake.asked}) == 1
        all_are_there = threading.Barrier(8, timeout=20)
        results = aws.call("ListTables", threads=8)
        assert results == [{"ok": {}}] * 8
        assert len({asked.peer for asked in fake.asked}) == 8
        aws.call("ListTables", threads=8)
        assert len({asked.peer for asked in fake.asked}) == 8


def test_a_connection_that_the_service_closed_while_idle_costs_no_attempt():
    def and_close(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        aws_fakes.close(handler)
    with FakeHttp(lambda _: and_close) as fake, AwsCall(endpoint=fake.url, **QUICK) as aws:
        for _ in range(5):
            aws.call("ListTables")
        assert aws.counters()["attempts"] == 5 and aws.counters()["retries"] == 0


def test_gzip_is_unpacked_and_its_sum_is_of_the_packed_bytes():
    body = gzip.compress(json.dumps({"Items": ["é" * 10_000]}).encode())
    with FakeHttp(in_turn(ok(body, **{"Content-Encoding": "gzip"}))) as fake, AwsCall(endpoint=fake.url, gzip=True, **QUICK) as aws:
        assert aws.call("Scan") == {"Items": ["é" * 10_000]}
        assert fake.asked[0].headers["accept-encoding"] == "gzip"
        assert aws_fakes.signature_problem(fake.asked[0], "dynamodb", "eu-north-1", "KEY", "SECRET") is None
        assert aws.counters()["bytes_received"] == len(body) and zlib.crc32(body)


def a_service_with_the_time(offset, spoken):
    """Refuses what was signed more than five minutes off its own clock, as DynamoDB does."""
    def answer(asked):
        now = datetime.now(timezone.utc) + offset
        date = {"Date": format_datetime(now.replace(microsecond=0), usegmt=True)}
        if abs(aws_fakes.signed_at(asked) - now) > timedelta(minutes=5):
            return no("InvalidSignatureException", spoken, **date)
        return ok(**date)
    return answer


@pytest.mark.parametrize("offset, spoken", [(timedelta(hours=7), "Signature expired: 1 is now earlier than 2 (3 - 5 min.)"),
                                            (-timedelta(days=400), "Signature not yet current: 1 is still later than 2")])
def test_a_wrong_clock_is_corrected_once_for_all(offset, spoken):
    with FakeHttp(a_service_with_the_time(offset, spoken)) as fake, AwsCall(endpoint=fake.url, **QUICK) as aws:
        for _ in range(3):
            assert aws.call("ListTables") == {}
        assert len(fake.asked) == 4
        assert aws.counters()["clock_corrections"] == 1
        assert "clock differs from the service's by" in aws.end()


def test_a_wrong_secret_is_no_wrong_clock():
    with FakeHttp(in_turn(no("InvalidSignatureException", "The request signature we calculated does not match"))) as fake:
        assert came_to(fake) == ("unrecognised", 1)


def test_slow_answers_end_in_time():
    def never(_):
        time.sleep(60)
        return ok()
    with FakeHttp(never) as fake, AwsCall(endpoint=fake.url, attempt_timeout_ms=150, call_timeout_ms=400, **QUICK) as aws:
        begun = time.monotonic()
        with pytest.raises(Failed) as failed:
            aws.call("Scan")
        assert failed.value.error == "down" and 0.3 < time.monotonic() - begun < 30
        assert 1 <= len(fake.asked) <= 3


@pytest.mark.parametrize("where", ["the answer", "the next try", "the connection"])
def test_a_call_ends_when_it_is_told_to_stop(where):
    def never(_):
        time.sleep(60)
        return ok()
    with FakeHttp(never if where == "the answer" else in_turn(no("ThrottlingException"))) as fake:
        # 127.0.0.1's neighbour with a full queue of connections would do; nobody answers at this address of documentation.
        url = "https://192.0.2.1" if where == "the connection" else fake.url
        with AwsCall(endpoint=url, throttle_ms=20_000, seed=7) as aws:
            begun = time.monotonic()
            with pytest.raises(Failed) as failed:
                aws.call("Scan", stop_after_ms=200)
            if where != "the connection":  # without any network it fails at once, which is right too
                assert failed.value.error == "cancelled"
            assert time.monotonic() - begun < 15


def test_a_service_that_is_down_is_not_asked_four_times_for_ever():
    with FakeHttp(in_turn((500, {}, ""))) as fake, AwsCall(endpoint=fake.url, budget=140, **QUICK) as aws:
        for _ in range(20):
            with pytest.raises(Failed):
                aws.call("ListTables")
        assert len(fake.asked) == 20 + 10  # 140 / 14
        fake.answer = in_turn(ok())
        aws.call("ListTables")


# --- TLS ---------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """make(host) → (certificate, key) of an authority whose own certificate is at .ca."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test authority",
            "-keyout", "ca.key", "-out", "ca.pem")

    def make(name):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-keyout", f"{name}.key",
                "-out", f"{name}.csr")
        (folder / "ext").write_text(f"subjectAltName={name}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext",
                "-out", f"{name}.pem")
        return str(folder / f"{name}.pem"), str(folder / f"{name}.key")
    make.ca = str(folder / "ca.pem")
    return make


def test_tls_is_spoken_with_those_who_prove_their_name(authority):
    with FakeHttp(in_turn(ok()), authority("IP:127.0.0.1")) as fake:
        assert came_to(fake, ca_file=authority.ca) == ("ok", 1)
        assert came_to(fake) == ("untrusted", 1)  # an authority that nobody told of
    with FakeHttp(in_turn(ok()), authority("DNS:dynamodb.us-east-1.amazonaws.com")) as fake:
        assert came_to(fake, ca_file=authority.ca) == ("untrusted", 0)
        assert came_to(fake, ca_file="/nowhere.pem") == ("untrusted", 0)


def test_http2_is_spoken_where_it_is_offered(authority, run_postern):
    certificate, key = authority("IP:127.0.0.1")
    # postern itself is the server here; it has no DynamoDB behind it, and says so on a page.
    front = run_postern(conf=harness.CONF.replace(
        "default_server;", f"default_server ssl http2;\n    ssl_certificate {certificate} {key};"))
    with AwsCall(endpoint=f"https://127.0.0.1:{front.port}", ca_file=authority.ca, **QUICK) as aws:
        for _ in range(3):
            with pytest.raises(Failed) as failed:
                aws.call("ListTables")
            assert failed.value.error == "garbage" and "status 405" in failed.value.what
    seen = [json.loads(line) for line in harness.until("the log", lambda: front.access_log().count("\n") == 3 and front.access_log()).splitlines()]
    assert {(entry["protocol"], entry["method"]) for entry in seen} == {("HTTP/2.0", "POST")}
