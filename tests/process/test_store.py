"""The store and the table from outside: who may change it, what happens when it is away."""
import os
import sqlite3
import subprocess
import sys
import time

import pytest
from harness import request, until


@pytest.fixture
def live(run_postern, run_fake):
    postern = run_postern()
    postern.target = run_fake("mirror")
    postern.db = str(postern.folder / "sessions.db")
    postern.set_session("up", "active", f"127.0.0.1:{postern.target}")
    until("routed", lambda: postern.get("/session/up/").status == 200)
    return postern


@pytest.fixture
def rung(run_postern, run_fake):
    """A postern that looks at its store once a minute: what is routed before was told by a ring."""
    import harness

    postern = run_postern(conf=harness.CONF.replace("flush 200ms;", "flush 200ms; poll 1m;"))
    postern.target = run_fake("mirror")
    return postern


def test_another_programs_change_is_routed_by_itself(live):
    with sqlite3.connect(live.db, timeout=30) as db:
        db.execute("UPDATE sessions SET status = 'failed' WHERE session_id = 'up'")
    until("seen", lambda: live.get("/session/up/").status == 503)
    with sqlite3.connect(live.db, timeout=30) as db:
        db.execute("DELETE FROM sessions WHERE session_id = 'up'")
    until("seen", lambda: live.get("/session/up/").status == 404)


def test_the_cli_works_on_the_store(live):
    live.set_session("mine", "active", f"127.0.0.1:{live.target}", "--client", "acme")
    until("routed", lambda: live.get("/session/mine/").status == 200)
    assert "mine" in live.cli("sessions", "list").stdout
    shown = live.cli("sessions", "show", "mine").stdout
    assert "acme" in shown and f"127.0.0.1:{live.target}" in shown
    assert live.cli("sessions", "rm", "mine").returncode == 0
    until("gone", lambda: live.get("/session/mine/").status == 404)
    assert live.cli("sessions", "show", "mine").returncode != 0
    assert live.stop() == 0
    assert "up" in live.cli("sessions", "list").stdout  # also when nothing runs


def test_a_change_by_the_api_rings_sync(rung):
    for i in range(10):
        assert rung.activate(f"t{i}").status in (200, 201)
        until("routed", lambda: rung.get(f"/session/t{i}/", headers={"Accept": "text/html"}).status == 503)


