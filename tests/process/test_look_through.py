"""Sessions that the table here does not have yet: the first request for one looks in DynamoDB. The feed polls once an hour, so that
nothing else brings them."""
import concurrent.futures
import http.client
import json
import os
import signal
import subprocess
import threading
import time

import aws_fakes
import harness
import pytest
from harness import until
from test_websocket import shake_hands

CONF = harness.CONF.replace("store sqlite    {folder}/sessions.db { flush 200ms; }",
                            "store dynamodb {table} { flush 200ms; feed poll 1h; {block} }")
LOOK = "look_through {threadId} within=20s;"  # what sessions are called in these tables; a request waits for as long as it takes
ABSENT_FOR = 1.5  # so long it is remembered that there is none (cache/answer.hpp)


class Between:
    """Stands between postern and DynamoDB Local: counts what is asked, and may be slow or away."""

    def __init__(self, server):
        self.server, self.wait, self.away = server, 0.0, False
        self.fake = aws_fakes.FakeHttp(self.pass_on)

    def pass_on(self, asked):
        if self.away and asked.operation in ("GetItem", "Query"):
            return aws_fakes.close
        if asked.operation == "GetItem":
            time.sleep(self.wait)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        headers = {name: value for name, value in asked.headers.items() if name not in ("host", "accept-encoding", "connection")}
        connection.request("POST", "/", asked.body, headers)
        got = connection.getresponse()
        body = got.read()
        connection.close()
        return got.status, {"Content-Type": "application/x-amz-json-1.0"}, body

    def reads(self, name=None):
        """The GetItems for sessions, or for one. Control makes some as well, once a session is known here."""
        asked = [json.loads(one.body) for one in self.fake.asked if one.operation in ("GetItem", "Query")]
        return [one for one in asked if name is None or f'"{name}' in json.dumps(one)]


@pytest.fixture
def between(dynamodb, monkeypatch):
    made = Between(dynamodb)
    with made.fake as fake:
        for name, value in {**dynamodb.environment, "AWS_ENDPOINT_URL_DYNAMODB": fake.url}.items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def on_table(dynamodb, between, run_postern, run_fake):  # what it stands on goes last
    """on_table(block) → a postern on a table of its own, ready, with a target to send requests to."""
    target = run_fake("mirror")

    def run(block=LOOK, conf=CONF, **more):
        table = dynamodb.create_table(stream=False)
        postern = run_postern(conf=conf.replace("{block}", block), table=table, **more)
        postern.table, postern.target = table, target
        return postern

    return run


def put(dynamodb, postern, name, **more):
    item = {"sessionId": {"S": name}, "clientId": {"S": "acme"}, "userId": {"S": "u"}, "threadId": {"S": name}, "status": {"S": "active"},
            "ttl": {"N": str(int(time.time()) + 3600)}, "containerIp": {"S": "127.0.0.1"}, "port": {"N": str(postern.target)}, **more}
    dynamodb.client.put_item(TableName=postern.table, Item={name: value for name, value in item.items() if value})


def timed(postern, name, **more):
    began = time.monotonic()
    answer = postern.get(f"/session/{name}/", headers={"Accept": "text/html"}, **more)
    return answer.status, time.monotonic() - began


def count(postern, name):
    return postern.metric(f"postern_{name}_total")


def test_the_first_request_finds_it(on_table, dynamodb, between):
    postern = on_table()
    put(dynamodb, postern, "s1")
    assert timed(postern, "s1")[0] == 200
    assert count(postern, "look_throughs") == 1
    until("counted", lambda: count(postern, "look_through_found") == 1)  # behind the ring that the answer waited for
    assert timed(postern, "s1")[0] == 200
    read = between.reads()[0]
    assert read["ConsistentRead"] is True and read["Key"] == {"sessionId": {"S": "s1"}}
    # Whatever it is for.
    put(dynamodb, postern, "s2", status={"S": "initializing"}, containerIp=None)
    assert postern.document("/session/s2/").status == 503
    put(dynamodb, postern, "s3")
    assert postern.get("/session/s3/x", method="POST", body=b"x" * 100_000).status == 200
    put(dynamodb, postern, "s4")
    socket, head, _ = shake_hands(postern.port, "/session/s4/")
    assert head.startswith(b"HTTP/1.1 101")
    socket.close()
    until("counted", lambda: count(postern, "look_through_reads") == count(postern, "look_through_found") == 4)


