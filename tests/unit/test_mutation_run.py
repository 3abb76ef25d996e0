"""Mutation testing as a box starts it, on small projects with all that hangs, crashes or gets in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from vulcan.domain.mutation import MutantOutcome, MutationRun
from vulcan.infrastructure import testing
from vulcan.infrastructure.testing.mutation import mutation_of

INSIDE = Path(next(iter(testing.__path__))) / "inside"
KILLED, SURVIVED, NOT_RUN = MutantOutcome.KILLED, MutantOutcome.SURVIVED, MutantOutcome.NOT_RUN


def mutated(
    root: Path, sources: dict[str, str], *ids: str, seconds: float = 60.0, **given: Any
) -> MutationRun:
    """All mutants of `calc.py`, with the tests in `test_m.py`."""
    root.mkdir(exist_ok=True)
    for name, text in sources.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    report = root.parent / "report.jsonl"
    report.unlink(missing_ok=True)
    lines = {"calc.py": list(range(1, sources["calc.py"].count("\n") + 2))}
    settings = {
        "report": str(report),
        "root": str(root),
        "python_path": "",
        "ids": list(ids) or ["test_m.py"],
        "test_timeout": 10,
        "measure": lines,
        "stub_absent": False,
        "mutation": {"lines": lines, "most": 100, "seconds": seconds} | given,
    }
    done = subprocess.run(
        [sys.executable, str(INSIDE / "vulcan_mutate.py"), "-q", "-p", "no:cacheprovider", "test_m.py"],
        cwd=root,
        env={
            "PATH": os.environ["PATH"],
            "VULCAN_SETTINGS": json.dumps(settings),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return mutation_of(report.read_text(), done.stdout + done.stderr)


def outcomes(run: MutationRun) -> dict[str, MutantOutcome]:
    return {f"{m.before} -> {m.after}": m.outcome for m in run.mutants}


CALC = """\
LIMIT = 10


def clamp(n, low=0):
    if n < low:
        raise ValueError("too low")
    if n > LIMIT:
        return LIMIT
    return n


def unused(a):
    return a + 1
"""
TESTS = """\
import calc
import pytest


def test_clamp():
    assert calc.clamp(5) == 5
    assert calc.clamp(50) == 10


def test_low():
    with pytest.raises(ValueError):
        calc.clamp(-1)


def test_fails_without_a_mutant():
    assert calc.clamp(1) == 2
