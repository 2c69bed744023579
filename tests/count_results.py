"""Counts what a test area wrote: count_results.py FOLDER EXIT_STATUS prints "PASSED FAILED".

Reads JUnit files (pytest's and ctest's), GoogleTest's own (one a program, in gtest/) and TAP (node's test runner, tidy).
An area that ended badly has at least one failure, even if it died before it could write a word.
"""

import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path


def of_junit(file: Path, skip: set[str] = frozenset()) -> tuple[int, int]:
    """Passed and failed of one JUnit file, without the test cases named in `skip`."""
    passed = failed = 0
    for case in xml.parse(file).iter("testcase"):
        if case.get("name") in skip:
            continue
        if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
            failed += 1
        elif case.find("skipped") is None and case.get("status") not in ("notrun", "disabled"):
            passed += 1
    return passed, failed


def of_tap(file: Path) -> tuple[int, int]:
    """Node's runner ends its file with "# pass N"; a plain TAP file is counted by its lines."""
    text = file.read_text(encoding="utf-8", errors="replace")
    ends = [re.findall(rf"^# {word} (\d+)$", text, re.M) for word in ("pass", "fail", "cancelled")]
    if ends[0]:
        return int(ends[0][-1]), int(ends[1][-1]) + int(ends[2][-1] if ends[2] else 0)
    return len(re.findall(r"^ok ", text, re.M)), len(re.findall(r"^not ok ", text, re.M))


def count(folder: Path, status: int) -> tuple[int, int]:
    totals = []
    programs = {file.stem: of_junit(file) for file in folder.glob("gtest/*.xml")}
    totals += programs.values()
    for file in folder.glob("*.xml"):
        # A program that counted its own tests is not counted again, unless ctest saw it fail where it saw no failure.
        totals.append(of_junit(file, {name for name, (_, failed) in programs.items() if failed or passed_in(file, name)}))
    totals += [of_tap(file) for file in folder.glob("*.tap")]
    passed, failed = sum(t[0] for t in totals), sum(t[1] for t in totals)
    return passed, failed + (1 if status != 0 and failed == 0 else 0)


def passed_in(file: Path, name: str) -> bool:
    return all(case.find("failure") is None for case in xml.parse(file).iter("testcase") if case.get("name") == name)


if __name__ == "__main__":
    print(*count(Path(sys.argv[1]), int(sys.argv[2])))
