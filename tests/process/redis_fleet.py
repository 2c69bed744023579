"""Several posterns on one table in DynamoDB, which follow it through a Redis server; the fixture is in conftest.py."""
import os
import signal
import time

import harness
from harness import until


class Fleet:
    """Posterns with one conf, each with a folder and a replica of its own."""

    def __init__(self, run_postern, dynamodb, redis, table, target):
        self.run_postern, self.dynamodb, self.redis, self.table, self.target = run_postern, dynamodb, redis, table, target
        self.hosts = []

    def add(self, more="", url=None, block="", wait=True, main=""):
        conf = harness.CONF.replace("store sqlite    {folder}/sessions.db { flush 200ms; }",
                                    f"store dynamodb {self.table} {{ flush 200ms; feed redis {url or self.redis.url} {more}; {block} }}")
        postern = self.run_postern(f"host{len(self.hosts)}", conf=conf, start=wait, main=main)
        if not wait:
            postern.launch()
        self.hosts.append(postern)
        return postern

    def put(self, name, status="active", **more):
        item = {"sessionId": {"S": name}, "clientId": {"S": "acme"}, "userId": {"S": "u"}, "threadId": {"S": name},
                "status": {"S": status}, "ttl": {"N": str(int(time.time()) + 86_400)}, "lastActivityAt": {"N": str(int(time.time()))}, "containerIp": {"S": "127.0.0.1"},
                "port": {"N": str(self.target)}, **more}
        self.dynamodb.client.put_item(TableName=self.table, Item=item)

    def set_status(self, name, status):
        self.dynamodb.client.update_item(TableName=self.table, Key={"sessionId": {"S": name}}, UpdateExpression="SET #s = :s",
                                         ExpressionAttributeNames={"#s": "status"}, ExpressionAttributeValues={":s": {"S": status}})

    def remove(self, name):
        self.dynamodb.client.delete_item(TableName=self.table, Key={"sessionId": {"S": name}})

    def until_all(self, name, status, within=30):
        for postern in self.hosts:
            if postern.program.alive():
                until(f"{name} is {status}", answers(postern, name, status), within=within, every=0.05)


def answers(postern, name, status):
    return lambda: postern.get(f"/session/{name}/", headers={"Accept": "text/html"}).status == status


def feeds(postern):
    return "this host feeds" in postern.log()


def kill_host(postern):
    """At once, as if its power went: nothing is written back, no lease is let go."""
    sync = postern.children()["sync"]
    for pid in sync:
        os.kill(pid, signal.SIGSTOP)
    postern.signal(signal.SIGKILL)
    postern.program.wait()
    for pid in sync:
        os.kill(pid, signal.SIGKILL)


def store_check(postern, check="store"):
    """Why /readyz is not content with the store, or with `check`; empty: it is. None: nobody answers yet."""
    try:
        return harness.request(postern.api, "/readyz").json["checks"][check].get("why", "")
    except OSError:
        return None


def lines(postern, level):
    return [line for line in postern.log().splitlines() if f"Z {level:<6} " in line and "master[" not in line]
