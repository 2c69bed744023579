"""Several posterns on one table in DynamoDB, which follow it through a Redis server that two of them feed."""
import contextlib
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import time

import dynamodb as dynamodb_local
import harness
import redis_server
from harness import until
from redis_fleet import Fleet, answers, feeds, kill_host


def test_three_hosts_agree(fleet):
    fleet.put("before")
    for _ in range(3):
        fleet.add()
    fleet.until_all("before", 200)
    fleet.put("s1")
    fleet.until_all("s1", 200)
    fleet.set_status("s1", "failed")
    fleet.until_all("s1", 503)
    fleet.remove("s1")
    fleet.until_all("s1", 404)
    assert sorted(fleet.redis.leases()) == [1, 2]
    assert set(fleet.redis.rows()) == {"before"}


def replica(postern):
    """{session id: (status, target)} of a host's own copy."""
    with sqlite3.connect(f"file:{postern.folder}/sessions.table.replica?mode=ro", uri=True, timeout=10) as db:
        return {name: (status, target) for name, status, target in db.execute("SELECT session_id, status, target FROM sessions")}


def store(dynamodb, table):
    return {item["sessionId"]["S"]: (item["status"]["S"], f"{item['containerIp']['S']}:{item['port']['N']}" if "containerIp" in item else "")
            for item in dynamodb.scan_all(table)}


