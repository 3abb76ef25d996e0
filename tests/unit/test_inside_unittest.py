"""Our program for unittest's suites, as a program: outcomes, fixtures that break, selection, coverage, stand-ins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vulcan.application.ports import TestRunResult
from vulcan.domain.environment import Recipe
from vulcan.domain.testing import Outcome
from vulcan.infrastructure.testing import inside
from vulcan.infrastructure.testing.results import parse_report
from vulcan.infrastructure.testing.runners import pytest_command
from vulcan.infrastructure.testing.unittest_runner import python_command, runs_unittest

PROGRAM = Path(inside.__file__).parent / "vulcan_unittest.py"
CALC = "def half(n):\n    return n / 2\n\n\ndef unused():\n    return 1\n"
SUITE = """\
import os, sys, time, unittest
import calc

class TestIt(unittest.TestCase):
    def test_pass(self):
        self.assertNotIn("VULCAN_SETTINGS", os.environ)
        self.assertEqual([m for m in sys.modules if m.startswith("vulcan_")], [])
    def test_assert(self): self.assertEqual(calc.half(4), 3)
    def test_product(self): calc.half("x")
    def test_own(self): raise KeyError("mine")
    @unittest.skip("no")
    def test_skip(self): pass
    @unittest.expectedFailure
    def test_xfail(self): self.fail()
    def test_slow(self): time.sleep(30)
    def test_sub(self):
        for n in (1, 2, 3):
            with self.subTest(n=n): self.assertEqual(n, 2)

