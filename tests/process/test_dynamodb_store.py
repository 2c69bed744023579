"""The DynamoDB store against DynamoDB Local, with boto3 as the other services that share the table."""
import random
import subprocess
import time

import harness
import pytest
import store_driver
from store_driver import Failed, StoreCall


@pytest.fixture
def open_store(dynamodb, tmp_path):
    """open_store(table, block) → a StoreCall; ended with the test, and it must end well."""
    started = []

    def run(table, block="", more=""):
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(StoreCall(store_driver.conf(folder, dynamodb, table, block, more), dynamodb.environment))
        return started[-1]

    yield run
    for one in started:
        one.end()


@pytest.fixture
def cli(dynamodb, tmp_path):
    def run(conf, *words):
        return subprocess.run([harness.BINARY, "-c", str(conf), *words], capture_output=True, text=True, timeout=60,
                              env={"PATH": "/usr/bin:/bin", **dynamodb.environment})
    return run


def record(name="s1", **more):
    now = int(time.time() * 1000)
    return {"sessionId": name, "clientId": "acme", "userId": "u1", "threadId": name, "status": "active", "target": "10.0.0.7:4321",
            "task": "arn:1", "createdAt": now, "startedAt": now, "lastActivityAt": now, "ttl": now + 86_400_000, **more}


def item_of(dynamodb, table, name="s1", key="sessionId"):
    return dynamodb.client.get_item(TableName=table, Key={key: {"S": name}}, ConsistentRead=True).get("Item")


# test_store_contract.py has what holds of any store.

def test_what_is_inserted_is_an_item(open_store, dynamodb):
    table = dynamodb.create_table()
    wanted = record(ttl=int(time.time() * 1000) + 86_400_001)
    made = open_store(table)("insert", record=wanted)
    assert 0 < made["ttl"] - wanted["ttl"] < 1000  # whole seconds, and no earlier
    assert made["routeKey"] == "acme-s1" and made["accessGeneration"] == wanted["createdAt"] // 1000
    item = item_of(dynamodb, table)
    assert item["status"] == {"S": "active"} and item["containerIp"] == {"S": "10.0.0.7"} and "port" not in item
    assert item["ttl"]["N"] == str(-(-wanted["ttl"] // 1000))
    assert int(item["version"]["N"]) >= wanted["createdAt"] * 1000


def test_activity_from_the_future_is_cut(open_store, dynamodb):
    store = open_store(dynamodb.create_table())
    made = store("insert", record=record())
    ahead = int(time.time() * 1000) + 3_600_000
    store("activity", updates=[{"id": "s1", "at_ms": ahead, "ttl_ms": ahead + 86_400_000, "requests": 1}])
    now = store("get", id="s1")
    assert made["lastActivityAt"] < now["lastActivityAt"] <= int(time.time() * 1000) + 2_000
    assert now["ttl"] < ahead + 86_400_000 - 3_000_000


def test_many_sessions_activity_goes_at_once(open_store, dynamodb):
    table = dynamodb.create_table()
    store = open_store(table)
    dynamodb.put_all(table, [{"sessionId": {"S": f"s{i}"}, "status": {"S": "active"}} for i in range(100)])
    now = int(time.time() * 1000)
    answer = store("activity", updates=[{"id": f"s{i}", "at_ms": now, "ttl_ms": now + 60_000, "requests": i} for i in range(120)])
    assert answer == {"ok": True, "failed": []}
    items = dynamodb.scan_all(table)
    assert len(items) == 100
    assert all(item["requestCount"]["N"] == item["sessionId"]["S"][1:] for item in items if item["sessionId"]["S"] != "s0")
    assert "requestCount" not in item_of(dynamodb, table, "s0")


def test_activity_keeps_the_form_that_others_use(open_store, dynamodb):
    table = dynamodb.create_table()
    store = open_store(table)
    now = int(time.time())
    dynamodb.put_all(table, [
        {"sessionId": {"S": "n"}, "status": {"S": "active"}, "lastActivityAt": {"N": str(now - 90)}, "ttl": {"N": str(now + 10)}},
        {"sessionId": {"S": "short"}, "status": {"S": "active"}, "lastActivityAt": {"S": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))}},
        {"sessionId": {"S": "long ttl"}, "status": {"S": "active"}, "ttl": {"N": str(now + 900_000)}},
        {"sessionId": {"S": "parts"}, "status": {"S": "active"}, "lastActivityAt": {"N": f"{now - 90}.123456"}, "ttl": {"N": f"{now + 10}.5"}},
        {"sessionId": {"S": "ms"}, "status": {"S": "active"}, "lastActivityAt": {"N": f"{now - 90}123"}, "ttl": {"N": f"{now + 10}000"}},
        {"sessionId": {"S": "text"}, "status": {"S": "active"}, "ttl": {"S": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 10))}}])
    for name in ("n", "short", "long ttl", "parts", "ms", "text"):
        assert store("activity", updates=[{"id": name, "at_ms": now * 1000 + 700, "ttl_ms": (now + 60) * 1000, "requests": 1}])["failed"] == []
    assert item_of(dynamodb, table, "n")["lastActivityAt"] == {"N": str(now + 1)}
    for name in ("n", "parts", "ms", "text"):  # seconds, whatever it was: DynamoDB deletes by nothing else
        assert item_of(dynamodb, table, name)["ttl"] == {"N": str(now + 60)}, name
    assert item_of(dynamodb, table, "parts")["lastActivityAt"] == {"N": str(now + 1)}
    assert item_of(dynamodb, table, "ms")["lastActivityAt"] == {"N": f"{now}700"}
    assert store("get", id="short")["lastActivityAt"] == now * 1000 + 700  # "...:00Z" sorts after "...:00.700Z"
    long_ttl = item_of(dynamodb, table, "long ttl")
    assert long_ttl["ttl"] == {"N": str(now + 900_000)} and "lastActivityAt" in long_ttl
    assert all(item["requestCount"] == {"N": "1"} for item in dynamodb.scan_all(table))


