"""tests/programs/aws_call, driven line by line: what sync/aws does, without a postern around it."""
import json
import pathlib
import select
import subprocess

import harness

PROGRAM = pathlib.Path(harness.BINARY).resolve().parent / "tests/aws_call"


class Failed(AssertionError):
    """What a call came to when it was not the answer: error (sync/aws/aws_error.hpp's name), what, name, details."""

    def __init__(self, answer):
        super().__init__(f"{answer['error']}: {answer['what']}")
        self.error, self.what, self.name, self.details = answer["error"], answer["what"], answer["name"], answer["details"]


class AwsCall:
    """One client. `said`: its options, as aws_call.cpp reads them; `environment`: all that it sees."""

    def __init__(self, environment=None, **said):
        assert PROGRAM.exists(), f"{PROGRAM} is not built: ./dev test process builds it"
        self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=environment or {})
        self._send(said)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def _send(self, value):
        try:
            self.process.stdin.write(json.dumps(value).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:  # it has ended: who reads is told why
            pass

    def ask(self, within=60, **order):
        """Does one thing; its result, or Failed."""
        self._send(order)
        ready, _, _ = select.select([self.process.stdout], [], [], within)
        assert ready, f"no answer within {within} s to {order}"
        line = self.process.stdout.readline()
        assert line, f"aws_call ended with {self.process.wait(5)}: {self.process.stderr.read().decode()[-3000:]}"
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer)
        return answer["ok"]

    def call(self, operation, body=None, service="dynamodb", **more):
        return self.ask(do="call", service=service, operation=operation, body=body or {}, **more)

    def counters(self):
        return self.ask(do="counters")

    def end(self):
        """Ends it; what it wrote to its log."""
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        if not self.process.stderr.closed:
            self.log = self.process.stderr.read().decode("utf-8", "replace")
            self.process.stderr.close()
            self.process.stdout.close()
        assert self.process.returncode == 0, self.log[-3000:]
        return self.log
