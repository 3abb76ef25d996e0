"""What every runner of tests owes its callers, on each: real runners of the project's language, in real boxes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from vulcan.application.ports import Limits, PreparedEnvironment, Sandbox, TestRequest
from vulcan.domain.environment import Recipe, ReportForm
from vulcan.domain.testing import ABSENT_NAME, Outcome
from vulcan.infrastructure.environment.builder import UvEnvironments
from vulcan.infrastructure.sandbox import BubblewrapSandbox, LandlockSandbox
from vulcan.infrastructure.testing.runners import RecipeRunner
from vulcan.infrastructure.testing.toolbox import Toolbox

pytestmark = pytest.mark.sandbox
PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Language:
    """One small suite, told in one runner's language: names of tests, and files by what they do."""

    recipe: Recipe
    passing: str
    failing: str
    raising: str
    files: dict[str, str]
    hanging: dict[str, str]
    crashing: dict[str, str]
    silent: Recipe
    broken: dict[str, str] = field(default_factory=dict)
    broken_id: str = ""
    writes: dict[str, str] = field(default_factory=dict)


PY = """\
import pathlib, unittest
class TestIt(unittest.TestCase):
    def test_passes(self): pathlib.Path("written.txt").write_text("x")
    def test_fails(self): self.assertEqual(1, 2)
    def test_raises(self): {}["gone"]
"""
PYTHON = {
    "passing": "test_it.py::TestIt::test_passes",
    "failing": "test_it.py::TestIt::test_fails",
    "raising": "test_it.py::TestIt::test_raises",
    "files": {"test_it.py": PY},
    "hanging": {"test_hang.py": "import time\ntime.sleep(600)\n"},
    "crashing": {"test_crash.py": "import os\nos._exit(3)\n"},
    "broken": {
        "test_broken.py": "import nowhere_at_all\nimport unittest\nclass T(unittest.TestCase):\n    def test_x(self): pass\n"
    },
    "broken_id": "test_broken.py::T::test_x",
}
NODE = """\
const test = require('node:test'), assert = require('node:assert');
test('passes', () => require('node:fs').writeFileSync('written.txt', 'x'));
test('fails', () => assert.strictEqual(1, 2));
test('raises', () => { throw new RangeError('gone'); });
"""
GO = """\
package it

import (
	"os"
	"testing"
)

func TestPasses(t *testing.T) { os.WriteFile("written.txt", []byte("x"), 0644) }
func TestFails(t *testing.T)  { t.Errorf("1 is not 2") }
func TestRaises(t *testing.T) { var m map[string]int; m["gone"] = 1 }
"""
GO_MOD = {"go.mod": "module example.com/it\n\ngo 1.19\n"}
SHELL_TAP = """\
echo x >written.txt
for file in *.part; do [ ! -e "$file" ] || . ./"$file"; done
echo 1..3; echo 'ok 1 - passes'; echo 'not ok 2 - fails'; echo '  ---'; echo '  name: AssertionError'; echo '  ...'
echo 'not ok 3 - raises'; exit 1
"""
SHELL_JUNIT = """\
echo x >written.txt
for file in *.part; do [ ! -e "$file" ] || . ./"$file"; done
cat >out.xml <<'END'
<testsuite name="it"><testcase name="passes"/><testcase name="fails"><failure type="AssertionError" message="1"/></testcase>
<testcase name="raises"><error type="java.lang.IllegalStateException" message="gone"/></testcase></testsuite>
END
exit 1
"""
LANGUAGES = {
    "pytest": Language(Recipe(), silent=Recipe(command="pytest --no-such-option"), **PYTHON),
    "unittest": Language(
        Recipe(command="python -m unittest", report=ReportForm.UNITTEST),
        silent=Recipe(command="python -m unittest --no-such-option", report=ReportForm.UNITTEST),
        **PYTHON,
    ),
    "node": Language(
        Recipe(command="node --test", report=ReportForm.NODE),
        "it.test.js::passes",
        "it.test.js::fails",
        "it.test.js::raises",
        {"it.test.js": NODE},
        {"hang.test.js": "setTimeout(() => {}, 600000);\n"},
        {
            "run.js": "process.kill(process.ppid, 'SIGKILL'); setTimeout(() => {}, 9000);\n",
            "crash.test.js": "require('./run.js');\n",
        },
        Recipe(command="echo nothing", report=ReportForm.NODE),
        {"broken.test.js": "require('./nowhere'); require('node:test')('x', () => {});\n"},
        "broken.test.js::x",
    ),
    "go": Language(
        Recipe(command="go test ./...", report=ReportForm.GO),
        ".::TestPasses",
        ".::TestFails",
        "raising::TestRaises",
        {
            **GO_MOD,
            "it_test.go": GO.replace(
                'func TestRaises(t *testing.T) { var m map[string]int; m["gone"] = 1 }\n', ""
            ),
            "raising/r_test.go": 'package raising\n\nimport "testing"\n\nfunc TestRaises(t *testing.T) { var m map[string]int; m["gone"] = 1 }\n',
        },
        {
            "hang_test.go": 'package it\n\nimport (\n\t"testing"\n\t"time"\n)\n\nfunc TestHang(t *testing.T) { time.Sleep(time.Hour) }\n'
        },
        {
            "crash_test.go": 'package it\n\nimport (\n\t"os"\n\t"syscall"\n\t"testing"\n)\n\nfunc TestCrash(t *testing.T) { syscall.Kill(os.Getppid(), 9) }\n'
        },
        Recipe(command="echo nothing", report=ReportForm.GO),
        {
            "broken/b_test.go": 'package broken\n\nimport "testing"\n\nfunc TestX(t *testing.T) { Nowhere() }\n'
        },
        "broken/b_test.go::TestX",
    ),
    "tap": Language(
        Recipe(command="sh run.sh", report=ReportForm.TAP),
        ".::passes",
        ".::fails",
        ".::raises",
        {"run.sh": SHELL_TAP},
        {"hang.part": "sleep 600\n"},
        {"crash.part": "kill -9 $$\n"},
        Recipe(command="echo nothing", report=ReportForm.TAP),
    ),
    "junit": Language(
        Recipe(command="sh run.sh", report=ReportForm.JUNIT, report_path="*.xml"),
        "it::passes",
        "it::fails",
        "it::raises",
        {"run.sh": SHELL_JUNIT},
        {"hang.part": "sleep 600\n"},
        {"crash.part": "kill -9 $$\n"},
        Recipe(command="echo nothing", report=ReportForm.JUNIT, report_path="*.xml"),
    ),
}


