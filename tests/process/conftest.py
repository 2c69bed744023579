"""Fixtures: a folder, posterns and fakes that are ended with the test."""
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import dynamodb as dynamodb_local  # noqa: E402
import harness  # noqa: E402
import redis_fleet  # noqa: E402
import redis_server  # noqa: E402


@pytest.fixture
def run_postern(tmp_path):
    """run_postern(**blocks) → a running Postern; ended with the test, and it must end well."""
    started = []

    def run(name="postern", **blocks):
        postern = harness.start_postern(tmp_path / name, **blocks)
        started.append(postern)
        return postern

    yield run
    for postern in started:
        if postern.program.alive():
            assert postern.stop() == 0, postern.log()[-3000:]
        # What the master starts again would go unnoticed otherwise: sanitizers, POSTERN_CHECK, exceptions, crashes.
        broken = re.search(r"AddressSanitizer|ThreadSanitizer|runtime error:|check failed:|ended by an exception|"
                           r"ended by signal (?:4|6|7|8|11)\b", postern.log())
        assert not broken, postern.log()[max(0, broken.start() - 500):][:5000]


@pytest.fixture
def run_fake(tmp_path):
    """run_fake(name, arguments...) → its port; ended with the test."""
    started = []

    def run(name, *arguments):
        fake, port = harness.start_fake(tmp_path, name, *arguments)
        started.append(fake)
        return port

    yield run
    for fake in started:
        fake.end()


@pytest.fixture(scope="session")
def dynamodb(tmp_path_factory):
    """The session's DynamoDB Local, started when a test first asks for it; see dynamodb.py."""
    with dynamodb_local.DynamoDBLocal(tmp_path_factory.mktemp("dynamodb")) as server:
        yield server


@pytest.fixture
def redis(tmp_path):
    """A Redis server of the test's own; see redis_server.py."""
    with redis_server.RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def fleet(run_postern, run_fake, dynamodb, redis, monkeypatch):
    """Hosts of one table, by a Redis of the test's own; see redis_fleet.py."""
    for name, value in dynamodb.environment.items():
        monkeypatch.setenv(name, value)
    return redis_fleet.Fleet(run_postern, dynamodb, redis, dynamodb.create_table(), run_fake("mirror"))
