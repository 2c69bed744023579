"""User-space instructions per request, counted by valgrind: exact, and possible on machines without hardware counters.

A contender runs alone under cachegrind, twice, and differs only in how many requests it was sent: the difference of the
two counts over the difference of the requests is the cost of one. The kernel's share is not seen. wrk keeps 64
connections open as in the rounds, but a router that is fifty times slower finds more of them ready at a time, so what it
does once a wake-up counts less than in life.
"""

import pathlib
import re
import shutil
import signal
import subprocess
import sys

import measure
from world import Trouble, wait_for_port

SECONDS_SHORT, SECONDS_LONG = 1, 4


def counted_run(world, contender, case, seconds):
    """(instructions of the whole tree, requests)."""
    log = world.folder / f"valgrind-{contender.name}"
    for old in world.folder.glob(f"valgrind-{contender.name}.*"):
        old.unlink()
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
               "--trace-children=yes", f"--log-file={log}.%p"] + contender.command()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, cwd=contender.folder)
    try:
        wait_for_port(contender.port, process, 120)
        requests = measure.run_load(world, contender, "proxy" if case == "close" else case, 1)["requests"]
        requests += measure.run_load(world, contender, case, seconds)["requests"]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    said = [path.read_text() for path in world.folder.glob(f"valgrind-{contender.name}.*")]
    counts = [int(m.group(1).replace(",", "")) for text in said for m in re.finditer(r"I +refs: +([\d,]+)", text)]
    if not counts:
        raise Trouble(f"valgrind counted nothing for {contender.name}")
    return sum(counts), requests


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
            short, long = (counted_run(world, c, case, seconds) for seconds in (SECONDS_SHORT, SECONDS_LONG))
            row = next(r for r in rows if r["case"] == case and r["contender"] == c.name)
            row["user_instructions"] = (long[0] - short[0]) / (long[1] - short[1]) if long[1] > short[1] else None
    print("\r\033[K", end="", file=sys.stderr, flush=True)