# Other services have the table, too.

def test_other_services_attributes_stay(open_store, dynamodb):
    table = dynamodb.create_table()
    store = open_store(table)
    theirs = {"previewUrl": {"S": "https://x"}, "tags": {"SS": ["a", "b"]}, "nested": {"M": {"n": {"N": "1"}}}, "taskArn": {"NULL": True}}
    dynamodb.client.put_item(TableName=table, Item={"sessionId": {"S": "s1"}, "clientId": {"S": "acme"}, "threadId": {"S": "t"},
                                                    "status": {"S": "expired"}, **theirs})
    read = store("get", id="s1")
    assert read["status"] == "inactive" and read["accessGeneration"] == 1
    written = store("replace", record={**read, "branch": "b", "createdAt": 1_700_000_000_000})
    assert written["accessGeneration"] == 1  # links that were given out hold on
    item = item_of(dynamodb, table)
    assert {name: item[name] for name in theirs} == theirs
    assert item["status"] == {"S": "expired"}  # not changed, so not written
    assert item["branch"] == {"S": "b"}
    store("replace", record={**written, "status": "active", "target": "10.1.1.1:99"})
    item = item_of(dynamodb, table)
    assert (item["status"], item["containerIp"], item["port"]) == ({"S": "active"}, {"S": "10.1.1.1"}, {"N": "99"})
    store("replace", record={**store("get", id="s1"), "status": "inactive", "target": ""})
    item = item_of(dynamodb, table)
    assert "containerIp" not in item and "port" not in item and item["tags"]["SS"] == ["a", "b"]


def test_a_change_by_a_service_that_counts_no_version_is_noticed(open_store, dynamodb):
    table = dynamodb.create_table()
    store = open_store(table)
    read = store("insert", record=record(status="initializing", target=""))
    dynamodb.client.update_item(TableName=table, Key={"sessionId": {"S": "s1"}}, UpdateExpression="SET #s = :s, containerIp = :i",
                                ExpressionAttributeNames={"#s": "status"},
                                ExpressionAttributeValues={":s": {"S": "active"}, ":i": {"S": "10.0.0.9"}})
    with pytest.raises(Failed, match="changed by somebody else"):
        store("replace", record={**read, "status": "failed"})
    now = store("get", id="s1")
    assert (now["status"], now["target"]) == ("active", "10.0.0.9:4321")
    dynamodb.client.update_item(TableName=table, Key={"sessionId": {"S": "s1"}}, UpdateExpression="SET lastActivityAt = :t ADD requestCount :n",
                                ExpressionAttributeValues={":t": {"S": "2099-01-01T00:00:00.000Z"}, ":n": {"N": "5"}})
    assert store("replace", record={**now, "status": "draining"})["requestCount"] == 5  # activity is no such change


