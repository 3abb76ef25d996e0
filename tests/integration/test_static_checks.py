"""Checkers in real boxes, on projects that say much, little or nothing of how they are to be checked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from vulcan.application.ports import Limits, PreparedEnvironment
from vulcan.application.stages.validate import new_findings
from vulcan.domain.evidence import Finding, Owner, Severity
from vulcan.infrastructure.environment.builder import UvEnvironments
from vulcan.infrastructure.sandbox import choose_sandbox
from vulcan.infrastructure.testing.static import PythonChecks
from vulcan.infrastructure.testing.toolbox import Toolbox

pytestmark = pytest.mark.sandbox

TASTE = "import os\n\n\ndef f(x=[]):\n    try:\n        return x\n    except Exception:\n        pass\n"
FAULT = "def f():\n    return nothing_of_that_name\n"
TYPES = "number: int = 'one'\n"


class Checking:
    """Checks files of a project."""

    def __init__(self, folder: Path) -> None:
        self.root, self.sandbox = folder / "project", choose_sandbox("landlock")
        self.toolbox = Toolbox(folder / "tools")
        self.environment = PreparedEnvironment("d", (), {}, "/usr/bin/python3")

    def __call__(self, files: Mapping[str, str], *paths: str) -> tuple[Finding, ...]:
        for name, content in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(content)
        checks = PythonChecks(self.sandbox, self.toolbox, Limits())
        wanted = paths or [name for name in files if name.endswith(".py")]
        found = asyncio.run(checks.check(self.root, self.environment, wanted))
        assert {name: (self.root / name).read_text() for name in files} == files, (
            "a checker wrote into the project"
        )
        return found


@pytest.fixture
def check(reachable: Path) -> Checking:
    return Checking(reachable)


@pytest.fixture
def check_installed(check: Checking, shared_environments: Path) -> Checking:
    """With checkers of the project's own in its environment, an old ruff among them."""
    builder = UvEnvironments(
        shared_environments,
        check.sandbox,
        check.toolbox.mount(),
        Limits(),
        os.environ,
        ("mypy>=1.18", "flake8>=7", "ruff==0.4.10"),
    )
    empty = check.root.parent / "empty"
    empty.mkdir()
    check.environment = asyncio.run(builder.prepare(empty, "", ""))
    assert not check.environment.notes
    return check


def codes(found: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(f.gate, f.code) for f in found]


def test_a_project_without_settings_is_told_of_faults_only_with_path_and_line(check: Checking) -> None:
    found = check({"a.py": TASTE, "b.py": FAULT, "c.py": "def f(:\n"})
    assert codes(found) == [("ruff", "F821"), *[("ruff", "invalid-syntax")] * (len(found) - 1)]
    assert (found[0].place, found[0].contestable) == ("b.py:2", False)
    assert {f.path for f in found[1:]} == {"c.py"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("[tool.ruff]\nline-length = 88\n", []),
        ("[tool.ruff.lint]\nignore = ['F401']\n", []),
        ("[tool.ruff.lint]\nselect = ['F']\n", ["F401"]),
        ("[tool.ruff.lint]\nextend-select = ['B006']\n", ["B006", "F401"]),
        ("[tool.ruff.lint]\nselect = ['F', 'BLE']\nper-file-ignores = {'a.py' = ['F401']}\n", ["BLE001"]),
        (
            "[tool.ruff]\nselect = ['F']\nfix = true\nunsafe-fixes = true\n",
            ["F401"],
        ),  # warns of an old spelling
        ("[tool.ruff]\nextend-exclude = ['a.py']\n[tool.ruff.lint]\nselect = ['F']\n", []),
    ],
)
def test_ruff_is_run_as_the_project_says(check: Checking, settings: str, expected: list[str]) -> None:
    found = check({"pyproject.toml": settings, "a.py": TASTE})
    assert sorted(f.code for f in found) == expected
    assert all(f.contestable and f.line for f in found)


def test_each_file_has_the_settings_of_its_own_folder(check: Checking) -> None:
    found = check({"one/ruff.toml": "lint.select = ['F401']\n", "one/pkg/a.py": TASTE, "two/a.py": TASTE})
    assert [(f.path, f.code) for f in found] == [("one/pkg/a.py", "F401")]


def test_settings_that_this_ruff_can_t_use_are_a_warning_and_faults_are_still_found(check: Checking) -> None:
    found = check({"ruff.toml": 'required-version = "==0.1.0"\n', "a.py": TASTE, "b.py": FAULT})
    assert [(f.severity, f.code) for f in found] == [(Severity.WARNING, ""), (Severity.BLOCKING, "F821")]
    assert "0.1.0" in found[0].text


MYPY = "[tool.mypy]\nfiles = ['src']\nexclude = ['src/skipped']\npretty = true\n"


def test_mypy_checks_the_files_that_the_project_names_and_no_others(check_installed: Checking) -> None:
    files = {"pyproject.toml": MYPY, "src/a.py": TYPES, "src/skipped.py": TYPES, "scripts/b.py": TYPES}
    found = check_installed(files)
    assert [(f.gate, f.code, f.place) for f in found] == [("mypy", "assignment", "src/a.py:1")]


def test_mypy_leaves_out_what_the_project_excludes_where_it_names_no_files(check_installed: Checking) -> None:
    files = {"setup.cfg": "[mypy]\nexclude = ^docs/\n", "a.py": TYPES, "docs/conf.py": TYPES}
    assert [f.place for f in check_installed(files)] == ["a.py:1"]


def test_a_module_of_the_project_is_not_taken_for_a_checker(check_installed: Checking) -> None:
    files = {"mypy.ini": "[mypy]\n", "mypy.py": "print('nothing to see')\n", "ruff.py": "", "a.py": TYPES}
    assert codes(check_installed(files, "a.py")) == [("mypy", "assignment")]


def test_only_what_is_new_in_a_file_counts_and_what_nobody_heeds_there_is_a_warning() -> None:
    def finding(code: str, text: str, path: str = "a.py", **more: bool) -> Finding:
        return Finding("ruff", Owner.CODER, f"{code}: {text}", path=path, contestable=True, **more)

    before = [finding("F401", "os unused")]
    after = [*before, finding("F401", "re unused"), finding("BLE001", "blind"), finding("F401", "re", "b.py")]
    new = new_findings(before, after)
    assert [(f.path, f.code, f.severity) for f in new] == [
        ("a.py", "F401", Severity.WARNING),
        ("a.py", "BLE001", Severity.BLOCKING),
        ("b.py", "F401", Severity.BLOCKING),
    ]


def test_the_project_s_own_ruff_is_the_one_that_is_run(check_installed: Checking) -> None:
    settings = 'required-version = "==0.4.10"\n'
    assert [f.code for f in check_installed({"ruff.toml": settings, "a.py": TASTE})] == ["F401"]


@pytest.mark.parametrize("place", [".flake8", "tox.ini", "setup.cfg"])
def test_flake8_is_run_where_the_project_says_how_and_has_it(check_installed: Checking, place: str) -> None:
    settings = "[flake8]\nselect = E7,F4\nexclude = old\nper-file-ignores =\n    b.py: F401\n"
    long = "import os\nl = 1\n"
    found = check_installed({place: settings, "a.py": long, "b.py": long, "old/a.py": long})
    assert [(f.gate, f.place, f.code) for f in found] == [
        ("flake8", "a.py:1", "F401"),
        ("flake8", "a.py:2", "E741"),
        ("flake8", "b.py:2", "E741"),
    ]