class TestBroken(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise OSError("no disk")
    def test_one(self): pass
    def test_two(self): pass

class TestTorn(unittest.TestCase):
    @classmethod
    def tearDownClass(cls): raise OSError("still open")
    def test_one(self): pass
"""


def write(root: Path, **sources: str) -> Path:
    for name, source in sources.items():
        path = root / f"{name.replace('__', '/').replace('/init', '/__init__')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return root


def run(root: Path, *ids: str, start: tuple[str, ...] = ("unittest",), **settings: Any) -> TestRunResult:
    report = root.parent / "report.jsonl"
    report.unlink(missing_ok=True)
    given = {
        "report": str(report),
        "root": str(root),
        "ids": list(ids),
        "test_timeout": 20.0,
        "python_path": "",
    }
    given |= {"measure": {}, "stub_absent": False} | settings
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *start],
        cwd=root,
        env={"PATH": os.environ["PATH"], "VULCAN_SETTINGS": json.dumps(given)},
        check=False,
        capture_output=True,
        text=True,
    )
    text = report.read_text() if report.exists() else ""
    return parse_report(text, ids, done.returncode, 0.5, "" if text else done.stderr)


def test_how_each_test_ended_and_where(tmp_path: Path) -> None:
    root = write(tmp_path / "p", test_m=SUITE, calc=CALC)
    result = run(root, test_timeout=0.3, measure={"calc.py": [1, 2, 5, 6]})
    found = {r.id.removeprefix("test_m.py::"): r for r in result.run.results}
    assert {name: r.outcome.value for name, r in found.items()} == {
        "TestIt::test_pass": "passed",
        "TestIt::test_assert": "failed",
        "TestIt::test_product": "failed",
        "TestIt::test_own": "failed",
        "TestIt::test_skip": "skipped",
        "TestIt::test_xfail": "skipped",
        "TestIt::test_slow": "failed",
        "TestIt::test_sub": "failed",
        "TestBroken::test_one": "error",
        "TestBroken::test_two": "error",
        "TestTorn::test_one": "error",
    }
    kinds = {name: (r.is_assert, r.in_test) for name, r in found.items()}
    assert kinds["TestIt::test_assert"] == kinds["TestIt::test_sub"] == (True, True)
    assert (kinds["TestIt::test_product"], kinds["TestIt::test_own"]) == ((False, False), (False, True))
    assert found["TestIt::test_slow"].exception == "TestTimeoutError"
    assert "(n=1)" in found["TestIt::test_sub"].message
    assert "no disk" in found["TestBroken::test_two"].message
    assert (result.run.exit_code, result.run.note) == (1, "")
    assert set(result.lines["calc.py"]) - {0} == {1, 2, 5}
    assert result.statements["calc.py"] == (1, 2, 5, 6)
    assert (found["TestIt::test_assert"].ran, found["TestIt::test_own"].ran) == (True, False)


def test_only_the_tests_that_were_asked_for_run(tmp_path: Path) -> None:
    root = write(tmp_path / "p", test_m=SUITE, test_n=SUITE, calc=CALC)
    ran = run(root, "test_m.py::TestIt::test_pass", "test_m.py::TestIt::test_sub").run
    assert {r.id: r.outcome.value for r in ran.results} == {
        "test_m.py::TestIt::test_pass": "passed",
        "test_m.py::TestIt::test_sub": "failed",
    }
    alone = run(root, "test_m.py::TestIt::test_pass").run
    assert (alone.exit_code, alone.note) == (0, "")
    assert run(root, "test_m.py::TestIt::test_gone").run.exit_code == 5


def test_a_module_that_can_not_be_loaded_is_an_error_of_its_tests(tmp_path: Path) -> None:
    broken = "import nowhere\n" + SUITE
    root = write(tmp_path / "p", tests__init="", tests__test_m=broken, tests__test_n=SUITE, calc=CALC)
    by_id = run(root, "tests/test_m.py::TestIt::test_pass", "tests/test_n.py::TestIt::test_pass").run.by_id()
    assert by_id["tests/test_m.py::TestIt::test_pass"].outcome is Outcome.ERROR
    assert "nowhere" in by_id["tests/test_m.py::TestIt::test_pass"].message
    assert by_id["tests/test_n.py::TestIt::test_pass"].outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "start",
    [("unittest", "discover", "-s", "checks"), ("unittest", "discover", "-s", "checks", "-f", "-b", "-v")],
)
def test_ids_name_files_wherever_discovery_starts(tmp_path: Path, start: tuple[str, ...]) -> None:
    root = write(tmp_path / "p", checks__test_m=SUITE, calc=CALC)
    found = run(root, start=start, test_timeout=0.3).run.by_id()
    assert found["checks/test_m.py::TestIt::test_pass"].outcome is Outcome.PASSED
    assert len(found) == 11


def test_a_module_that_skips_itself(tmp_path: Path) -> None:
    root = write(tmp_path / "p", test_m="import unittest\nraise unittest.SkipTest('no')\n")
    assert {r.id: r.outcome.value for r in run(root).run.results} == {"test_m.py": "skipped"}


def test_names_that_the_code_lacks_get_stand_ins(tmp_path: Path) -> None:
    suite = (
        "import unittest\nfrom calc import double, half\nclass T(unittest.TestCase):\n"
        "    def test_old(self): self.assertEqual(half(2), 1)\n"
        "    def test_new(self): self.assertEqual(double(2), 4)\n"
    )
    root = write(tmp_path / "p", test_m=suite, calc=CALC)
    assert run(root, "test_m.py").run.counts == {Outcome.ERROR: 1}
    found = run(root, "test_m.py", stub_absent=True).run.by_id()
    assert found["test_m.py::T::test_old"].outcome is Outcome.PASSED
    assert found["test_m.py::T::test_new"].exception == "VulcanAbsent"


def test_a_run_that_dies_says_in_which_test(tmp_path: Path) -> None:
    suite = "import os, unittest\nclass T(unittest.TestCase):\n    def test_dies(self): os._exit(0)\n"
    note = run(write(tmp_path / "p", test_m=suite)).run.note
    assert note == "the test run ended early with exit code 0 in test_m.py::T::test_dies"


def test_no_tests_at_all(tmp_path: Path) -> None:
    result = run(write(tmp_path / "p", calc=CALC))
    assert (result.run.results, result.run.exit_code, result.run.note) == ((), 5, "")


# ------------------------------------------------------------------------------------------ commands


@pytest.mark.parametrize(
    ("command", "variables", "words"),
    [
        ("python -m unittest discover -s tests", {}, ("-m", "unittest", "discover", "-s", "tests")),
        ("A=b python3.12 -W error -m unittest", {"A": "b"}, None),
        ("A=b python3.12 -Xdev manage.py test", {"A": "b"}, None),
        ("uv run python -B manage.py test app", {}, ("manage.py", "test", "app")),
        ("./manage.py test", {}, ("./manage.py", "test")),
        ("pytest -k 'not slow'", {}, ("pytest", "-k", "not slow")),
    ],
)
def test_commands_that_start_python(
    command: str, variables: dict[str, str], words: tuple[str, ...] | None
) -> None:
    found = python_command(command)
    assert found is not None
    assert found.variables == variables
    assert words is None or found.words == words


@pytest.mark.parametrize(
    "command", ["make test", "python manage.py migrate && python manage.py test", "python 'a", "python"]
)
def test_commands_that_start_something_else(command: str) -> None:
    assert python_command(command) is None


@pytest.mark.parametrize(
    ("command", "runs"),
    [
        ("", True),
        ("python -m unittest", True),
        ("python manage.py test", True),
        ("python tests/runtests.py", True),
        ("python -m pytest", False),
        ("tox", False),
    ],
)
def test_what_the_runner_of_unittest_can_start(command: str, *, runs: bool) -> None:
    assert runs_unittest(Recipe(command=command)) is runs


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("", ()),
        ("pytest tests", ("tests",)),
        ("python -m pytest -x", ("-x",)),
        ("uv run pytest", ()),
        ("tox", None),
        ("python -m nose", None),
    ],
)
def test_arguments_of_pytest(command: str, arguments: tuple[str, ...] | None) -> None:
    found = pytest_command(command)
    assert (found.words if found else None) == arguments
