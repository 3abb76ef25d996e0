"""The programs that run inside boxes, as programs: the source reader and the pytest plugin; and how they are read."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vulcan.application.ports import CommandResult, TestRequest, TestRunResult
from vulcan.domain.testing import Outcome
from vulcan.infrastructure.testing import inside
from vulcan.infrastructure.testing.canary import without_canary
from vulcan.infrastructure.testing.pytest_runner import read_report
from vulcan.infrastructure.testing.results import LONGEST_RECORD, MOST_RECORDS, parse_report
from vulcan.infrastructure.testing.single_use import MAX_REPORT

INSIDE = Path(inside.__file__).parent


def files(root: Path, **sources: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, source in sources.items():
        (root / f"{name}.py").write_text(source)
    return root


def inspect(do: str, **request: Any) -> Any:
    argv = [sys.executable, "-I", "-S", str(INSIDE / "vulcan_inspect.py"), json.dumps({"do": do, **request})]
    return json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


BASE = """\
def same(a):
    return a

def grown(a):
    return a

class Box:
    def open(self):
        return 1
    def _hidden(self):
        return 1

def gone(): pass
"""
HEAD = """\
# a comment, and other spacing, are no change
def same( a ):
    return a

def grown(a, *, b: int = 2) -> int:
    \"\"\"Says b.

    At length.
    \"\"\"
    return b

class Box:
    def open(self): return 2
    def _hidden(self): return 2

def gen():
    yield 1

def makes():
    def inner():
        yield 1
    return inner

try:
    import fast
except ImportError:
    async def fast(): return 1
"""


@pytest.fixture
def two(tmp_path: Path) -> dict[str, str]:
    return {
        "base": str(files(tmp_path / "base", m=BASE)),
        "head": str(files(tmp_path / "head", m=HEAD)),
    }


def test_changed_functions_are_those_whose_code_differs(two: dict[str, str]) -> None:
    names = ["grown", "Box.open", "Box._hidden", "gen", "makes", "fast"]
    assert inspect("functions", paths=["m.py"], **two) == [f"m.py::{name}" for name in names]


def test_the_interface_shows_what_changed_first_and_nothing_private(two: dict[str, str]) -> None:
    text = inspect("interface", paths=["m.py"], **two)
    assert 'def grown(a, *, b: int=2) -> int\n    """Says b."""' in text
    assert "module m, class Box (m.py), changed\ndef open(self)" in text
    assert text.index("grown") < text.index("def same(a)")
    assert "return b" not in text
    assert "At length" not in text
    assert "_hidden" not in text


def test_emptied_bodies_do_nothing_and_keep_their_kind(tmp_path: Path, two: dict[str, str]) -> None:
    functions = ["m.py::grown", "m.py::gen", "m.py::makes", "m.py::Box.open", "m.py::none"]
    done = inspect("empty", head=two["head"], functions=functions)
    assert sorted(done) == sorted(functions[:-1])

    space: dict[str, Any] = {}
    exec(compile((Path(two["head"]) / "m.py").read_text(), "m", "exec"), space)  # noqa: S102 - what it does counts
    assert space["same"](3) == 3
    assert space["grown"](1, b=2) is None
    assert list(space["gen"]()) == []
    assert space["makes"]() is None
    assert (space["Box"]().open(), space["Box"]()._hidden()) == (None, 2)


def test_tests_that_are_new_altered_or_removed(tmp_path: Path) -> None:
    before = "def test_a(): assert 1\ndef test_b(): assert 1\nclass TestX:\n    def test_c(self): pass\ndef help(): pass\n"
    after = (
        "import pytest\n@pytest.mark.skip\ndef test_a(): assert 1\nclass TestX:\n"
        "    def test_c(self): pass\n    def test_d(self): pass\ndef help(): return 1\n"
    )
    base, head = files(tmp_path / "b", test_m=before), files(tmp_path / "h", test_m=after)
    answer = inspect("tests", base=str(base), head=str(head), paths=["test_m.py", "data.json"])
    assert answer == {
        "new": ["test_m.py::TestX::test_d"],
        "altered": ["test_m.py", "test_m.py::test_a"],  # the file: an existing helper does something else now
        "removed": ["test_m.py::test_b"],
        "tricks": [],
    }


@pytest.mark.parametrize("source", ["def broken(:\n", "\0", "x = " + "(" * 500 + ")" * 500])
def test_source_that_can_not_be_parsed_has_no_functions(tmp_path: Path, source: str) -> None:
    base, head = files(tmp_path / "b", m="def f(): pass\n"), files(tmp_path / "h", m=source)
    assert inspect("functions", base=str(base), head=str(head), paths=["m.py", "absent.py"]) == []


# ---------------------------------------------------------------------------------------------- the plugin


def run(root: Path, *ids: str, timeout: float = 20.0, **settings: Any) -> TestRunResult:
    """The tests of a folder through the plugin, as the runner starts them."""
    report = root.parent / "report.jsonl"
    report.unlink(missing_ok=True)
    given = {"report": str(report), "root": str(root), "ids": list(ids), "test_timeout": timeout}
    given |= {"measure": {}, "stub_absent": False} | settings
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "vulcan_report",
        "--no-header",
    ]
    done = subprocess.run(
        [*argv, *sorted({test.split("::")[0] for test in ids})],
        cwd=root,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(INSIDE),
            "VULCAN_SETTINGS": json.dumps(given),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        check=False,
        capture_output=True,
        text=True,
    )
    return parse_report(report.read_text(), ids, done.returncode, 0.5, "")


SUITE = """\
import os, time, unittest
import pytest
import calc

