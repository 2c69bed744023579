"""What holds of every store of sessions: the embedded one and a table in DynamoDB answer alike."""
import time

import pytest
import store_driver
from store_driver import Failed, StoreCall


@pytest.fixture(params=["sqlite", "dynamodb"])
def open_stores(request, tmp_path):
    """open_stores(count) → programs on one store; ended with the test, and they must end well."""
    started = []

    def run(count):
        environment = {}
        if request.param == "sqlite":
            conf = store_driver.conf_of(tmp_path, f"store sqlite {tmp_path}/sessions.db;")
        else:
            dynamodb = request.getfixturevalue("dynamodb")
            conf, environment = store_driver.conf(tmp_path, dynamodb, dynamodb.create_table()), dynamodb.environment
        started.extend(StoreCall(conf, environment) for _ in range(count))
        return started

    yield run
    for one in started:
        one.end()


@pytest.fixture
def store(open_stores):
    return open_stores(1)[0]


NOW = int(time.time()) * 1000


def record(name="s1", thread=None, **more):
    return {"sessionId": name, "clientId": "acme", "userId": "u1", "threadId": thread or name, "routeKey": f"acme-{thread or name}",
            "status": "active", "target": "10.0.0.7:4321",
            "task": "arn:1", "createdAt": NOW, "startedAt": NOW, "lastActivityAt": NOW, "ttl": NOW + 86_400_000, **more}


def test_what_is_inserted_is_read(store):
    wanted = record(instruction="do \"it\"; ü", reason="why", branch="b", lastCommit="abc", isDirty=True, requestCount=3, bytesTransferred=4,
                    target="[fd00::7]:8080")
    made = store("insert", record=wanted)
    assert {name: made[name] for name in wanted} == wanted
    assert made["version"] > 0 and made["accessGeneration"] > 1_700_000_000
    assert store("get", id="s1") == made
    assert store("of_key", key="acme-s1") == store("of_client", client="acme") == store("list") == [made]


def test_what_is_wrong_is_said(store):
    store("insert", record=record())
    for what, order in (("exists", dict(what="insert", record=record())), ("no such session", dict(what="get", id="s2")),
                        ("no such session", dict(what="remove", id="s2")),
                        ("no such session", dict(what="replace", record=record("s2", version=1)))):
        with pytest.raises(Failed, match=what) as failed:
            store(**order)
        assert f'"{order.get("id") or order["record"]["sessionId"]}"' in failed.value.what
    for name in ("", "x" * 256, "a\r\nb"):
        with pytest.raises(Failed, match="cannot be stored"):
            store("insert", record=record(name))
    assert len(store("list")) == 1


def test_a_replacement_needs_the_version_that_was_read(store):
    first = store("insert", record=record())
    second = store("replace", record={**first, "status": "draining"})
    assert second["status"] == "draining" and second["version"] != first["version"]
    with pytest.raises(Failed, match="changed"):
        store("replace", record={**first, "status": "failed"})
    third = store("replace", record=second)  # the same again is a change, too
    assert third["version"] != second["version"]
    with pytest.raises(Failed, match="changed"):
        store("remove", id="s1", version=second["version"])
    store("remove", id="s1", version=third["version"])
    for what in ("replace", "remove"):
        with pytest.raises(Failed, match="there is no such session|no such|not found"):
            store(what, id="s1", record=third)


def test_activity_is_merged_and_never_set_back(store):
    made = store("insert", record=record(requestCount=10, bytesTransferred=100))
    for one in ({"id": "s1", "at_ms": NOW + 500, "ttl_ms": made["ttl"] + 5000, "requests": 2, "bytes": 20},
                {"id": "s1", "at_ms": NOW - 5000, "ttl_ms": made["ttl"] - 5000, "requests": 3, "bytes": 30},
                {"id": "ghost", "at_ms": NOW, "ttl_ms": made["ttl"], "requests": 1, "bytes": 1}):
        store("activity", updates=[one])
    now = store("get", id="s1")
    assert (now["lastActivityAt"], now["ttl"], now["requestCount"], now["bytesTransferred"]) == (NOW + 500, made["ttl"] + 5000, 15, 150)
    assert now["version"] == made["version"]  # no change for those who hold the record
    assert len(store("list")) == 1
    back = store("replace", record={**made, "requestCount": 1, "lastActivityAt": NOW - 9000, "ttl": 1, "branch": "x"})
    assert (back["lastActivityAt"], back["ttl"], back["requestCount"], back["branch"]) == (NOW + 500, made["ttl"] + 5000, 15, "x")


@pytest.mark.parametrize("ttl, tried, becomes", [(0, NOW, NOW + 9000), (NOW, NOW, NOW + 9000), (NOW - 1000, NOW, NOW - 1000),
                                                 (NOW - 1000, NOW - 1000, NOW + 9000), (NOW + 10_000, NOW, NOW + 10_000)])
def test_a_ttl_that_had_passed_before_activity_was_tried_stays(store, ttl, tried, becomes):
    store("insert", record=record(ttl=ttl))
    store("activity", updates=[{"id": "s1", "at_ms": NOW + 1000, "ttl_ms": NOW + 9000, "tried_at_ms": tried, "requests": 1}])
    now = store("get", id="s1")
    assert (now["ttl"], now["lastActivityAt"], now["requestCount"]) == (becomes, NOW + 1000, 1)


def test_of_several_sessions_of_one_key_all_are_listed(store):
    names = {store("insert", record=record(name, "t"))["sessionId"] for name in ("s1", "s2", "s3")}
    store("insert", record=record("s4", clientId="other"))
    assert {one["sessionId"] for one in store("of_key", key="acme-t")} == {one["sessionId"] for one in store("of_client", client="acme")} == names


def test_a_try_to_write_leaves_nothing(store):
    assert store("try_write") is True
    assert store("list") == []


def test_two_writers_at_once_one_wins(open_stores):
    stores = open_stores(3)
    stores[0]("insert", record=record())
    for round_ in range(30):
        read = stores[0]("get", id="s1")
        for i, store in enumerate(stores):
            store.begin("replace", record={**read, "branch": f"{round_}-{i}"})
        won = []
        for i, store in enumerate(stores):
            try:
                won.append((i, store.end_of()))
            except Failed as failed:
                assert "conflict" in failed.error or "changed" in str(failed)
        assert len(won) == 1, won
        assert stores[0]("get", id="s1") == won[0][1]


def test_one_insert_of_many_wins(open_stores):
    stores = open_stores(3)
    for i, store in enumerate(stores):
        store.begin("insert", record=record(branch=str(i)))
    won = 0
    for store in stores:
        try:
            store.end_of()
            won += 1
        except Failed:
            pass
    assert won == 1
