"""Several hosts on one table, and sessions that come to the end of their time."""
import os
import signal
import sqlite3
import sys
import threading
import time

import chaos
import harness
import pytest
from bad_proxy import BadProxy
from harness import until


@pytest.fixture
def hosts(run_postern, run_fake, dynamodb, monkeypatch):
    """hosts(table, count, block) → posterns, each with files of its own; the first one launches containers."""
    for name, value in dynamodb.environment.items():
        monkeypatch.setenv(name, value)
    target = run_fake("mirror")

    def run(table, count, block="", launcher=""):
        conf = harness.CONF.replace("store sqlite    {folder}/sessions.db { flush 200ms; }",
                                    f"store dynamodb {table} {{ flush 300ms; {block} }}")
        made = [run_postern(f"host{i}", conf=conf, start=False, lifecycle=launcher if i == 0 else "") for i in range(count)]
        for one in made:
            one.launch()
        for one in made:
            until("ready", lambda one=one: is_ready(one), within=30)
            one.target = target
        return made
    return run


def is_ready(postern):
    try:
        return postern.api_call("GET", "/readyz").status == 200
    except OSError:
        return False


def answers(postern, thread, status):
    return lambda: postern.get(f"/session/{thread}/", headers={"Accept": "text/html"}).status == status


def put(dynamodb, table, name, **more):
    dynamodb.client.put_item(TableName=table, Item={
        "sessionId": {"S": name}, "clientId": {"S": "acme"}, "userId": {"S": "u"}, "threadId": {"S": name}, "status": {"S": "active"},
        **more})


def item_of(dynamodb, table, name):
    return dynamodb.client.get_item(TableName=table, Key={"sessionId": {"S": name}}, ConsistentRead=True).get("Item")


def test_three_hosts_agree(hosts, dynamodb, tmp_path):
    table = dynamodb.create_table()
    (tmp_path / "containers").mkdir()
    (tmp_path / "containers/gate").touch()
    # A file of its own: the harness fills {port} in as postern's own.
    (tmp_path / "launcher.conf").write_text(f"""
        launcher process {{
            command     {sys.executable} -u {harness.FAKES}/container.py {{port}} {{threadId}} {tmp_path}/containers;
            ready       http / within 60s;
            stop        TERM 5s;
            {harness.launcher_ports()}
            output_directory {tmp_path}/containers;
        }}""")
    first, second, third = posterns = hosts(table, 3, launcher=f"include {tmp_path}/launcher.conf;")
    # Made on a host without a launcher, started by the one that has it, used on all.
    made = second.activate("t1")
    assert made.status == 201, made
    name = made.json["sessionId"]
    for one in posterns:
        until("routed", answers(one, "t1", 200))
    assert {one.status(name) for one in posterns} == {"active"}
    # Of two that change the same at the same time, one comes first; nobody's change is lost.
    again = [one.activate("t1") for one in posterns]
    assert {(one.status, one.json["sessionId"]) for one in again} == {(200, name)}
    for number in range(5):
        assert {one.api_call("POST", f"/api/sessions/{name}/keepalive").status for one in posterns} == {200}, number
    # Used on all: all is counted.
    for one in posterns:
        for _ in range(5):
            assert answers(one, "t1", 200)()
    until("all counted", lambda: int(item_of(dynamodb, table, name)["requestCount"]["N"]) >= 15)
    # Stopped by the third, seen by all.
    assert third.api_call("POST", f"/api/sessions/{name}/deactivate").status in (200, 202)
    until("at rest", lambda: item_of(dynamodb, table, name)["status"]["S"] == "inactive")
    for one in posterns:
        until("not routed", lambda one=one: not answers(one, "t1", 200)())
        until("the tables agree", lambda one=one: not chaos.difference(one, dynamodb, table, None))
    tables = [chaos.table_of(one) for one in posterns]
    assert tables[0] == tables[1] == tables[2] and set(tables[0]) == {"t1"}


def replica_of(postern):
    """The keys of the items that the host's replica has."""
    with sqlite3.connect(f"file:{postern.folder}/sessions.table.replica?mode=ro", uri=True) as db:
        return {key for key, in db.execute("SELECT key FROM replica_rows")}


def test_a_session_ends_at_its_ttl_and_its_item_when_the_table_removes_it(hosts, dynamodb):
    table = dynamodb.create_table()
    [postern] = hosts(table, 1)
    here = {"containerIp": {"S": "127.0.0.1"}, "port": {"N": str(postern.target)}}
    [control] = postern.children()["control"]
    os.kill(control, signal.SIGSTOP)  # it would be the first to remove the record
    try:
        ends = int(time.time()) + 8
        put(dynamodb, table, "short", **here, ttl={"N": str(ends)})
        put(dynamodb, table, "long", **here, ttl={"N": str(ends + 3600)})
        put(dynamodb, table, "failed", status={"S": "failed"}, ttl={"N": str(ends)})
        until("routed", lambda: set(chaos.table_of(postern)) == {"short", "long", "failed"})
        until("ended", lambda: set(chaos.table_of(postern)) == {"long"})
        assert ends <= time.time()
        assert answers(postern, "short", 404)() and answers(postern, "long", 200)()
        assert replica_of(postern) == {"short", "long", "failed"}
        dynamodb.client.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
        # The table's own removal is a record of no known name, without a new image.
        until("removed", lambda: len(dynamodb.scan_all(table)) == 1, within=90, every=0.2)
        until("gone here", lambda: replica_of(postern) == {"long"})
        assert set(chaos.table_of(postern)) == {"long"}
    finally:
        os.kill(control, signal.SIGCONT)


