"""Hundreds of malformed, ambiguous and odd requests and answers: refused, or exactly one normalised request seen."""
import re

import pytest
from corpus import answers, fields, framing, lines, pipelines
from corpus.judge import Judge
from corpus.recorder import Recorder
from harness import start_postern, until

REQUESTS = {**framing.ALL, **lines.ALL, **fields.ALL, **pipelines.ALL}
EVIL = answers.ALL

CONF = """
workers         1;
error_log       stderr info;
pid             {folder}/postern.pid;
session_table   {folder}/sessions.table capacity=1k;
route_key       {threadId};
store sqlite    {folder}/sessions.db { flush 200ms; }
client_header_timeout   3s;
client_body_timeout     2s;
proxy_read_timeout      4s;
upgrade_timeout         3s;
client_max_body_size    64k;
control {
    listen          127.0.0.1:{api};
    token_file      {folder}/control.token;
}
server {
    listen          127.0.0.1:{port} default_server;
    location /session/{threadId}/ { session; }
    location /      { proxy 127.0.0.1:{upstream}; }
}
"""


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    recorder = Recorder()
    postern = start_postern(tmp_path_factory.mktemp("corpus"), conf=CONF, upstream=recorder.port)
    try:
        postern.set_session("up", "active", f"127.0.0.1:{recorder.port}")
        until("routed", lambda: "up" in postern.cli("table", "dump").stdout.split())
        postern.worker = postern.children()["worker"]
        judge = Judge(postern, recorder)
        judge.after()  # from here on there is a kept connection
        yield judge
        assert postern.children()["worker"] == postern.worker, "a worker was replaced"
    finally:
        status = postern.stop()
        recorder.close()
    log = postern.log()
    broken = re.search(r"Sanitizer|runtime error:|check failed:|ended by an exception|ended by signal|out of memory", log)
    assert status == 0 and not broken, log[-3000:]


def all_of(classes):
    return [pytest.param(case, id=f"{name}-{case.name}") for name, cases in classes.items() for case in cases]


@pytest.mark.parametrize("case", all_of(REQUESTS))
def test_request(judge, case):
    judge.request(case)


@pytest.mark.parametrize("case", all_of(EVIL))
def test_answer(judge, case):
    judge.evil(case)


def test_the_corpus_is_large_and_each_name_is_once():
    for classes in (REQUESTS, EVIL):
        names = [case.name for cases in classes.values() for case in cases]
        assert len(set(names)) == len(names), sorted(n for n in names if names.count(n) > 1)
    assert sum(len(cases) for cases in REQUESTS.values()) >= 300 and sum(len(cases) for cases in EVIL.values()) >= 60
