"""One round of one case against one contender, and what the contender's processes used meanwhile."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import http2_load
from world import HERE, LOAD_CORE, Trouble, pinned

CONNECTIONS = 64


def tree_of(pid):
    """The process and all its descendants."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, new = [], [pid]
    while new:
        pid = new.pop()
        found.append(pid)
        new += children.get(pid, [])
    return found


def cpu_us_of(pids):
    """User and system time so far, µs: the scheduler's exact run time where /proc has it, else ticks of 10 ms."""
    total = 0.0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
            try:
                total += int((task / "schedstat").read_text().split()[0]) / 1000
            except OSError:
                fields = (task / "stat").read_text().rpartition(")")[2].split()
                total += (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")
    return total


def memory_mib_of(pids):
    """(RSS of the largest process, PSS of all) in MiB; PSS is None where it may not be read."""
    rss, pss = [], 0.0
    for pid in pids:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        rss.append(int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024)
        try:
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            pss += int(re.search(r"^Pss:\s+(\d+)", rollup, re.M).group(1)) / 1024
        except OSError:
            pss = float("nan")
    return max(rss), None if pss != pss else pss


def load_command(world, contender, case, seconds):
    if case == "sockets":
        return [str(world.tools["sockets_load"]), str(contender.port), str(CONNECTIONS), str(seconds), str(world.active)]
    if case in ("tls-new", "tls-resumed"):
        how = "resumed" if case == "tls-resumed" else "full"
        return [str(world.tools["tls_load"]), str(contender.tls_port), str(CONNECTIONS), str(seconds), str(world.active), how]
    if case == "tls":
        address = f"https://127.0.0.1:{contender.tls_port}"
    else:
        address = f"http://127.0.0.1:{contender.closing_port if case == 'close' else contender.port}"
    return ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(HERE / "load.lua"),
            address, "--", "proxy" if case == "tls" else case, str(world.sessions), str(world.initializing)]


def run_load(world, contender, case, seconds):
    if case.startswith("http2"):
        return http2_load.run(world, contender, case, seconds)
    done = subprocess.run(pinned(LOAD_CORE, load_command(world, contender, case, seconds)), capture_output=True,
                          text=True, timeout=seconds + 60)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise Trouble(f"the load on {contender.name} ({case}) failed: {done.stderr.strip() or done.stdout.strip()}")
    result = json.loads(lines[-1])
    if result["requests"] == 0:
        raise Trouble(f"{contender.name} answered nothing ({case})")
    return result


def complaint(case, result):
    """What was wrong with a round's answers, or None. Of each case it is known how many must not be 2xx."""
    expected = {"unknown": 1.0, "loading": 1.0, "mixed": 0.1}.get(case, 0.0)
    share = result["statuses"] / result["requests"]
    if abs(share - expected) > 0.01:
        return f"{share:.1%} of the answers are not 2xx, {expected:.0%} should be"
    if case in ("tls-new", "tls-resumed"):
        expected = result["requests"] - CONNECTIONS if case == "tls-resumed" else 0  # the first of each has nothing to take up
        if abs(result["resumed"] - expected) > CONNECTIONS:
            return f"{result['resumed']} of {result['requests']} handshakes took up an earlier session"
    if case != "close" and result["errors"] > 0:
        return f"{result['errors']} connections failed"
    return None


def round_of(world, contender, case, seconds):
    """CPU, rate and latency of one round."""
    pids = tree_of(contender.process.pid)
    before = cpu_us_of(pids)
    result = run_load(world, contender, case, seconds)
    used = cpu_us_of(pids) - before
    if set(tree_of(contender.process.pid)) != set(pids):
        raise Trouble(f"{contender.name} changed its processes during a round ({case}): one of them died?")
    return {
        "cpu_us": used / result["requests"],
        "rate": result["requests"] / (result["duration_us"] / 1e6),
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
        "complaint": complaint(case, result),
    }


def watched_round(world, contender, case, seconds, watch):
    """A round while `watch` (a command that takes SIGINT as its end) looks on; its stderr and the requests done."""
    watcher = subprocess.Popen(watch, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(0.3)  # until it has attached: neither tool says when
    if watcher.poll() is not None:
        return watcher.stderr.read(), 0
    result = run_load(world, contender, case, seconds)
    watcher.send_signal(signal.SIGINT)
    return watcher.communicate(timeout=30)[1], result["requests"]


def syscalls_per_request(world, contender, case, seconds):
    """{name: calls a request}, with "all"; None without strace."""
    if not shutil.which("strace"):
        return None
    out = world.folder / "strace.txt"
    pids = tree_of(contender.process.pid)
    command = ["strace", "-c", "-f", "-U", "calls,name", "-o", str(out)] + [a for p in pids for a in ("-p", str(p))]
    _, requests = watched_round(world, contender, case, seconds, command)
    if requests == 0:
        return None
    calls = {m.group(2): int(m.group(1)) / requests
             for m in re.finditer(r"^\s*(\d+)\s+(?:\d+\s+)?([a-z_0-9]+)\s*$", out.read_text(), re.M)}
    calls["all"] = calls.pop("total", sum(calls.values()))
    return {name: round(value, 3) for name, value in calls.items() if value >= 0.005}


def instructions_per_request(world, contender, case, seconds):
    """{"all":, "user":} or None where the machine does not let them be counted (most virtual ones)."""
    if not shutil.which("perf"):
        return None
    pids = ",".join(str(p) for p in tree_of(contender.process.pid))
    said, requests = watched_round(world, contender, case, seconds,
                                   ["perf", "stat", "-x", ";", "-e", "instructions:u,instructions:k", "-p", pids])
    counts = {m.group(2): int(m.group(1)) for m in re.finditer(r"^(\d+);[^;]*;instructions:([uk])", said, re.M)}
    if requests == 0 or len(counts) < 2:
        return None
    return {"all": (counts["u"] + counts["k"]) / requests, "user": counts["u"] / requests}
