"""How often `vulcan verify` is right on real commits, and on wrong versions of them that are made here.

Usage: python benchmarks/truth.py CLONE... [--commits N] [--at-once N]

From each clone the newest N commits are taken that change both Python code and Python tests. Each is judged

- as it is (right: should hold; existing tests that it changes are named as ones that may change),
- `untested`: without its changes to tests,
- `vacuous`: with each assertion in its changed test files true by itself,
- `wrong`: with a part of its code altered (the first mutant of an added line), its own tests as they are,
- `tampered`: the same altered code, and each assertion in its changed test files true by itself.

Prints a line a commit and a table: how many held. All but the right ones should be refused; a wrong one that holds was noticed
by no test of that project, which no judge of tests can see: look at each.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

INSIDE = Path(__file__).parent.parent / "src" / "vulcan" / "infrastructure" / "testing" / "inside"
sys.path.insert(0, str(INSIDE))
import vulcan_mutants  # noqa: E402

VARIANTS = ("right", "untested", "vacuous", "wrong", "tampered")


def git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@localhost", *words],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def is_test(path: str) -> bool:
    name = Path(path).name
    return name.startswith("test_") or name.endswith("_test.py") or "tests" in Path(path).parts[:-1]


def fixes(root: Path, count: int) -> list[str]:
    """The newest commits that change code and tests, and little of each."""
    found: list[str] = []
    for commit in git(root, "log", "--no-merges", "--format=%H", "-600").split():
        paths = git(root, "show", "--format=", "--name-status", commit).split("\n")
        changed = [line.split("\t")[-1] for line in paths if line[:1] in "AM" and line.endswith(".py")]
        code = [p for p in changed if not is_test(p) and not p.startswith(("docs", "scripts", "setup"))]
        if code and len(code) <= 3 and any(map(is_test, changed)) and mutant_of(root, commit, code):
            found.append(commit)
        if len(found) == count:
            break
    return found


def added(root: Path, commit: str, path: str) -> set[int]:
    lines: set[int] = set()
    for start, length in re.findall(
        r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@",
        git(root, "diff", "-U0", f"{commit}^", commit, "--", path),
        re.MULTILINE,
    ):
        lines |= set(range(int(start), int(start) + int(length or 1)))
    return lines


def mutant_of(root: Path, commit: str, paths: list[str]) -> tuple[str, bytes] | None:
    """A file of the commit with the first mutant of an added line."""
    for path in paths:
        source = git(root, "show", f"{commit}:{path}").encode()
        for mutant in vulcan_mutants.mutants(source, added(root, commit, path)):
            if mutant.operator in ("condition negated", "return value", "statement removed", "arithmetic"):
                return path, mutant.in_source(source)
    return None


class Vacuous(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        return ast.copy_location(ast.Assert(ast.Constant(True)), node)


def variant(root: Path, commit: str, kind: str) -> str:
    """A commit on the same parent with that version of the change."""
    if kind == "right":
        return commit
    changed = git(root, "diff", "--name-only", f"{commit}^", commit).split()
    tests = [path for path in changed if is_test(path)]
    code = [p for p in changed if p.endswith(".py") and not is_test(p)]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git(root, "worktree", "add", "--detach", "-f", str(tree), commit)
        try:
            git(tree, "reset", "-q", "--soft", f"{commit}^")
            if kind == "untested":
                for path in tests:
                    there = subprocess.run(
                        ["git", "-C", str(tree), "cat-file", "-e", f"HEAD:{path}"], check=False
                    )
                    git(
                        tree,
                        *(["checkout", "HEAD", "--", path] if there.returncode == 0 else ["rm", "-qf", path]),
                    )
            if kind in ("vacuous", "tampered"):
                for path in tests:
                    if path.endswith(".py") and (tree / path).exists():
                        parsed = Vacuous().visit(ast.parse((tree / path).read_text()))
                        (tree / path).write_text(ast.unparse(ast.fix_missing_locations(parsed)) + "\n")
            if kind in ("wrong", "tampered"):
                found = mutant_of(root, commit, code)
                assert found
                (tree / found[0]).write_bytes(found[1])
            git(tree, "add", "-A")
            git(tree, "commit", "-qm", kind, "--no-verify", "--allow-empty")
            return git(tree, "rev-parse", "HEAD").strip()
        finally:
            git(root, "worktree", "remove", "--force", str(tree))


def judged(root: Path, commit: str, kind: str) -> tuple[str, str]:
    """`holds`, `refused` or `not judged`, and why."""
    head = variant(root, commit, kind)
    git(root, "branch", "-f", f"truth/{kind}-{commit[:10]}", head)
    argv = [sys.executable, "-m", "vulcan", "verify", head, "--base", f"{commit}^", "--json"]
    if kind == "right":
        for path in git(root, "diff", "--name-only", f"{commit}^", commit).split():
            argv += ["--changes-test", path] if is_test(path) else []
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False, timeout=1_800)
    if done.returncode not in (0, 3):
        return "not judged", (done.stderr.strip().splitlines() or [""])[-1]
    verdict = json.loads(done.stdout)["predicate"]["evidence"]["verdict"]
    failed = [gate["gate"] for gate in verdict["gates"] if not gate["passed"]]
    return ("refused" if failed else "holds"), ", ".join(failed)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("clones", nargs="+", type=Path)
    parser.add_argument("--commits", type=int, default=12, help="of each clone")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    given = parser.parse_args()
    os.environ.setdefault("NO_COLOR", "1")
    kinds = given.variants.split(",")
    work = [(root.resolve(), commit) for root in given.clones for commit in fixes(root, given.commits)]
    table: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}

    def all_of(place: tuple[Path, str]) -> None:
        root, commit = place
        for kind in kinds:
            try:
                word, why = judged(root, commit, kind)
            except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
                word, why = "not judged", repr(error)[:200]
            table[kind][word] += 1
            print(f"{root.name} {commit[:10]} {kind}: {word} {why}", flush=True)

    with ThreadPoolExecutor(given.at_once) as pool:
        list(pool.map(all_of, work))
    print(f"\n{'':10} {'holds':>8} {'refused':>8} {'not judged':>11}")
    for kind in kinds:
        counts = table[kind]
        print(f"{kind:10} {counts['holds']:8} {counts['refused']:8} {counts['not judged']:11}")


if __name__ == "__main__":
    main()