def test_many_requests_for_one_are_one_read(on_table, dynamodb, between):
    postern = on_table("look_through {threadId} held=64 within=20s;")  # a client asks for eight sessions, however often
    between.wait = 0.2
    put(dynamodb, postern, "s1")
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        got = list(pool.map(lambda _: timed(postern, "s1")[0], range(50)))
        assert got == [200] * 50
        assert count(postern, "look_through_reads") == 1
        began = time.monotonic()
        missing = list(pool.map(lambda _: timed(postern, "none"), range(32)))
        took = time.monotonic() - began
    assert [status for status, _ in missing] == [404] * 32
    assert len(between.reads("none")) <= 1 + took // ABSENT_FOR
    assert count(postern, "look_throughs_timed_out") == count(postern, "look_throughs_refused") == 0


def test_that_there_is_none_is_told_at_once_and_remembered(on_table, dynamodb, between):
    postern = on_table()
    told = [timed(postern, f"n{i}") for i in range(8)]
    assert {status for status, _ in told} == {404}
    assert min(took for _, took in told) < 0.5  # and not when the request asks again by itself
    began = time.monotonic()
    for _ in range(25):
        assert timed(postern, "s1")[0] == 404
    asked_again = (time.monotonic() - began) // ABSENT_FOR
    assert len(between.reads("s1")) <= 1 + asked_again and count(postern, "look_throughs") <= 9 + asked_again
    put(dynamodb, postern, "s1")
    until("asked again after a while", lambda: timed(postern, "s1")[0] == 200)
    assert count(postern, "look_through_reads") >= 10


def test_what_is_gone_and_comes_again(on_table, dynamodb, between):
    postern = on_table(f"{LOOK} feed poll 1s;", CONF.replace("feed poll 1h; ", ""))
    put(dynamodb, postern, "s1")
    assert timed(postern, "s1")[0] == 200
    dynamodb.client.delete_item(TableName=postern.table, Key={"sessionId": {"S": "s1"}})
    until("gone by the feed", lambda: timed(postern, "s1")[0] == 404)
    put(dynamodb, postern, "s1", status={"S": "failed"})
    until("there again", lambda: timed(postern, "s1")[0] == 503)


def test_readings_of_the_table_leave_it(on_table, dynamodb, between):
    postern = on_table(f"{LOOK} feed poll 1s;", CONF.replace("feed poll 1h; ", ""))
    for i in range(6):
        put(dynamodb, postern, f"s{i}")
        assert timed(postern, f"s{i}")[0] == 200
        began = time.monotonic()
        while time.monotonic() - began < 0.5:
            assert timed(postern, f"s{i}")[0] == 200


def test_its_container_is_looked_for_too(on_table, dynamodb, between):
    containers = dynamodb.create_table(key="containerId", stream=False)
    postern = on_table(f"{LOOK} containers {containers};")
    dynamodb.client.put_item(TableName=containers, Item={"containerId": {"S": "c1"}, "containerIp": {"S": "127.0.0.1"},
                                                         "port": {"N": str(postern.target)}})
    put(dynamodb, postern, "s1", containerId={"S": "c1"}, containerIp=None, port=None)
    assert timed(postern, "s1")[0] == 200
    assert count(postern, "look_through_reads") == 1 and "c1" in str(between.reads()[1]["Key"])


def test_only_what_follows_from_the_url_is_asked_for(on_table, dynamodb, between):
    postern = on_table("look_through {clientId}#{sessionId};", conf=CONF.replace("{threadId}", "{clientId}-{sessionId}", 1)
                       .replace("/session/{threadId}/ {", "/session/{clientId}/{sessionId}/ {"))
    put(dynamodb, postern, "acme#s1", threadId={"S": "t"})
    assert postern.get("/session/acme/s1/").status == 404  # its id is acme#s1, so its key is acme-acme#s1
    assert len(between.reads("acme#s1")) == 1
    assert count(postern, "look_through_absent") == 1 and postern.cli("table", "dump").stdout.count("acme") == 0


