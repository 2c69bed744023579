"""What the randomised tests of a DynamoDB store are made of: other services that write, people that use sessions, and what
the session table has to be in the end, worked out from the items alone by rules written down here a second time."""
import random
import threading
import time

STATUSES = ("initializing", "active", "draining", "inactive", "failed", "expired")


class Service(threading.Thread):
    """Another service of the platform: writes to the tables, past postern and past every fault, and as fast as it can.
    Several of them have keys of their own each, so that each knows what it left behind."""

    def __init__(self, dynamodb, table, containers, name, seed, ports, keys=40):
        super().__init__(daemon=True)
        self.client = dynamodb.new_client("dynamodb")
        self.table, self.containers, self.name_of = table, containers, name
        self.random = random.Random(seed)
        self.ports, self.keys = ports, keys
        self.there = set()  # session ids
        self.may_end = set()  # of them, those that had a ttl that has come: control removes their items
        self.written = 0
        self.failure = None
        self.ends = threading.Event()

    def run(self):
        try:
            while not self.ends.is_set():
                self.step()
        except Exception as failure:
            self.failure = failure

    def end(self):
        self.ends.set()
        self.join(60)
        assert not self.is_alive()
        if self.failure:
            raise self.failure

    def step(self):
        what = self.random.random()
        if what < 0.35:
            self.write_many()
        elif what < 0.45:
            self.put_container()
        elif what < 0.55:
            self.put(self.id())
        elif what < 0.62:
            self.delete(self.id())
        elif what < 0.92:
            self.update(self.id())
        else:
            self.replace_at_once(self.id())

    def id(self):
        return f"{self.name_of}-{self.random.randrange(self.keys)}"

    def item(self, name):
        """Any item: most are sessions that can be used; threads are shared by several of them."""
        r = self.random
        now = int(time.time())
        item = {"sessionId": {"S": name}, "clientId": {"S": "acme"}, "userId": {"S": "u"}, "threadId": {"S": self.thread()},
                "status": {"S": r.choice(STATUSES)}, "createdAt": {"N": str(now * 1000 - r.randrange(3_000_000))},
                "requestCount": {"N": "0"}, **self.place(), **self.ttl(now)}
        if "ttl" in item and int(item["ttl"]["N"]) < now + 60:
            self.may_end.add(name)
        if item["status"]["S"] == "failed":
            item["reason"] = {"S": f"because-{r.randrange(1000)}"}
        if r.random() < 0.08:
            item.update(r.choice([{"status": {"S": "nonsense"}}, {"containerIp": {"S": "nowhere"}}, {"ttl": {"M": {}}},
                                  {"threadId": {"S": "x" * 300}}, {"createdAt": {"S": "yesterday"}}, {"status": {"N": "1"}}]))
        return item

    def thread(self):
        return f"{self.name_of}-t{self.random.randrange(self.keys * 3 // 4)}"

    def place(self):
        r = self.random
        if self.containers and r.random() < 0.4:
            return {"containerId": {"S": f"{self.name_of}-c{r.randrange(self.keys // 4)}"}}
        if r.random() < 0.2:
            return {}
        return {"containerIp": {"S": "127.0.0.1"}, "port": {"N": str(r.choice(self.ports))}}

    def ttl(self, now):
        kind = self.random.random()
        return {} if kind < 0.3 else {"ttl": {"N": str(now + 3600 if kind < 0.85 else now + 2 if kind < 0.9 else now - 5)}}

    def put(self, name):
        self.client.put_item(TableName=self.table, Item=self.item(name))
        self.there.add(name)
        self.written += 1

    def delete(self, name):
        self.client.delete_item(TableName=self.table, Key={"sessionId": {"S": name}})
        self.there.discard(name)
        self.written += 1

    def update(self, name):
        if name not in self.there:
            return self.put(name)
        new = self.item(name)
        names = ["ttl"] if self.random.random() < 0.2 else self.random.sample(["status", "threadId", "containerIp", "containerId", "ttl", "port"], 2)
        if "containerIp" in names:  # an address goes as a whole
            names = [*names, *({"containerId", "port"} - set(names))]
        sets = [f"#{n} = :{n}" for n in names if n in new]
        removes = [f"#{n}" for n in names if n not in new]
        self.client.update_item(
            TableName=self.table, Key={"sessionId": {"S": name}},
            UpdateExpression=("SET " + ", ".join(sets) if sets else "") + (" REMOVE " + ", ".join(removes) if removes else ""),
            ExpressionAttributeNames={f"#{n}": n for n in names},
            **({"ExpressionAttributeValues": {f":{n}": new[n] for n in names if n in new}} if sets else {}))
        self.written += 1

    def write_many(self):
        names = self.random.sample([f"{self.name_of}-{i}" for i in range(self.keys)], min(20, self.keys))
        gone = {name for name in names if self.random.random() < 0.3}
        asked = [{"DeleteRequest": {"Key": {"sessionId": {"S": name}}}} if name in gone else {"PutRequest": {"Item": self.item(name)}}
                 for name in names]
        left = {self.table: asked}
        while left:
            left = self.client.batch_write_item(RequestItems=left)["UnprocessedItems"]
        self.there = (self.there | set(names)) - gone
        self.written += len(names)

    def put_container(self):
        if not self.containers:
            return
        key = {"containerId": {"S": f"{self.name_of}-c{self.random.randrange(self.keys // 4)}"}}
        if self.random.random() < 0.3:
            self.client.delete_item(TableName=self.containers, Key=key)
        else:
            self.client.put_item(TableName=self.containers, Item={**key, "containerIp": {"S": "127.0.0.1"},
                                                                  "port": {"N": str(self.random.choice(self.ports))}})
        self.written += 1

    def replace_at_once(self, name):
        """Deleted and there again, or there and deleted, between two looks of anybody."""
        self.delete(name)
        self.put(name)
        if self.random.random() < 0.3:
            self.delete(name)


