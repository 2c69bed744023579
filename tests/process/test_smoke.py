"""The smallest whole thing: starts, serves, stops."""


def test_starts_serves_and_stops(run_postern, run_fake):
    postern = run_postern()
    assert postern.get("/").text == "<h1>static home</h1>"
    target = run_fake("mirror")
    postern.set_session("t1", "active", f"127.0.0.1:{target}")
    import harness

    seen = harness.until("routed", lambda: (a := postern.get("/session/t1/x?y=1")).status == 200 and a).json
    assert seen["target"] == "/x?y=1"
    assert postern.stop() == 0