GARBAGE = [{"S": ""}, {"S": "x" * 300}, {"S": "nonsense"}, {"N": "-1"}, {"N": "1e100"}, {"N": "0.5"}, {"BOOL": True}, {"NULL": True},
           {"B": b"\xff\x00"}, {"SS": ["a"]}, {"NS": ["1"]}, {"L": [{"S": "a"}]}, {"M": {"S": {"S": "a"}}}, {"S": "ünï \u0001"}]


def test_hostile_items(open_store, dynamodb):
    table = dynamodb.create_table()
    store = open_store(table)
    names = ["clientId", "userId", "threadId", "status", "taskArn", "containerIp", "port", "startedAt", "createdAt", "lastActivityAt", "ttl",
             "branch", "isDirty", "requestCount", "bytesTransferred", "version", "accessGeneration"]
    dice = random.Random(5)
    items = []
    for i in range(250):
        item = {"sessionId": {"S": f"bad{i}"}, "clientId": {"S": "acme"}, "threadId": {"S": f"t{i}"}, "status": {"S": "active"}}
        for name in dice.sample(names, dice.randrange(1, 5)):
            item[name] = dice.choice(GARBAGE)
        items.append(item)
    dynamodb.put_all(table, items)
    store("insert", record=record("good"))
    assert "good" in {r["sessionId"] for r in store("list")}
    rows = store("scan", limit=1000)["rows"]
    assert len(rows) == 251
    defects = {row["key"]: row["now"]["defect"] for row in rows}
    assert defects["good"] == "" and sum(map(bool, defects.values())) > 150
    assert all(d == "" or d.startswith(("its ", "one of")) for d in defects.values())
    for i in range(0, 250, 7):
        if defects[f"bad{i}"]:
            with pytest.raises(Failed) as why:
                store("get", id=f"bad{i}")
            assert defects[f"bad{i}"] in why.value.what
        else:
            store("get", id=f"bad{i}")
    now = int(time.time() * 1000)
    failed = store("activity", updates=[{"id": f"bad{i}", "at_ms": now, "ttl_ms": now, "requests": 1} for i in range(250)])["failed"]
    assert len(failed) < 250
    assert len(dynamodb.scan_all(table)) == 251
    for i in range(250):
        store("remove", id=f"bad{i}")
    assert [r["sessionId"] for r in store("list")] == ["good"]


# Schemas B and C.

SCHEMA_B = """key PK SESSION#{sessionId}; key SK USER#{userId};
    map taskArn fargateTaskArn; map lastActivityAt lastActivity seconds; map branch editBranch;"""


def create_b(dynamodb):
    return dynamodb.create_table(
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("PK", "SK")])


def test_schema_b(open_store, dynamodb):
    table = create_b(dynamodb)
    store = open_store(table, SCHEMA_B, "route_key {sessionId};")
    now = int(time.time())
    dynamodb.put_all(table, [
        {"PK": {"S": "SESSION#s1"}, "SK": {"S": "USER#u1"}, "sessionId": {"S": "s1"}, "userId": {"S": "u1"}, "status": {"S": "active"},
         "fargateTaskArn": {"S": "arn:1"}, "lastActivity": {"N": str(now - 60)}, "ttl": {"N": str(now + 1800)},
         "editBranch": {"S": "thread-x"}, "previewUrl": {"S": "https://x"}, "containerIp": {"S": "10.0.0.7"}},
        {"PK": {"S": "SESSION#s1"}, "SK": {"S": "EVENT#1"}, "what": {"S": "opened"}},
        {"PK": {"S": "CLIENT#acme"}, "SK": {"S": "USER#u1"}}])
    read = store("get", id="s1")
    assert (read["userId"], read["task"], read["branch"], read["routeKey"]) == ("u1", "arn:1", "thread-x", "s1")
    assert [row["key"] for row in store("scan")["rows"]] == ["SESSION#s1\x1fUSER#u1"]
    written = store("replace", record={**read, "status": "draining"})
    with pytest.raises(Failed, match="part of its key"):
        store("replace", record={**written, "userId": "u2"})
    store("activity", updates=[{"id": "s1", "at_ms": now * 1000, "ttl_ms": (now + 3600) * 1000, "requests": 2}])
    item = dynamodb.client.get_item(TableName=table, Key={"PK": {"S": "SESSION#s1"}, "SK": {"S": "USER#u1"}})["Item"]
    assert (item["lastActivity"]["N"], item["ttl"]["N"], item["requestCount"]["N"]) == (str(now), str(now + 3600), "2")
    assert item["previewUrl"] == {"S": "https://x"} and item["status"] == {"S": "draining"}
    made = store("insert", record={**record("s2"), "userId": "u9"})
    assert made["userId"] == "u9"
    with pytest.raises(Failed, match="s2"):
        store("insert", record={**record("s2"), "userId": "u8"})  # one session, whoever's
    store("activity", updates=[{"id": "ghost", "at_ms": now * 1000, "ttl_ms": now * 1000, "requests": 1}])
    store("remove", id="s2")
    assert len(dynamodb.scan_all(table)) == 3


