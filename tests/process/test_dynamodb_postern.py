"""A whole postern on a table in DynamoDB, with boto3 as the services that share it."""
import contextlib
import os
import pathlib
import re
import signal
import sqlite3
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import aws_fakes
import harness
import pytest
from bad_proxy import BadProxy
from harness import until


@pytest.fixture
def on_table(run_postern, run_fake, dynamodb, monkeypatch):
    """on_table(table, block) → a postern that follows the table, and has a target to send requests to."""
    for name, value in dynamodb.environment.items():
        monkeypatch.setenv(name, value)
    target = run_fake("mirror")

    def run(table, block="", name="postern", flush="200ms", **more):
        conf = harness.CONF.replace("store sqlite    {folder}/sessions.db { flush 200ms; }",
                                    f"store dynamodb {table} {{ flush {flush}; {block} }}")
        postern = run_postern(name, conf=conf, **more)
        postern.target = target
        return postern

    return run


def put(dynamodb, table, name, **more):
    item = {"sessionId": {"S": name}, "clientId": {"S": "acme"}, "userId": {"S": "u"}, "threadId": {"S": name}, "status": {"S": "active"},
            "ttl": {"N": str(int(time.time()) + 3600)}, **more}
    dynamodb.client.put_item(TableName=table, Item=item)


def here(postern):
    return {"containerIp": {"S": "127.0.0.1"}, "port": {"N": str(postern.target)}}


def item_of(dynamodb, table, name):
    return dynamodb.client.get_item(TableName=table, Key={"sessionId": {"S": name}}, ConsistentRead=True).get("Item")


def answers(postern, name, status):
    return lambda: postern.get(f"/session/{name}/", headers={"Accept": "text/html"}).status == status


def test_what_others_write_is_routed(on_table, dynamodb):
    table = dynamodb.create_table()
    postern = on_table(table)
    put(dynamodb, table, "before")
    put(dynamodb, table, "s1", **here(postern))
    until("routed", answers(postern, "s1", 200))
    dynamodb.client.update_item(TableName=table, Key={"sessionId": {"S": "s1"}}, UpdateExpression="SET #s = :s",
                                ExpressionAttributeNames={"#s": "status"}, ExpressionAttributeValues={":s": {"S": "failed"}})
    until("failed", answers(postern, "s1", 503))
    put(dynamodb, table, "bad", status={"S": "nonsense"}, **here(postern))
    put(dynamodb, table, "s2", **here(postern))
    until("routed", answers(postern, "s2", 200))
    assert answers(postern, "bad", 404)()
    until("told", lambda: 'the item bad cannot be used: its status is "nonsense"' in postern.log())
    dynamodb.client.delete_item(TableName=table, Key={"sessionId": {"S": "s1"}})
    until("gone", answers(postern, "s1", 404))
    assert postern.log().count("the item bad cannot be used") == 1
    skipped = postern.metric("postern_sync_skipped_total")
    put(dynamodb, table, "odd", threadId={"S": "a b"}, **here(postern))
    until("told", lambda: 'no URL leads to its route key "a b"' in postern.log())
    put(dynamodb, table, "odd", threadId={"S": "a b"}, **here(postern), branch={"S": "x"})
    until("counted", lambda: postern.metric("postern_sync_skipped_total") > skipped)
    assert postern.log().count("no URL leads to its route key") == 1


