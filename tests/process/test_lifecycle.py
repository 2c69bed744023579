"""A session's life with real containers (programs of this host): woken, served, idle, gone; and whoever is killed meanwhile."""
import html
import os
import signal
import sys
import threading

import pytest
from harness import DOCUMENT, FAKES, launcher_ports, request, until
from test_roles import gone


@pytest.fixture
def live(run_postern, tmp_path):
    """A postern that launches tests/fakes/container.py; its containers wait for open_gate()."""
    def run(more="", **blocks):
        (tmp_path / "containers").mkdir(exist_ok=True)
        # A file of its own: the harness fills {port} in as postern's own.
        (tmp_path / "launcher.conf").write_text(f"""
            launcher process {{
                command     {sys.executable} -u {FAKES}/container.py {{port}} {{threadId}} {tmp_path}/containers;
                ready       http / within 60s;
                stop        TERM 5s;
                {launcher_ports()}
                output_directory {tmp_path}/containers;
                {more}
            }}""")
        postern = run_postern(lifecycle=f"include {tmp_path}/launcher.conf;", **blocks)
        postern.containers = tmp_path / "containers"
        return postern

    return run


def open_gate(postern):
    (postern.containers / "gate").touch()


def events(postern, thread):
    path = postern.containers / f"{thread}.events"
    return path.read_text().splitlines() if path.exists() else []


def started(postern, thread):
    return [int(line.split()[1]) for line in events(postern, thread) if line.startswith("started")]


def activate(postern, thread):
    answer = postern.activate(thread)
    assert answer.status in (200, 201, 202), answer
    return answer.json["sessionId"]


def is_served(postern, thread):
    answer = postern.get(f"/session/{thread}/")
    return answer.json if answer.status == 200 else None


def serve(postern, thread):
    """An active session; its container's pid."""
    open_gate(postern)
    activate(postern, thread)
    return until(f"{thread} is live", lambda: is_served(postern, thread))["pid"]


def wake(postern, thread):
    """What the resume page does by itself in a real browser."""
    return request(postern.port, f"/session/{thread}/.postern/wake", method="POST", body=b"",
                   headers={"Origin": f"http://127.0.0.1:{postern.port}", "Sec-Fetch-Site": "same-origin"})


def test_from_birth_to_idle_and_back(live):
    postern = live(session="dev_server vite; hold 60s;")
    session = activate(postern, "t")
    page = until("it is routed", lambda: (p := postern.document("/session/t/")).status == 503 and p)
    assert "retry-after" in page.headers and "no-store" in page.headers["cache-control"]
    assert "text/html" in page.headers["content-type"]
    held = []
    fetch = threading.Thread(target=lambda: held.append(postern.get("/session/t/api")))
    fetch.start()
    until("it is held", lambda: postern.metric("postern_holds_total") == 1)
    open_gate(postern)
    fetch.join()
    assert held[0].status == 200 and held[0].json["path"] == "/api"
    assert postern.document("/session/t/").json["thread"] == "t"
    pid = is_served(postern, "t")["pid"]
    assert postern.status(session) == "active"
    assert postern.api_call("POST", f"/api/sessions/{session}/deactivate").json["status"] == "draining"
    until("it is inactive", lambda: postern.status(session) == "inactive")
    assert gone(pid) and events(postern, "t")[-1] == "term"

    # A link in a mail is fetched by many who are no people: no GET may start a container, however it looks.
    until("the resume page", lambda: postern.document("/session/t/").status == 503)
    for headers in ({}, DOCUMENT, {**DOCUMENT, "Sec-Purpose": "prefetch"}, {"Accept": "*/*"}):
        for method in ("GET", "HEAD"):
            request(postern.port, "/session/t/", method=method, headers=headers)
            assert request(postern.port, "/session/t/.postern/wake", method=method, headers=headers).status == 405
    assert postern.status(session) == "inactive" and len(started(postern, "t")) == 1
    assert wake(postern, "t").status in (200, 202)
    until("it is live again", lambda: is_served(postern, "t"))
    assert len(started(postern, "t")) == 2


