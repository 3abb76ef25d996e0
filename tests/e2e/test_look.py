"""The look at the project's own tests before anything is paid for, and how often whole suites really run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from conftest import ANALYSIS, CALC, FIX, GOOD_JOB, REVIEW, TESTS, Cli, git, make_repository, reply
from fakes.chat import Chat
from vulcan.application import ports
from vulcan.application.api import Vulcan
from vulcan.application.services import Services
from vulcan.apps.cli.main import command
from vulcan.bootstrap import bootstrap

pytestmark = pytest.mark.sandbox
Recording = Callable[[Sequence[str]], str]
NOTHING: tuple[str, ...] = (reply("nothing", text="was asked"),)
FIXTURES = {
    "tests/conftest.py": (
        "import _pytest.monkeypatch\nimport pytest\n\n\n@pytest.fixture(autouse=True)\n"
        "def standard():\n    return _pytest.monkeypatch.notset_of_old\n"
    ),
    "tests/test_many.py": "".join(f"def test_{n}():\n    pass\n\n\n" for n in range(435)).rstrip() + "\n",
}
WONT_START = {"tests/conftest.py": "import no_such_module_9f3a\n"}
EXPRESS = {"package.json": '{"name": "express"}\n', "lib/utils.js": "exports.etag = 1\n", "test/app.js": "\n"}
PLAIN_TEST = "def test_nothing():\n    pass\n"


def order(project: Path, model: str, *more: str) -> list[str]:
    return ["run", "Make add add", "--repo", str(project), "--model", model, *more]


def stages(out: str) -> list[str]:
    return [line.partition("── ")[2] for line in out.splitlines() if "── " in line]


# ------------------------------------------------------------------------------------------- what is seen


def test_what_is_seen_is_said_first_and_stands_in_the_evidence(
    cli: Cli, project: Path, recording: Recording
) -> None:
    out = cli(*order(project, recording(GOOD_JOB)))
    assert stages(out)[:2] == ["prepare", "analyze"]
    assert "base: sees 1 of 1 tests\n" in out
    page = cli("show")
    assert "Vulcan sees 1 of 1 tests, with: python -m pytest -q" in page
    assert "### Before the change\nVulcan sees 1 of 1 tests. Command: `python -m pytest -q`." in page
    assert "1 of 1 that passed before still pass, of 1 collected" in page


@pytest.mark.parametrize(
    ("files", "seen", "hint"),
    [
        (
            CALC | FIXTURES,
            "sees 0 of about 436 tests: tests/test_calc.py::test_zero: AttributeError: module "
            "'_pytest.monkeypatch' has no attribute 'notset_of_old'",
            "[tests] dependencies",
        ),
        (
            CALC | WONT_START,
            "sees 0 of about 1 tests: tests/conftest.py: ModuleNotFoundError: No module named "
            "'no_such_module_9f3a'",
            "[tests] dependencies",
        ),
        (EXPRESS, "sees no tests: a project with package.json", "[[environment]] command"),
        (
            CALC | {"tests/test_b.py": "import no_such_module_9f3a\n\n\n" + PLAIN_TEST},
            "sees 1 of about 2 tests, 1 of 2 test files not: tests/test_b.py: ModuleNotFoundError",
            "[tests] dependencies",
        ),
    ],
    ids=["errors in fixtures", "won't start", "another language", "under 90 percent of the files"],
)
def test_too_little_stops_before_any_model_is_asked_and_leaves_no_job(
    cli: Cli, reachable: Path, recording: Recording, files: dict[str, str], seen: str, hint: str
) -> None:
    project = make_repository(reachable / "blind", files)
    out = cli(*order(project, recording(NOTHING)), code=2)
    assert seen in out
    assert hint in out
    assert "--blind" in out
    assert stages(out) == ["prepare"]
    assert cli("jobs") == ""
    assert "there is no job yet" in cli("show", code=2)
    assert not list((reachable / "state/jobs").iterdir())
    assert git(project, "for-each-ref", "refs/heads/vulcan") == ""


def test_an_environment_that_can_not_be_made_stops_likewise(
    cli: Cli, reachable: Path, recording: Recording
) -> None:
    pyproject = '[project]\nname = "calc"\nversion = "1"\nrequires-python = ">=3.99"\n'
    project = make_repository(reachable / "future", CALC | {"pyproject.toml": pyproject})
    out = cli(*order(project, recording(NOTHING)), code=2)
    assert "no Python on this machine fits" in out
    assert "uv python install" in out
    assert cli("jobs") == ""


def test_machines_read_it_from_the_last_event(cli: Cli, reachable: Path, recording: Recording) -> None:
    project = make_repository(reachable / "blind", CALC | WONT_START)
    out = cli(*order(project, recording(NOTHING), "--json"), code=2)
    last = json.loads([line for line in out.splitlines() if line.startswith("{")][-1])
    assert (last["event"], last["payload"]["outcome"]) == ("JobFinished", "not started")
    assert "ModelReplied" not in out


def test_the_chat_says_it_too(home: Path, reachable: Path, recording: Recording, cli: Cli) -> None:
    project = make_repository(reachable / "blind", CALC | WONT_START)
    with Chat(home, project, "--model", recording(NOTHING)) as chat:
        chat.say("/new Make add add")
        turn = chat.turn("not started")["text"]
        assert "sees 0 of about 1 tests: tests/conftest.py: ModuleNotFoundError" in turn
        assert "--blind" in turn
        assert chat.leave() == 2
    assert cli("jobs") == ""


# --------------------------------------------------------------------------------------- going on all the same


def test_who_goes_on_blind_gets_shown_but_never_proven(
    cli: Cli, reachable: Path, recording: Recording
) -> None:
    """Errors in all fixtures but those of the new test's folder, as on Flask: the change is shown, no more."""
    fixtures = {"old/" + name.partition("/")[2]: text for name, text in FIXTURES.items()}
    project = make_repository(reachable / "blind", CALC | fixtures)
    out = cli(*order(project, recording(GOOD_JOB), "--blind"), code=3)
    assert "verdict: shown, not proven" in out
    assert "? existing tests: not seen: Vulcan sees" in out
    assert "has no attribute 'notset_of_old'" in out
    assert "shown, not proven after 1 round;" in out
    page = cli("show")
    assert "**Shown, not proven.**" in page
    assert "| ❔ | existing tests |" in page