def test_a_ttl_in_the_past_ends_a_session_that_is_in_use(hosts, dynamodb):
    table = dynamodb.create_table()
    posterns = hosts(table, 2)
    put(dynamodb, table, "s1", containerIp={"S": "127.0.0.1"}, port={"N": str(posterns[0].target)})
    for one in posterns:
        until("routed", answers(one, "s1", 200))
    moved = lambda: "ttl" in item_of(dynamodb, table, "s1")
    until("activity moves its ttl", lambda: [answers(one, "s1", 200)() for one in posterns] and moved())
    dynamodb.client.update_item(TableName=table, Key={"sessionId": {"S": "s1"}}, UpdateExpression="SET #t = :t",
                                ExpressionAttributeNames={"#t": "ttl"}, ExpressionAttributeValues={":t": {"N": str(int(time.time()) - 1)}})
    # Used all the time, and each host has activity on its way; the lifecycle removes it.
    until("ended", lambda: not [one for one in posterns if answers(one, "s1", 200)()] and item_of(dynamodb, table, "s1") is None)
    assert not [one for one in posterns if answers(one, "s1", 200)()]


@pytest.mark.parametrize("feed", ["streams", "poll 1s"])
def test_a_ttl_in_the_past_ends_a_session_at_once(hosts, dynamodb, feed):
    table = dynamodb.create_table()
    [postern] = hosts(table, 1, f"feed {feed};")
    here = {"containerIp": {"S": "127.0.0.1"}, "port": {"N": str(postern.target)}}
    routed = lambda: set(chaos.table_of(postern)) == {"s1"}  # a request would move its ttl
    put(dynamodb, table, "s1", **here)
    until("routed", routed)
    later = time.time() + 3
    until("all up to now is known", lambda: time.time() > later)  # a ttl of before is none that comes
    dynamodb.client.update_item(TableName=table, Key={"sessionId": {"S": "s1"}}, UpdateExpression="SET #t = :t",
                                ExpressionAttributeNames={"#t": "ttl"}, ExpressionAttributeValues={":t": {"N": str(int(time.time()) - 1)}})
    until("ended", lambda: not routed())
    until("removed", lambda: item_of(dynamodb, table, "s1") is None)  # by the lifecycle
    put(dynamodb, table, "s1", **here, ttl={"N": str(int(time.time()) + 60)})
    until("back", routed)
    assert answers(postern, "s1", 200)()


def test_a_table_that_is_away_for_too_long_is_not_gone_by(hosts, run_postern, dynamodb, monkeypatch):
    table = dynamodb.create_table()
    with BadProxy(dynamodb.port) as proxy:
        [first] = hosts(table, 1)
        put(dynamodb, table, "s1", containerIp={"S": "127.0.0.1"}, port={"N": str(first.target)})
        for name, value in proxy.environment(dynamodb).items():
            monkeypatch.setenv(name, value)
        conf = harness.CONF.replace("store sqlite    {folder}/sessions.db { flush 200ms; }", f"store dynamodb {table};")
        postern = run_postern(conf=conf, main="stale_after 4s static;")
        until("routed", answers(postern, "s1", 200))
        proxy.refuse()
        until("static", lambda: "static home" in postern.get("/session/s1/").text)
        assert set(chaos.table_of(postern)) == {"s1"} and not is_ready(postern)
        proxy.listen()
        until("live", answers(postern, "s1", 200))
        until("ready", lambda: is_ready(postern))


@pytest.mark.parametrize("by_others", ["removed", "replaced"])
def test_what_others_did_after_a_write_whose_answer_comes_late_stands(hosts, dynamodb, monkeypatch, by_others):
    table = dynamodb.create_table()
    with BadProxy(dynamodb.port) as proxy:
        for name, value in proxy.environment(dynamodb).items():
            monkeypatch.setenv(name, value)
        [postern] = hosts(table, 1, "call_timeout 1m;")
        here = {"containerIp": {"S": "127.0.0.1"}, "port": {"N": str(postern.target)}}
        proxy.held["PutItem"] = threading.Event()
        answer = []
        asking = threading.Thread(target=lambda: answer.append(postern.activate("t1")))
        asking.start()
        try:
            until("the feed brought it", lambda: "t1" in chaos.table_of(postern))
            name = dynamodb.scan_all(table)[0]["sessionId"]["S"]
            if by_others == "removed":
                dynamodb.client.delete_item(TableName=table, Key={"sessionId": {"S": name}})
            else:  # by a service that counts no versions
                put(dynamodb, table, name, threadId={"S": "t1"}, **here)
            wanted = chaos.table_for(dynamodb.scan_all(table), [], 0)
            until("and that", lambda: chaos.table_of(postern) == wanted)
        finally:
            proxy.held.pop("PutItem").set()
            asking.join(60)
        assert answer[0].status == 201
        put(dynamodb, table, "later", **here)
        until("the feed goes on", lambda: "later" in chaos.table_of(postern))
        assert not chaos.difference(postern, dynamodb, table, None)


def test_what_was_made_here_and_removed_elsewhere_is_polled_away(hosts, dynamodb):
    table = dynamodb.create_table()
    [postern] = hosts(table, 1, "feed poll 2s;")
    assert postern.activate("t1").status == 201
    until("routed", lambda: chaos.table_of(postern))
    [item] = dynamodb.scan_all(table)
    dynamodb.client.delete_item(TableName=table, Key={"sessionId": item["sessionId"]})
    until("gone", lambda: not chaos.table_of(postern))
