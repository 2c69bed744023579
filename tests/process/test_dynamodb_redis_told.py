"""What a fleet that follows a table through Redis says of itself: at /readyz, in its log, in `store check`, in /metrics."""
import contextlib
import os
import re
import signal
import subprocess
import time
import uuid

import aws_fakes
import harness
import pytest
from harness import until
from redis_fleet import answers, feeds, kill_host, lines, store_check


def test_a_first_start_is_no_error(fleet):
    fleet.put("s1")
    host = fleet.add()
    fleet.until_all("s1", 200)
    assert not lines(host, "error") and not lines(host, "warn"), host.log()
    told = [line for line in lines(host, "notice") if "first snapshot" in line]
    assert len(told) == 1 and f"the first snapshot of table {fleet.table} is being read" in told[0], host.log()


def test_what_a_new_host_waits_for_is_told(fleet):
    begins = f"the first snapshot of table {fleet.table} is still to be read: "
    fleet.put("s1")
    fleet.redis.kill()
    follower = fleet.add("feeders=0", wait=False)
    until("Redis is away", lambda: store_check(follower) == f"{begins}redis 127.0.0.1:{fleet.redis.port}: it cannot be connected to: "
          "Connection refused: it is away")
    fleet.redis.start()
    until("nobody feeds", lambda: store_check(follower) == f"{begins}Redis does not have the whole table, and no host feeds it")
    port, = harness.free_ports(1)
    blind = fleet.add("feeders=1", block=f"endpoint {fleet.dynamodb.endpoint} streams=http://127.0.0.1:{port};", wait=False)
    until("its feeder", lambda: "this host cannot feed it: " in (store_check(blind) or "") and f"127.0.0.1 port {port}" in store_check(blind))
    until("who feeds", lambda: store_check(blind).startswith(f"{begins}Redis does not have the whole table yet, a feeder is filling it; this host"))
    until("who feeds", lambda: store_check(follower) == f"{begins}Redis does not have the whole table yet, a feeder is filling it")
    kill_host(blind)
    fleet.add(block=f"endpoint {fleet.dynamodb.endpoint};")
    until("ready", lambda: store_check(follower) == "")
    fleet.until_all("s1", 200)


@pytest.mark.parametrize("feed", ["streams", "poll"])
def test_what_a_new_host_waits_for_without_redis(run_postern, dynamodb, monkeypatch, feed):
    for name, value in dynamodb.environment.items():
        monkeypatch.setenv(name, value)
    table, (port,) = dynamodb.create_table(), harness.free_ports(1)
    for endpoint in (f"http://127.0.0.1:{port}", dynamodb.endpoint):
        conf = harness.CONF.replace("store sqlite    {folder}/sessions.db { flush 200ms; }",
                                    f"store dynamodb {table} {{ feed {feed}; endpoint {endpoint}; }}")
        host = run_postern(f"{feed}-{endpoint[-5:]}", conf=conf, start=False).launch()
        if endpoint == dynamodb.endpoint:
            until("ready", lambda: store_check(host) == "")
            assert not lines(host, "error") and not lines(host, "warn"), host.log()
        else:
            begins = f"the first snapshot of table {table} is still to be read: "
            until("it is away", lambda: (store_check(host) or "").startswith(begins) and f"127.0.0.1 port {port}" in store_check(host),
                  seen=lambda: (store_check(host), host.log()))
            assert host.stop() == 0 and "does not leave" not in host.log()


@contextlib.contextmanager
def dynamodb_that_refuses(dynamodb, refuses):
    """An endpoint in front of DynamoDB Local: what `refuses(asked)` says is denied, with an id a request, as AWS gives one."""
    def answer(asked):
        if asked.method == "POST" and refuses(asked):
            status, headers, body = aws_fakes.no("AccessDeniedException", f"User: u is not authorized to perform: dynamodb:{asked.operation}")
            return status, {**headers, "x-amzn-RequestId": uuid.uuid4().hex.upper()}, body
        passed = harness.request(dynamodb.port, asked.path, method=asked.method, body=asked.body,
                                 headers={n: v for n, v in asked.headers.items() if n not in ("host", "content-length", "connection")})
        return passed.status, {n: passed.headers[n] for n in ("content-type", "x-amz-crc32", "x-amzn-requestid") if n in passed.headers}, passed.body

    with aws_fakes.FakeHttp(answer) as fake:
        yield fake