"""


def test_what_tests_notice_and_what_not(tmp_path: Path) -> None:
    run = mutated(tmp_path / "p", {"calc.py": CALC, "test_m.py": TESTS})
    assert outcomes(run) == {
        "10 -> 11": KILLED,
        "0 -> 1": SURVIVED,
        "n < low -> not n < low": KILLED,
        "n < low -> n <= low": SURVIVED,
        'raise ValueError("too low") -> pass': KILLED,
        "n > LIMIT -> not n > LIMIT": KILLED,
        "n > LIMIT -> n >= LIMIT": SURVIVED,
        "LIMIT -> None": KILLED,
        "n -> None": KILLED,
        "a + 1 -> None": NOT_RUN,
        "a + 1 -> a - 1": NOT_RUN,
        "1 -> 2": NOT_RUN,
    }
    assert (run.tests, run.note) == (2, "")
    raised = next(m for m in run.mutants if m.operator == "statement removed")
    assert raised.test == "test_m.py::test_low"


def test_only_the_tests_that_are_asked_for_count(tmp_path: Path) -> None:
    run = mutated(tmp_path / "p", {"calc.py": CALC, "test_m.py": TESTS}, "test_m.py::test_low")
    assert outcomes(run)["n -> None"] is NOT_RUN
    assert run.tests == 1


HANGS = {
    "an endless loop": ("def f(n):\n    while n > 0:\n        n -= 1\n    return n\n", "n -= 1 -> pass"),
    "the end of the process": (
        "import os\n\n\ndef f(n):\n    if n:\n        os._exit(0)\n    return 0\n",
        "n -> not n",
    ),
    "a deadlock": (
        "import threading\n\nLOCK = threading.Lock()\n\n\ndef f(n):\n    LOCK.acquire()\n    LOCK.release()\n"
        "    LOCK.acquire()\n    LOCK.locked()\n    return 0\n",
        "LOCK.release() -> pass",
    ),
    "endless output": (
        "def f(n):\n    while n:\n        print('x' * 1000)\n        n = 0\n    return 0\n",
        "n -> not n",
    ),
    "endless recursion": (
        "def f(n):\n    if n <= 0:\n        return 0\n    return f(n - 1)\n",
        "n - 1 -> n + 1",
    ),
}


def test_mutants_that_never_end_are_noticed_and_ended(tmp_path: Path) -> None:
    for number, (source, change) in enumerate(HANGS.values()):
        tests = f"import calc\n\n\ndef test_f():\n    assert calc.f({0 if 'if n:' in source or 'while n:' in source else 3}) == 0\n"
        run = mutated(tmp_path / str(number), {"calc.py": source, "test_m.py": tests})
        assert outcomes(run)[change] is KILLED, list(HANGS)[number]
        assert run.note == ""


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_what_a_mutant_starts_ends_with_it(tmp_path: Path) -> None:
    source = (
        "import subprocess\nimport sys\n\n\ndef f(n):\n    if n:\n        subprocess.Popen([sys.executable, '-c', "
        "\"import time; time.sleep(60); 'left-behind'\"])\n        return 1\n    return 0\n"
    )
    tests = "import calc\n\n\ndef test_f():\n    assert calc.f(0) == 0\n"
    run = mutated(tmp_path / "p", {"calc.py": source, "test_m.py": tests})
    assert outcomes(run)["n -> not n"] is KILLED
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if b"left-behind" in content(path)]


def test_no_time_is_said_for_each_mutant(tmp_path: Path) -> None:
    run = mutated(tmp_path / "p", {"calc.py": CALC, "test_m.py": TESTS}, seconds=0.0)
    assert {m.outcome for m in run.mutants} <= {MutantOutcome.NOT_CHECKED, NOT_RUN}


def test_as_many_mutants_as_asked_for_spread_over_the_lines(tmp_path: Path) -> None:
    run = mutated(tmp_path / "p", {"calc.py": CALC, "test_m.py": TESTS}, most=5)
    assert [m.line for m in run.mutants] == [1, 4, 5, 6, 7]


def test_tests_that_leave_traces_are_named(tmp_path: Path) -> None:
    tests = (
        "import calc\nimport pathlib\n\n\ndef test_once():\n    assert calc.f(1) == 1\n"
        "    assert not pathlib.Path('trace').exists()\n    pathlib.Path('trace').touch()\n"
    )
    run = mutated(tmp_path / "p", {"calc.py": "def f(n):\n    return n\n", "test_m.py": tests})
    assert run.note == "tests fail when they run again: test_m.py::test_once"


def test_code_that_runs_at_collection_is_tried_in_a_process_of_its_own(tmp_path: Path) -> None:
    tests = "import calc\nimport pytest\n\n\n@pytest.mark.parametrize('n', [calc.f(1)])\ndef test_f(n):\n    assert n == 2\n"
    run = mutated(tmp_path / "p", {"calc.py": "def f(n):\n    return n + 1\n", "test_m.py": tests})
    assert set(outcomes(run).values()) == {KILLED}


def test_subtests_count(tmp_path: Path) -> None:
    tests = (
        "import unittest\nimport calc\n\n\nclass T(unittest.TestCase):\n    def test_f(self):\n"
        "        for n in (1, 2):\n            with self.subTest(n=n):\n                self.assertEqual(calc.f(n), n + 1)\n"
    )
    run = mutated(tmp_path / "p", {"calc.py": "def f(n):\n    return n + 1\n", "test_m.py": tests})
    assert set(outcomes(run).values()) == {KILLED}


def test_a_file_that_is_no_python_any_more_has_no_mutants(tmp_path: Path) -> None:
    run = mutated(tmp_path / "p", {"calc.py": "def f(:\n", "test_m.py": "def test_f():\n    pass\n"})
    assert run.mutants == ()


def test_a_damaged_report_is_a_note() -> None:
    record = json.dumps({"type": "mutant", "path": "a.py", "line": 1})
    assert mutation_of(record, "").note.startswith("the report on mutants is damaged: KeyError")
    assert mutation_of(None, "it was killed").note == "the run of the mutants said nothing: it was killed"
    assert mutation_of("[[[", "so").note.endswith("so")


PROGRAM = """\
from __future__ import annotations

import sys

LIMIT = 3


def main(words: list[str]) -> int:
    if len(words) > LIMIT:
        print("too many", file=sys.stderr)
        return 2
    print(len(words) + 1)
    return 0


def never(a):
    return a * 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""
STARTED = """\
import subprocess
import sys


def run(*words):
    return subprocess.run([sys.executable, "calc.py", *words], capture_output=True, text=True)


def test_count():
    assert run("a", "b").stdout == "3\\n"


def test_many():
    assert run("a", "b", "c", "d").returncode == 2


def test_nothing():
    assert sys.argv
"""


def test_code_that_only_processes_run_is_tried_in_them(tmp_path: Path) -> None:
    run = mutated(tmp_path / "p", {"calc.py": PROGRAM, "test_m.py": STARTED})
    seen = outcomes(run)
    assert seen["len(words) > LIMIT -> not len(words) > LIMIT"] is KILLED
    assert seen["len(words) + 1 -> len(words) - 1"] is KILLED
    assert seen["2 -> None"] is KILLED
    assert seen["3 -> 4"] is KILLED, "a constant of a program that no test imports"
    assert seen["len(words) > LIMIT -> len(words) >= LIMIT"] is SURVIVED
    assert seen['print("too many", file=sys.stderr) -> pass'] is SURVIVED
    assert seen["a * 2 -> None"] is NOT_RUN
    assert run.note == ""
    assert (tmp_path / "p" / "calc.py").read_text() == PROGRAM
