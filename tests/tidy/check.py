#!/usr/bin/env python3
"""The house rules as a test: check.py [--results FILE.tap] [--root FOLDER] [--binary FILE]. One rule is one test.

Rules are data where they can be; each says what would be right. Nothing here needs git or a build; with --binary, the
rules about what the built postern says of itself are checked, and only those.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import examples
import rules

Rule = Callable[["Tree"], Iterator[str]]
left_out = {"build", "run", "node_modules", "dist", ".git", ".cache", ".astro", "__pycache__", ".pytest_cache"}
text_endings = {".cpp", ".hpp", ".c", ".h", ".py", ".mjs", ".js", ".ts", ".astro", ".css", ".html", ".md", ".conf", ".txt",
                ".cmake", ".json", ".sh", ".service", ".yml", ".toml", ".lua", ""}


class Tree:
    """The files of the project, read once. Paths are relative, with forward slashes."""

    def __init__(self, root: Path, binary: Path | None = None) -> None:
        self.root = root
        self.binary = binary
        self.files: dict[str, str] = {}
        self.folders: set[str] = set()
        for path in sorted(self.walk(root)):
            name = path.relative_to(root).as_posix()
            self.folders.add(path.parent.relative_to(root).as_posix())
            if path.suffix not in text_endings or name.startswith("tests/fuzz/seeds/"):
                continue
            try:
                self.files[name] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                if path.suffix:
                    raise SystemExit(f"{name}: not UTF-8")

    def walk(self, folder: Path) -> Iterator[Path]:
        for path in folder.iterdir():
            if path.name in left_out or path.is_symlink():
                continue
            if path.is_dir():
                yield from self.walk(path)
            else:
                yield path

    def code(self, *folders: str) -> Iterator[tuple[str, str]]:
        """Our C++ in `folders`, or in all that make the binary."""
        for name, text in self.files.items():
            if name.endswith((".cpp", ".hpp")) and name.split("/")[0] in (folders or rules.product_folders):
                yield name, text


include_line = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)


def includes(text: str) -> Iterator[tuple[int, str, str]]:
    for found in include_line.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, found.group(1), found.group(2)


def room_of(path: str, rooms: dict[str, set[str]]) -> str | None:
    """The longest room that holds `path`: a folder, or the files of one name ("edge/master/roles")."""
    fitting = [room for room in rooms if path.startswith((room + "/", room + "."))]
    return max(fitting, key=len) if fitting else None


def includes_follow_the_arrows(tree: Tree) -> Iterator[str]:
    """A folder includes only itself and what stands to its left in the diagram."""
    for name, text in tree.code():
        room = room_of(name, rules.arrows)
        if room is None:
            if name not in rules.free_files:
                yield f"{name}: in no known folder; add its arrows to tests/tidy/rules.py"
            continue
        for line, quote, target in includes(text):
            target_room = room_of(target, rules.arrows) if quote == '"' else None
            if target_room and target_room != room and target_room not in rules.arrows[room]:
                yield f"{name}:{line}: {room} may not include {target_room} ({target})"


def own_headers_are_named_from_the_root(tree: Tree) -> Iterator[str]:
    for name, text in tree.code():
        for line, quote, target in includes(text):
            generated = target.startswith("postern_") or target in rules.generated_headers
            if quote == '"' and not generated and not (tree.root / target).is_file():
                yield f'{name}:{line}: "{target}" is no path from the root of the project'


def libraries_stay_in_their_wrappers(tree: Tree) -> Iterator[str]:
    """A third party's types are known to the one or two files that wrap them."""
    for name, text in tree.code():
        for line, _, target in includes(text):
            for library, homes in rules.library_homes.items():
                if re.match(library, target) and not any(re.fullmatch(home, name) for home in homes):
                    yield f"{name}:{line}: <{target}> is for {' and '.join(homes)} only"


