"""User-space instructions per request, counted by valgrind: exact, and possible on machines without hardware counters.

A contender runs alone under cachegrind, twice, and differs only in how many requests it was sent: the difference of the
two counts over the difference of the requests is the cost of one. Only the process that serves is counted: what runs by
the clock beside it would weigh too much while everything is fifty times slower. For the same reason more connections
are ready at each wake-up than in life, and the kernel's share is not seen at all.
"""

import pathlib
import re
import shutil
import signal
import subprocess
import sys

import check
import measure
from world import wait_for_port

SECONDS_SHORT, SECONDS_LONG = 1, 4


def is_worker(pid):
    """By its title: under valgrind the processes beside it can use more time than it does, above all in the shorter run."""
    return "worker" in pathlib.Path(f"/proc/{pid}/cmdline").read_text(errors="replace")


def counted_run(world, contender, case, seconds):
    """(instructions of the process that serves the requests, requests)."""
    log = world.folder / f"valgrind-{contender.name}"
    for old in world.folder.glob(f"valgrind-{contender.name}.*"):
        old.unlink()
    # No --cachegrind-out-file: a worker that writes its title over argv writes over valgrind's options. The files go to cwd.
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--trace-children=yes",
               f"--log-file={log}.%p"] + contender.command()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, cwd=contender.folder)
    try:
        wait_for_port(contender.port, process, 120)
        check.wait_for_session(contender, "a000000", 120)
        pids = measure.tree_of(process.pid)
        before = {pid: measure.cpu_us_of([pid]) for pid in pids}
        requests = measure.run_load(world, contender, case, seconds)["requests"]
        serving = [pid for pid in pids if is_worker(pid)] or pids
        worker = max(serving, key=lambda pid: measure.cpu_us_of([pid]) - before[pid])
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    said = pathlib.Path(f"{log}.{worker}").read_text()
    found = re.search(r"I +refs: +([\d,]+)", said)
    if not found:  # killed by an impatient master before it could say
        return None, requests
    return int(found.group(1).replace(",", "")), requests


def one_request(world, contender, case):
    for _ in range(3):
        short, long = (counted_run(world, contender, case, seconds) for seconds in (SECONDS_SHORT, SECONDS_LONG))
        if None not in (short[0], long[0]) and long[1] > short[1]:
            return (long[0] - short[0]) / (long[1] - short[1])
    return None


def count(world, running, cases, rows):
    """Adds `user_instructions` to the rows. Ends the contenders first: each is started again under valgrind."""
    if not shutil.which("valgrind"):
        print("no valgrind here: user-space instructions are left out", file=sys.stderr)
        return
    for c in running:
        c.process.terminate()
        c.process.wait(30)
    for c in running:
        for case in cases:
            if case in c.cannot:
                continue
            print(f"\r\033[K{case}: valgrind, {c.name}", end="", file=sys.stderr, flush=True)
            row = next(r for r in rows if r["case"] == case and r["contender"] == c.name)
            row["user_instructions"] = one_request(world, c, case)
    print("\r\033[K", end="", file=sys.stderr, flush=True)