def test_a_host_that_may_not_scan_lets_another_fill_redis(fleet, monkeypatch):
    def may_not(asked):
        return asked.operation == "Scan" and "Credential=MAYNOTSCAN/" in asked.headers.get("authorization", "")

    fleet.put("s1")
    with dynamodb_that_refuses(fleet.dynamodb, may_not) as front:
        with monkeypatch.context() as here:
            here.setenv("AWS_ACCESS_KEY_ID", "MAYNOTSCAN")
            blind = fleet.add("feeders=1", block=f"endpoint {front.url};", wait=False)
        until("it has the lease", lambda: feeds(blind))
        told = "this host cannot feed it: DynamoDB Scan: AccessDeniedException: User: u is not authorized to perform: dynamodb:Scan: the store is unavailable"
        until("told", lambda: store_check(blind).endswith(told), seen=lambda: store_check(blind))
        first = store_check(blind)
        refused = len(front.asked)
        until("refused again", lambda: len([a for a in front.asked[refused:] if a.operation == "Scan"]) >= 5)
        assert store_check(blind) == first
        until("it lets go", lambda: not fleet.redis.leases(), within=45)
        until("told", lambda: re.search(told + "; it has left that to other hosts, and tries again in \\d+ s$", store_check(blind)),
              seen=lambda: store_check(blind))
        other = fleet.add("feeders=1", block=f"endpoint {front.url};", wait=False)
        until("it feeds", lambda: feeds(other))
        fleet.until_all("s1", 200)
        until("ready", lambda: store_check(blind) == "")
        assert blind.log().count("another host may feed Redis: DynamoDB Scan: AccessDeniedException") == 1
        assert re.search(r"dynamodb:Scan \(request [0-9A-F]{32}\)", blind.log())  # the log has what support asks for
        for host, count in (blind, 1), (other, 0):
            wanted = f'postern_feeder_gave_way_total{{feed="sessions"}} {count}\n'
            until("counted", lambda: wanted in host.api_call("GET", "/metrics").text)


def test_a_stale_table_tells_why(fleet):
    """How old it is and what is the matter, for as long as it is the matter."""
    def why(host):
        return re.sub(r"is \d+ s old", "is N s old", store_check(host, "sync"))

    refused = []
    fleet.put("s1")
    with dynamodb_that_refuses(fleet.dynamodb, lambda asked: asked.operation in refused) as front:
        host = fleet.add("feeders=1", block=f"endpoint {front.url};", main="stale_after 3s;")
        follower = fleet.add("feeders=0", block=f"endpoint {front.url};", main="stale_after 3s;")
        patient = fleet.add("feeders=0", block=f"endpoint {front.url};")
        fleet.until_all("s1", 200)
        refused += ["DescribeStream", "GetRecords", "GetShardIterator"]
        until("told", lambda: why(host).startswith("the table is N s old, stale_after allows 3 s: this host cannot feed it: DynamoDB"),
              seen=lambda: why(host), within=30)
        assert "request" not in why(host) and "request " in host.log()
        refused.clear()
        until("well again", lambda: why(host) == "" and why(follower) == "", within=30)
        until("all is well", lambda: harness.request(patient.api, "/readyz").json["checks"]["sync"] == {"ok": True})
        kill_host(host)
        until("told, though it may be as old as it likes", lambda: harness.request(patient.api, "/readyz").json["checks"]["sync"] ==
              {"ok": True, "why": "no host feeds Redis"}, seen=lambda: why(patient))
        until("told", lambda: why(follower) == "the table is N s old, stale_after allows 3 s: no host feeds Redis", within=30,
              seen=lambda: why(follower))


def check(fleet, url, more=""):
    """`store check` of a host with another Redis in its conf: its exit status, and the lines about Redis."""
    host = fleet.hosts[0]
    conf = host.folder / "other.conf"
    conf.write_text(host.conf_path.read_text().replace(f"feed redis {fleet.redis.url}", f"feed redis {url} {more}"))
    done = subprocess.run([harness.BINARY, "-c", conf, "store", "check"], capture_output=True, text=True, timeout=60)
    return done.returncode, "\n".join(line for line in done.stdout.splitlines() if "edis" in line or "feeds" in line)


RIGHTS = "~postern1:* +@read +@write +@connection +eval +evalsha +info +time"  # as README.md has it


def test_the_store_check_looks_at_redis(fleet):
    host = fleet.add()
    done = host.cli("store", "check")
    assert done.returncode == 0 and f"ok      redis 127.0.0.1:{fleet.redis.port} is of version" in done.stdout
    fleet.redis.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert "has maxmemory-policy allkeys-lru; with noeviction" in host.cli("store", "check").stdout
    fleet.redis.kill()
    done = host.cli("store", "check")
    assert done.returncode == 1 and f"wrong   redis 127.0.0.1:{fleet.redis.port}: it cannot be connected to" in done.stdout