def test_routing_goes_on_while_the_store_is_locked(live):
    db = sqlite3.connect(live.db, timeout=30, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    try:
        for _ in range(50):
            assert live.get("/session/up/").status == 200
        answer = live.activate("locked")
        assert answer.status == 503 and "retry-after" in answer.headers and answer.json["error"]["message"]
        assert live.get("/session/up/").status == 200
    finally:
        db.execute("ROLLBACK")
        db.close()
    until("written again", lambda: live.activate("locked").status in (200, 201))


def store_check(postern):
    return request(postern.api, "/readyz").json["checks"]["store"]


def lines_with(postern, words, behind=0):
    """Of control, those among them that came behind so many lines of the log: a first start on a slow disk has some of its own, when
    one process makes the store and the others wait for it."""
    return [line for line in postern.log().splitlines()[behind:] if words in line and "control" in line]


def follow_for(seconds, postern):
    """The store's check all the time; it has to stay what it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = request(postern.api, "/readyz")
        assert answer.status == 503, answer
        time.sleep(0.05)


def test_not_ready_while_the_store_cannot_be_written(live):
    begun = len(live.log().splitlines())
    db = sqlite3.connect(live.db, timeout=30, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    try:
        assert live.activate("locked").status == 503
        check = store_check(live)
        assert not check["ok"] and "another process has it locked" in check["why"], check
        follow_for(8, live)
        assert live.api_call("GET", "/api/sessions/up/status").status == 200  # reading works
    finally:
        db.execute("ROLLBACK")
        db.close()
    until("ready though nobody wrote", lambda: store_check(live)["ok"])
    until("it is said", lambda: lines_with(live, "the store is back", begun))
    for said in ("the store is away", "the store is back"):
        assert len(lines_with(live, said, begun)) == 1, live.log()


def test_an_owed_stop_on_a_full_disk_is_said_once(run_postern, tmp_path):
    import harness

    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2500k", "none", disk], capture_output=True).returncode != 0:
        pytest.skip("no permission to mount a small file system")
    try:
        conf = harness.CONF.replace("{folder}/sessions.db", f"{disk}/sessions.db")
        conf = conf.replace("idle_timeout    1h;", f"idle_timeout    8s; include {tmp_path}/launcher.conf;")
        # A file of its own: the harness fills {port} in as postern's own.
        (tmp_path / "launcher.conf").write_text(f"""launcher process {{
            command {sys.executable} -u {harness.FAKES}/container.py {{port}} {{threadId}} {tmp_path};
            ready http / within 60s;
            {harness.launcher_ports()}
            output_directory {tmp_path};
        }}""")
        (tmp_path / "gate").touch()
        postern = run_postern(conf=conf)
        postern.db = f"{disk}/sessions.db"
        assert postern.activate("idle").status == 201
        until("it runs", lambda: postern.status("idle") == "active")
        begun = len(postern.log().splitlines())
        try:
            (disk / "ballast").write_bytes(b"x" * 3_000_000)
        except OSError:
            pass
        until("the log is full, too", lambda: postern.activate(f"t{time.monotonic_ns()}").status == 503, every=0)
        follow_for(11, postern)  # it is idle meanwhile
        check = store_check(postern)
        assert "the disk is full" in check["why"], check
        assert postern.activate("more").status == 503
        assert len(lines_with(postern, "the store is away", begun)) == 1, postern.log()
        assert not lines_with(postern, "the store is back", begun), postern.log()
        assert postern.status("idle") == "active"
        (disk / "ballast").unlink()
        until("ready though nobody wrote", lambda: store_check(postern)["ok"])
        assert postern.activate("more").status == 201
        until("the stop that was owed", lambda: postern.status("idle") == "inactive")
        assert len(lines_with(postern, "the store is away", begun)) == 1, postern.log()
        assert postern.stop() == 0
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_readiness_gives_the_reason_that_the_log_has(live):
    begun = len(live.log().splitlines())
    for suffix in ("", "-wal", "-shm"):
        os.rename(live.db + suffix, live.db + suffix + ".away")
    check = until("it is noticed", lambda: not (c := store_check(live))["ok"] and c)
    said = until("it is said", lambda: lines_with(live, "the store is away", begun))[0]
    assert "deleted or replaced" in said and check["why"] in said, (said, check)
    follow_for(2, live)
    assert store_check(live) == check
    for suffix in ("-wal", "-shm", ""):
        os.rename(live.db + suffix + ".away", live.db + suffix)
    until("ready again", lambda: store_check(live)["ok"])


def test_routing_goes_on_while_the_store_is_gone(live):
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(live.db + suffix):
            os.rename(live.db + suffix, live.db + suffix + ".away")
    until("sync has noticed", lambda: live.metric("postern_sync_errors_total") >= 1)
    assert live.get("/session/up/").status == 200
    for suffix in ("-wal", "-shm", ""):
        if os.path.exists(live.db + suffix + ".away"):
            os.rename(live.db + suffix + ".away", live.db + suffix)
    live.set_session("back", "failed")
    until("followed again", lambda: live.get("/session/back/").status == 503)
    assert live.get("/session/up/").status == 200


@pytest.mark.parametrize("damage", ["garbage", "truncated", "empty", "capacity"])
def test_a_bad_table_is_set_aside_and_filled_anew(live, damage):
    assert live.stop() == 0
    table = live.folder / "sessions.table"
    if damage == "garbage":
        table.write_bytes(os.urandom(200_000))
    elif damage == "truncated":
        os.truncate(table, table.stat().st_size // 2)
    elif damage == "empty":
        table.write_bytes(b"")
    else:
        live.conf_path.write_text(live.conf_path.read_text().replace("capacity=1k", "capacity=2k"))
    live.start()
    assert live.get("/session/up/").status == 200
    assert "rebuilt" in live.log() and (live.folder / "sessions.table.bad").exists()
    assert live.cli("table", "check").returncode == 0


def test_a_full_table_refuses_the_new_and_keeps_the_old(run_postern):
    postern = run_postern(main="")
    assert postern.stop() == 0
    postern.conf_path.write_text(postern.conf_path.read_text().replace("capacity=1k", "capacity=8"))
    postern.start()
    for i in range(12):
        postern.set_session(f"s{i:02}", "failed")
    until("refused", lambda: postern.metric("postern_table_full_total") > 0)
    statuses = [postern.get(f"/session/s{i:02}/").status for i in range(12)]
    assert statuses.count(503) == 8 and statuses[:8] == [503] * 8
    assert "full" in postern.log()


def test_a_row_that_cannot_be_used_harms_nobody(live):
    with sqlite3.connect(live.db, timeout=30) as db:
        db.execute("UPDATE sessions SET target = 'not an address' WHERE session_id = 'up'")
    live.set_session("next", "failed")
    until("the next is routed", lambda: live.get("/session/next/").status == 503)
    until("it is counted", lambda: live.metric("postern_sync_skipped_total") >= 1)
    until("ready", lambda: request(live.api, "/readyz").status == 200)


def test_a_change_by_the_cli_rings_sync(rung):
    assert rung.get("/session/mine/").status == 404
    for _ in range(3):
        rung.set_session("mine", "active", f"127.0.0.1:{rung.target}")
        until("routed", lambda: rung.get("/session/mine/").status == 200)
        assert rung.cli("sessions", "rm", "mine").returncode == 0
        until("gone", lambda: rung.get("/session/mine/").status == 404)
