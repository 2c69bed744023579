"""The HTTP/2 cases' load: h2load over kept-alive connections without TLS, as many requests at once as wrk's connections."""

import re
import shutil
import subprocess

from world import LOAD_CORE, Trouble, pinned

CONNECTIONS, STREAMS = 8, 8
HEADERS = ("accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "accept-language: en-US,en;q=0.5",
           "accept-encoding: gzip, deflate, br", "referer: http://127.0.0.1/", "cookie: theme=dark; consent=1",
           "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")


def paths(world, case):
    if case == "http2-static":
        return ["/static/page.html"]
    return [f"/session/a{i * 7919 % world.active:06d}/src/main.js" for i in range(1000)]


def run(world, contender, case, seconds):
    """The same numbers as wrk's script gives."""
    if not shutil.which("h2load"):
        raise Trouble("no h2load (Debian: nghttp2-client); leave out the http2 cases")
    urls, log = world.folder / "http2-urls", world.folder / "http2-log"
    urls.write_text("".join(f"http://127.0.0.1:{contender.http2_port}{path}\n" for path in paths(world, case)))
    log.write_text("")
    command = ["h2load", "-t1", f"-c{CONNECTIONS}", f"-m{STREAMS}", f"-D{seconds}", "-i", str(urls), f"--log-file={log}"]
    done = subprocess.run(pinned(LOAD_CORE, command + [word for h in HEADERS for word in ("-H", h)]), capture_output=True,
                          text=True, timeout=seconds + 60)
    requests = re.search(r"requests: .* (\d+) done, \d+ succeeded, \d+ failed, (\d+) errored, (\d+) timeout", done.stdout)
    good = re.search(r"status codes: (\d+) 2xx", done.stdout)
    if done.returncode != 0 or not requests or not good:
        raise Trouble(f"the load on {contender.name} ({case}) failed: {done.stderr.strip() or done.stdout.strip()}")
    times = sorted(int(line.rsplit("\t", 1)[1]) for line in log.read_text().splitlines())
    if not times:
        raise Trouble(f"{contender.name} answered nothing ({case})")
    count = int(requests.group(1))
    return {"requests": count, "duration_us": seconds * 1e6, "errors": int(requests.group(2)) + int(requests.group(3)),
            "statuses": count - int(good.group(1)), "p50_us": times[len(times) // 2], "p99_us": times[len(times) * 99 // 100]}