def time_of(value):
    """Epoch ms of a time attribute, 0 when absent; ValueError when it is no time."""
    if value is None:
        return 0
    if "N" in value:
        number = int(value["N"])
        return number * 1000 if number < 10**11 else number
    if "S" in value:
        from datetime import datetime
        return int(datetime.fromisoformat(value["S"].replace("Z", "+00:00")).timestamp() * 1000)
    raise ValueError(value)


def session_of(item, addresses, standard_port=4321):
    """What an item means: (rank, created, id, thread, state, target, ttl); ValueError, KeyError: it cannot be used."""
    status = item["status"]["S"]
    state = "inactive" if status == "expired" else status
    if state not in STATUSES:
        raise ValueError(status)
    if len(item["threadId"]["S"]) > 255:
        raise ValueError("too long")
    if "containerIp" in item:
        if item["containerIp"]["S"] != "127.0.0.1":
            raise ValueError(item["containerIp"])
        target = f"127.0.0.1:{item['port']['N'] if 'port' in item else standard_port}"
    else:
        target = addresses.get(item.get("containerId", {}).get("S"), "-")
    rank = {"inactive": 0, "failed": 1}.get(state, 2)
    time_of(item.get("lastActivityAt"))
    return (rank, time_of(item.get("createdAt")), item["sessionId"]["S"], item["threadId"]["S"], state, target, time_of(item.get("ttl")))


def table_for(items, containers, now_ms):
    """{route key: (state, target, session)}: the session table that these items make at that time."""
    addresses = {c["containerId"]["S"]: f"127.0.0.1:{c['port']['N']}" for c in containers}
    leaders = {}
    for item in items:
        try:
            one = session_of(item, addresses)
        except (ValueError, KeyError):
            continue
        if 0 < one[6] <= now_ms:
            continue
        leaders[one[3]] = max(leaders.get(one[3], one), one)
    return {thread: (one[4], one[5], one[2]) for thread, one in leaders.items()}


def table_of(postern):
    """The same of a running postern, by `postern table dump`."""
    done = postern.cli("table", "dump")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    return {row[0]: tuple(row[1:4]) for row in rows}


def difference(postern, dynamodb, table, containers):
    """{route key: (should be, is)} where the session table is not what the items say; empty: it is."""
    shown = table_of(postern)
    wanted = table_for(dynamodb.scan_all(table), dynamodb.scan_all(containers) if containers else [], time.time() * 1000)
    return {key: (wanted.get(key), shown.get(key)) for key in wanted.keys() | shown.keys() if wanted.get(key) != shown.get(key)}


class People(threading.Thread):
    """They use sessions all the time: some that nobody changes, which have to be there at every moment, and any others."""

    def __init__(self, postern, steady, others, seed, every=0.02):
        super().__init__(daemon=True)
        self.postern, self.steady, self.others, self.every = postern, steady, others, every
        self.random = random.Random(seed)
        self.asked, self.missed = 0, []
        self.ends = threading.Event()

    def run(self):
        while not self.ends.wait(self.every):
            thread = self.random.choice(self.steady)
            try:
                got = self.postern.get(f"/session/{thread}/", timeout=30).status
            except OSError as failure:
                got = repr(failure)
            self.asked += 1
            if got != 200:
                self.missed.append((thread, got))
            if self.others:
                try:
                    self.postern.get(f"/session/{self.random.choice(self.others)}/", timeout=30)
                except OSError as failure:
                    self.missed.append(("any", repr(failure)))

    def end(self):
        self.ends.set()
        self.join(60)
        assert not self.is_alive()
