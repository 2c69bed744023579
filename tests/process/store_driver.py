"""tests/programs/store_call, driven line by line: a store, and what is only of DynamoDB, without a postern around them."""
import json
import os
import pathlib
import select
import subprocess

import harness

PROGRAM = pathlib.Path(harness.BINARY).resolve().parent / "tests/store_call"


class Failed(AssertionError):
    def __init__(self, answer):
        super().__init__(f"{answer['error']}: {answer['what']}")
        self.error, self.what = answer["error"], answer["what"]


def conf(folder, dynamodb, table, block="", more=""):
    """A conf file for this table; its path. `block` goes into store { }, `more` into the main part."""
    return conf_of(folder, f"store dynamodb {table} {{ endpoint {dynamodb.endpoint}; {block} }}", more)


def conf_of(folder, store, more=""):
    path = pathlib.Path(folder) / "store.conf"
    path.write_text(f"""session_table {folder}/sessions.table;
{store}
{more or "route_key {clientId}-{threadId};"}
control {{ token_file {folder}/token; }}
""")
    return path


class StoreCall:
    def __init__(self, conf_path, environment):
        assert PROGRAM.exists(), f"{PROGRAM} is not built: ./dev test process builds it"
        self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={"PATH": os.environ["PATH"], **environment})
        self._send(str(conf_path))

    def _send(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def begin(self, what, **order):
        self._send(json.dumps({"do": what, **order}))

    def end_of(self, within=60):
        ready, _, _ = select.select([self.process.stdout], [], [], within)
        assert ready, f"no answer within {within} s"
        line = self.process.stdout.readline()
        assert line, f"store_call ended with {self.process.wait(5)}: {self.process.stderr.read().decode()[-3000:]}"
        answer = json.loads(line)
        if "error" in answer and "failed" not in answer:
            raise Failed(answer)
        return answer if "failed" in answer else answer["ok"]

    def __call__(self, what, **order):
        self.begin(what, **order)
        return self.end_of()

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.log = self.process.stderr.read().decode("utf-8", "replace")
        assert self.process.returncode == 0, self.log[-3000:]
        return self.log