@pytest.fixture
def broken(): raise OSError("no disk")

def test_pass(): assert "VULCAN_SETTINGS" not in os.environ
def test_assert(): assert calc.half(4) == 3
def test_product(): calc.half("x")
def test_own(): raise KeyError("mine")
def test_fail(): pytest.fail("so")
def test_setup(broken): pass
@pytest.mark.skip
def test_skip(): pass
@pytest.mark.xfail
def test_xfail(): assert 0
@pytest.mark.parametrize("n", [1, 2])
def test_many(n): assert n == 1
def test_slow(): time.sleep(30)
class TestUnit(unittest.TestCase):
    def test_case(self): self.assertEqual(1, 2)
"""
CALC = "def half(n):\n    return n / 2\n\n\ndef unused():\n    return 1\n"


def test_how_each_test_ended_and_where(tmp_path: Path) -> None:
    root = files(tmp_path / "p", test_m=SUITE, calc=CALC)
    result = run(root, timeout=0.3, measure={"calc.py": [1, 2, 5, 6]})
    found = {r.id.removeprefix("test_m.py::"): r for r in result.run.results}

    passed, failed = Outcome.PASSED, Outcome.FAILED
    assert {name: r.outcome for name, r in found.items()} == {
        "test_pass": passed,
        "test_assert": failed,
        "test_product": failed,
        "test_own": failed,
        "test_fail": failed,
        "test_setup": Outcome.ERROR,
        "test_skip": Outcome.SKIPPED,
        "test_xfail": Outcome.SKIPPED,
        "test_many[1]": passed,
        "test_many[2]": failed,
        "test_slow": failed,
        "TestUnit::test_case": failed,
    }
    kinds = {name: (r.is_assert, r.in_test) for name, r in found.items()}
    assert kinds["test_assert"] == kinds["test_fail"] == (True, True)
    assert (kinds["test_product"], kinds["test_own"]) == ((False, False), (False, True))
    assert "longer than 0.3 s" in found["test_slow"].message
    assert found["test_own"].exception == "KeyError"
    assert (result.run.exit_code, result.run.note) == (1, "")
    assert set(result.lines["calc.py"]) - {0} == {1, 2, 5}
    assert result.statements["calc.py"] == (1, 2, 5, 6)


RETRIED = """\
import pytest
tries = []
@pytest.mark.flaky(reruns=2)
def test_late(): tries.append(1); assert len(tries) == 2
@pytest.mark.flaky(reruns=2)
def test_never(): assert 0
"""


def test_of_a_test_that_is_tried_again_the_last_try_counts(tmp_path: Path) -> None:
    conftest = 'pytest_plugins = ["pytest_rerunfailures"]\n'
    result = run(files(tmp_path / "p", test_m=RETRIED, conftest=conftest))
    found = {r.id: r.outcome for r in result.run.results}
    assert found == {"test_m.py::test_late": Outcome.PASSED, "test_m.py::test_never": Outcome.FAILED}
    assert not result.run.note


def test_only_the_tests_that_were_asked_for_run(tmp_path: Path) -> None:
    root = files(tmp_path / "p", test_m=SUITE, test_n="def test_x(): pass\n", calc=CALC)
    result = run(root, "test_m.py::test_many", "test_n.py")
    assert [r.id for r in result.run.results] == [
        "test_m.py::test_many[1]",
        "test_m.py::test_many[2]",
        "test_n.py::test_x",
    ]


def test_a_file_that_can_not_be_imported_is_an_error_of_its_tests(tmp_path: Path) -> None:
    root = files(tmp_path / "p", test_m="import nowhere\ndef test_a(): pass\n", test_n="def test_b(): pass\n")
    by_id = run(root, "test_m.py::test_a", "test_n.py::test_b").run.by_id()
    assert by_id["test_m.py::test_a"].outcome is Outcome.ERROR
    assert "nowhere" in by_id["test_m.py::test_a"].message


def test_names_that_the_code_lacks_get_stand_ins_that_can_be_imported_but_not_used(tmp_path: Path) -> None:
    suite = (
        "from calc import half, double\nfrom calc.deep import thing\nimport brand.new\n"
        "def test_old(): assert half(2) == 1\ndef test_new(): assert double(2) == 4\n"
        "def test_attr(): brand.new.go()\n"
    )
    root = files(tmp_path / "p", test_m=suite, calc=CALC)
    assert run(root, "test_m.py").run.counts == {Outcome.ERROR: 1}
    by_id = run(root, "test_m.py", stub_absent=True).run.by_id()
    assert by_id["test_m.py::test_old"].outcome is Outcome.PASSED
    for test in ("test_new", "test_attr"):
        assert by_id[f"test_m.py::{test}"].exception == "VulcanAbsent"


def test_a_killed_run_tells_what_it_knows_and_where_it_died(tmp_path: Path) -> None:
    suite = "import os\ndef test_a(): pass\ndef test_b(): os._exit(7)\ndef test_c(): pass\n"
    result = run(files(tmp_path / "p", test_m=suite)).run
    assert [r.id for r in result.results] == ["test_m.py::test_a"]
    assert result.note == "the test run ended early with exit code 7 in test_m.py::test_b"


def test_unittest_s_names_of_files_are_collected(tmp_path: Path) -> None:
    root = files(tmp_path / "p", tests="def test_a(): pass\n", test="def test_b(): pass\n")
    assert {r.id for r in run(root).run.results} == {"tests.py::test_a", "test.py::test_b"}


# ----------------------------------------------------------------------------------------------- the reading

END = {"type": "end", "exit": 0}
FAILED = {"type": "end", "exit": 1}


def report(*records: Any, exit_code: int = 0) -> TestRunResult:
    """What is read of a run of `t.py::test_a` with these records."""
    lines = map(json.dumps, [{"type": "start", "id": "t.py::test_a"}, *records])
    return parse_report("\n".join(lines), ["t.py::test_a"], exit_code, 1.23456, "")


def ended(outcome: str, **more: Any) -> dict[str, Any]:
    return {"type": "test", "id": "t.py::test_a", "outcome": outcome, **more}


def test_the_worst_of_a_test_s_outcomes_counts() -> None:
    records = [ended(outcome) for outcome in ("passed", "error", "failed", "skipped")]
    assert [r.outcome for r in report(*records, FAILED, exit_code=1).run.results] == [Outcome.FAILED]
    assert report(records[3], records[0], END).run.results[0].outcome is Outcome.PASSED


def test_a_later_and_better_result_of_a_test_does_not_count() -> None:
    for first in ("failed", "error"):
        run_ = report(ended(first), ended("passed"), FAILED, exit_code=1).run
        assert [r.outcome for r in run_.results] == [Outcome(first)]


def test_lines_that_are_no_records_are_passed_over() -> None:
    text = '{half\n[1]\n3\n{"type": 4}\n{"no": "type"}\n' + json.dumps({"type": "end", "exit": 5})
    run_ = parse_report(text, [], 5, 1.23456, "").run
    assert (run_.results, run_.note, run_.duration) == ((), "", 1.235)


@pytest.mark.parametrize(
    "record",
    [
        {"type": "test"},
        {"type": "test", "id": "x", "outcome": "splendid"},
        {"type": "test", "id": "x", "outcome": ["passed"]},
        {"type": "test", "id": "x", "outcome": "passed", "duration": "long"},
        {"type": "collect"},
        {"type": "lines", "hits": [1]},
        {"type": "lines", "hits": {"a.py": [1, [2]]}},
        {"type": "statements"},
        ended("passed", duration=float("nan")),
        ended("passed", duration=float("inf")),
        ended("passed", duration=-1),
        ended("passed", duration=10**400),
        ended("passed", note=float("nan")),
    ],
)
def test_a_report_that_the_project_s_code_damaged_is_not_usable(record: Any) -> None:
    run_ = report(ended("passed"), record, END).run
    assert (run_.results, run_.note.split(":")[0]) == ((), "the tests' report is damaged")


@pytest.mark.parametrize(
    "line",
    [
        "[" * 200_000,
        '{"type": "test", "id": "t.py::test_a", "outcome": "passed", "more": ' + '{"a":' * 100_000,
        '{"type": "test", "id": "t.py::test_a", "outcome": "passed", "duration": 1e999}',
        "x" * (LONGEST_RECORD + 1),
        "\n" * MOST_RECORDS,
    ],
    ids=["lists", "objects", "infinity", "long line", "many lines"],
)
def test_a_report_that_is_made_to_break_its_reader_is_not_usable(line: str) -> None:
    good = "\n".join(map(json.dumps, [{"type": "start", "id": "t.py::test_a"}, ended("passed")]))
    run_ = parse_report(f"{good}\n{line}\n{json.dumps(END)}", [], 0, 1.0, "").run
    assert (run_.results, run_.note.split(":")[0]) == ((), "the tests' report is damaged")


def test_half_a_surrogate_pair_is_replaced_in_every_text() -> None:
    half = "\ud800"
    records = [
        {"type": "start", "id": half},
        ended("failed", message=half, exception=half),
        {"type": "collect", "path": half, "message": half},
        {"type": "source", "path": half, "read": half},
        {"type": "lines", "hits": {half: [1]}},
        {"type": "statements", "lines": {half: [1]}},
    ]
    result = report(*records, FAILED, exit_code=1)
    repr(result).encode()
    assert [r.message for r in result.run.results] == ["?", "?"]
    early = report(records[0], exit_code=1)
    assert early.run.note == "the test run ended early with exit code 1 in ?"


@pytest.mark.parametrize(
    ("records", "exit_code", "why"),
    [
        ([ended("passed"), END], 1, "it ends with 0, yet pytest's exit code is 1"),
        ([ended("passed"), {"type": "end"}], 0, "it ends with None, yet pytest's exit code is 0"),
        ([ended("passed"), FAILED], 1, "no test failed in it, yet pytest's exit code is 1"),
        ([END, ended("passed"), END], 0, "it goes on after the end of the run"),
        ([ended("failed"), END, ended("passed")], 0, "it goes on after the end of the run"),
        ([ended("passed"), END, END], 0, "it goes on after the end of the run"),
    ],
)
def test_a_report_that_contradicts_the_exit_code_is_not_usable(
    records: Any, exit_code: int, why: str
) -> None:
    run_ = report(*records, exit_code=exit_code).run
    assert (run_.results, run_.note) == ((), f"the tests' report is damaged: {why}")


def test_a_run_that_was_stopped_at_its_very_end_says_that_it_was_stopped() -> None:
    text = "\n".join(map(json.dumps, [ended("passed"), END]))
    assert parse_report(text, [], 124, 1.0, "too long").run.note == "too long"


def test_a_good_end_without_a_test_that_started_is_not_usable() -> None:
    text = "\n".join(map(json.dumps, [ended("passed"), END]))
    assert "no test started" in parse_report(text, [], 0, 1.0, "").run.note


def test_a_report_that_is_too_long_is_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    lines = [{"type": "start", "id": "t.py::test_a"}, ended("passed"), END]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    done, request = CommandResult(0, "", 0, 1.0), TestRequest(())
    assert read_report(path, request, done).run.counts == {Outcome.PASSED: 1}
    os.truncate(path, MAX_REPORT + 1)
    run_ = read_report(path, request, done).run
    assert (run_.results, run_.note) == ((), "the tests' report is longer than 64 MiB")


def test_an_early_end_without_a_test_and_with_a_note() -> None:
    assert parse_report("", [], 0, 1.0, "").run.note == "the test run ended early with exit code 0"
    assert parse_report("", [], 137, 1.0, "out of memory").run.note == "out of memory"


def test_the_programs_need_nothing_but_the_standard_library_and_pytest() -> None:
    for program in INSIDE.glob("vulcan_*.py"):
        tree = ast.parse(program.read_text())
        names = {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
        names |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
        assert names <= sys.stdlib_module_names | {
            "pytest",
            "vulcan_report",
            "vulcan_common",
            "vulcan_mutants",
            "vulcan_swap",
            "django.test.utils",
        }


# ---------------------------------------------------------------------------------------------- the canary

ONE = "def test_a():\n    assert True\n"
ODD: dict[str, dict[str, str]] = {
    "plain": {"test_m.py": ONE},
    "in a package": {"__init__.py": "", "test_m.py": ONE},
    "in a class": {"test_m.py": "class TestX:\n    def test_a(self):\n        assert True\n"},
    "of unittest": {
        "test_m.py": "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_a(self):\n        pass\n"
    },
    "names of its own": {
        "pytest.ini": "[pytest]\npython_functions = check_*\n",
        "test_m.py": "def check_a():\n    assert True\n",
    },
    "strict": {
        "pytest.ini": "[pytest]\naddopts = --strict-markers -W error\nxfail_strict = true\n",
        "test_m.py": ONE,
    },
    "imported by importlib": {
        "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\n",
        "test_m.py": ONE,
    },
    "filters of a conftest": {
        "conftest.py": "def pytest_collection_modifyitems(items):\n    items[:] = [i for i in items if i.name == 'test_a']\n",
        "test_m.py": ONE,
    },
    "fixtures for all": {
        "conftest.py": "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef needs_a_name(request):\n"
        "    assert request.node.name == 'test_a'\n",
        "test_m.py": ONE,
    },
    "text that is a test": {
        "pytest.ini": "[pytest]\naddopts = --doctest-glob=*.txt\n",
        "test_m.txt": ">>> 1 + 1\n2\n",
    },
    "doctests of a module": {
        "pytest.ini": "[pytest]\naddopts = --doctest-modules\n",
        "m.py": 'def f():\n    """\n    >>> f()\n    1\n    """\n    return 1\n',
    },
}


@pytest.mark.parametrize("how", ODD)
def test_a_test_that_must_fail_fails_beside_any_test(tmp_path: Path, how: str) -> None:
    root = tmp_path / "suite"
    root.mkdir()
    for name, content in ODD[how].items():
        (root / name).write_text(content)
    path = next(name for name in ODD[how] if name.endswith((".txt", "m.py")))
    ran = without_canary(run(root, path, canary="test_0123456789abcdef"), "test_0123456789abcdef").run
    assert ([r.outcome for r in ran.results], ran.exit_code, ran.note) == ([Outcome.PASSED], 0, "")
