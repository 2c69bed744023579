"""How old the session table is: what tells it, and what happens past the bound that the conf sets."""
import os

import pytest
from harness import request, until


@pytest.fixture
def start(run_postern, run_fake):
    """start(MAIN) → postern with one active session and a static origin; `away()` and `back()` move its store."""
    def run(main):
        target = run_fake("mirror")
        postern = run_postern(main=main, session="table_age_header X-Table-Age;")
        postern.db = postern.folder / "sessions.db"
        postern.set_session("s", "active", f"127.0.0.1:{target}")
        until("routed", lambda: postern.get("/session/s/").status == 200)
        postern.away = lambda: move(postern.db, "", ".away")
        postern.back = lambda: move(postern.db, ".away", "")
        return postern
    return run


def move(db, this, that):
    for suffix in ("", "-wal", "-shm") if that else ("-wal", "-shm", ""):
        if os.path.exists(f"{db}{suffix}{this}"):
            os.rename(f"{db}{suffix}{this}", f"{db}{suffix}{that}")


def age(answer):
    return int(answer.headers["x-table-age"])


def sync_check(postern):
    return request(postern.api, "/readyz").json["checks"]["sync"]


def test_answers_tell_how_old_the_table_is(start):
    postern = start("")
    until("it is young", lambda: age(postern.get("/session/s/")) in (0, 1))
    postern.away()
    until("it is told", lambda: age(postern.get("/session/s/")) >= 2)
    assert age(postern.get("/session/unknown/")) >= 2  # postern's own answers tell it, too
    postern.back()
    until("it is young again", lambda: age(postern.get("/session/s/")) <= 1)


def test_past_stale_after_it_is_not_ready_and_serves(start):
    postern = start("stale_after 1s;")
    until("it is young", lambda: sync_check(postern)["ok"])
    postern.away()
    until("not ready", lambda: "stale_after allows 1 s" in sync_check(postern).get("why", ""))
    assert request(postern.api, "/readyz").status == 503
    assert postern.get("/session/s/").status == 200 and postern.metric("postern_decisions_stale_total") == 0
    postern.back()
    until("ready", lambda: request(postern.api, "/readyz").status == 200)


def test_past_stale_after_static_sessions_are_as_if_they_were_ending(start):
    postern = start("stale_after 1s static;")
    postern.away()
    until("static", lambda: "static home" in postern.get("/session/s/").text)
    assert age(postern.get("/session/s/")) >= 1
    assert request(postern.port, "/session/s/", method="POST").status == 503
    assert "older than stale_after allows" in postern.cli("explain", f"http://127.0.0.1:{postern.port}/session/s/").stdout
    assert postern.metric("postern_decisions_stale_total") >= 2
    postern.back()
    until("live", lambda: request(postern.port, "/session/s/", method="POST").status == 200)


@pytest.mark.parametrize("line, said", [
    ("stale_after 10m sometimes;", "serve"),
    ("stale_after never;", "or off"),
    ("stale_after off static;", "nothing may follow off"),
    ("table_age_header Content-Length;", "belongs to the connection"),
])
def test_what_is_no_bound_is_said(run_postern, line, said):
    postern = run_postern()
    conf = postern.folder / "wrong.conf"
    conf.write_text(line + "\n" + (postern.folder / "postern.conf").read_text())
    checked = postern.cli("-t", "-c", str(conf))
    assert checked.returncode != 0 and said in checked.stderr, checked.stderr