def files_are_short(tree: Tree) -> Iterator[str]:
    for name, text in tree.files.items():
        lines = text.count("\n")
        for pattern, bound in rules.line_bounds:
            if re.fullmatch(pattern, name):
                if lines > bound:
                    yield f"{name}: {lines} lines, {bound} at most: which two ideas live in it?"
                break


def headers_are_guarded_and_described(tree: Tree) -> Iterator[str]:
    for name, text in tree.code():
        described_by_header = name.endswith(".cpp") and name[:-3] + "hpp" in tree.files
        if not text.startswith("//") and not described_by_header:
            yield f"{name}:1: the file's first lines must say what it is for (// ...)"
        if name.endswith(".hpp") and "\n#pragma once\n" not in text:
            yield f"{name}: no #pragma once"


def lines_are_clean(tree: Tree) -> Iterator[str]:
    for name, text in tree.files.items():
        if name.endswith("package-lock.json"):
            continue
        if text and not text.endswith("\n"):
            yield f"{name}: no newline at its end"
        for number, line in enumerate(text.split("\n"), 1):
            if "\t" in line and not name.startswith(rules.may_hold_tabs):
                yield f"{name}:{number}: a tab"
            if line != line.rstrip() and not name.startswith(rules.may_hold_tabs):
                yield f"{name}:{number}: white space at the end of the line"
            if "\r" in line:
                yield f"{name}:{number}: a carriage return"


def nothing_is_left_for_later(tree: Tree) -> Iterator[str]:
    yield from lines_with(tree, rules.left_for_later, "finish it or say in the README what is missing")


def only_the_project_is_spoken_of(tree: Tree) -> Iterator[str]:
    yield from lines_with(tree, rules.private_words, "this is about a machine or a registry, not about the project")


def lines_with(tree: Tree, words: list[str], why: str) -> Iterator[str]:
    pattern = re.compile("|".join(words))
    for name, text in tree.files.items():
        if name.startswith("tests/tidy/"):
            continue
        for found in pattern.finditer(text):
            yield f"{name}:{text.count(chr(10), 0, found.start()) + 1}: \"{found.group(0).strip()}\": {why}"


def locks_name_no_host(tree: Tree) -> Iterator[str]:
    for name, text in tree.files.items():
        if name.endswith("package-lock.json") and '"resolved"' in text:
            yield f"{name}: \"resolved\" addresses; npm install with omit-lockfile-registry-resolved=true leaves them out"


def packages_are_pinned(tree: Tree) -> Iterator[str]:
    for name, text in tree.files.items():
        if name.endswith("package.json"):
            for found in re.finditer(r'"(?:dev)?[dD]ependencies": \{([^}]*)\}', text):
                for package, version in re.findall(r'"([^"]+)": "([^"]+)"', found.group(1)):
                    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
                        yield f"{name}: {package} {version}: pin one version"


def each_folder_says_what_it_is_for(tree: Tree) -> Iterator[str]:
    for folder in rules.folders_with_readme:
        if folder in tree.folders and f"{folder}/README.md" not in tree.files:
            yield f"{folder}/: no README.md"


def tests_mirror_the_code(tree: Tree) -> Iterator[str]:
    """tests/unit/FOLDER/NAME_test.cpp tests NAME.hpp or NAME.cpp, or says in its first line what it tests instead."""
    for name, text in tree.files.items():
        found = re.fullmatch(r"tests/unit/([^/]+)/(?:(.+)/)?([^/]+)_test\.cpp", name)
        if not found:
            continue
        program, subject = found.group(1), found.group(3)
        homes = rules.unit_folders.get(program)
        if homes is None:
            yield f"{name}: no code folder for tests/unit/{program}"
        elif not text.startswith("// ") and not any(
                re.fullmatch(rf"(?:{homes})/(?:.+/)?{subject}\.[ch]pp", other) for other in tree.files):
            yield f"{name}: no {subject}.hpp or {subject}.cpp in {homes}, and no first line that says what it tests"


