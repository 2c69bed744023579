"""Several posterns on one table in DynamoDB, which follow it through a Redis server that two of them feed."""
import time

import harness
import pytest
from harness import until


class Fleet:
    """Posterns with one conf, each with a folder and a replica of its own."""

    def __init__(self, run_postern, dynamodb, redis, table, target):
        self.run_postern, self.dynamodb, self.redis, self.table, self.target = run_postern, dynamodb, redis, table, target
        self.hosts = []

    def add(self, more="", url=None, block="", **options):
        conf = harness.CONF.replace("store sqlite    {folder}/sessions.db { flush 200ms; }",
                                    f"store dynamodb {self.table} {{ flush 200ms; feed redis {url or self.redis.url} {more}; {block} }}")
        postern = self.run_postern(f"host{len(self.hosts)}", conf=conf, **options)
        self.hosts.append(postern)
        return postern

    def put(self, name, status="active", **more):
        item = {"sessionId": {"S": name}, "clientId": {"S": "acme"}, "userId": {"S": "u"}, "threadId": {"S": name},
                "status": {"S": status}, "ttl": {"N": str(int(time.time()) + 3600)}, "containerIp": {"S": "127.0.0.1"},
                "port": {"N": str(self.target)}, **more}
        self.dynamodb.client.put_item(TableName=self.table, Item=item)

    def set_status(self, name, status):
        self.dynamodb.client.update_item(TableName=self.table, Key={"sessionId": {"S": name}}, UpdateExpression="SET #s = :s",
                                         ExpressionAttributeNames={"#s": "status"}, ExpressionAttributeValues={":s": {"S": status}})

    def remove(self, name):
        self.dynamodb.client.delete_item(TableName=self.table, Key={"sessionId": {"S": name}})

    def until_all(self, name, status, within=20):
        for postern in self.hosts:
            if postern.program.alive():
                until(f"{name} is {status}", answers(postern, name, status), within=within, every=0.05)


def answers(postern, name, status):
    return lambda: postern.get(f"/session/{name}/", headers={"Accept": "text/html"}).status == status


@pytest.fixture
def fleet(run_postern, run_fake, dynamodb, redis, monkeypatch):
    for name, value in dynamodb.environment.items():
        monkeypatch.setenv(name, value)
    return Fleet(run_postern, dynamodb, redis, dynamodb.create_table(), run_fake("mirror"))


def test_three_hosts_agree(fleet):
    fleet.put("before")
    for _ in range(3):
        fleet.add()
    fleet.until_all("before", 200)
    fleet.put("s1")
    fleet.until_all("s1", 200, within=5)
    fleet.set_status("s1", "failed")
    fleet.until_all("s1", 503, within=5)
    fleet.remove("s1")
    fleet.until_all("s1", 404, within=5)
    assert sorted(fleet.redis.leases()) == [1, 2]
    assert set(fleet.redis.rows()) == {"before"}
