"""`vulcan setup` for suites that a command runs: proven by a file of the product that is emptied; forged reports are refused."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from conftest import CALC, Cli, make_repository

pytestmark = pytest.mark.sandbox
NODE = {
    "package.json": json.dumps({"name": "shout", "main": "lib/shout.js", "scripts": {"test": "node --test"}}),
    "lib/shout.js": "exports.shout = (text) => text.toUpperCase();\n",
    "lib/unused.js": "exports.x = 1;\n",
    "test/shout.test.js": (
        "const test = require('node:test');\nconst assert = require('node:assert');\n"
        "const { shout } = require('../lib/shout');\n\n"
        "test('shouts', () => assert.equal(shout('a'), 'A'));\n"
    ),
}
FORGED = "TAP version 13\n1..2\nok 1 - one\nok 2 - two\n"


def test_a_node_project_is_proven_by_a_file_that_is_emptied(cli: Cli, reachable: Path) -> None:
    project = make_repository(reachable / "shout", NODE)
    out = cli("setup", "--repo", str(project), "--write")
    assert "fault: lib/shout.js emptied: red: test/shout.test.js::shouts" in out
    (table,) = tomllib.loads((project / "vulcan.toml").read_text())["environment"]
    assert (table["command"], table["report"]) == ("npm test", "node")
    assert table["proof"]["passed"] == 1


def test_a_command_that_always_succeeds_with_a_forged_report_is_refused(cli: Cli, reachable: Path) -> None:
    project = make_repository(reachable / "forged", NODE | {"forged.tap": FORGED})
    command = ("--command", "cat forged.tap", "--report", "tap")
    out = cli("setup", "--repo", str(project), *command, "--write", code=3)
    assert "not proven: no test turned red although a fault was planted: lib/shout.js emptied" in out
    assert not (project / "vulcan.toml").exists()


def test_a_python_suite_behind_a_command_that_shows_a_tenth_of_it_is_refused(
    cli: Cli, reachable: Path
) -> None:
    many = {
        f"tests/test_{n}.py": "from calc import add\n\n\ndef test_it():\n    assert add(0, 0) == 0\n"
        for n in range(9)
    }
    project = make_repository(reachable / "part", CALC | many)
    command = (
        "--command",
        "python -m pytest tests/test_1.py --junitxml=out.xml",
        "--report",
        "junit:out.xml",
    )
    out = cli("setup", "--repo", str(project), *command, code=3)
    assert "not proven: the first build from scratch sees 1 of about 10 tests" in out


def test_a_go_project_is_proven_too(cli: Cli, reachable: Path) -> None:
    go = {
        "go.mod": "module shout\n\ngo 1.19\n",
        "shout.go": "// Package shout shouts.\npackage shout\n\nfunc Double(n int) int { return 2 * n }\n",
        "shout_test.go": (
            'package shout\n\nimport "testing"\n\nfunc TestDouble(t *testing.T) {\n'
            "\tif Double(2) != 4 {\n\t\tt.Fail()\n\t}\n}\n"
        ),
    }
    out = cli("setup", "--repo", str(make_repository(reachable / "shout", go)))
    assert "fault: shout.go emptied: red: .::TestDouble" in out
    assert 'report = "go"' in out


def test_a_unittest_suite_is_proven_by_an_emptied_function(cli: Cli, reachable: Path) -> None:
    case = (
        "import unittest\n\nfrom calc import add\n\n\nclass Cases(unittest.TestCase):\n"
        "    def test_zero(self):\n        self.assertEqual(add(0, 0), 0)\n"
    )
    project = make_repository(
        reachable / "cases", CALC | {"tests/test_calc.py": case, "tests/__init__.py": ""}
    )
    command = ("--command", "python -m unittest", "--report", "unittest")
    out = cli("setup", "--repo", str(project), *command)
    assert "fault: calc.py::add emptied: red: tests/test_calc.py::Cases::test_zero" in out
