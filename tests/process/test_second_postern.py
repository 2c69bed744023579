"""Two posterns on one host: what they must not share is refused at the start, and what runs goes on."""
import os
import signal
import subprocess
import sys

import harness
import pytest
from harness import BINARY, FAKES, until
from test_lifecycle import answers, is_served, serve
from test_roles import gone


def launcher(folder):
    """A launcher of containers whose gate is open, in a file of its own: the harness fills {port} in as postern's own."""
    folder.mkdir()
    (folder / "gate").touch()
    (folder / "launcher.conf").write_text(f"""
        launcher process {{
            command     {sys.executable} -u {FAKES}/container.py {{port}} {{threadId}} {folder};
            ready       http / within 60s;
            stop        TERM 5s;
            {harness.launcher_ports()}
            output_directory {folder};
        }}""")
    return f"include {folder}/launcher.conf;"


@pytest.fixture
def first(run_postern, tmp_path):
    postern = run_postern("first", lifecycle=launcher(tmp_path / "containers"))
    postern.containers = tmp_path / "containers"
    postern.begun = len(postern.log().splitlines())  # what its own processes said of each other while one made the store
    return postern


def beside(first, tmp_path, *changes, lifecycle=None, start=False):
    """A second postern with ports, logs and a launcher of its own; it shares what `changes` do not replace."""
    conf = harness.CONF
    for name in ("sessions.table", "sessions.db"):
        conf = conf.replace("{folder}/" + name, f"{first.folder}/{name}")
    for old, new in changes:
        assert f"{first.folder}/{old}" in conf, old
        conf = conf.replace(f"{first.folder}/{old}", new)
    lifecycle = launcher(tmp_path / "containers2") if lifecycle is None else lifecycle
    blocks = {"main": "allow_targets 127.0.0.0/8;", "session": "", "server": "", "lifecycle": lifecycle}
    return harness.Postern(tmp_path / "second", conf, start=start, **blocks)


def refused(postern, *words):
    done = subprocess.run([BINARY, "-c", str(postern.conf_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "started" not in done.stderr, done
    line = done.stderr.splitlines()[-1]
    for word in words:
        assert str(word) in line, line


def is_served_at(postern, thread):
    """As is_served, of a postern that may not listen yet."""
    try:
        return is_served(postern, thread)
    except OSError:
        return None


def goes_on(postern, pid, thread="t"):
    assert answers(postern) and postern.status(thread) == "active"
    assert is_served(postern, thread)["pid"] == pid and not gone(pid)
    # Sync waits a tenth of a second for control's writes, and says so; control waits for nobody.
    assert not [line for line in postern.log().splitlines()[postern.begun:] if "another process" in line and "control" in line]


def test_a_second_postern_on_the_same_table_is_refused(first, tmp_path):
    pid = serve(first, "t")
    second = beside(first, tmp_path)
    refused(second, "session_table", first.folder / "sessions.table", f"process {first.pid}", "stop that one", "of its own")
    goes_on(first, pid)
    assert not (tmp_path / "second/control.token").exists() and not (tmp_path / "second/postern.pid").exists()
    second.write_conf(second.conf_path.read_text().replace("capacity=1k", "capacity=2k"))
    refused(second, "session_table", f"process {first.pid}", "of its own")
    for postern in (first, second):  # what can be asked while postern runs, as before a reload
        assert postern.cli("-t").returncode == 0
    refused(first, "postern.pid", f"process {first.pid}", "session_table", "store")
    goes_on(first, pid)
    assert first.stop() == 0
    second.write_conf(second.conf_path.read_text().replace("capacity=2k", "capacity=1k"))
    second.start()
    assert second.stop() == 0


def test_a_second_launcher_for_the_same_store_is_refused(first, tmp_path):
    pid = serve(first, "t")
    second = beside(first, tmp_path, ("sessions.table", "{folder}/own.table"))
    refused(second, "store sqlite", first.folder / "sessions.db", f"process {first.pid}", "launcher")
    (tmp_path / "link.db").symlink_to(first.folder / "sessions.db")
    second.write_conf(second.conf_path.read_text().replace(f"{first.folder}/sessions.db", f"{tmp_path}/link.db"))
    refused(second, "store sqlite", tmp_path / "link.db", f"process {first.pid}")
    goes_on(first, pid)


def test_a_store_may_be_shared_where_one_has_the_launcher(first, tmp_path):
    pid = serve(first, "t")
    second = beside(first, tmp_path, ("sessions.table", "{folder}/own.table"), lifecycle="", start=True)
    try:
        until("it routes to the first one's", lambda: (is_served(second, "t") or {}).get("pid") == pid)
    finally:
        assert second.stop() == 0
    goes_on(first, pid)


def test_a_reload_onto_another_launchers_store_changes_nothing(first, tmp_path):
    pid = serve(first, "t")
    second = beside(first, tmp_path, ("sessions.table", "{folder}/own.table"), ("sessions.db", "{folder}/own.db"), start=True)
    try:
        second.write_conf(second.conf_path.read_text().replace("own.db", "other.db"))
        second.signal(signal.SIGHUP)
        until("it has changed to another store", lambda: "generation 2 of" in second.log())
        second.write_conf(second.conf_path.read_text().replace(f"{second.folder}/other.db", f"{first.folder}/sessions.db"))
        second.signal(signal.SIGHUP)
        until("it is refused", lambda: "reload refused" in second.log())
        assert f"is in use by another postern with a launcher, process {first.pid}" in second.log()
        goes_on(first, pid)
        assert first.stop() == 0
        second.signal(signal.SIGHUP)
        until("it is taken over", lambda: "generation 3 of" in second.log())
    finally:
        assert second.stop() == 0


def test_one_that_is_just_going_is_waited_for(first, tmp_path):
    pid = serve(first, "t")
    second = beside(first, tmp_path).launch()
    try:
        until("it has begun to start", lambda: (second.folder / "postern.pid").exists())
        first.signal(signal.SIGKILL)
        first.program.wait()
        until("it has taken over", lambda: (is_served_at(second, "t") or {}).get("pid") == pid)
    finally:
        assert second.stop() == 0
    assert gone(pid), "it was handed over, and ended by whom it was handed to"


def test_a_killed_master_leaves_no_lock_behind(first):
    pid = serve(first, "t")
    orphans = [role_pid for pids in first.children().values() for role_pid in pids]
    for orphan in orphans:
        os.kill(orphan, signal.SIGSTOP)  # nobody but the master may hold it
    try:
        first.signal(signal.SIGKILL)
        first.program.wait()
        second = subprocess.run([BINARY, "-c", str(first.conf_path)], capture_output=True, text=True, timeout=60)
        assert second.returncode == 1 and "cannot listen" in second.stderr and "in use by" not in second.stderr
    finally:
        for orphan in orphans:
            if not gone(orphan):
                os.kill(orphan, signal.SIGCONT)
    until("the old ones are gone", lambda: all(map(gone, orphans)))
    first.start()
    until("it serves what was left", lambda: is_served(first, "t"))
    goes_on(first, pid)