@contextlib.contextmanager
def paused(postern):
    """Its sync process stands still meanwhile."""
    pid, = postern.children()["sync"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_when_the_feeders_die_another_host_feeds(fleet):
    first, second = fleet.add(), fleet.add()
    until("both feed", lambda: feeds(first) and feeds(second))
    last = fleet.add()
    fleet.put("s1")
    fleet.until_all("s1", 200)
    assert not feeds(last)
    published = lambda host: host.metric("postern_feeder_published_total")
    until("all is counted", lambda: published(first) + published(second) == int(fleet.redis.meta()["number"]))
    before = published(second)
    kill_host(first)
    fleet.put("s2")
    fleet.until_all("s2", 200)
    until("the other one goes on", lambda: published(second) > before)
    kill_host(second)
    fleet.put("s3")
    fleet.remove("s1")
    fleet.until_all("s3", 200)
    fleet.until_all("s1", 404)
    assert feeds(last) and fleet.redis.leases()


def test_a_feeder_that_is_stopped_lets_its_lease_go(fleet):
    first = fleet.add()
    until("it feeds", lambda: fleet.redis.leases())
    assert first.stop() == 0
    assert fleet.redis.leases() == {}


def test_redis_comes_back_empty(fleet):
    fleet.put("s1")
    hosts = [fleet.add(), fleet.add()]
    fleet.until_all("s1", 200)
    epoch = fleet.redis.meta()["epoch"]
    fleet.redis.kill()
    until("it was noticed", lambda: all("is away" in host.log() for host in hosts))
    fleet.put("s2")
    fleet.remove("s1")
    fleet.until_all("s1", 200)  # as it was last known
    fleet.redis.start()
    fleet.until_all("s2", 200)
    fleet.until_all("s1", 404)
    assert fleet.redis.meta()["epoch"] != epoch and fleet.redis.meta()["complete"] == "1"


def test_an_empty_redis_empties_no_host(fleet):
    fleet.put("s1")
    feeder = fleet.add()
    follower = fleet.add("feeders=0")
    fleet.until_all("s1", 200)
    kill_host(feeder)
    fleet.redis.call("FLUSHALL")
    until("it was noticed", lambda: "does not have the whole table" in follower.log())
    until("it gets older", lambda: follower.metric("postern_table_age_seconds") > 3)
    assert answers(follower, "s1", 200)()
    fleet.put("s2")
    fleet.add()
    fleet.until_all("s2", 200)
    fleet.until_all("s1", 200)


def test_a_damaged_redis_is_filled_anew(fleet):
    for number in range(5):
        fleet.put(f"s{number}")
    fleet.add()
    fleet.until_all("s4", 200)
    epoch = fleet.redis.meta()["epoch"]
    fleet.redis.call("HDEL", fleet.redis.key("rows"), "s1", "s2")
    until("it is filled anew", lambda: fleet.redis.meta().get("epoch") != epoch and fleet.redis.meta().get("complete"))
    until("whole", lambda: len(fleet.redis.rows()) == 5)
    for number in range(5):
        fleet.until_all(f"s{number}", 200)


def test_changes_that_were_trimmed(fleet):
    fleet.put("s1")
    fleet.add()
    follower = fleet.add("feeders=0")
    fleet.until_all("s1", 200)
    with paused(follower):
        fleet.put("t0")  # the answer to what it waits for
        until("published", lambda: "t0" in fleet.redis.rows())
        for number in range(1, 30):
            fleet.put(f"t{number}")
        fleet.remove("s1")
        until("published", lambda: set(fleet.redis.rows()) == {f"t{number}" for number in range(30)})
        fleet.redis.call("XTRIM", fleet.redis.key("log"), "MAXLEN", 3)
    fleet.until_all("t29", 200)
    fleet.until_all("t0", 200)
    fleet.until_all("s1", 404)
    assert "Redis no longer has the changes since" in follower.log()


def test_a_host_goes_on_where_it_stood(fleet):
    fleet.put("s1")
    fleet.add()
    follower = fleet.add("feeders=0")
    fleet.until_all("s1", 200)
    follower.stop()
    fleet.put("s2")
    fleet.remove("s1")
    until("published", lambda: set(fleet.redis.rows()) == {"s2"})
    follower.start()
    fleet.until_all("s2", 200)
    fleet.until_all("s1", 404)
    assert follower.log().count("filled by a snapshot") == 1  # the first


def test_of_two_feeders_one_is_behind(fleet):
    hosts = [fleet.add(), fleet.add()]
    until("both feed", lambda: len(fleet.redis.leases()) == 2 and all(map(feeds, hosts)))
    fleet.put("s1")
    fleet.until_all("s1", 200)
    until("the second has its place", lambda: "position:2" in fleet.redis.meta())
    number = int(fleet.redis.meta()["number"])
    with paused(hosts[0]):
        for status in ("failed", "active", "draining", "failed", "active"):
            fleet.set_status("s1", status)
        fleet.put("s2")
        fleet.remove("s2")
        until("published", lambda: int(fleet.redis.meta()["number"]) == number + 7)
    fleet.put("last")
    fleet.until_all("last", 200)
    log = fleet.redis.call("XRANGE", fleet.redis.key("log"), f"{number + 1}-0", "+")
    told = [(fields[3], json.loads(fields[5].split(" ", 6)[6])["status"] if fields[5] else None) for _, fields in log]
    assert told == [("s1", "failed"), ("s1", "active"), ("s1", "draining"), ("s1", "failed"), ("s1", "active"), ("s2", "active"), ("s2", None),
                    ("last", "active")]
    assert [entry for entry, _ in log] == [f"{number + i}-0" for i in range(1, 9)]


def test_a_feeder_that_stood_still_has_lost_its_lease(fleet):
    first = fleet.add("feeders=1")
    until("it feeds", lambda: fleet.redis.leases())
    second = fleet.add("feeders=1")
    with paused(first):
        until("another one feeds", lambda: feeds(second))
        fleet.put("s1")
        until("published", lambda: "s1" in fleet.redis.rows())
        number, leases = fleet.redis.meta()["number"], fleet.redis.leases()
    until("it was told", lambda: "the lease is lost" in first.log())
    fleet.until_all("s1", 200)
    assert fleet.redis.leases() == leases and fleet.redis.meta()["number"] == number


def test_a_host_that_cannot_read_the_stream_gives_way(fleet):
    port, = harness.free_ports(1)
    blind = fleet.add("feeders=1", block=f"endpoint {fleet.dynamodb.endpoint} streams=http://127.0.0.1:{port};", wait=False)
    until("it has the lease", lambda: feeds(blind))
    fleet.add("feeders=1", block=f"endpoint {fleet.dynamodb.endpoint};", wait=False)
    fleet.put("s1")
    fleet.until_all("s1", 200, within=60)
    assert "another host may feed Redis: " in blind.log()


def test_a_dynamodb_that_hangs_takes_no_lease(run_postern, run_fake, redis, tmp_path, monkeypatch):
    with dynamodb_local.DynamoDBLocal(tmp_path / "dynamodb") as mine:
        for name, value in mine.environment.items():
            monkeypatch.setenv(name, value)
        fleet = Fleet(run_postern, mine, redis, mine.create_table(), run_fake("mirror"))
        fleet.put("s0")
        first = fleet.add("feeders=1")
        until("it feeds", lambda: feeds(first))
        second = fleet.add("feeders=1")
        fleet.until_all("s0", 200)
        leases = redis.leases()
        assert sorted(leases) == [1]
        mine.pause()
        end = time.monotonic() + 22  # two leases' time, and less than a feeder's patience
        while time.monotonic() < end:
            assert redis.leases() == leases
            fleet.until_all("s0", 200)
            time.sleep(0.1)
        mine.go_on()
        for number in range(1, 6):
            fleet.put(f"s{number}")
        fleet.until_all("s5", 200, within=30)
        assert redis.leases() == leases and not feeds(second) and "the lease is lost" not in first.log()
        log = redis.call("XRANGE", redis.key("log"), "-", "+")
        assert [(entry, fields[3]) for entry, fields in log] == [(f"{number + 1}-0", f"s{number}") for number in range(6)]


def test_redis_is_put_back_to_an_older_copy(fleet):
    fleet.put("s1")
    fleet.put("s2")
    fleet.add()
    fleet.add("feeders=0")
    fleet.until_all("s2", 200)
    fleet.redis.call("SAVE")
    fleet.set_status("s1", "failed")
    fleet.remove("s2")
    fleet.put("s3")
    fleet.until_all("s3", 200)
    fleet.until_all("s1", 503)
    number = int(fleet.redis.meta()["number"])
    fleet.redis.kill()
    fleet.redis.start()
    assert int(fleet.redis.meta()["number"]) < number
    fleet.put("s4")
    fleet.until_all("s4", 200)
    fleet.until_all("s1", 503)
    fleet.until_all("s2", 404)
    until("whole", lambda: set(fleet.redis.rows()) == {"s1", "s3", "s4"})


def test_activity_is_published_in_steps(fleet):
    now = int(time.time())
    fleet.put("s1", lastActivityAt={"N": str(now)})
    host = fleet.add()
    until("it is there", lambda: "s1" in replica(host))
    number = int(fleet.redis.meta()["number"])

    def touch(activity, ttl):
        fleet.dynamodb.client.update_item(TableName=fleet.table, Key={"sessionId": {"S": "s1"}},
                                          UpdateExpression="SET lastActivityAt = :a, #t = :t ADD requestCount :n",
                                          ExpressionAttributeNames={"#t": "ttl"},
                                          ExpressionAttributeValues={":a": {"N": str(activity)}, ":t": {"N": str(ttl)}, ":n": {"N": "1"}})

    for more in range(1, 290, 30):
        touch(now + more, now + 86_400 + more)
    touch(now + 400, now + 86_800)
    until("published", lambda: int(fleet.redis.meta()["number"]) == number + 1)
    body = json.loads(fleet.redis.rows()["s1"])
    assert body["ttl"] == (now + 86_800) * 1000 and body["requestCount"] == 11
    touch(now + 401, now + 60)  # cut short
    until("published", lambda: json.loads(fleet.redis.rows()["s1"])["ttl"] == (now + 60) * 1000)
    touch(now + 402, now + 61)  # and near: each one counts
    until("published", lambda: json.loads(fleet.redis.rows()["s1"])["ttl"] == (now + 61) * 1000)
    assert int(fleet.redis.meta()["number"]) == number + 3


def test_containers_have_a_feed_of_their_own(fleet):
    boxes = fleet.dynamodb.create_table(key="containerId")
    item = {"sessionId": {"S": "s1"}, "clientId": {"S": "acme"}, "userId": {"S": "u"}, "threadId": {"S": "s1"}, "status": {"S": "active"},
            "containerId": {"S": "box1"}}
    fleet.dynamodb.client.put_item(TableName=fleet.table, Item=item)
    for _ in range(2):
        fleet.add(block=f"containers {boxes};")
    fleet.until_all("s1", 503)
    fleet.dynamodb.client.put_item(TableName=boxes, Item={"containerId": {"S": "box1"}, "containerIp": {"S": "127.0.0.1"},
                                                         "port": {"N": str(fleet.target)}})
    fleet.until_all("s1", 200)
    assert len([key for key in fleet.redis.call("KEYS", "postern1:*") if key.endswith(":rows")]) == 2
    fleet.dynamodb.client.delete_item(TableName=boxes, Key={"containerId": {"S": "box1"}})
    fleet.until_all("s1", 503)


def test_a_unix_socket_and_another_database(fleet):
    fleet.put("s1")
    fleet.add(url=f"unix:{fleet.redis.folder}/redis.sock?db=3")
    fleet.until_all("s1", 200)
    assert fleet.redis.call("KEYS", "*") == []


def test_tls_is_verified(fleet, tmp_path):
    def made(name, *more):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        f"/CN={name}", "-keyout", f"{tmp_path}/{name}.key", "-out", f"{tmp_path}/{name}.pem", *more], check=True, capture_output=True)
        return f"{tmp_path}/{name}.pem", f"{tmp_path}/{name}.key"

    chain, key = made("right", "-addext", "subjectAltName=IP:127.0.0.1")
    other, _ = made("other", "-addext", "subjectAltName=IP:127.0.0.1")
    fleet.put("s1")
    port, = harness.free_ports(1)
    with redis_server.RedisServer(tmp_path / "tls", "--tls-port", str(port), "--tls-cert-file", chain, "--tls-key-file", key,
                                  "--tls-ca-cert-file", chain, "--tls-auth-clients", "no"):
        fleet.add(f"ca={chain}", url=f"rediss://127.0.0.1:{port}/2")
        fleet.until_all("s1", 200)
        conf = fleet.hosts[0].conf_path.read_text().replace(f"ca={chain}", f"ca={other}")
        fleet.hosts[0].stop()
        fleet.hosts[0].conf_path.write_text(conf)
        fleet.hosts[0].launch()
        until("refused", lambda: "its certificate is not trusted" in fleet.hosts[0].log())
        plain = conf.replace(f"rediss://127.0.0.1:{port}/2 ca={other}", f"redis://127.0.0.1:{port}")
        fleet.hosts[0].conf_path.write_text(plain)
        done = fleet.hosts[0].cli("store", "check")
        assert done.returncode == 1 and "; is it a port with TLS? rediss:// is for those" in done.stdout, done.stdout