def test_schema_c_sessions_name_containers(open_store, dynamodb):
    containers = dynamodb.create_table(key="containerId")
    table = dynamodb.create_table()
    store = open_store(table, f"containers {containers} ip=privateIp; port 8080;")
    dynamodb.client.put_item(TableName=containers, Item={"containerId": {"S": "c1"}, "privateIp": {"S": "10.0.0.3"}, "targetGroupArn": {"S": "x"}})
    dynamodb.put_all(table, [{"sessionId": {"S": "s1"}, "clientId": {"S": "acme"}, "threadId": {"S": "t1"}, "status": {"S": "active"},
                              "containerId": {"S": "c1"}},
                             {"sessionId": {"S": "s2"}, "status": {"S": "active"}, "containerId": {"S": "gone"}}])
    read = store("get", id="s1")
    assert read["target"] == "10.0.0.3:8080"
    assert store("get", id="s2")["target"] == ""
    assert [(r["sessionId"], r["target"]) for r in store("list")] == [("s1", "10.0.0.3:8080"), ("s2", "")]
    store("replace", record={**read, "branch": "b"})
    item = item_of(dynamodb, table)
    assert item["containerId"] == {"S": "c1"} and "containerIp" not in item and "port" not in item
    read = store("get", id="s1")
    dynamodb.client.put_item(TableName=containers, Item={"containerId": {"S": "c1"}, "privateIp": {"S": "10.0.0.4"}})
    with pytest.raises(Failed, match="changed by somebody else"):
        store("replace", record={**read, "status": "draining"})  # for what is now elsewhere
    store("replace", record={**store("get", id="s1"), "status": "inactive", "target": ""})
    assert "containerId" not in item_of(dynamodb, table)


# What feeds read.

def test_a_stream_is_read_by_its_images(open_store, dynamodb):
    table = dynamodb.create_table()
    store = open_store(table)
    seen = store("describe")
    assert seen["enabled"] and len(seen["shards"]) == 1 and not seen["shards"][0]["closed"]
    assert isinstance(store("children", arn=seen["arn"], shard=seen["shards"][0]["id"])["shards"], list)
    at = store("iterator", arn=seen["arn"], shard=seen["shards"][0]["id"], where=1)
    made = store("insert", record=record())
    store("replace", record={**made, "status": "draining"})
    store("remove", id="s1")
    dynamodb.client.put_item(TableName=table, Item={"sessionId": {"S": "bad"}, "status": {"N": "1"}})
    page = store("records", iterator=at)
    changes = [row["change"] for row in page["rows"]]
    assert [c["key"] for c in changes] == ["s1", "s1", "s1", "bad"] and page["next"]
    assert [c["now"] and c["now"]["record"]["status"] for c in changes][:3] == ["active", "draining", None]
    versions = [c["version"] for c in changes]
    assert versions[0] < versions[1] == versions[2] and versions[3] == 0
    assert "its status is a number" in changes[3]["now"]["defect"]
    sequences = [int(row["sequence"]) for row in page["rows"]]
    assert sequences == sorted(sequences)
    again = store("iterator", arn=seen["arn"], shard=seen["shards"][0]["id"], where=2, sequence=page["rows"][1]["sequence"])
    assert [row["sequence"] for row in store("records", iterator=again)["rows"]] == [r["sequence"] for r in page["rows"][2:]]


