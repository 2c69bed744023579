"""Credentials and region are found where every AWS tool finds them; services that test stand-ins play check what they are asked."""
import json
import sys

import aws_fakes
import botocore.session
import harness
import pytest
from aws_driver import AwsCall, Failed
from aws_fakes import FakeHttp, in_turn, iso, ok

ROLE = "arn:aws:iam::123456789012:role/edge"


def found(environment, **said):
    """Key, secret and token, or what went wrong."""
    with AwsCall({"AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", **environment}, account=True, **said) as aws:
        try:
            c = aws.ask(do="credentials")
            return c["key"], c["secret"], c["token"]
        except Failed as failed:
            assert failed.error == "no_credentials"
            return failed.what


def document(key, life=3600, **more):
    return json.dumps({"AccessKeyId": key, "SecretAccessKey": "S+" + key, "Token": "T/" + key, "Expiration": iso(life), **more})


def three(key):
    return key, "S+" + key, "T/" + key


@pytest.fixture
def files(tmp_path):
    """files(config, credentials) → the environment that leads to them."""
    def write(config="", credentials=""):
        (tmp_path / "config").write_text(config)
        (tmp_path / "credentials").write_text(credentials)
        return {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    return write


# --- environment and files ---------------------------------------------------------------------------------------------

def test_environment():
    assert found({"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B"}) == ("A", "B", "")
    assert found({"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B", "AWS_SESSION_TOKEN": "C"}) == ("A", "B", "C")
    assert "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not" in found({"AWS_ACCESS_KEY_ID": "A"})


def test_nothing_anywhere_names_every_place(files):
    said = found(files())
    for part in ("environment: AWS_ACCESS_KEY_ID is not set", "web identity: AWS_WEB_IDENTITY_TOKEN_FILE", "shared files: no profile default",
                 "container endpoint: AWS_CONTAINER", "instance metadata: AWS_EC2_METADATA_DISABLED"):
        assert part in said


CONFIG = """
# of a person
[default]
region = eu-north-1
aws_access_key_id = from-config
aws_secret_access_key = config-secret
s3 =
  max_concurrent_requests = 20
  aws_access_key_id = wrong
[profile both]
aws_access_key_id=config-both
aws_secret_access_key=x
[ profile "spaced name" ]
AWS_ACCESS_KEY_ID = spaced   ; a comment
aws_secret_access_key = a#b;c=d
[sso-session corp]
sso_region = x
"""
CREDENTIALS = """[default]
aws_access_key_id = from-credentials
aws_secret_access_key = credentials-secret
[both]
aws_access_key_id = credentials-both
aws_secret_access_key = y
aws_session_token = z
"""


def test_profiles_of_the_files_are_those_that_botocore_reads(files, monkeypatch):
    environment = files(CONFIG, CREDENTIALS)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for profile in "default", "both":
        theirs = botocore.session.Session(profile=profile).get_credentials().get_frozen_credentials()
        expected = theirs.access_key, theirs.secret_key, theirs.token or ""
        assert found({**environment, "AWS_PROFILE": profile}) == expected
        assert found(environment, profile=profile) == expected
    assert found({**environment, "AWS_PROFILE": "spaced name"}) == ("spaced", "a#b;c=d", "")
    assert found(environment) == ("from-credentials", "credentials-secret", "")


def test_a_profile_that_someone_chose_has_to_be_there(files):
    environment = {**files(CONFIG), "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"}
    assert "no profile missing in" in found({**environment, "AWS_PROFILE": "missing"})
    assert "container" not in found({**environment, "AWS_PROFILE": "missing"})


def test_a_profile_of_the_conf_goes_before_keys_of_the_environment(files):
    environment = {**files(CONFIG), "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B"}
    assert found(environment)[0] == "A"
    assert found({**environment, "AWS_PROFILE": "both"})[0] == "A"
    assert found(environment, profile="both")[0] == "config-both"


@pytest.mark.parametrize("config, problem", [
    ("[default\naws_access_key_id = hidden", "config:1: a section's name ends with ]"), ("[default]\nhidden", "config:2: neither [SECTION]"),
    ("hidden = x", "config:1: a setting before the first"), ("[default]\nrole_arn = r", "role_arn needs source_profile"),
    ("[default]\nrole_arn = r\nsource_profile = default", "source_profile leads back to it"),
    ("[default]\nrole_arn = r\nsource_profile = a\n[profile a]\nrole_arn = s\nsource_profile = default", "source_profile leads back to it"),
    ("[default]\nrole_arn = r\nsource_profile = a", "no profile a, which source_profile names"),
    ("[default]\nrole_arn = r\nsource_profile = a\nmfa_serial = m", "mfa_serial"), ("[default]\nsso_session = corp", "single sign-on"),
    ("[default]\nrole_arn = r\ncredential_source = Moon", "credential_source is none of"),
    ("[default]\nrole_arn = r\nsource_profile = a\nduration_seconds = 5", "duration_seconds is none of 900 to 43200"),
    ("[default]\nrole_arn = r\ncredential_source = Environment", "AWS_ACCESS_KEY_ID is not set")])
def test_files_that_cannot_be_used_are_told(files, config, problem):
    with AwsCall({**files(config), "AWS_REGION": "r", "AWS_EC2_METADATA_DISABLED": "true"}, account=True) as aws:
        try:
            aws.ask(do="credentials")
            pytest.fail("found some")
        except Failed as failed:
            assert failed.error in ("misconfigured", "no_credentials")
            assert problem in failed.what and "hidden" not in failed.what


# --- a process -----------------------------------------------------------------------------------------------------------

def test_a_process_gives_credentials(files, tmp_path):
    script = tmp_path / "gives.py"
    script.write_text("import sys, json; print(json.dumps({'Version': 1, 'AccessKeyId': sys.argv[1], 'SecretAccessKey': 's', 'SessionToken': 't'}))\n"
                      "print('noise', file=sys.stderr)")
    assert found(files(f"[default]\ncredential_process = {sys.executable} {script} 'a  \"b' ")) == ('a  "b', "s", "t")


@pytest.mark.parametrize("command, problem", [
    ("/nowhere/at-all", "cannot be run"), ("false", "ended with status 1"), ("echo {}", "no AccessKeyId"), ("echo 'x", "open quote"),
    ("sh -c 'kill -9 $$'", "ended by signal 9"), ("yes", "wrote more than"),
    ("""echo '{"Version": 2, "AccessKeyId": "a", "SecretAccessKey": "hidden"}'""", "Version is not 1"),
    (f"""echo '{document("hidden", -60, Version=1)}'""", "expired")])
def test_a_process_that_gives_none(files, command, problem):
    said = found(files(f"[default]\ncredential_process = {command}"))
    assert problem in said and "hidden" not in said and "S+" not in said


# --- STS -----------------------------------------------------------------------------------------------------------------

def sts_answer(action, key, life=3600):
    return 200, {"Content-Type": "text/xml"}, f"""<?xml version="1.0"?>
<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>
  <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/edge/postern</Arn><AssumedRoleId>ARO:postern</AssumedRoleId></AssumedRoleUser>
  <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>S+{key}</SecretAccessKey>
    <SessionToken>T/{key}</SessionToken><Expiration>{iso(life)}</Expiration></Credentials>
</{action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"""


class FakeSts(FakeHttp):
    """Takes what STS's own model takes; gives "role-of-KEY" for a role, "web-TOKEN" for a web identity."""

    def __init__(self, key="SOURCE", secret="source/secret", token=None, region="us-east-1"):
        self.problems, self.life, self.count = [], 3600, 0

        def answer(asked):
            form = dict(asked.form)
            action = form.pop("Action")
            assert form.pop("Version") == "2011-06-15" and asked.path == "/"
            assert asked.headers["content-type"].startswith("application/x-www-form-urlencoded")
            problem = aws_fakes.model_problem("sts", action, {**form, "DurationSeconds": int(form["DurationSeconds"])})
            if action == "AssumeRole":
                problem = problem or aws_fakes.signature_problem(asked, "sts", region, key, secret, token)
            elif "authorization" in asked.headers:
                problem = problem or "a call by web identity is not signed"
            if problem:
                self.problems.append(problem)
                return 403, {}, f"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>{problem}</Message></Error></ErrorResponse>"
            self.count += 1
            name = "web-" + form["WebIdentityToken"].removesuffix(".jwt") if action != "AssumeRole" else f"role-of-{key}"
            return sts_answer(action, name, self.life)
        super().__init__(answer)


ROLE_CONFIG = f"""[profile edge]
role_arn = {ROLE}
source_profile = keys
external_id = a b/c+d
role_session_name = edge-1
duration_seconds = 900
[profile keys]
aws_access_key_id = SOURCE
aws_secret_access_key = source/secret
"""


def test_a_role_of_a_profile(files):
    with FakeSts() as sts:
        environment = {**files(ROLE_CONFIG), "AWS_PROFILE": "edge", "AWS_ENDPOINT_URL_STS": sts.url}
        assert found(environment) == three("role-of-SOURCE"), sts.problems
        form = sts.asked[0].form
        assert (form["RoleArn"], form["ExternalId"], form["RoleSessionName"], form["DurationSeconds"]) == (ROLE, "a b/c+d", "edge-1", "900")
        assert found({**environment, **files(ROLE_CONFIG.replace("source/secret", "other"))}).count("SignatureDoesNotMatch") == 1


def test_a_role_whose_source_is_the_environment(files):
    with FakeSts("ENV", "env-secret", "env-token") as sts:
        environment = {**files(f"[default]\nrole_arn = {ROLE}\ncredential_source = Environment"), "AWS_ENDPOINT_URL_STS": sts.url,
                       "AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "env-secret", "AWS_SESSION_TOKEN": "env-token"}
        assert found(environment, profile="default") == three("role-of-ENV"), sts.problems


def test_a_web_identity_whose_token_is_read_anew(tmp_path):
    token = tmp_path / "token"
    token.write_text("first.jwt\n")
    with FakeSts() as sts:
        sts.life = 12  # refreshed after half to three quarters of it
        environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": ROLE, "AWS_ENDPOINT_URL_STS": sts.url,
                       "AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-east-1"}
        with AwsCall(environment, account=True) as aws:
            assert aws.ask(do="credentials")["key"] == "web-first", sts.problems
            token.write_text("second.jwt")
            harness.until("the refresh", lambda: aws.ask(do="credentials")["key"] == "web-second", every=0.2)
        assert ".jwt" not in aws.log and "T/" not in aws.log and "S+" not in aws.log
        token.unlink()
        assert "web identity token" in found(environment)


@pytest.mark.parametrize("answer, problem", [
    ((400, {}, "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>Token &lt;x&gt; &amp; so on</Message></Error></ErrorResponse>"),
     "ExpiredTokenException: Token <x> & so on"),
    ((200, {}, "<html>"), "without credentials"), ((500, {}, "oops"), "status 500"), (aws_fakes.close, "Empty reply")])
def test_sts_that_gives_none(tmp_path, answer, problem):
    (tmp_path / "token").write_text("jwt")
    with FakeHttp(in_turn(answer)) as sts:
        assert problem in found({"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ROLE_ARN": ROLE, "AWS_ENDPOINT_URL_STS": sts.url})


# --- containers ----------------------------------------------------------------------------------------------------------

def test_a_container_endpoint_and_its_authorization(tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    with FakeHttp(lambda asked: (200, {}, document("task-" + asked.headers.get("authorization", "nobody")))) as endpoint:
        environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{endpoint.url}/v1/credentials?id=7"}
        assert found(environment) == three("task-nobody")
        assert endpoint.asked[0].path == "/v1/credentials?id=7" and endpoint.asked[0].method == "GET"
        assert found({**environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic x"}) == three("task-Basic x")
        assert found({**environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic x",
                      "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token")}) == three("task-from-file")
        (tmp_path / "token").write_text("a\nb")
        assert "control byte" in found({**environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token")})
        endpoint.answer = in_turn((500, {}, "{}"), (200, {}, document("again")))
        assert found(environment) == three("again")
        endpoint.answer = in_turn((403, {}, '{"code": "AccessDenied", "message": "not this pod"}'))
        assert "status 403: not this pod" in found(environment)


@pytest.mark.parametrize("uri, problem", [
    ("http://192.0.2.7/x", "is http to 192.0.2.7"), ("http://localhost.example.test/", "is http to"), ("ftp://127.0.0.1/", "no http or https"),
    ("/relative", "no http or https"), ("http://user@127.0.0.1/", "no http or https")])
def test_a_container_endpoint_elsewhere_is_not_asked(uri, problem):
    assert problem in found({"AWS_CONTAINER_CREDENTIALS_FULL_URI": uri})


# --- EC2 -------------------------------------------------------------------------------------------------------------------

class FakeImds(FakeHttp):
    """Version 2: without the token of a PUT nothing is told."""

    def __init__(self, role="edge role"):
        self.role, self.key, self.life, self.tokens = role, "instance-1", 21600, []

        def answer(asked):
            if asked.method == "PUT" and asked.path == "/latest/api/token":
                assert 1 <= int(asked.headers["x-aws-ec2-metadata-token-ttl-seconds"]) <= 21600
                assert "x-forwarded-for" not in asked.headers
                self.tokens.append(f"token{len(self.tokens)}==")
                return 200, {}, self.tokens[-1]
            if asked.headers.get("x-aws-ec2-metadata-token") not in self.tokens:
                return 401, {}, ""
            if asked.path == "/latest/meta-data/placement/region":
                return 200, {}, "eu-central-1"
            if asked.path == "/latest/meta-data/iam/security-credentials/" and self.role:
                return 200, {}, self.role
            if asked.path == "/latest/meta-data/iam/security-credentials/edge%20role":
                return 200, {}, document(self.key, self.life, Code="Success", Type="AWS-HMAC")
            return 404, {}, ""
        super().__init__(answer)

    @property
    def environment(self):
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url, "AWS_EC2_METADATA_DISABLED": ""}


def test_an_instance_and_its_role():
    with FakeImds() as imds:
        assert found(imds.environment) == three("instance-1")
        imds.life = -600  # an outage of that service: what it gives is used on
        assert found(imds.environment) == three("instance-1")
        imds.role = ""
        assert "the instance has no role" in found(imds.environment)
        imds.answer = in_turn((403, {}, ""))
        assert "turned off" in found(imds.environment)
        imds.answer = in_turn((404, {}, ""))
        assert "status 404" in found(imds.environment)
    assert "no EC2 instance" in found(imds.environment)


def test_a_service_that_refuses_the_credentials_gets_the_newer_ones():
    with FakeImds() as imds:
        def table(asked):
            wrong = aws_fakes.signature_problem(asked, "dynamodb", "us-east-1", "instance-2", "S+instance-2", "T/instance-2")
            return aws_fakes.no("ExpiredTokenException", wrong) if wrong else ok('{"TableNames":[]}')
        with FakeHttp(table) as service, AwsCall({**imds.environment, "AWS_REGION": "us-east-1"}, account=True, endpoint=service.url) as aws:
            with pytest.raises(Failed) as failed:
                aws.call("ListTables")
            assert failed.value.error == "unrecognised" and len(service.asked) == 1
            imds.key = "instance-2"
            harness.until("newer credentials", lambda: worked(aws), every=0.5)
            assert aws.counters()["credential_renewals"] == 1


def worked(aws):
    try:
        return aws.call("ListTables") == {"TableNames": []}
    except Failed as failed:
        assert failed.error == "unrecognised"
        return False


# --- region and endpoints ----------------------------------------------------------------------------------------------

def test_the_region(files):
    def region(environment, **said):
        with AwsCall({"AWS_EC2_METADATA_DISABLED": "true", **environment}, account=True, **said) as aws:
            try:
                return aws.ask(do="region")
            except Failed as failed:
                assert failed.error == "misconfigured"
                return failed.what
    with_files = files(CONFIG)
    with FakeImds() as imds:
        assert region({**imds.environment}) == "eu-central-1"
        assert region({**imds.environment, **with_files}) == "eu-north-1"
        assert region({**with_files, "AWS_DEFAULT_REGION": "b"}) == "b"
        assert region({**with_files, "AWS_DEFAULT_REGION": "b", "AWS_REGION": "a"}) == "a"
        assert region({**with_files, "AWS_REGION": "a"}, region="conf") == "conf"
    said = region({})
    assert "no AWS region" in said and "AWS_EC2_METADATA_DISABLED" in said
    assert '"evil.test/" is no AWS region' in region({"AWS_REGION": "evil.test/"})


def test_endpoints_of_conf_environment_and_profile(files):
    keys = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B", "AWS_REGION": "us-east-1"}

    def asked(environment, **said):
        before = len(one.asked), len(two.asked)
        with AwsCall({**keys, **environment}, account=True, **said) as aws:
            aws.call("ListTables")
            aws.call("ListStreams", service="streams")
        return [a.headers["x-amz-target"].partition("_")[0] + "@1" for a in one.asked[before[0]:]] + \
               [a.headers["x-amz-target"].partition("_")[0] + "@2" for a in two.asked[before[1]:]]
    with FakeHttp(in_turn(ok())) as one, FakeHttp(in_turn(ok())) as two:
        both = ["DynamoDB@1", "DynamoDBStreams@1"]
        assert asked({}, endpoint=one.url) == both
        assert asked({}, endpoint=one.url, streams_endpoint=two.url) == ["DynamoDB@1", "DynamoDBStreams@2"]
        assert asked({"AWS_ENDPOINT_URL": one.url}) == both
        assert asked({"AWS_ENDPOINT_URL": two.url}, endpoint=one.url) == both
        assert asked({"AWS_ENDPOINT_URL_DYNAMODB": one.url, "AWS_ENDPOINT_URL": two.url}) == ["DynamoDB@1", "DynamoDBStreams@2"]
        assert asked(files(f"[default]\nendpoint_url = {one.url}")) == both