@pytest.mark.parametrize("rights, told", [
    (RIGHTS, None),
    (RIGHTS + " -info", None),
    (RIGHTS + " -eval", "EVAL: NOPERM"),
    (RIGHTS + " -evalsha", "EVALSHA: NOPERM"),
    (RIGHTS + " -@write", "can't run this command"),
    (RIGHTS + " -xadd", "can't run this command"),
    (RIGHTS + " -time", "can't run this command"),
    (RIGHTS.replace("postern1:", "others:"), "NOPERM"),
    (RIGHTS.replace("~", "%R~"), "NOPERM"),
])
def test_the_store_check_tries_what_a_user_may(fleet, rights, told):
    fleet.add()
    fleet.redis.call("ACL", "SETUSER", "half", "reset", "on", ">secret", *rights.split())
    status, said = check(fleet, f"redis://half:secret@127.0.0.1:{fleet.redis.port}")
    if told is None:
        assert status == 0 and "its keys in Redis can be read and written" in said, said
    else:
        assert status == 1 and f"a user of its own in Redis needs {RIGHTS}" in said and told in said, said


def test_the_store_check_asks_of_a_host_that_only_follows_what_it_needs(fleet):
    fleet.add()
    fleet.redis.call("ACL", "SETUSER", "half", "reset", "on", ">secret", *RIGHTS.replace(" +@write", "").split())
    url = f"redis://half:secret@127.0.0.1:{fleet.redis.port}"
    assert check(fleet, url)[0] == 1
    status, said = check(fleet, url, "feeders=0")
    assert status == 0 and "its keys in Redis can be read\n" in said, said
    follower = fleet.add("feeders=0", url=url)
    fleet.put("s1")
    until("routed", answers(follower, "s1", 200))


def test_the_store_check_tells_of_a_full_redis(fleet):
    fleet.add()
    fleet.redis.call("CONFIG", "SET", "maxmemory", "1")
    status, said = check(fleet, fleet.redis.url)
    assert status == 1 and "OOM" in said, said


def test_the_store_check_tells_what_is_no_redis(fleet):
    host = fleet.add()
    status, said = check(fleet, f"redis://127.0.0.1:{host.port}")
    assert status == 1 and f"wrong   redis 127.0.0.1:{host.port}: what answers there is no Redis, it says \"HTTP/1.1 400 " in said, said
    status, said = check(fleet, f"rediss://127.0.0.1:{fleet.redis.port}")
    assert status == 1 and "is it a port without TLS? redis:// is for those" in said, said
    fleet.redis.call("CONFIG", "SET", "requirepass", "secret")
    status, said = check(fleet, fleet.redis.url)
    assert status == 1 and "NOAUTH" in said and "password_file=FILE" in said, said


def test_the_store_check_tells_how_far_it_is(fleet):
    fleet.put("s1")
    host = fleet.add()
    fleet.until_all("s1", 200)
    fleet.put("s2")
    fleet.until_all("s2", 200)
    status, said = check(fleet, fleet.redis.url)
    assert status == 0 and f"/{host.children()['sync'][0]} feeds it, as number 1, by a lease of " in said, said
    assert "Redis has the whole of it, 2 rows, the last change is number 2, " in said and "it is as the table was " in said
    kill_host(host)
    until("its lease has ended", lambda: not fleet.redis.leases())

    def kept():
        return {key: fleet.redis.call("EVAL", "return redis.sha1hex(redis.call('DUMP', KEYS[1]))", 1, key) for key in fleet.redis.call("KEYS", "*")}

    before = kept()
    assert len(before) == 3
    status, said = check(fleet, fleet.redis.url)
    assert status == 0 and "no host feeds it" in said and kept() == before
    fleet.redis.call("SET", fleet.redis.key("meta").replace("meta", "lease2"), "another/7 token", "PX", 60_000)
    status, said = check(fleet, fleet.redis.url)
    assert status == 0 and "another/7 feeds it, as number 2, by a lease of " in said, said
    fleet.redis.call("FLUSHALL")
    status, said = check(fleet, fleet.redis.url)
    assert status == 0 and "Redis does not have the whole of it" in said and fleet.redis.call("KEYS", "*") == []


