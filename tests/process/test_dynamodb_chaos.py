"""Sync on a DynamoDB table while everything goes wrong at once: other services write without end, sync is killed and paused, and
between it and DynamoDB stands a proxy that cuts, slows, throttles, fails and garbles. After each story the session table is what
the items say, read by a client that went past all of it.

    CHAOS_SEEDS=1-100 CHAOS_SECONDS=20 pytest tests/process/test_dynamodb_chaos.py     # other stories, longer ones"""
import os
import random
import signal
import time

import chaos
import harness
import pytest
from bad_proxy import BadProxy
from harness import until

SECONDS = float(os.environ.get("CHAOS_SECONDS", "5"))
FIRST, _, LAST = os.environ.get("CHAOS_SEEDS", "1").partition("-")
SEEDS = range(int(FIRST), int(LAST or FIRST) + 1)
STEADY = [f"steady-{i}" for i in range(8)]

MOODS = {
    "slow": {"slow": 0.4, "late": 0.3},
    "throttled": {"throttled": 0.8},
    "failing": {"failed": 0.5, "reset": 0.15, "lost": 0.15},
    "garbled": {"garbage": 0.15, "truncated": 0.15, "cut": 0.1, "flipped": 0.2, "wrong_sum": 0.1, "another": 0.1},
    "forgetful": {"expired": 0.25, "trimmed": 0.05, "empty": 0.3, "stale": 0.3},
    "all of it": {"slow": 0.1, "throttled": 0.1, "failed": 0.1, "lost": 0.1, "flipped": 0.1, "truncated": 0.1, "expired": 0.05,
                  "empty": 0.1, "stale": 0.2},
}


LAST_MOOD = {"flipped": 0.6, "truncated": 0.1, "wrong_sum": 0.05, "empty": 0.05}


class Trouble:
    """What goes wrong, one thing after the other, at times that the seed draws."""

    def __init__(self, postern, proxy, dynamodb, table, seed, has_stream):
        self.postern, self.proxy, self.dynamodb, self.table = postern, proxy, dynamodb, table
        self.random = random.Random(seed)
        self.kinds = [self.mood] * 5 + [self.cut, self.kill, self.pause] + [self.switch_stream] * has_stream
        self.left = []
        self.told = []

    def go_on(self, until_when):
        while time.monotonic() < until_when:
            if not self.left:
                self.left = self.random.sample(self.kinds, len(self.kinds))
            self.left.pop()()
            time.sleep(self.random.random() * 0.2)

    def wait(self, longest):
        time.sleep(0.1 + self.random.random() * longest)

    def mood(self):
        name = self.random.choice(list(MOODS))
        self.told.append(name)
        self.proxy.mood = MOODS[name]
        self.random.choice([self.kill, self.pause, lambda: self.wait(1.0)])() if self.random.random() < 0.2 else self.wait(1.0)
        self.proxy.mood = {}

    def cut(self):
        self.told.append("cut")
        self.proxy.refuse()
        self.wait(0.6)
        self.proxy.listen()

    def sync(self):
        found = self.postern.children().get("sync")
        return found[0] if found else None

    def kill(self):
        """At once after its start, too."""
        pid = until("a sync", self.sync)
        self.wait(self.random.choice([0.05, 0.8]))
        self.told.append("killed")
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def pause(self):
        pid = until("a sync", self.sync)
        self.told.append("paused")
        try:
            os.kill(pid, signal.SIGSTOP)
            self.wait(0.8)
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass

    def switch_stream(self):
        """Off and on: another stream, that knows nothing of what was written meanwhile."""
        self.told.append("stream switched")
        for spec in {"StreamEnabled": False}, {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}:
            self.dynamodb.client.update_table(TableName=self.table, StreamSpecification=spec)
            self.wait(0.3)


@pytest.fixture
def story(run_postern, run_fake, dynamodb, monkeypatch):
    """story(seed, feed) → what was told; everything in it is ended with the test."""
    ending = []

    def run(seed, feed):
        print(f"CHAOS_SEEDS={seed} CHAOS_SECONDS={SECONDS} feed {feed}")
        target = run_fake("mirror")
        table, containers = dynamodb.create_table(), dynamodb.create_table(key="containerId")
        proxy = BadProxy(dynamodb.port, seed)
        proxy.__enter__()
        ending.append(lambda: proxy.__exit__())
        for name, value in proxy.environment(dynamodb).items():
            monkeypatch.setenv(name, value)

        def put_active(*names):
            dynamodb.put_all(table, [
                {"sessionId": {"S": name}, "clientId": {"S": "acme"}, "userId": {"S": "u"}, "threadId": {"S": name},
                 "status": {"S": "active"}, "containerIp": {"S": "127.0.0.1"}, "port": {"N": str(target)},
                 "createdAt": {"N": str(int(time.time() * 1000))}} for name in names])

        put_active(*STEADY)
        conf = harness.CONF.replace("store sqlite    {folder}/sessions.db { flush 200ms; }",
                                    f"store dynamodb {table} {{ flush 300ms; feed {feed}; containers {containers}; }}")
        postern = run_postern(conf=conf, session="dev_server vite; hold 10ms;")
        services = [chaos.Service(dynamodb, table, containers, f"s{i}", seed * 100 + i, [target, 9]) for i in range(2)]
        others = [f"{one.name_of}-t{i}" for one in services for i in range(10)]
        people = chaos.People(postern, STEADY, others, seed)
        for one in (*services, people):
            one.start()
            ending.append(one.ends.set)
        trouble = Trouble(postern, proxy, dynamodb, table, seed, feed == "streams")
        try:
            trouble.go_on(time.monotonic() + SECONDS)
        finally:
            print(f"told: {trouble.told}\nproxy: {dict(proxy.done)}")
        # The last writes, which nothing comes after that would put right what is read wrongly.
        proxy.mood = LAST_MOOD
        time.sleep(0.7)
        for one in services:
            one.end()
        time.sleep(0.7)
        proxy.mood = {}
        began = time.monotonic()
        different = {}

        def is_right():
            nonlocal different
            different = chaos.difference(postern, dynamodb, table, containers)
            return not different

        try:
            until("the session table is what the items say", is_right, within=60, every=0.1)
        except AssertionError as late:
            raise AssertionError(f"{late}: {different}\n{postern.log()[-4000:]}") from late
        print(f"{sum(one.written for one in services)} writes, right after {time.monotonic() - began:.1f} s")
        put_active("last")
        until("it goes on", lambda: postern.get("/session/last/").status == 200)
        people.end()
        assert people.asked > 20 and not people.missed, people.missed[:20]
        until("and stays so", is_right)
        assert postern.stop() == 0 and "does not leave" not in postern.log()
        # Activity of sessions that went made none of them again, and none went that should not.
        there = {item["sessionId"]["S"] for item in dynamodb.scan_all(table)}
        written = {"last", *STEADY}.union(*(one.there for one in services))
        assert there <= written and written - there <= set().union(*(one.may_end for one in services))
        return postern, proxy, people

    yield run
    for end in ending:
        end()


@pytest.mark.parametrize("feed", ["streams", "poll 1s"])
@pytest.mark.parametrize("seed", SEEDS)
def test_in_the_end_the_table_is_what_the_items_say(story, seed, feed):
    story(seed, feed)
