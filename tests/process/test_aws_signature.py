"""Signatures of sync/aws/sigv4 are those that botocore's own signer makes."""
import datetime
import hashlib
import random
import string
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from aws_driver import AwsCall

TIMES = [0, 951_782_400, 1_732_000_000, 1_795_270_000, 4_102_444_799]  # 1970, a leap day, the rest


@pytest.fixture(scope="module")
def aws():
    with AwsCall() as driver:
        yield driver


def botocore_signs(case, monkeypatch):
    """Header name in small letters → value, of what botocore would add."""
    moment = datetime.datetime.utcfromtimestamp(case["time_s"])

    class Stopped(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return moment

    monkeypatch.setattr(botocore.auth.datetime, "datetime", Stopped)
    url = "https://" + case["host"] + case["path"] + ("?" + case["query"] if case["query"] else "")
    request = botocore.awsrequest.AWSRequest(method=case["method"], url=url, data=case["body"].encode() or None)
    for name, value in case["headers"]:
        request.headers.add_header(name, value)
    by = botocore.credentials.Credentials(case["key"], case["secret"], case["token"] or None)
    if case["s3"]:
        request.context["has_streaming_input"] = case["sha256"] == "UNSIGNED-PAYLOAD"
    signer = (botocore.auth.S3SigV4Auth if case["s3"] else botocore.auth.SigV4Auth)(by, case["service"], case["region"])
    signer.add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()
            if name.lower() in ("authorization", "x-amz-date", "x-amz-security-token")}


def ours(aws, case):
    asked = {name: value for name, value in case.items() if name != "body"}
    return {name.lower(): value for name, value in aws.ask(do="sign", **asked)}


def case_of(**different):
    case = {"method": "POST", "host": "dynamodb.us-east-1.amazonaws.com", "path": "/", "query": "", "body": "{}",
            "headers": [["Content-Type", "application/x-amz-json-1.0"], ["X-Amz-Target", "DynamoDB_20120810.Scan"]],
            "region": "us-east-1", "service": "dynamodb", "key": "AKIDEXAMPLE",
            "secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token": "", "time_s": TIMES[2], "s3": False, **different}
    case.setdefault("sha256", hashlib.sha256(case["body"].encode()).hexdigest())
    return case


def dice_case(dice):
    """An odd but legal request: what the services of AWS use, and more."""
    def word(letters, least=1, most=12):
        return "".join(dice.choice(letters) for _ in range(dice.randint(least, most)))

    def escaped(letters):
        return urllib.parse.quote(word(letters), safe="-._~")

    odd = string.ascii_letters + string.digits + " %&=+/:*ü-._~(),!$'@;"
    segments = [dice.choice([escaped(odd), word(string.ascii_letters), "", ".", "..", "a:b", "x*y"]) for _ in range(dice.randint(0, 5))]
    query = "&".join(escaped(odd) + dice.choice(["", "=", "=" + escaped(odd)]) for _ in range(dice.randint(0, 4)))
    names = dice.sample(["X-Amz-Target", "X-Amz-Target-Id", "x-amz-meta-a", "Content-Type", "Accept-Encoding", "User-Agent",
                         "Expect", "If-Match"], dice.randint(0, 5))
    headers = [[name, word(odd.replace("ü", "") + "   \t", 0, 20)] for name in names]
    if dice.random() < 0.3:
        headers += [["X-Amz-Twice", "b  first"], ["X-Amz-Twice", "a second"]]
    return case_of(method=dice.choice(["GET", "POST", "PUT", "DELETE"]), path="/" + "/".join(segments), query=query, headers=headers,
                   body=word(odd + "\n", 0, 300), token=dice.choice(["", word(string.ascii_letters + "+/=", 50, 200)]),
                   host=dice.choice(["dynamodb.eu-north-1.amazonaws.com", "127.0.0.1:8000", "sts.amazonaws.com:8443"]),
                   region=dice.choice(["us-east-1", "cn-north-1"]), service=dice.choice(["dynamodb", "sts", "ecs"]),
                   time_s=dice.choice(TIMES), secret=word(string.ascii_letters + "+/", 20, 60))


@pytest.mark.parametrize("seconds", TIMES)
def test_dynamodb_as_it_is_called(aws, monkeypatch, seconds):
    for token in "", "FwoGZXIvYXdzE//+token==":
        for body in "{}", '{"é":"✓"}', "x" * 2_000_000:
            case = case_of(time_s=seconds, token=token, body=body)
            assert ours(aws, case) == botocore_signs(case, monkeypatch)


def test_any_request(aws, monkeypatch):
    dice = random.Random(4)
    for _ in range(400):
        case = dice_case(dice)
        if "//" in case["path"][:2]:
            continue  # urlsplit takes what follows for a host
        assert ours(aws, case) == botocore_signs(case, monkeypatch), case


@pytest.mark.parametrize("unsigned", [False, True])
def test_s3_keeps_the_path_and_may_leave_the_payload_out(aws, monkeypatch, unsigned):
    for path in "/", "/bucket/a%20b", "/bucket//x/../y", "/k%C3%BC", "/a%2Fb":
        case = case_of(method="PUT", host="s3.us-east-1.amazonaws.com", path=path, service="s3", s3=True, body="content")
        if unsigned:
            case["sha256"] = "UNSIGNED-PAYLOAD"
        case["headers"] = [["X-Amz-Content-SHA256", case["sha256"]], ["Content-MD5", "mgNkuembtIDdJeHwKEyFVQ=="]]
        assert ours(aws, case) == botocore_signs(case, monkeypatch), path


def test_another_secret_makes_another_signature(aws):
    assert ours(aws, case_of()) != ours(aws, case_of(secret="other"))