def submit(postern, thread):
    """The resume page's form, sent by a browser without JavaScript."""
    return request(postern.port, f"/session/{thread}/.postern/wake", method="POST", body=b"",
                   headers={"Origin": f"http://127.0.0.1:{postern.port}", "Accept": "text/html,*/*;q=0.8",
                            "Content-Type": "application/x-www-form-urlencoded"})


def test_a_form_wakes_it_and_leads_back_to_its_page(live):
    postern = live()
    postern.set_session("t", "inactive")
    until("the resume page", lambda: postern.document("/session/t/").status == 503)
    answer = submit(postern, "t")
    assert answer.status == 303 and answer.headers["location"] == "/session/t/" and not answer.text
    open_gate(postern)
    until("it is live", lambda: is_served(postern, "t"))
    kill_control(postern)
    assert submit(postern, "t").status == 303  # it is live already: nothing to start, the page is the same


def test_a_form_that_cannot_wake_shows_a_page(live):
    import harness

    postern = live(conf=harness.CONF.replace("idle_timeout    1h;", "idle_timeout    1h; sessions_max 1;"))
    activate(postern, "first")
    postern.set_session("t", "inactive")
    until("the resume page", lambda: postern.document("/session/t/").status == 503)
    answer = submit(postern, "t")
    assert answer.status == 503 and "<!doctype html>" in answer.text and "{" not in answer.text.split("<body>")[1].split("<script")[0]
    assert postern.status("t") == "inactive"


def test_idle_stops_it_and_use_does_not(run_postern, live):
    import harness

    conf = harness.CONF.replace("idle_timeout    1h", "idle_timeout    5s")
    postern = live(conf=conf)
    idle, used = serve(postern, "idle"), serve(postern, "used")

    def idle_is_gone():
        assert is_served(postern, "used")["pid"] == used
        return gone(idle)

    until("idleness stops it", idle_is_gone, every=0.1)
    assert postern.status("used") == "active"
    until("it is inactive", lambda: postern.status("idle") == "inactive")
    assert not gone(used)
    until("what it counted is in the store", lambda: postern.api_call("GET", "/api/sessions/used/status").json["requestCount"] > 3)


def test_two_at_once_start_one_container(live):
    postern = live()
    answers = []
    callers = [threading.Thread(target=lambda: answers.append(postern.activate("t").status)) for _ in range(8)]
    for c in callers:
        c.start()
    for c in callers:
        c.join()
    assert sorted(answers) == [200] * 7 + [201]
    open_gate(postern)
    until("it is live", lambda: is_served(postern, "t"))
    assert len(started(postern, "t")) == 1


def test_a_container_that_dies_is_started_again(live):
    postern = live()
    first = serve(postern, "t")
    os.kill(first, signal.SIGKILL)
    second = until("another one serves", lambda: (is_served(postern, "t") or {"pid": first})["pid"] != first and is_served(postern, "t"))
    assert second["pid"] != first and len(started(postern, "t")) == 2


def test_one_that_cannot_start_fails_with_its_last_words(live):
    postern = live(more="restarts 1 in 10m;")
    (postern.containers / "no-t").touch()
    session = activate(postern, "t")
    until("it has failed", lambda: postern.status(session) == "failed")
    status = postern.api_call("GET", f"/api/sessions/{session}/status").json
    assert status["reason"] and any("no front door" in line for line in status["lastOutput"])

    def page_with_reason():
        answer = postern.document("/session/t/")
        return answer if answer.status == 503 and status["reason"] in html.unescape(answer.text) else None

    page = until("its page", page_with_reason)
    assert "text/html" in page.headers["content-type"]
    (postern.containers / "no-t").unlink()
    open_gate(postern)
    assert wake(postern, "t").status in (200, 202)
    until("it is live", lambda: is_served(postern, "t"))