def links_lead_somewhere(tree: Tree) -> Iterator[str]:
    for name, text in tree.files.items():
        if not name.endswith(".md"):
            continue
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
            if not re.match(r"[a-z]+:", target) and not ((tree.root / name).parent / target).exists():
                yield f"{name}: link to {target}, which is not there"


def directives_are_documented(tree: Tree) -> Iterator[str]:
    """conf/postern.conf is what the binary writes of itself, and names each directive that the binary lists."""
    conf = tree.files.get("conf/postern.conf", "")
    written, listed = (subprocess.run([tree.binary, "help", *more], capture_output=True, text=True, timeout=20, check=False).stdout
                       for more in (["--conf"], []))
    if written != conf:
        yield "conf/postern.conf: not what the binary says: build/release/postern help --conf > conf/postern.conf"
    known = re.findall(r"^  ([a-z_]+)  +\S", listed.partition("\nDirectives")[2], re.M)
    if len(known) < 10:
        yield f"postern help: only {len(known)} directives read from its list"
    for directive in sorted(set(known)):
        if not re.search(rf"^[\s#]*{directive}\b", conf, re.M):
            yield f"conf/postern.conf: nothing about {directive}"


def confs_are_accepted(tree: Tree) -> Iterator[str]:
    for name in tree.files:
        if re.fullmatch(r"conf/(postern|quickstart/postern|examples/[^/]+)\.conf", name):
            out = subprocess.run([tree.binary, "-t", "-c", tree.root / name], capture_output=True, text=True, timeout=20, check=False)
            if out.returncode not in (0, 1):  # 1: right, but not all that it names is on this machine
                yield f"{name}: postern -t: {(out.stderr or out.stdout).strip()}"


def sources_are_formatted(tree: Tree) -> Iterator[str]:
    tool = shutil.which("clang-format-14")
    if tool is None:
        yield "clang-format-14 is not installed (./dev format brings it)"
        return
    names = [name for name in tree.files if name.endswith((".cpp", ".hpp"))]
    out = subprocess.run([tool, "--dry-run", *names], cwd=tree.root, capture_output=True, text=True, timeout=300, check=False)
    for name in sorted(set(re.findall(r"^([^:\n]+):\d+:\d+: warning", out.stderr, re.M))):
        yield f"{name}: not as clang-format has it; ./dev format"


def every_rule_can_fail(_: Tree) -> Iterator[str]:
    for rule in all_rules:
        name = rule.__name__
        if rule is every_rule_can_fail:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for file, text in examples.offences.get(name, {}).items():
                path = Path(folder, file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            if not list(rule(Tree(Path(folder)))):
                yield f"tests/tidy/examples.py: {name} does not complain about its offence"


all_rules: list[Rule] = [
    includes_follow_the_arrows, own_headers_are_named_from_the_root, libraries_stay_in_their_wrappers, files_are_short,
    headers_are_guarded_and_described, lines_are_clean, nothing_is_left_for_later, only_the_project_is_spoken_of,
    locks_name_no_host, packages_are_pinned, each_folder_says_what_it_is_for, tests_mirror_the_code, links_lead_somewhere,
    sources_are_formatted, every_rule_can_fail,
]
rules_of_the_binary: list[Rule] = [directives_are_documented, confs_are_accepted]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--results", type=Path, help="a TAP file to write")
    parser.add_argument("--binary", type=Path, help="the built postern")
    options = parser.parse_args()
    tree = Tree(options.root, options.binary)
    chosen = rules_of_the_binary if options.binary else all_rules
    lines, failed = [], 0
    for number, rule in enumerate(chosen, 1):
        complaints = list(rule(tree))
        failed += bool(complaints)
        lines.append(f"{'not ok' if complaints else 'ok'} {number} - {rule.__name__}")
        print(f"{'FAIL' if complaints else 'ok  '} {rule.__name__.replace('_', ' ')}")
        for complaint in complaints:
            print(f"       {complaint}")
            lines.append(f"# {complaint}")
    if options.results:
        options.results.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"house rules: {len(chosen) - failed} kept, {failed} broken over {len(tree.files)} files")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