def test_a_suite_that_never_starts_is_never_the_coder_s(
    cli: Cli, reachable: Path, recording: Recording
) -> None:
    """As on httpx: a right change, and one round only, since no round can mend the environment."""
    project = make_repository(reachable / "blind", CALC | WONT_START)
    out = cli(*order(project, recording(GOOD_JOB), "--blind"), code=3)
    assert "not proven after 1 round;" in out
    verdict = json.loads(cli("show", "--json"))["verdict"]
    found = [finding for gate in verdict["gates"] for finding in gate.get("findings", ())]
    assert {finding["owner"] for finding in found} == {"person"}


def test_a_file_that_is_not_seen_and_imports_the_change_leaves_it_unproven(
    cli: Cli, reachable: Path, recording: Recording
) -> None:
    """Nine files of ten are enough to begin, but not where the tenth is about what changes."""
    others = {f"tests/test_{n}.py": PLAIN_TEST for n in range(9)}
    blind = {"tests/test_blind.py": "import no_such_module_9f3a\nfrom calc import add\n\n\n" + PLAIN_TEST}
    project = make_repository(reachable / "most", CALC | others | blind)
    out = cli(*order(project, recording(GOOD_JOB)), code=3)
    assert "verdict: shown, not proven" in out
    assert "import what was changed can't be collected" in out
    elsewhere = {"tests/test_blind.py": "import no_such_module_9f3a\n\n\n" + PLAIN_TEST}
    project = make_repository(reachable / "other", CALC | others | elsewhere)
    assert "verdict: PROVEN" in cli(*order(project, recording(GOOD_JOB)))


# ------------------------------------------------------------------------------------------ how often it runs