def kill_control(postern):
    victim = postern.children()["control"][0]
    os.kill(victim, signal.SIGKILL)
    until("control is back", lambda: postern.children().get("control", [victim]) != [victim])
    until("it answers", lambda: answers(postern))


def answers(postern):
    try:
        return request(postern.api, "/readyz").status == 200
    except OSError:
        return False


def test_control_killed_during_a_launch_starts_nothing_twice(live):
    postern = live()
    session = activate(postern, "t")
    until("it is being started", lambda: started(postern, "t"))
    kill_control(postern)
    assert postern.status(session) == "initializing"
    open_gate(postern)
    served = until("it is live", lambda: is_served(postern, "t"))
    assert started(postern, "t") == [served["pid"]]


def test_control_killed_at_any_moment_of_a_launch(live):
    postern = live()
    open_gate(postern)
    for i in range(5):
        thread = f"t{i}"
        activate(postern, thread)
        kill_control(postern)
        served = until(f"{thread} is live", lambda: is_served(postern, thread))
        alive = [pid for pid in started(postern, thread) if not gone(pid)]
        assert alive == [served["pid"]]


def test_control_killed_later_leaves_containers_alone(live):
    postern = live()
    pid = serve(postern, "t")
    kill_control(postern)
    assert is_served(postern, "t")["pid"] == pid
    assert postern.api_call("POST", "/api/sessions/t/deactivate").status == 200
    until("the new control stops what the old one started", lambda: gone(pid))


def test_a_reload_hands_containers_over(live):
    postern = live()
    pid = serve(postern, "t")
    control = postern.children()["control"]
    postern.signal(signal.SIGHUP)
    until("another control", lambda: postern.children().get("control", control) != control and answers(postern))
    assert is_served(postern, "t")["pid"] == pid and len(started(postern, "t")) == 1
    assert postern.api_call("POST", "/api/sessions/t/deactivate").status == 200
    until("the new control stops what the old one started", lambda: gone(pid))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT, signal.SIGINT])
def test_stopping_ends_the_containers(live, number):
    postern = live()
    pid = serve(postern, "t")
    postern.signal(number)
    assert postern.program.wait() == 0
    assert gone(pid) and events(postern, "t")[-1] == "term"
    postern.start()
    assert postern.status("t") == "inactive"
    # It starts from the table as it was; sync catches up with the last change before the stop.
    until("its link offers to resume", lambda: postern.document("/session/t/").status == 503)


def test_stopping_while_a_container_starts_ends_it(live):
    postern = live()
    activate(postern, "t")
    pid = until("it is being started", lambda: started(postern, "t"))[0]
    assert postern.stop() == 0
    assert gone(pid)


def test_a_killed_master_leaves_containers_to_the_next(live):
    postern = live()
    pid = serve(postern, "t")
    orphans = [role_pid for pids in postern.children().values() for role_pid in pids]
    postern.signal(signal.SIGKILL)
    postern.program.wait()
    until("nobody of the old ones answers in the new one's place", lambda: all(gone(p) for p in orphans))
    assert not gone(pid)
    postern.start()
    assert is_served(postern, "t")["pid"] == pid and len(started(postern, "t")) == 1


def test_an_expired_link_is_404_and_wakes_nothing(live):
    import harness

    postern = live(conf=harness.CONF.replace("route_ttl       1h", "route_ttl       1s"))
    pid = serve(postern, "t")
    assert postern.api_call("POST", "/api/sessions/t/deactivate").status == 200
    until("it is stopped", lambda: gone(pid))
    until("the link is dead", lambda: postern.document("/session/t/").status == 404)
    assert wake(postern, "t").status == 404 and submit(postern, "t").status == 404
    assert wake(postern, "unknown").status == 404
    assert postern.status("t") == "inactive" and len(started(postern, "t")) == 1