@pytest.mark.parametrize("name, kind", [("meta", "hash"), ("rows", "hash"), ("gone", "hash"), ("log", "stream"), ("lease1", "string")])
def test_a_key_of_somebody_else_is_told_and_left_alone(fleet, name, kind):
    fleet.put("s1")
    host = fleet.add()
    fleet.until_all("s1", 200)
    key = fleet.redis.key("meta")[:-len("meta")] + name
    theirs = ("RPUSH", key, "theirs") if kind == "string" else ("SET", key, "theirs")
    fleet.redis.call("EVAL", "redis.call('DEL', KEYS[1]) return redis.call(unpack(ARGV))", 1, key, *theirs)
    wrong = f"the key {key} in Redis is of type {theirs[0] == 'SET' and 'string' or 'list'}, and a {kind} is what postern keeps there; delete it"
    until("it is told", lambda: wrong in host.log())
    status, said = check(fleet, fleet.redis.url)
    assert status == 1 and wrong in said, said
    fleet.put("s2")
    told = len(lines(host, "error") + lines(host, "notice"))
    time.sleep(12)  # nothing to wait for: it is that nothing comes
    assert host.log().count(wrong) <= 2 and len(lines(host, "error") + lines(host, "notice")) <= told + 1, host.log()
    assert fleet.redis.call("TYPE", key) == (theirs[0] == "SET" and "string" or "list")
    assert answers(host, "s1", 200)()
    fleet.redis.call("DEL", key)
    fleet.until_all("s2", 200)
    until("it is told", lambda: "what is fed to other hosts is back" in host.log())


def test_what_feeders_do_is_counted(fleet):
    def count(postern, name):
        lines = postern.api_call("GET", "/metrics").text.splitlines()
        value, = [line.rsplit(" ", 1)[1] for line in lines if line.startswith(f'postern_feeder_{name}{{feed="sessions"}} ')]
        return int(value)

    fleet.put("s1")
    host, follower = fleet.add(), fleet.add("feeders=0")
    fleet.until_all("s1", 200)
    until("it has a lease", lambda: count(host, "has_lease") == 1)
    until("counted", lambda: count(host, "snapshots_total") == count(host, "published_total") == 1)
    assert (count(host, "leases_total"), count(host, "leases_ended_total")) == (1, 0)
    before = count(host, "passed_over_total")  # activity of the requests here may be among them
    for more in range(3):
        fleet.dynamodb.client.update_item(TableName=fleet.table, Key={"sessionId": {"S": "s1"}}, UpdateExpression="ADD requestCount :n",
                                          ExpressionAttributeValues={":n": {"N": "1"}})
    fleet.set_status("s1", "failed")
    fleet.until_all("s1", 503)
    until("counted", lambda: count(host, "published_total") == 2 and count(host, "passed_over_total") >= before + 3)
    assert count(follower, "has_lease") == 0 and count(follower, "leases_total") == 0
    os.kill(host.children()["sync"][0], signal.SIGKILL)
    until("its lease is over with it", lambda: count(host, "has_lease") == 0)
    until("it has the next one", lambda: count(host, "has_lease") == 1)
    until("counted", lambda: (count(host, "leases_total"), count(host, "leases_ended_total")) == (2, 1))


@pytest.mark.parametrize("first, told", [
    ("wrong\n", "AUTH: WRONGPASS"),
    ("\n", "redis.password begins with an empty line, or is empty"),  # a secret that is not mounted: never the way in without one
])
def test_a_wrong_password_is_told_and_can_be_put_right(fleet, tmp_path, first, told):
    fleet.put("s1")
    fleet.redis.call("CONFIG", "SET", "requirepass", "right one")
    fleet.redis.password = "right one"
    secret = tmp_path / "redis.password"
    secret.write_text(first)
    conf = harness.CONF.replace("store sqlite    {folder}/sessions.db { flush 200ms; }",
                                f"store dynamodb {fleet.table} {{ feed redis {fleet.redis.url} password_file={secret}; }}")
    (tmp_path / "lone").mkdir()
    host = harness.Postern(tmp_path / "lone", conf, start=False, main="", lifecycle="", session="dev_server vite;", server="")
    (tmp_path / "lone/static").mkdir()
    fleet.hosts.append(host.launch())
    try:
        until("told", lambda: f"redis 127.0.0.1:{fleet.redis.port}: " in host.log() and told in host.log())
        assert "wrong\n" not in host.log() and harness.request(host.api, "/readyz").status == 503
        until("told by /readyz", lambda: told in store_check(host))
        secret.write_text("right one\n")
        fleet.until_all("s1", 200)
    finally:
        assert host.stop() == 0