def test_the_api_writes_to_the_table(on_table, dynamodb):
    table = dynamodb.create_table()
    postern = on_table(table)
    until("ready", lambda: postern.api_call("GET", "/readyz").status == 200)
    made = postern.activate("t1")
    assert made.status in (200, 201), made
    name = made.json["sessionId"]
    until("routed", answers(postern, "t1", 503))
    item = item_of(dynamodb, table, name)
    assert item["status"] == {"S": "initializing"} and item["threadId"] == {"S": "t1"} and int(item["version"]["N"]) > 1e15
    dynamodb.client.update_item(TableName=table, Key={"sessionId": {"S": name}},
                                UpdateExpression="SET #s = :s, containerIp = :i, port = :p, previewUrl = :u",
                                ExpressionAttributeNames={"#s": "status"},
                                ExpressionAttributeValues={":s": {"S": "active"}, ":u": {"S": "https://x"},
                                                           ":i": here(postern)["containerIp"], ":p": here(postern)["port"]})
    assert postern.status(name) == "active"  # read from the table
    until("routed", answers(postern, "t1", 200))
    again = postern.activate("t1")
    assert again.status == 200 and again.json["status"] == "active"
    listed = postern.api_call("GET", "/api/sessions/client/acme")
    assert listed.status == 200 and f'"{name}"' in listed.text
    assert postern.api_call("POST", f"/api/sessions/{name}/deactivate").status in (200, 202)
    until("at rest", lambda: item_of(dynamodb, table, name)["status"]["S"] == "inactive")
    item = item_of(dynamodb, table, name)
    assert "containerIp" not in item and item["previewUrl"] == {"S": "https://x"}


def test_activity_comes_back(on_table, dynamodb):
    table = dynamodb.create_table()
    postern = on_table(table)
    old = int(time.time()) + 60
    put(dynamodb, table, "s1", **here(postern), ttl={"N": str(old)}, requestCount={"N": "100"}, tag={"S": "theirs"})
    until("routed", answers(postern, "s1", 200))
    asked = 1
    for _ in range(9):
        assert answers(postern, "s1", 200)()
        asked += 1
    until("counted", lambda: int(item_of(dynamodb, table, "s1")["requestCount"]["N"]) >= 100 + asked)
    item = item_of(dynamodb, table, "s1")
    assert int(item["requestCount"]["N"]) == 100 + asked and int(item["bytesTransferred"]["N"]) > 0
    assert int(item["ttl"]["N"]) > old + 3600 and item["lastActivityAt"]["S"].endswith("Z") and item["tag"] == {"S": "theirs"}
    assert "version" not in item
    # A session that goes while its activity is on its way does not come back.
    assert answers(postern, "s1", 200)()
    dynamodb.client.delete_item(TableName=table, Key={"sessionId": {"S": "s1"}})
    until("gone", answers(postern, "s1", 404))
    assert postern.stop() == 0
    assert dynamodb.scan_all(table) == []


def test_what_it_asks_of_the_table_is_counted(on_table, dynamodb):
    table = "counted"
    postern = on_table(table, start=False)
    assert postern.cli("store", "init").returncode == 0  # with the two indexes
    postern.start()

    def sample(name):
        lines = postern.api_call("GET", "/metrics").text.splitlines()
        return float(dict(line.rsplit(" ", 1) for line in lines)[name])

    put(dynamodb, table, "s1", **here(postern), lastActivityAt={"S": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))})
    until("routed", answers(postern, "s1", 200))
    # The item, its entry of GSI1, and GSI2's entry removed and made again.
    until("activity", lambda: sample('postern_store_write_units_total{for="activity"}') == 4)
    before = sample('postern_store_write_units_total{for="writes"}')
    assert postern.activate("t1").status == 201
    until("a write", lambda: sample('postern_store_write_units_total{for="writes"}') == before + 3)
    until("records", lambda: sample('postern_feed_records_total{feed="sessions"}') >= 3)
    assert sample('postern_feed_snapshots_total{feed="sessions"}') == 1 and sample('postern_feed_records_total{feed="containers"}') == 0
    assert sample('postern_aws_calls_total{result="ok"}') > 5
    # Activity of what is gone meanwhile: its condition does not hold, which is an answer, and no failure.
    def used_and_removed():
        assert answers(postern, "s1", 200)()
        dynamodb.client.delete_item(TableName=table, Key={"sessionId": {"S": "s1"}})
        until("gone", answers(postern, "s1", 404))
        put(dynamodb, table, "s1", **here(postern))
        until("routed", answers(postern, "s1", 200))
        return sample('postern_aws_calls_total{result="condition"}') >= 1
    until("conditions", used_and_removed)
    assert sample('postern_aws_calls_total{result="failed"}') == 0