def test_switched_off_nothing_is_asked(on_table, dynamodb, between):
    postern = on_table("look_through off;")
    put(dynamodb, postern, "s1")
    assert timed(postern, "s1")[0] == 404
    postern = on_table("", name="by-default")  # route_key has no {sessionId}
    put(dynamodb, postern, "s1")
    assert timed(postern, "s1")[0] == 404
    assert between.reads() == [] and count(postern, "look_throughs_refused") == 0
    assert "store " not in postern.cli("explain", f"http://127.0.0.1:{postern.port}/session/s1/").stdout


def test_explain_tells(on_table, dynamodb, between):
    postern = on_table("look_through {threadId} within=7s;")
    told = postern.cli("explain", f"http://127.0.0.1:{postern.port}/session/s1/").stdout
    assert "is asked for the session first, and the request waits for the answer, 7000 ms at most" in told
    assert "show the not_found page with 404" in told
    put(dynamodb, postern, "s1")
    assert timed(postern, "s1")[0] == 200
    assert "asked for" not in postern.cli("explain", f"http://127.0.0.1:{postern.port}/session/s1/").stdout


def test_a_store_that_is_away_is_no_wait(on_table, dynamodb, between):
    postern = on_table("look_through {threadId} within=30s;")
    put(dynamodb, postern, "known")
    assert timed(postern, "known")[0] == 200
    between.away = True
    status, took = timed(postern, "s1")
    assert status == 404 and took < 20
    assert count(postern, "look_through_errors") >= 1
    until("told", lambda: "cannot be looked for in the store" in postern.log())
    began = time.monotonic()
    assert {timed(postern, f"k{i}")[0] for i in range(40)} == {404}
    assert time.monotonic() - began < 30  # not even one of them has waited
    assert count(postern, "look_throughs_refused") >= 20
    assert timed(postern, "known")[0] == 200
    between.away = False
    put(dynamodb, postern, "s1")
    until("found again", lambda: timed(postern, "s1")[0] == 200)
    until("told", lambda: "looked for in the store again" in postern.log())


def test_a_store_that_is_slow_is_waited_for_so_long(on_table, dynamodb, between):
    postern = on_table("look_through {threadId} within=500ms;")
    between.wait = 3
    put(dynamodb, postern, "s1")
    status, took = timed(postern, "s1")
    assert status == 404 and took > 0.3
    assert count(postern, "look_throughs_timed_out") + count(postern, "look_throughs_refused") == 1
    until("the read is given up, too", lambda: count(postern, "look_through_errors") == 1)


def test_a_client_that_leaves_waits_no_longer(on_table, dynamodb, between):
    postern = on_table("look_through {threadId} held=1 within=30s;", main="workers 1;", conf=CONF.replace("workers         2;", ""))
    between.wait = 60

    def ask(name):
        return harness.raw(postern.port, f"GET /session/{name}/ HTTP/1.1\r\nHost: h\r\n\r\n".encode(), within=0.2)

    assert ask("s1") == (b"", "open")
    until("there is room again", lambda: ask("s2") == (b"", "open"), within=20)  # before the first one's time is over


def test_so_many_requests_wait(on_table, dynamodb, between):
    postern = on_table("look_through {threadId} held=3 within=20s;")
    between.wait = 5
    put(dynamodb, postern, "s1")
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        got = list(pool.map(lambda _: timed(postern, "s1"), range(30)))
    found = sum(status == 200 for status, _ in got)
    assert 1 <= found <= 6 and found + sum(status == 404 for status, _ in got) == 30  # two workers
    assert count(postern, "look_throughs_refused") == 30 - found


def test_sync_killed_while_it_is_asked(on_table, dynamodb, between):
    postern = on_table("look_through {threadId} within=30s;")
    between.wait = 5
    put(dynamodb, postern, "s1")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        there, absent = (pool.submit(timed, postern, name) for name in ("s1", "none"))
        until("they are being looked for", lambda: len(between.reads("s1")) == len(between.reads("none")) == 1)
        [sync] = postern.children()["sync"]
        os.kill(sync, signal.SIGKILL)
        between.wait = 0
        assert there.result()[0] == 200 and there.result()[1] < 25
        assert absent.result()[0] == 404 and absent.result()[1] < 25
    assert len(between.reads("none")) == 2  # the next sync was asked anew


