"""Mutants a second: Vulcan's mutation testing and mutmut's, on the same module with the same tests, in one run.

Usage: python benchmarks/mutation.py CLONE MODULE TEST... --python INTERPRETER [--source FOLDER]

The interpreter has mutmut 3.8, pytest and all that the project needs. CLONE is copied; it is not changed. Also prints what
30 changed lines cost beside a plain run of the tests: the bar is five plain runs and 5 s.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

INSIDE = Path(__file__).parent.parent / "src" / "vulcan" / "infrastructure" / "testing" / "inside"
MUTATE = INSIDE / "vulcan_mutate.py"


def timed(argv: list[str], cwd: Path, **variables: str) -> tuple[float, str]:
    start = time.monotonic()
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, env=environment)
    return time.monotonic() - start, done.stdout + done.stderr


def ours(
    python: str, root: Path, module: str, tests: list[str], source: str, lines: list[int]
) -> tuple[float, list[dict]]:
    """Seconds for all, start and collection included, and the mutants."""
    report = root.parent / "report.jsonl"
    report.unlink(missing_ok=True)
    settings = {
        "report": str(report),
        "root": str(root),
        "python_path": str(root / source),
        "ids": tests,
        "test_timeout": 30,
        "measure": {module: lines},
        "stub_absent": False,
        "mutation": {"lines": {module: lines}, "most": 100_000, "seconds": 3_600},
    }
    argv = [python, str(MUTATE), "-q", "-p", "no:cacheprovider", *tests]
    seconds, said = timed(argv, root, VULCAN_SETTINGS=json.dumps(settings))
    records = [json.loads(line) for line in report.read_text().splitlines()]
    notes = [r["note"] for r in records if r["type"] == "mutation" and r.get("note")]
    if notes:
        print("note:", *notes, said[-300:])
    return seconds, [r for r in records if r["type"] == "mutant"]


def mutmut(
    python: str, root: Path, module: str, tests: list[str], source: str
) -> tuple[float, int, dict[str, int]]:
    """Seconds for all, how many mutants, and how they ended."""
    config = root / "setup.cfg"
    given = f"\n[mutmut]\nsource_paths =\n    {source}\nonly_mutate =\n    {module}\nalso_copy =\n    tests\n"
    given += "pytest_add_cli_args_test_selection =\n" + "".join(f"    {test}\n" for test in tests)
    config.write_text((config.read_text() if config.exists() else "") + given)
    seconds, said = timed([python, "-m", "mutmut", "run"], root)
    _, stats = timed([python, "-m", "mutmut", "export-cicd-stats"], root)
    file = root / "mutants" / "mutmut-cicd-stats.json"
    if not file.exists():
        raise SystemExit(f"mutmut said: {said[-1500:]}\n{stats[-500:]}")
    counts = json.loads(file.read_text())
    return seconds, counts["total"], counts


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("clone", type=Path)
    parser.add_argument("module")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--python", required=True)
    parser.add_argument("--source", default="src")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        shutil.copytree(given.clone, root, ignore=shutil.ignore_patterns(".git", "mutants"))
        plain = min(timed([given.python, "-m", "pytest", "-q", *given.tests], root)[0] for _ in range(3))
        count = len((root / given.module).read_text().splitlines())
        seconds, mutants = ours(
            given.python, root, given.module, given.tests, given.source, list(range(1, count + 1))
        )
        few = few_lines(mutants)
        cost, some = ours(given.python, root, given.module, given.tests, given.source, few)
        theirs, total, counts = mutmut(given.python, root, given.module, given.tests, given.source)
    left = sum(m["outcome"] in ("survived", "not run") for m in mutants)
    rates = len(mutants) / seconds, total / theirs
    print(f"plain run of the tests: {plain:.2f} s")
    print(
        f"vulcan: {len(mutants)} mutants in {seconds:.1f} s, {rates[0]:.1f} a second; {left} noticed by no test"
    )
    print(
        f"mutmut: {total} mutants in {theirs:.1f} s, {rates[1]:.1f} a second; {re.sub(r'[{}]', '', str(counts))}"
    )
    print(f"ratio: {rates[0] / rates[1]:.1f}")
    bar = 5 * plain + 5
    print(
        f"30 changed lines: {len(some)} mutants in {cost:.1f} s; the bar is {bar:.1f} s: {cost / bar:.2f} of it"
    )


def few_lines(mutants: list[dict]) -> list[int]:
    """Thirty lines that have mutants, from the middle of the module."""
    lines = sorted({mutant["line"] for mutant in mutants})
    start = max(0, len(lines) // 2 - 15)
    return lines[start : start + 30]


if __name__ == "__main__":
    main()