class Counting:
    """A runner that writes down what it is really asked to run."""

    def __init__(self, real: ports.TestRunner, seen: list[ports.TestRequest]) -> None:
        self._real, self._seen = real, seen

    async def run(
        self, checkout: Path, environment: ports.PreparedEnvironment, request: ports.TestRequest
    ) -> ports.TestRunResult:
        self._seen.append(request)
        return await self._real.run(checkout, environment, request)


class Runs:
    """The command line in this process, with every run counted."""

    def __init__(self, home: Path) -> None:
        self._home, self.seen = home, list[ports.TestRequest]()

    def __call__(self, *arguments: str) -> tuple[str, int]:
        """What was printed, and how many whole suites were run for it."""
        self.seen.clear()
        done = CliRunner().invoke(
            command, list(arguments), obj=self._open, env={"VULCAN_HOME": str(self._home)}
        )
        assert done.exit_code == 0, done.output
        return done.output, sum(not request.ids for request in self.seen)

    def _open(self, repository: Path | None, environ: object, overrides: dict[str, object]) -> Vulcan:
        del environ

        def counted(services: Services) -> Services:
            return replace(services, runner=Counting(services.runner, self.seen))

        return bootstrap(repository, {"VULCAN_HOME": str(self._home)}, overrides, services=counted)


@pytest.fixture
def runs(home: Path) -> Runs:
    return Runs(home)


def with_fix(new: str) -> tuple[str, ...]:
    fix = reply("generate/1/coder/0", ("edit", {"path": "calc.py", "old": "a - b", "new": new}))
    return (ANALYSIS, fix, FIX[1], REVIEW, *TESTS)


def test_a_green_job_runs_the_whole_suite_twice_and_once_in_a_series(
    runs: Runs, project: Path, recording: Recording
) -> None:
    first, count = runs(*order(project, recording(with_fix("a + b"))))
    assert "pipeline: passed" in first
    assert count == 2, "base, and the existing tests on the change; the pipeline runs what is new"

    second, count = runs(*order(project, recording(with_fix("b + a"))))
    assert "verdict: PROVEN" in second
    assert "pipeline: passed" in second
    assert count == 1, "the base is the same"
    assert "base: sees 1 of 1 tests (as run before on the same files)" in second
    assert "the base run is that of an earlier job on the same files" in runs("show")[0]

    damaged = list((project.parent / "state/runs").iterdir())
    for path in damaged:
        path.write_text("damaged")
    assert runs(*order(project, recording(with_fix("b + a"))))[1] == 2


def test_failures_from_before_are_known_without_another_run_of_the_base(
    runs: Runs, reachable: Path, recording: Recording
) -> None:
    failing = {"tests/test_old.py": "def test_old():\n    assert False\n"}
    project = make_repository(reachable / "failing", CALC | failing)
    out, count = runs(*order(project, recording(GOOD_JOB)))
    assert "1 failed before the change already: tests/test_old.py::test_old" in runs("show")[0]
    assert "pipeline: passed" in out
    assert count == 2


def test_new_tests_that_stand_in_the_way_of_others_fail_in_the_pipeline(
    cli: Cli, project: Path, recording: Recording
) -> None:
    """Run alone, the new file is fine; collected with all others, pytest takes it for one that has its name."""
    content = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
    path = "tests/more/test_calc.py"
    declared = {"tests": [{"test": f"{path}::test_add", "criteria": ["AC-1"]}]}
    author = (
        reply("write_tests/1/test_author/0", ("write", {"path": path, "content": content})),
        reply("write_tests/1/test_author/1", ("submit_tests", declared)),
    )
    job = (ANALYSIS, *FIX, REVIEW, *author)
    out = cli(*order(project, recording(job), "--rounds", "1"), code=3)
    assert "pipeline: failed" in out


def test_the_pipelines_commands_write_to_no_tree_that_others_use(
    cli: Cli, home: Path, reachable: Path, recording: Recording
) -> None:
    files = CALC | {"vulcan.toml": 'checks = ["echo spoilt > calc.py && cat calc.py"]\n'}
    project = make_repository(reachable / "calc", files)
    assert "pipeline: passed" in cli(*order(project, recording(GOOD_JOB)))
    sources = [path.read_text() for path in (home / "trees").rglob("calc.py")]
    assert sources
    assert not [text for text in sources if "spoilt" in text]