def test_sync_that_stands_still_is_not_waited_for_for_long(on_table, dynamodb, between):
    postern = on_table("look_through {threadId} within=400ms;")
    [sync] = postern.children()["sync"]
    os.kill(sync, signal.SIGSTOP)
    try:
        status, took = timed(postern, "s1")
        assert status == 404 and took > 0.3
        assert count(postern, "look_throughs_timed_out") == 1
        until("it counts as silent", lambda: timed(postern, "s2")[1] < 0.2, every=0.5)
        assert count(postern, "look_throughs_refused") >= 1
    finally:
        os.kill(sync, signal.SIGCONT)


def test_a_flood_of_unknown_keys(on_table, dynamodb, between):
    postern = on_table("look_through {threadId} rate=20r/s held=32;")
    put(dynamodb, postern, "known")
    until("known", lambda: timed(postern, "known")[0] == 200)
    began, over = time.monotonic(), threading.Event()

    def flood(n):
        asked = 0
        while not over.is_set():
            assert timed(postern, f"flood-{n}-{asked}")[0] == 404
            asked += 1
        return asked

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        floods = [pool.submit(flood, n) for n in range(16)]
        known = [timed(postern, "known") for _ in range(300)]
        while time.monotonic() - began < 3:
            time.sleep(0.05)
        over.set()
        took = time.monotonic() - began
        asked = sum(one.result() for one in floods)
    assert {status for status, _ in known} == {200}
    assert asked > 50
    assert len(between.reads("flood-")) <= 20 * (took + 2) + 1
    assert count(postern, "look_throughs_refused") > 0
    put(dynamodb, postern, "s1")
    until("others are served again", lambda: timed(postern, "s1")[0] == 200)


def test_a_flood_keeps_another_client_from_nothing(on_table, dynamodb, between):
    postern = on_table("look_through {threadId} rate=10r/s held=64 within=20s;", main="trusted_proxies 127.0.0.1;")
    over = threading.Event()

    def flood(n):
        asked = 0
        while not over.is_set():
            harness.request(postern.port, f"/session/flood-{n}-{asked}/", headers={"X-Forwarded-For": "203.0.113.7"})
            asked += 1

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for n in range(16):
            pool.submit(flood, n)
        try:
            until("it is refused", lambda: count(postern, "look_throughs_refused") > 50)
            for i in range(8):
                put(dynamodb, postern, f"s{i}")
                got = harness.request(postern.port, f"/session/s{i}/", headers={"X-Forwarded-For": "198.51.100.1"})
                assert got.status == 200, i
        finally:
            over.set()


def test_who_may_not_see_a_session_asks_for_none(on_table, dynamodb, between):
    postern = on_table(session="access link;", main="access_key_file {folder}/access.key;")
    put(dynamodb, postern, "s1", createdAt={"S": "2026-01-01T00:00:00Z"})
    assert timed(postern, "s1")[0] == 403
    assert postern.get("/session/s1/?postern_access=5f5e1000-1-" + "0" * 64).status == 403
    assert between.reads() == []
    made = postern.api_call("POST", "/api/sessions/s1/links", {})
    assert made.status == 201, made
    reads = len(between.reads())
    path = made.json["url"].split(str(postern.port), 1)[1]
    assert postern.get(path).status == 200  # made by another host's word: not known here until now
    assert len(between.reads()) > reads


def test_what_is_wrong_in_the_conf_is_said(run_postern):
    postern = run_postern()
    text = (postern.folder / "postern.conf").read_text()
    text = text[:text.index("store sqlite")] + "store dynamodb table { BLOCK }\n" + text[text.index("control {"):]
    for block, said in {"look_through {sessionId};": "route_key {threadId} has no {sessionId}",
                        "look_through on;": "route_key {threadId} has no {sessionId}",
                        "look_through {threadId} within=1s within=2s;": "within= is there twice",
                        "look_through {threadId} within=1ms;": "within: ",
                        "look_through {threadId} rate=5;": "rate: ",
                        "look_through {threadId} held=0;": "held: ",
                        "look_through {thredId};": "{thredId}",
                        "look_through off within=1s;": "nothing may follow off"}.items():
        conf = postern.folder / "wrong.conf"
        conf.write_text(text.replace("BLOCK", block))
        checked = subprocess.run([harness.BINARY, "-t", "-c", str(conf)], capture_output=True, text=True, timeout=60)
        assert checked.returncode == 78 and said in checked.stderr, (block, checked.stderr)
