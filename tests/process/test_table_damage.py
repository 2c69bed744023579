"""The session table damaged under a running postern: noise, a file cut short, deleted or written over. It heals by itself."""
import os
import re
import time

import pytest
from harness import request, until

SESSIONS = 300


@pytest.fixture
def live(run_postern, run_fake):
    postern = run_postern()
    postern.target = run_fake("mirror")
    postern.set_session("s0", "active", f"127.0.0.1:{postern.target}")
    import sqlite3

    with sqlite3.connect(postern.folder / "sessions.db", timeout=30) as db:
        db.executemany("INSERT INTO sessions (session_id, client_id, thread_id, status, target) VALUES (?, 'a', ?, 'active', ?)",
                       [(f"s{i}", f"s{i}", f"127.0.0.1:{postern.target}") for i in range(1, SESSIONS)])
    until("all are routed", lambda: all_routed(postern))
    postern.table = postern.folder / "sessions.table"
    return postern


def all_routed(postern):
    try:
        return all(postern.get(f"/session/s{i}/").status == 200 for i in range(SESSIONS))
    except OSError:
        return False


def sections(path):
    """{name: (offset, bytes)} of a table file's parts, read from its header (cache/LAYOUT.md)."""
    header = path.read_bytes()[:4096]
    word = lambda at: int.from_bytes(header[at:at + 8], "little")  # noqa: E731
    size, counters, index, slots, activity, asked, texts = (word(at) for at in (40, 48, 56, 64, 72, 80, 88))
    return {"header": (0, 4096), "index": (index, slots - index), "slots": (slots, activity - slots),
            "activity": (activity, asked - activity), "asked keys": (asked, texts - asked), "texts": (texts, size - texts),
            "all but the counters": (index, size - index)}


def noise(path, offset, count):
    with open(path, "r+b", buffering=0) as f:
        f.seek(offset)
        f.write(os.urandom(count))


def heals(postern):
    """By itself and soon: every session is routed, and control says that it is ready."""
    until("healed", lambda: all_routed(postern) and ready(postern))


def ready(postern):
    try:
        return request(postern.api, "/readyz").status == 200
    except OSError:
        return False


@pytest.mark.parametrize("part", ["header", "index", "slots", "activity", "asked keys", "texts", "all but the counters"])
def test_noise_heals_without_a_restart(live, part):
    before = live.children()
    offset, count = sections(live.table)[part]
    noise(live.table, offset, count)
    heals(live)
    assert live.children() == before  # nobody died of it
    if part not in ("texts", "asked keys"):  # nothing lies there: these keys are short
        until("it is told", lambda: "the session table was damaged" in live.log())
        assert live.metric("postern_table_damages_total") >= 1
    live.set_session("later", "active", f"127.0.0.1:{live.target}")
    until("changes are taken", lambda: live.get("/session/later/").status == 200)
    assert live.stop() == 0
    assert live.cli("table", "check").returncode == 0


def test_not_ready_while_routes_are_missing(live):
    import sqlite3

    holder = sqlite3.connect(live.folder / "sessions.db", timeout=30, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    os.rename(live.folder / "sessions.db", live.folder / "away.db")  # what is lost cannot come back
    os.mkdir(live.folder / "sessions.db")
    offset, count = sections(live.table)["slots"]
    noise(live.table, offset, count)
    until("not ready", lambda: "does not hold all" in request(live.api, "/readyz").text)
    assert not all_routed(live)
    os.rmdir(live.folder / "sessions.db")
    os.rename(live.folder / "away.db", live.folder / "sessions.db")
    holder.close()
    heals(live)


def test_noise_again_and_again_under_load(live):
    import test_roles

    before = live.children()
    with test_roles.Load(live.port, path="/session/s1/x") as load:
        for _ in range(20):
            size = live.table.stat().st_size
            page = int.from_bytes(os.urandom(4), "little") % (size // 4096)
            noise(live.table, page * 4096, 4096)
            time.sleep(0.02)
        until("healed", lambda: all_routed(live) and ready(live))
    assert not load.failed
    assert live.children() == before


# Who touches what is cut off dies of it (SIGBUS): here that is no fault of the program.
@pytest.mark.parametrize("left", ["slots", "header", "nothing"])
def test_a_table_cut_short_comes_back(live, left):
    size = live.table.stat().st_size
    os.truncate(live.table, {"slots": sections(live.table)["slots"][0] + 4096, "header": 4096, "nothing": 0}[left])
    heals(live)
    until("the whole file", lambda: live.table.stat().st_size == size)
    assert re.search(r"the session table (was damaged|is lost)", live.log())
    settled(live)
    forgive_sigbus(live)


@pytest.mark.parametrize("how", ["deleted", "copied over"])
def test_another_file_at_its_path(live, how):
    if how == "deleted":
        live.table.unlink()
    else:
        live.table.write_bytes(os.urandom(100_000))  # in place: the same inode
    until("it is told", lambda: re.search(r"the session table (is given up|is lost|was damaged)", live.log()))
    heals(live)
    settled(live)
    forgive_sigbus(live)


def settled(postern):
    """No crash loop: the processes that are there now stay, and every one of them follows the store."""
    until("all are back", lambda: sorted(map(len, postern.children().values())) == [1, 1, 2])
    before = postern.children()
    for i in range(5):
        postern.set_session(f"later{i}", "active", f"127.0.0.1:{postern.target}")
        until("routed", lambda: all(postern.get(f"/session/later{i}/").status == 200 for _ in range(20)))
    assert postern.children() == before


def forgive_sigbus(postern):
    """The fixture looks for crashes in the log: those that this test brought about are taken out of it."""
    assert postern.stop() == 0
    log = postern.program.log_path
    log.write_text(log.read_text(errors="replace").replace("ended by signal 7;", "ended by SIGBUS;"))
