"""A real stream's shards end and have children, iterators and records grow old: all while others write."""
import os
import signal
import threading
import time

import chaos
import harness
import pytest
from dynamodb import RollingDynamoDBLocal
from harness import until

FIRST_PORT = 20_000


@pytest.fixture(scope="module")
def rolling(tmp_path_factory):
    with RollingDynamoDBLocal(tmp_path_factory.mktemp("rolling")) as server:
        yield server


@pytest.fixture
def on_table(run_postern, rolling, monkeypatch):
    def run(table):
        for name, value in rolling.environment.items():
            monkeypatch.setenv(name, value)
        conf = harness.CONF.replace("store sqlite    {folder}/sessions.db { flush 200ms; }", f"store dynamodb {table};")
        return run_postern(conf=conf)
    return run


class Counting(threading.Thread):
    """Writes port after port into each of a few sessions, one write at a time, and other sessions once and never again."""

    def __init__(self, rolling, table, sessions):
        super().__init__(daemon=True)
        self.client, self.table, self.sessions = rolling.new_client("dynamodb"), table, sessions
        self.last = FIRST_PORT
        self.ends, self.pauses = threading.Event(), threading.Event()

    def run(self):
        while not self.ends.is_set():
            if self.pauses.wait(0):
                time.sleep(0.01)
                continue
            self.write_all(self.last + 1)
            self.last += 1

    def write_all(self, port):
        for name in [*self.sessions, *[f"once-{port}"] * (port % 3 == 0)]:
            self.client.put_item(TableName=self.table, Item={
                "sessionId": {"S": name}, "clientId": {"S": "acme"}, "userId": {"S": "u"}, "threadId": {"S": name},
                "status": {"S": "active"}, "containerIp": {"S": "127.0.0.1"}, "port": {"N": str(port)}})

    def end(self):
        self.ends.set()
        self.join(60)
        assert not self.is_alive()


class Watching(threading.Thread):
    """Looks at the session table without end: a port that is less than one before it is a step back."""

    def __init__(self, postern):
        super().__init__(daemon=True)
        self.postern, self.seen, self.steps_back, self.looks = postern, {}, [], 0
        self.ends = threading.Event()

    def run(self):
        while not self.ends.wait(0.01):
            self.look()

    def look(self):
        for key, (_, target, _) in chaos.table_of(self.postern).items():
            port = int(target.rpartition(":")[2])
            if port < self.seen.get(key, 0):
                self.steps_back.append((key, self.seen[key], port))
            self.seen[key] = port
        self.looks += 1

    def end(self):
        self.ends.set()
        self.join(60)
        assert not self.is_alive()


@pytest.fixture
def counted(rolling, on_table):
    """(postern, table, Counting, Watching) that have all begun."""
    table = rolling.create_table()
    writer = Counting(rolling, table, [f"s{i}" for i in range(5)])
    writer.write_all(FIRST_PORT)
    postern = on_table(table)
    watcher = Watching(postern)
    writer.start()
    watcher.start()
    yield postern, table, writer, watcher
    writer.end()
    watcher.end()


def is_right(postern, rolling, table):
    return lambda: not chaos.difference(postern, rolling, table, None)


def roll_for(rolling, seconds, every=0.4):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        rolling.roll()
        time.sleep(every)


def test_nothing_is_lost_and_nothing_comes_out_of_order(rolling, counted):
    postern, table, writer, watcher = counted
    roll_for(rolling, 4)
    until("enough was written and seen", lambda: writer.last > FIRST_PORT + 50 and watcher.looks > 5)
    rolling.roll()
    rolling.roll()  # an empty shard between two
    writer.end()
    until("the table is what the items say", is_right(postern, rolling, table))
    watcher.end()
    watcher.look()  # its last one may have begun before the table was right
    assert not watcher.steps_back and watcher.looks > 5 and {watcher.seen[name] for name in writer.sessions} == {writer.last}
    assert len(rolling.shards(table)) > 8 and writer.last > FIRST_PORT + 50
    # By the stream alone.
    until("counted", lambda: postern.metric("postern_feed_records_total") >= 5 * (writer.last - FIRST_PORT) - 20)
    assert postern.metric("postern_feed_snapshots_total") == 1 and postern.metric("postern_feed_gaps_total") == 0


def test_a_killed_sync_goes_on_in_the_right_shard(rolling, counted):
    postern, table, writer, watcher = counted
    rolling.roll()
    until("it is in a child", lambda: watcher.seen.get("s0", 0) > FIRST_PORT + 5)
    for _ in range(3):
        [pid] = until("a sync", lambda: postern.children().get("sync"))
        os.kill(pid, signal.SIGKILL)
        roll_for(rolling, 0.8, every=0.2)
        before = writer.last
        until("it goes on", lambda: watcher.seen["s0"] > before)
    writer.end()
    until("the table is what the items say", is_right(postern, rolling, table))
    watcher.end()
    watcher.look()  # its last one may have begun before the table was right
    assert not watcher.steps_back
    assert postern.log().count("is followed from the kept position") == 3, postern.log()


def test_old_iterators_lose_nothing(rolling, counted):
    postern, table, writer, watcher = counted
    until("it has a place in the stream", lambda: watcher.seen.get("s0", 0) > FIRST_PORT + 5)
    for _ in range(3):
        rolling.age(16 * 60)
        before = writer.last
        until("it goes on", lambda: watcher.seen.get("s0", 0) > before)
    writer.end()
    until("the table is what the items say", is_right(postern, rolling, table))
    watcher.end()
    watcher.look()  # its last one may have begun before the table was right
    assert not watcher.steps_back
    time.sleep(1.1)  # sync counts once a second
    assert postern.metric("postern_feed_snapshots_total") == 1 and postern.metric("postern_feed_gaps_total") == 0


def test_records_that_are_too_old_are_bridged_by_a_snapshot(rolling, counted):
    postern, table, writer, watcher = counted
    rolling.roll()
    until("it is in a child", lambda: watcher.seen.get("s0", 0) > FIRST_PORT + 5)
    [pid] = postern.children()["sync"]
    os.kill(pid, signal.SIGSTOP)
    try:
        for what in (lambda: writer.sessions.remove("s4"),
                     lambda: writer.client.delete_item(TableName=table, Key={"sessionId": {"S": "s4"}}),
                     rolling.roll):
            before = writer.last  # no call of sync that is still on its way shows any of it
            until("others write", lambda: writer.last > before + 3)
            what()
        rolling.age(25 * 3600)
    finally:
        os.kill(pid, signal.SIGCONT)
    before = writer.last
    until("it goes on", lambda: watcher.seen["s0"] > before, within=30)
    writer.end()
    until("the table is what the items say", is_right(postern, rolling, table))
    watcher.end()
    until("counted", lambda: postern.metric("postern_feed_gaps_total") >= 1 and postern.metric("postern_feed_snapshots_total") == 2)
    assert "s4" not in chaos.table_of(postern)
    assert not watcher.steps_back