@pytest.fixture(params=LANGUAGES)
def language(request) -> Language:
    return LANGUAGES[request.param]


@pytest.fixture
def ground():
    folder = Path(tempfile.mkdtemp(prefix="vulcan-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


class Bench:
    """A runner on a throw-away checkout."""

    def __init__(
        self, ground: Path, environment: PreparedEnvironment, language: Language, sandbox: Sandbox
    ) -> None:
        self.sandbox, self.checkout = sandbox, ground / "checkout"
        self.language, self._environment = language, environment
        self.runner = RecipeRunner(self.sandbox, Toolbox(ground / "tools"), Limits())

    def write(self, *files: dict[str, str]) -> None:
        for name, content in {k: v for group in files for k, v in group.items()}.items():
            path = self.checkout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    async def run(self, *ids: str, recipe: Recipe | None = None, **more):
        environment = replace(self._environment, recipe=recipe or self.language.recipe)
        request = TestRequest(ids=ids, **{"timeout": 90.0, "test_timeout": 30.0, **more})
        return (await self.runner.run(self.checkout, environment, request)).run


@pytest.fixture
def sandbox() -> Sandbox:
    return BubblewrapSandbox()


@pytest.fixture
async def bench(ground, language, shared_environments, sandbox):
    environment = PreparedEnvironment("d", (), {"PATH": PATH}, "/usr/bin/python3")
    if language.recipe.report is ReportForm.PYTEST:
        empty = ground / "empty"
        empty.mkdir()
        tools = Toolbox(ground / "tools").mount()
        builder = UvEnvironments(shared_environments, sandbox, tools, Limits(), dict(os.environ))
        environment = await builder.prepare(empty, "0" * 40, "")
    made = Bench(ground, environment, language, sandbox)
    made.write(language.files)
    return made


@pytest.mark.parametrize("sandbox", [BubblewrapSandbox(), LandlockSandbox()], ids=lambda s: s.name)
async def test_each_test_ends_as_it_ends(bench: Bench) -> None:
    run, language = await bench.run(), bench.language
    found = run.by_id()
    assert run.note == ""
    assert {language.passing, language.failing, language.raising} == set(found)
    assert found[language.passing].outcome is Outcome.PASSED
    assert found[language.failing].outcome is Outcome.FAILED
    assert found[language.raising].outcome is Outcome.FAILED
    assert found[language.failing].is_assert
    assert not found[language.raising].is_assert
    assert run.exit_code != 0


async def test_what_tests_write_is_gone_with_the_box(bench: Bench) -> None:
    before = sorted(path.name for path in bench.checkout.rglob("*"))
    run = await bench.run(bench.language.passing)
    assert run.passes(bench.language.passing)
    assert sorted(path.name for path in bench.checkout.rglob("*")) == before
    assert sorted(p.name for p in bench.checkout.parent.iterdir() if "report" in p.name) == []


async def test_only_the_tests_that_are_asked_for_are_shown(bench: Bench) -> None:
    run = await bench.run(bench.language.failing, f"{bench.language.failing}Not")
    assert [r.id for r in run.results] == [bench.language.failing]
    assert run.note == ""


async def test_a_run_that_takes_too_long_is_a_note(bench: Bench) -> None:
    bench.write(bench.language.hanging)
    run = await bench.run(timeout=6.0)
    assert run.note.startswith("the test run took longer than 6 s")


async def test_a_run_that_dies_is_a_note(bench: Bench) -> None:
    bench.write(bench.language.crashing)
    run = await bench.run()
    assert run.note
    assert not run.passes(bench.language.failing)


async def test_a_report_that_breaks_off_between_two_tests_is_a_note(bench: Bench) -> None:
    """Nothing in the report itself shows that it is not whole."""
    if bench.language.recipe.report is not ReportForm.GO:
        return
    lines = [
        {"Action": "run", "Package": "example.com/it", "Test": "TestFails"},
        {"Action": "fail", "Package": "example.com/it", "Test": "TestFails"},
        {"Action": "fail", "Package": "example.com/it"},
    ]
    printed = "; ".join(f"echo {shlex.quote(json.dumps(line))}" for line in lines)
    run = await bench.run(recipe=Recipe(command=f"{printed}; kill -9 $$", report=ReportForm.GO))
    assert "stopped by signal 9" in run.note


async def test_a_command_that_reports_nothing_is_a_note(bench: Bench) -> None:
    run = await bench.run(recipe=bench.language.silent)
    assert run.note
    assert run.results == ()


async def test_a_file_that_can_not_be_loaded_is_an_error_of_its_tests(bench: Bench) -> None:
    if not bench.language.broken:
        return
    bench.write(bench.language.broken)
    run = await bench.run(bench.language.broken_id, bench.language.passing)
    (result,) = run.of(bench.language.broken_id)
    assert result.outcome is Outcome.ERROR
    assert result.exception in (ABSENT_NAME, "CollectionError")
    assert "owhere" in result.message
    assert run.passes(bench.language.passing)
