"""A proxy in front of DynamoDB Local that misbehaves as it is told; a test's own clients go past it.

    with BadProxy(dynamodb.port, seed) as proxy:
        proxy.mood = {"throttled": 0.5, "slow": 0.2}   # shares of the requests, by FAULTS; the rest passes
        proxy.refuse(); ...; proxy.listen()            # nobody is at the port; again
        proxy.environment(dynamodb)                    # what sends a postern here

Bytes that pass are the server's own, checksum and all."""
import http.client
import json
import random
import re
import threading
import time
import zlib
from collections import Counter, deque

import aws_fakes
import harness

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "LimitExceededException")


def with_sum(headers, body):
    return {**headers, "x-amz-crc32": str(zlib.crc32(body))}


def cut_body(status, headers, body):
    """Promises all of it and ends in its midst."""
    def send(handler):
        handler.close_connection = True
        handler.wfile.write(f"HTTP/1.1 {status} OK\r\nContent-Length: {len(body) + 1}\r\n".encode())
        for name, value in headers.items():
            handler.wfile.write(f"{name}: {value}\r\n".encode())
        handler.wfile.write(b"\r\n" + body[:len(body) // 2])
        aws_fakes.close(handler)
    return send


class BadProxy(aws_fakes.FakeHttp):
    def __init__(self, port, seed=0):
        super().__init__(self._answer, port=harness.free_ports(1)[0])
        self.asked = deque(maxlen=100)  # it runs for hours
        self.behind = port
        self.mood = {}
        self.done = Counter()  # what was done how often
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.mine = threading.local()
        self.descriptions = deque(maxlen=20)
        self.held = {}  # by operation: an Event that its answers wait for, done as they are

    def environment(self, dynamodb):
        return {**dynamodb.environment, "AWS_ENDPOINT_URL_DYNAMODB": self.url, "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": self.url}

    def refuse(self):
        """Connections are refused, those that are open are reset at their next request."""
        self.mood = {"reset": 1}
        self.server.shutdown()
        self.server.server_close()

    def listen(self):
        self.mood = {}
        self.server = self.make(self.port)
        self.__enter__()

    def _draw(self):
        with self.lock:
            left = self.random.random()
            for fault, share in self.mood.items():
                left -= share
                if left < 0:
                    return fault, self.random.random()
        return "passed", 0.0

    def _answer(self, asked):
        fault, dice = self._draw()
        answer = FAULTS[fault](self, asked, dice) if fault != "passed" else None
        if asked.operation in self.held:
            answer = answer or self.forward(asked)
            self.held[asked.operation].wait(60)
        with self.lock:
            self.done[fault if answer else "passed"] += 1
        return answer or self.forward(asked)

    def forward(self, asked):
        """The server's own answer."""
        for _ in range(2):
            if getattr(self.mine, "connection", None) is None:
                self.mine.connection = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=30)
            try:
                headers = {name: value for name, value in asked.headers.items() if name not in HOP}
                self.mine.connection.request(asked.method, asked.path, asked.body, headers)
                got = self.mine.connection.getresponse()
                body = got.read()
                answer = got.status, {name.lower(): value for name, value in got.getheaders() if name.lower() not in HOP}, body
                break
            except (OSError, http.client.HTTPException):
                self.mine.connection.close()
                self.mine.connection = None
        else:
            return aws_fakes.close
        if asked.operation == "DescribeStream" and answer[0] == 200:
            self.descriptions.append((asked.body, answer))
        return answer

    # Each gives an answer, or nothing: then the request passes.

    def slow(self, asked, dice):
        time.sleep(dice)
        return self.forward(asked)

    def late(self, asked, dice):
        answer = self.forward(asked)
        time.sleep(dice)
        return answer

    def throttled(self, asked, dice):
        return aws_fakes.no(THROTTLED[int(dice * len(THROTTLED))], "slow down")

    def failed(self, asked, dice):
        return (500, {}, "oops") if dice < 0.3 else (503, {}, "<html>") if dice < 0.6 else aws_fakes.no("InternalServerError", status=500)

    def reset(self, asked, dice):
        return aws_fakes.reset

    def lost(self, asked, dice):
        """It is done, and nobody hears of it."""
        self.forward(asked)
        return aws_fakes.close

    def garbage(self, asked, dice):
        return aws_fakes.babble if dice < 0.5 else aws_fakes.ok(bytes(range(256)))

    def truncated(self, asked, dice):
        status, headers, body = self.forward(asked)
        cut = body[:int(len(body) * dice)]
        return status, with_sum(headers, cut), cut

    def cut(self, asked, dice):
        return cut_body(*self.forward(asked))

    def flipped(self, asked, dice):
        """Still JSON, here and there another digit stands; the checksum is the right one's."""
        status, headers, body = self.forward(asked)
        flips = random.Random(dice)
        return status, headers, re.sub(rb"\d", lambda digit: bytes([digit[0][0] ^ (flips.random() < 0.05)]), body)

    def wrong_sum(self, asked, dice):
        status, headers, body = self.forward(asked)
        return status, {**headers, "x-amz-crc32": "17"}, body

    def another(self, asked, dice):
        """JSON, whole, and of something else."""
        return aws_fakes.ok("{}" if dice < 0.5 else "[]")

    def expired(self, asked, dice):
        return aws_fakes.no("ExpiredIteratorException") if asked.operation == "GetRecords" else None

    def trimmed(self, asked, dice):
        return aws_fakes.no("TrimmedDataAccessException") if asked.operation in ("GetRecords", "GetShardIterator") else None

    def empty(self, asked, dice):
        """Nothing yet, and no word of how much is left."""
        if asked.operation != "GetRecords":
            return None
        return aws_fakes.ok(json.dumps({"Records": [], "NextShardIterator": json.loads(asked.body)["ShardIterator"]}))

    def stale(self, asked, dice):
        """How the stream looked before."""
        known = [answer for body, answer in list(self.descriptions) if body == asked.body]
        return known[int(dice * len(known))] if asked.operation == "DescribeStream" and known else None


FAULTS = {name: getattr(BadProxy, name) for name in (
    "slow", "late", "throttled", "failed", "reset", "lost", "garbage", "truncated", "cut", "flipped", "wrong_sum", "another",
    "expired", "trimmed", "empty", "stale")}