def test_what_feeds_tell_apart(open_store, dynamodb):
    without = open_store(dynamodb.create_table(stream=False))
    with pytest.raises(Failed) as gone:
        without("describe")
    assert gone.value.error == "there is no such stream or shard" and "store init" in gone.value.what
    with pytest.raises(Failed, match="not-there") as away:  # a table may be made again
        open_store("not-there")("describe")
    assert away.value.error != gone.value.error
    table = dynamodb.create_table()
    store = open_store(table)
    arn = store("describe")["arn"]
    with pytest.raises(Failed, match="no such stream or shard"):
        store("iterator", arn=arn, shard="shardId-00000000000000000000-00000000", where=1)
    keys_only = dynamodb.create_table(stream=False, StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    with pytest.raises(Failed, match="shows KEYS_ONLY; NEW_AND_OLD_IMAGES is needed"):
        open_store(keys_only)("describe")


def test_a_scan_in_segments_has_each_row_once(open_store, dynamodb):
    table = dynamodb.create_table()
    store = open_store(table)
    dynamodb.put_all(table, [{"sessionId": {"S": f"s{i}"}, "status": {"S": "active"}, "version": {"N": str(i)}} for i in range(500)])
    seen = {}
    for segment in range(4):
        start = ""
        while True:
            page = store("scan", segment=segment, segments=4, limit=30, **{"from": start})
            assert len(page["rows"]) <= 30
            for row in page["rows"]:
                assert row["key"] not in seen
                seen[row["key"]] = row["version"]
            start = page["next"]
            if not start:
                break
    assert seen == {f"s{i}": i for i in range(500)}


# The command line.

def test_store_init_and_check(cli, dynamodb, tmp_path):
    name = f"made-{random.randrange(10**9)}"
    conf = store_driver.conf(tmp_path, dynamodb, name)
    missing = cli(conf, "store", "check")
    assert missing.returncode == 1 and f"there is no table {name}" in missing.stderr
    assert missing.stderr.rstrip().endswith('"postern store init" makes it')
    dry = cli(conf, "store", "init", "--dry-run")
    assert dry.returncode == 0 and "PAY_PER_REQUEST" in dry.stdout
    assert name not in dynamodb.client.list_tables()["TableNames"]
    assert "edis" not in dry.stdout
    by_redis = cli(store_driver.conf(tmp_path, dynamodb, name, "feed redis redis://127.0.0.1:1;"), "store", "init", "--dry-run")
    assert by_redis.returncode == 0 and 'redis 127.0.0.1:1: feeders make their keys there themselves; a dry run' in by_redis.stdout, by_redis
    store_driver.conf(tmp_path, dynamodb, name)
    made = cli(conf, "store", "init")
    assert made.returncode == 0, made.stderr
    assert made.stdout.count("ok    ") == 5 and "wrong" not in made.stdout
    table = dynamodb.client.describe_table(TableName=name)["Table"]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert {(i["IndexName"], *(k["AttributeName"] for k in i["KeySchema"])) for i in table["GlobalSecondaryIndexes"]} == {
        ("GSI1", "clientId", "status"), ("GSI2", "status", "lastActivityAt")}
    ttl = dynamodb.client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    again = cli(conf, "store", "init")
    assert again.returncode == 0 and "is there" in again.stdout
    assert cli(conf, "store", "check").returncode == 0
    other = store_driver.conf(tmp_path, dynamodb, name, "key id {sessionId}; map ttl expires;")
    wrong = cli(other, "store", "check")
    assert wrong.returncode == 1
    assert "its key is sessionId (hash); the conf says id (hash)" in wrong.stdout
    assert "its ttl goes by ttl, and the conf says that ttl is expires" in wrong.stdout


def test_store_check_says_what_is_missing(cli, dynamodb, tmp_path):
    table = dynamodb.create_table(stream=False)
    checked = cli(store_driver.conf(tmp_path, dynamodb, table), "store", "check")
    assert checked.returncode == 1 and "wrong   table" in checked.stdout and "it has no stream" in checked.stdout
    assert "advice" in checked.stdout and "no index by clientId (hash), status (range)" in checked.stdout
    polled = cli(store_driver.conf(tmp_path, dynamodb, table, "feed poll;"), "store", "check")
    assert polled.returncode == 0 and "its ttl is off" in polled.stdout
    containers = cli(store_driver.conf(tmp_path, dynamodb, table, "feed poll; containers not-there;"), "store", "check")
    assert containers.returncode == 1 and "there is no table not-there" in containers.stderr and "store init" in containers.stderr
    assert f"ok      table {table}: key" in containers.stdout


def test_store_init_makes_the_table_of_containers_too(cli, dynamodb, tmp_path):
    sessions, boxes = (f"made-{kind}-{random.randrange(10**9)}" for kind in ("sessions", "boxes"))
    conf = store_driver.conf(tmp_path, dynamodb, sessions, f"containers {boxes} key=box;")
    missing = cli(conf, "store", "check")
    assert missing.returncode == 1 and f"there is no table {sessions}, and there is no table {boxes} at" in missing.stderr
    assert missing.stderr.rstrip().endswith('"postern store init" makes them')
    dry = cli(conf, "store", "init", "--dry-run")
    assert dry.returncode == 0 and dry.stdout.count("this would be asked of CreateTable") == 2 and '"box"' in dry.stdout
    assert not {sessions, boxes} & set(dynamodb.client.list_tables()["TableNames"])
    made = cli(conf, "store", "init")
    assert made.returncode == 0, made.stderr
    assert f"made table {sessions}" in made.stdout and f"made table {boxes}" in made.stdout
    assert f"ok      table {boxes}: key box (hash)" in made.stdout and "wrong" not in made.stdout
    table = dynamodb.client.describe_table(TableName=boxes)["Table"]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["KeySchema"] == [{"AttributeName": "box", "KeyType": "HASH"}] and "GlobalSecondaryIndexes" not in table
    again = cli(conf, "store", "init")
    assert again.returncode == 0 and again.stdout.count("is there; it is compared") == 2
    assert cli(conf, "store", "check").returncode == 0
    # One is there and the other is not; one is there and wrong.
    dynamodb.client.delete_table(TableName=sessions)
    half = cli(conf, "store", "init", "--dry-run")
    assert half.returncode == 0 and f"there is no table {sessions}" in half.stdout and f"table {boxes} is there" in half.stdout
    assert f"ok      table {boxes}" in half.stdout
    wrong = cli(store_driver.conf(tmp_path, dynamodb, sessions, f"containers {boxes} key=id;"), "store", "init")
    assert wrong.returncode == 1 and f"made table {sessions}" in wrong.stdout
    assert f"wrong   table {boxes}: its key is box (hash); the conf says id (hash)" in wrong.stdout


def test_sessions_from_the_command_line(cli, dynamodb, tmp_path):
    table = dynamodb.create_table()
    conf = store_driver.conf(tmp_path, dynamodb, table)
    made = cli(conf, "sessions", "set", "s1", "--client", "acme", "--thread", "t1", "--target", "127.0.0.1:9")
    assert made.returncode == 0, made.stderr
    assert "route key acme-t1" in made.stdout
    assert item_of(dynamodb, table)["port"] == {"N": "9"}
    dynamodb.put_all(table, [{"sessionId": {"S": f"x{i:04}"}, "clientId": {"S": "b"}, "threadId": {"S": str(i)}, "status": {"S": "inactive"}}
                             for i in range(1200)] + [{"sessionId": {"S": "broken"}, "status": {"S": "?"}}])
    listed = cli(conf, "sessions", "list")
    assert listed.returncode == 0 and listed.stdout.count("inactive") == 1200 and "broken" not in listed.stdout
    assert cli(conf, "sessions", "list", "--status", "active").stdout.count("\n") == 2
    assert "acme" in cli(conf, "sessions", "show", "s1").stdout
    broken = cli(conf, "sessions", "show", "broken")
    assert broken.returncode == 1 and 'its status is "?"' in broken.stderr
    assert cli(conf, "sessions", "rm", "broken").returncode == 0
    assert cli(conf, "sessions", "rm", "s1").returncode == 0
    assert cli(conf, "sessions", "show", "s1").returncode == 1 and item_of(dynamodb, table) is None


def test_a_table_that_is_away(cli, dynamodb, tmp_path):
    port = harness.free_ports(1)[0]
    conf = store_driver.conf(tmp_path, dynamodb, "anything", "call_timeout 1s;")
    conf.write_text(conf.read_text().replace(dynamodb.endpoint, f"http://127.0.0.1:{port}"))
    away = cli(conf, "sessions", "list")
    assert away.returncode == 1 and f"127.0.0.1:{port}" in away.stderr
    no_table = cli(store_driver.conf(tmp_path, dynamodb, "not-there"), "sessions", "show", "s1")
    assert no_table.returncode == 1 and "store check" in no_table.stderr