def test_the_command_line_is_routed(on_table, dynamodb):
    postern = on_table(dynamodb.create_table())
    until("ready", lambda: postern.api_call("GET", "/readyz").status == 200)
    postern.set_session("mine", "active", f"127.0.0.1:{postern.target}")
    until("routed", answers(postern, "mine", 200))
    assert postern.cli("sessions", "rm", "mine").returncode == 0
    until("gone", answers(postern, "mine", 404))


def test_two_hosts_share_a_table(on_table, dynamodb):
    table = dynamodb.create_table()
    one, two = on_table(table), on_table(table, name="other")
    for host in (one, two):
        until("ready", lambda host=host: host.api_call("GET", "/readyz").status == 200)
    one.set_session("shared", "active", f"127.0.0.1:{one.target}")
    until("routed there", answers(two, "shared", 200))
    for host in (one, two):
        for _ in range(5):
            assert answers(host, "shared", 200)()
    until("both counted", lambda: int(item_of(dynamodb, table, "shared").get("requestCount", {"N": "0"})["N"]) >= 10)
    assert two.cli("sessions", "rm", "shared").returncode == 0
    until("gone there", answers(one, "shared", 404))


def test_containers_have_the_addresses(on_table, dynamodb):
    table, containers = dynamodb.create_table(), dynamodb.create_table(key="containerId")
    postern = on_table(table, f"containers {containers};")
    put(dynamodb, table, "s1", containerId={"S": "c1"})
    until("known", answers(postern, "s1", 503))
    dynamodb.client.put_item(TableName=containers, Item={"containerId": {"S": "c1"}, **here(postern)})
    until("routed", answers(postern, "s1", 200))
    assert postern.status("s1") == "active"
    dynamodb.client.delete_item(TableName=containers, Key={"containerId": {"S": "c1"}})
    until("its container is gone", lambda: not answers(postern, "s1", 200)())


def test_a_table_without_a_stream_is_polled(on_table, dynamodb):
    table = dynamodb.create_table(stream=False)
    postern = on_table(table, "feed poll 1s;")
    put(dynamodb, table, "s1", **here(postern))
    until("routed", answers(postern, "s1", 200))
    dynamodb.client.delete_item(TableName=table, Key={"sessionId": {"S": "s1"}})
    until("gone", answers(postern, "s1", 404))


def test_what_is_written_here_is_routed_without_a_scan(on_table, dynamodb):
    table = dynamodb.create_table(stream=False)
    postern = on_table(table, "feed poll 1h;")
    for i in range(5):
        put(dynamodb, table, f"other{i}", **here(postern))
    until("ready", lambda: postern.api_call("GET", "/readyz").status == 200)

    def scanned():
        return [postern.metric(f"postern_feed_{what}_total") for what in ("snapshots", "rows_scanned", "calls")]

    until("counted", lambda: scanned()[0] == 1)
    before = scanned()
    began, round_ = time.monotonic(), 0
    while time.monotonic() - began < 2.5:  # a scan that a ring begins comes a second after the last one
        round_ += 1
        postern.set_session(f"mine{round_}", "active", f"127.0.0.1:{postern.target}")
        until("routed", answers(postern, f"mine{round_}", 200))
        assert postern.cli("sessions", "rm", f"mine{round_}").returncode == 0
        until("gone", answers(postern, f"mine{round_}", 404))
    assert scanned() == before


def test_a_table_that_does_not_come(on_table, dynamodb):
    postern = on_table("never-made", "call_timeout 1s;", start=False).launch()
    until("told", lambda: "never-made" in postern.log())
    until("not ready", lambda: postern.api_call("GET", "/readyz").status == 503)
    assert postern.activate("t1").status == 503
    table = dynamodb.create_table(name="never-made")
    put(dynamodb, table, "s1", **here(postern))
    until("routed", answers(postern, "s1", 200), within=30)
    until("ready", lambda: postern.api_call("GET", "/readyz").status == 200)