def test_every_host_ends_with_the_table(fleet):
    """Writes of all kinds while sync processes, hosts' feeders among them, and Redis die at any moment. None of them is what
    control would answer by a write of its own."""
    seed = int(os.environ.get("POSTERN_SEED", "0")) or random.randrange(1 << 30)
    dice = random.Random(seed)
    hosts = [fleet.add() for _ in range(3)]
    names = [f"s{number}" for number in range(12)]
    deadline = time.monotonic() + float(os.environ.get("POSTERN_SECONDS", "15"))
    writes = 0
    while time.monotonic() < deadline:
        name, what = dice.choice(names), dice.random()
        if what < 0.5:
            fleet.put(name, dice.choice(("active", "failed", "inactive")))
        elif what < 0.75:
            fleet.remove(name)
        elif name in store(fleet.dynamodb, fleet.table):
            fleet.set_status(name, dice.choice(("active", "inactive", "failed")))
        writes += 1
        evil = dice.random()
        if evil < 0.03:
            for pid in dice.choice(hosts).children().get("sync", []):
                os.kill(pid, signal.SIGKILL)
        elif evil < 0.035:
            fleet.redis.kill()
            fleet.redis.start()
        time.sleep(dice.random() * 0.05)
    try:
        for host in hosts:
            until("its replica is the table", lambda: replica(host) == store(fleet.dynamodb, fleet.table), within=40, every=0.2)
    except AssertionError as why:
        held = "\n".join(f"{sorted(replica(host).items())}" for host in hosts)
        raise AssertionError(f"{why}, POSTERN_SEED={seed}, {writes} writes\n{sorted(store(fleet.dynamodb, fleet.table).items())}\n{held}") from None
    assert set(fleet.redis.rows()) == set(store(fleet.dynamodb, fleet.table))


def test_stories_of_simulated_fleets(redis):
    """Hundreds of events each, by seeds: tests/programs/redis_stories.cpp. POSTERN_SEEDS=1000-3000 tells others."""
    program = pathlib.Path(harness.BINARY).resolve().parent / "tests/redis_stories"
    assert program.exists(), f"{program} is not built: ./dev test process builds it"
    first, last = os.environ.get("POSTERN_SEEDS", "1-60").split("-")
    done = subprocess.run([program, str(redis.port), first, last], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
