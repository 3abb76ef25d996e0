"""`vulcan verify`: changes of every kind, judged without a model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import Cli, git, make_repository
from vulcan.apps.cli.schemas import schema_of

pytestmark = pytest.mark.sandbox

SIZES = """\
def total(sizes):
    result = 0
    for size in sizes:
        result += size
    return result
"""
TESTS = "from sizes import total\n\n\ndef test_total():\n    assert total([2, 3]) == 5\n    assert total([]) == 0\n"
BASE = {
    "sizes.py": SIZES,
    "tests/test_sizes.py": TESTS,
    "README.md": "# Sizes\n",
    "conftest.py": "",
    "setup.cfg": "[flake8]\nmax-line-length = 100\n",
}
LARGEST = "\n\ndef largest(sizes):\n    if not sizes:\n        raise ValueError('no sizes')\n    return max(sizes)\n"
WEAK = "import sizes\n\n\ndef test_largest():\n    assert sizes.largest([2, 3]) == 3\n"
STRONG = (
    "import pytest\nimport sizes\n\n\ndef test_largest():\n    assert sizes.largest([2, 3]) == 3\n\n\n"
    "def test_none():\n    with pytest.raises(ValueError, match='no sizes'):\n        sizes.largest([])\n"
)
REFACTORED = "def total(sizes):\n    return sum(sizes)\n"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture
def project(reachable: Path) -> Path:
    return make_repository(reachable / "sizes", BASE)


CHANGES: dict[str, tuple[dict[str, str], str, str, int]] = {
    "tested behaviour": (
        {"sizes.py": SIZES + LARGEST, "tests/test_largest.py": STRONG},
        "HOLDS: new or changed behaviour",
        "✓ mutation",
        0,
    ),
    "a test that expects None": (
        {
            "sizes.py": SIZES + "\n\ndef first(sizes):\n    return sizes[0] if sizes else None\n",
            "tests/test_first.py": (
                "import sizes\n\n\ndef test_first():\n    assert sizes.first([2, 3]) == 2\n\n\n"
                "def test_none():\n    assert sizes.first([]) is None\n"
            ),
        },
        "HOLDS: new or changed behaviour",
        "2 of 2 new tests prove the change (grades: 0 A, 2 B, 0 C, 0 F)",
        0,
    ),
    "behaviour that is tested in part": (
        {"sizes.py": SIZES + LARGEST, "tests/test_largest.py": WEAK},
        "HOLDS: new or changed behaviour",
        "by none: sizes.py:10 (statement removed: `raise ValueError('no sizes')`)",
        0,
    ),
    "a test that passes without the change": (
        {
            "sizes.py": SIZES + LARGEST,
            "tests/test_largest.py": "from sizes import total\n\n\ndef test_largest():\n    assert total([1]) == 1\n",
        },
        "DOES NOT HOLD",
        "No new test fails without the change",
        3,
    ),
    "a regression": (
        {"sizes.py": SIZES.replace("= 0", "= 1") + LARGEST, "tests/test_largest.py": STRONG},
        "DOES NOT HOLD",
        "✗ existing tests",
        3,
    ),
    "a refactoring": ({"sizes.py": REFACTORED}, "HOLDS: refactoring", "✓ mutation", 0),
    "a refactoring that breaks": (
        {"sizes.py": REFACTORED.replace("sum", "max")},
        "DOES NOT HOLD: refactoring",
        "✗ existing tests",
        3,
    ),
    "code that no test runs": (
        {"sizes.py": SIZES + LARGEST},
        "DOES NOT HOLD: refactoring",
        "✗ mutation",
        3,
    ),
    "documents": ({"README.md": "# Sizes\n\nMore.\n"}, "HOLDS: documents", "✓ existing tests", 0),
    "tests alone": ({"tests/test_more.py": TESTS}, "HOLDS: tests", "✓ criteria", 0),
    "tests alone that fail": (
        {"tests/test_more.py": TESTS.replace("== 5", "== 6")},
        "DOES NOT HOLD: tests",
        "✗ criteria",
        3,
    ),
    "settings": (
        {"setup.cfg": "[flake8]\nmax-line-length = 120\n"},
        "HOLDS: settings",
        "✓ existing tests",
        0,
    ),
    "a secret": (
        {"README.md": "key: AKIA" + "IOSFODNN7EXAMPLQ\n"},
        "DOES NOT HOLD: documents",
        "✗ static checks",
        3,
    ),
    "an altered test": (
        {"sizes.py": REFACTORED, "tests/test_sizes.py": TESTS.replace("== 0", "== 0.0")},
        "DOES NOT HOLD",
        "its code was altered or removed",
        3,
    ),
    "a test that asks more than before": (
        {
            "sizes.py": SIZES.replace("result += size", "result += max(size, 0)"),
            "tests/test_sizes.py": TESTS + "    assert total([2, -3]) == 2\n",
        },
        "HOLDS: new or changed behaviour",
        "1 ask more than before: tests/test_sizes.py::test_total",
        0,
    ),
    "a test that asks less than before": (
        {
            "sizes.py": SIZES.replace("= 0", "= 1"),
            "tests/test_sizes.py": TESTS.replace("== 5", "== 6").replace("    assert total([]) == 0\n", ""),
        },
        "DOES NOT HOLD",
        "tests/test_sizes.py::test_total passed before the change and now",
        3,
    ),
    "a workflow": (
        {".github/workflows/ci.yml": "on: push\n"},
        "HOLDS: settings",
        "look at it: [protected files] .github/workflows/ci.yml",
        0,
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_of_each_kind(cli: Cli, project: Path, kind: str) -> None:
    files, word, line, code = CHANGES[kind]
    write(project, files)
    before = git(project, "status", "--porcelain")
    out = cli("verify", str(project), code=code)
    assert word in out
    assert line in out
    assert git(project, "status", "--porcelain") == before
    assert cli("jobs", "--json") == ""


def test_a_branch_is_judged_from_where_it_left_the_base(cli: Cli, project: Path, monkeypatch) -> None:
    git(project, "checkout", "-qb", "largest")
    write(project, {"sizes.py": SIZES + LARGEST, "tests/test_largest.py": STRONG})
    git(project, "add", "-A")
    git(project, "commit", "-qm", "Add largest")
    git(project, "checkout", "-q", "main")
    write(project, {"README.md": "# Later\n"})
    git(project, "commit", "-qam", "Later")
    monkeypatch.chdir(project)
    assert "HOLDS: new or changed behaviour" in cli("verify", "largest", "--base", "main")
    assert "no branch, tag or commit 'gone'" in cli("verify", "gone", code=2)
    assert "Its branches: largest, main" in cli("verify", "largest", "--base=-x", code=2)
    assert "nothing differs" in cli("verify", code=2)


def test_what_the_instruction_names_must_stand_in_the_tests(cli: Cli, project: Path, tmp_path: Path) -> None:
    write(project, {"sizes.py": SIZES + LARGEST, "tests/test_largest.py": STRONG})
    asked = tmp_path / "asked.md"
    asked.write_text("Add `largest`, which raises `ValueError` without sizes. It is 7 for `[7, 1]`. Be fast.")
    out = cli("verify", str(project), "--instruction", str(asked), code=3)
    assert "✗ demands: 1 of 2 demands shown; not shown: S2 (no test names `7`, `[7, 1]`)" in out
    assert "not judged: 1 sentences of the instruction" in out
    asked.write_text("Add `largest`, which raises `ValueError` without sizes.")
    assert "✓ demands: 1 of 1 demands shown" in cli("verify", str(project), "--instruction", str(asked))


def test_a_test_that_may_change_may_change(cli: Cli, project: Path) -> None:
    write(project, {"sizes.py": REFACTORED, "tests/test_sizes.py": TESTS.replace("== 0", "== 0.0")})
    assert "name them: --changes-test TEST" in cli("verify", str(project), code=3)
    out = cli("verify", str(project), "--changes-test", "tests/test_sizes.py::test_total")
    assert "HOLDS" in out


def test_the_statement_is_in_toto_and_as_its_schema_says(cli: Cli, project: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    wrong = WEAK.replace("== 3", "== 4")
    write(project, {"sizes.py": SIZES + LARGEST, "tests/test_largest.py": wrong})
    statement = json.loads(cli("verify", str(project), "--json", code=3))
    jsonschema.validate(statement, schema_of("verify"))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    predicate = statement["predicate"]
    assert predicate["result"] == "FAILED"
    assert predicate["passedTests"] == ["tests/test_sizes.py::test_total"]
    assert predicate["failedTests"] == ["tests/test_largest.py::test_largest"]
    base = git(project, "rev-parse", "HEAD")
    assert predicate["configuration"][0] == {"name": "base", "digest": {"gitCommit": base}}
    assert predicate["evidence"]["report"]["mutation"] == {"note": "the new tests do not pass yet"}


def test_without_any_test_a_refactoring_is_not_shown(cli: Cli, reachable: Path) -> None:
    project = make_repository(reachable / "none", {"a.py": "A = 1\n"})
    write(project, {"a.py": "A = 2\n"})
    out = cli("verify", str(project), code=3)
    assert "DOES NOT HOLD: refactoring" in out
    assert "? preserved: no existing test passes with the change" in out


def test_too_few_tests_are_said_before_anything_else(cli: Cli, reachable: Path) -> None:
    files = {"a.py": "A = 1\n", "test_a.py": "import gone\n\n\ndef test_a():\n    assert gone\n"}
    project = make_repository(reachable / "none", files)
    write(project, {"a.py": "A = 2\n"})
    assert "--blind" in cli("verify", str(project), code=2)
    assert "DOES NOT HOLD" in cli("verify", str(project), "--blind", code=3)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_and_leaves_nothing(
    home: Path, project: Path, number: signal.Signals, code: int
) -> None:
    write(project, {"tests/test_slow.py": "import time\n\n\ndef test_slow():\n    time.sleep(60)\n"})
    argv = [sys.executable, "-m", "vulcan", "verify", str(project)]
    variables = os.environ | {"VULCAN_HOME": str(home)}
    with subprocess.Popen(argv, env=variables, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert "without the change" in process.stderr.readline()
        assert "with it" in process.stderr.readline()
        time.sleep(1)
        process.send_signal(number)
        assert process.wait(30) == code
        assert "nothing is kept" in process.stderr.read()
    assert not list((home / "jobs").iterdir())