@pytest.mark.parametrize("feed", ["feed streams;", "feed poll 1h;"])
def test_a_replica_that_is_deleted_or_damaged_in_use_is_filled_anew(on_table, dynamodb, feed):
    table = dynamodb.create_table()
    postern = on_table(table, feed)
    for at in range(200):
        put(dynamodb, table, f"s{at}", **here(postern), branch={"S": "b" * 500})
    replica = pathlib.Path(postern.folder, "sessions.table.replica")
    if "1h" in feed:
        postern.stop()
        replica.unlink()
        postern.start()
    until("routed", answers(postern, "s199", 200), within=20)

    def until_there(name):
        until(f"{name} is routed", answers(postern, name, 200), within=20)
        until("ready", lambda: postern.api_call("GET", "/readyz").status == 200)
        assert answers(postern, "s7", 200)()

    replica.unlink()  # its log stays
    put(dynamodb, table, "after", **here(postern))
    assert answers(postern, "s7", 200)()
    until_there("after")
    if "1h" in feed:
        return
    with contextlib.closing(sqlite3.connect(replica)) as its:
        its.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    half = replica.stat().st_size // 2
    with open(replica, "r+b") as file:
        file.seek(half)  # behind what a start looks at
        file.write(b"x" * half)
    os.kill(postern.children()["sync"][0], signal.SIGKILL)  # what it has of the file in its memory is whole
    put(dynamodb, table, "later", **here(postern))
    for at in range(200):
        put(dynamodb, table, f"s{at}", **here(postern), branch={"S": "c" * 500})
    until_there("later")
    assert "sessions.table.replica is begun anew: it is damaged (" in postern.log(), postern.log()
    assert replica.with_name(replica.name + ".bad").exists()


def test_a_host_whose_clock_is_ahead_ends_nobodys_session(on_table, dynamodb, monkeypatch):
    table = dynamodb.create_table()
    ahead = timedelta(days=2)  # of this host's clock, as the service tells by what it refuses
    with BadProxy(dynamodb.port) as proxy:
        def answer(asked):
            now = datetime.now(timezone.utc) - ahead
            date = {"Date": format_datetime(now.replace(microsecond=0), usegmt=True)}
            if abs(aws_fakes.signed_at(asked) - now) > timedelta(minutes=5):
                return aws_fakes.no("InvalidSignatureException", "Signature not yet current: 1 is still later than 2", **date)
            status, headers, body = proxy.forward(asked)
            return status, {**headers, **date}, body

        proxy.answer = answer
        for name, value in proxy.environment(dynamodb).items():
            monkeypatch.setenv(name, value)
        postern = on_table(table)
        there = int(time.time() - ahead.total_seconds())
        for name, status in (("active", "active"), ("resting", "inactive")):
            put(dynamodb, table, name, **here(postern), status={"S": status}, ttl={"N": str(there + 3600)})
        put(dynamodb, table, "over", **here(postern), ttl={"N": str(there - 10)})
        until("what is over by the service's clock is removed", lambda: item_of(dynamodb, table, "over") is None)
        assert item_of(dynamodb, table, "active")["status"] == {"S": "active"}
        assert item_of(dynamodb, table, "resting")["status"] == {"S": "inactive"}
        assert answers(postern, "active", 200)() and "this host's clock differs from the service's" in postern.log()
        until("activity", lambda: "requestCount" in item_of(dynamodb, table, "active"))
        said = datetime.fromisoformat(item_of(dynamodb, table, "active")["lastActivityAt"]["S"])
        assert said - (datetime.now(timezone.utc) - ahead) < timedelta(minutes=1)


def test_a_ring_by_signal_ends_in_the_thread_that_waits_for_it(on_table, dynamodb):
    sync, = on_table(dynamodb.create_table()).children()["sync"]
    ring = 1 << (signal.SIGUSR1 - 1)
    others = [task for task in pathlib.Path(f"/proc/{sync}/task").iterdir() if task.name != str(sync)]
    assert others
    for task in others:
        blocked = int(re.search(r"^SigBlk:\s+(\w+)", (task / "status").read_text(), re.M).group(1), 16)
        assert blocked & ring, f"thread {task.name} takes it"
