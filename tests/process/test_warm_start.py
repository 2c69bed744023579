"""Started while the store cannot be used: what the table holds is served at once, and the store is taken up when it is there."""
import os
import sqlite3

import pytest
from harness import request, until


@pytest.fixture
def stopped(run_postern, run_fake):
    """A postern that has known the session "up", stopped."""
    postern = run_postern()
    postern.target = run_fake("mirror")
    postern.set_session("up", "active", f"127.0.0.1:{postern.target}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    assert postern.stop() == 0
    postern.db = str(postern.folder / "sessions.db")
    return postern


def is_up(postern):
    try:
        return postern.get("/session/up/").status == 200
    except OSError:
        return False


def serves_warm(postern):
    postern.launch()
    until("it serves from the table", lambda: is_up(postern))
    until("control is there", lambda: status(postern) is not None)
    assert status(postern) == 503  # not ready, and it says so
    assert is_up(postern)


def status(postern):
    try:
        return request(postern.api, "/readyz").status
    except OSError:
        return None


def follows_again(postern):
    until("ready", lambda: status(postern) == 200)
    assert is_up(postern)
    postern.set_session("next", "failed")
    until("followed", lambda: postern.get("/session/next/").status == 503)


def test_locked(stopped):
    holder = sqlite3.connect(stopped.db, timeout=30, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    serves_warm(stopped)
    holder.execute("ROLLBACK")
    holder.close()
    follows_again(stopped)


def test_no_database_at_all(stopped):
    with open(stopped.db, "rb") as f:
        good = f.read()
    with open(stopped.db, "r+b") as f:
        f.write(b"this is no database" * 100)
    serves_warm(stopped)
    assert "sessions.db" in stopped.log()
    with open(stopped.db + ".good", "wb") as f:
        f.write(good)
    os.rename(stopped.db + ".good", stopped.db)
    follows_again(stopped)


def test_a_folder_in_its_place(stopped):
    os.rename(stopped.db, stopped.db + ".away")
    os.mkdir(stopped.db)
    serves_warm(stopped)
    os.rmdir(stopped.db)
    os.rename(stopped.db + ".away", stopped.db)
    follows_again(stopped)
