"""Fixtures: a folder, posterns and fakes that are ended with the test."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import harness  # noqa: E402


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
