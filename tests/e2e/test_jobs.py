"""The whole job through the command line, with recorded models: what is proven, what is not, and what is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conftest import ANALYSIS, CALC, FIX, GOOD_JOB, REVIEW, TESTS, Cli, git, make_repository, reply

pytestmark = pytest.mark.sandbox
Recording = Callable[[Sequence[str]], str]
TEST_FILE = "tests/test_add.py"
SUBMIT = ("submit_tests", {"tests": [{"test": f"{TEST_FILE}::test_add", "criteria": ["AC-1"]}]})


def author(round_: int, content: str, path: str = TEST_FILE) -> tuple[str, ...]:
    key = f"write_tests/{round_}/test_author"
    return (reply(f"{key}/0", ("write", {"path": path, "content": content})), reply(f"{key}/1", SUBMIT))


def coder(round_: int, old: str, new: str, path: str = "calc.py") -> tuple[str, ...]:
    key = f"generate/{round_}/coder"
    return (
        reply(f"{key}/0", ("edit", {"path": path, "old": old, "new": new})),
        reply(f"{key}/1", text="Done."),
    )


def test_case(body: str) -> str:
    return f"from calc import add\n\n\ndef test_add():\n{body}\n"


test_case.__test__ = False


def run(cli: Cli, project: Path, model: str, *more: str, code: int = 0, **environment: str) -> str:
    return cli(
        "run", "Make add add", "--repo", str(project), "--model", model, *more, code=code, **environment
    )


def newest(cli: Cli) -> dict:
    return json.loads(cli("show", "--json"))


# --------------------------------------------------------------------------------------------- the good way


def test_a_job_is_proven_merged_released_and_undone(cli: Cli, project: Path, recording: Recording) -> None:
    before = git(project, "rev-parse", "HEAD")
    out = run(cli, project, recording(GOOD_JOB), "--release")
    assert "verdict: PROVEN" in out
    assert "vulcan approve" in out

    page = cli("show")
    assert "**AC-1** add(2, 3) returns 5 | `tests/test_add.py::test_add`" in page
    assert "A: AssertionError" in page
    assert "a + b" in cli("show", "--diff")
    branch = newest(cli)["delivery"]["branch"]
    assert git(project, "show", f"{branch}:calc.py").endswith("return a + b")
    assert git(project, "log", "--format=%an <%ae>", "-1", branch) == "Vulcan <vulcan@localhost>"
    assert "Vulcan-Job:" in git(project, "log", "--format=%b", "-1", branch)

    merged = cli("approve")
    assert "merged #1" in merged
    assert "released v0.1.0" in merged
    assert git(project, "rev-parse", "HEAD") == before
    assert git(project, "status", "--porcelain") == ""
    job = json.loads(cli("jobs", "--json"))["job"]
    assert f"removed branch {branch}" in cli("undo", job)
    assert git(project, "for-each-ref", "refs/heads/vulcan") == ""


def test_uncommitted_work_is_not_seen_and_not_touched(cli: Cli, project: Path, recording: Recording) -> None:
    (project / "calc.py").write_text("mine = 1\n")
    (project / "new.txt").write_text("mine\n")
    out = run(cli, project, recording(GOOD_JOB))
    assert "uncommitted" in out
    assert (project / "calc.py").read_text() == "mine = 1\n"
    assert (project / "new.txt").read_text() == "mine\n"
    cli("undo", json.loads(cli("jobs", "--json"))["job"])
    assert (project / "calc.py").read_text() == "mine = 1\n"


def test_a_detached_head_is_fine(cli: Cli, project: Path, recording: Recording) -> None:
    git(project, "checkout", "-q", "--detach")
    assert "verdict: PROVEN" in run(cli, project, recording(GOOD_JOB))


def test_odd_files_come_through(cli: Cli, reachable: Path, recording: Recording) -> None:
    odd = {
        "data.bin": bytes(range(256)),
        "latin1.txt": "caf\xe9\n".encode("latin-1"),
        "big.txt": "x\n" * 50_000,
    }
    project = make_repository(reachable / "odd", CALC | odd)
    (project / "out").symlink_to("/etc/passwd")
    (project / "bin\udce9.txt").write_text("x")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "odd")
    assert "verdict: PROVEN" in run(cli, project, recording(GOOD_JOB))
    branch = newest(cli)["delivery"]["branch"]
    assert git(project, "diff", "--stat", f"main..{branch}").splitlines()[-1].startswith(" 2 files changed")


def test_hostile_configuration_of_the_repository_never_acts(
    cli: Cli, project: Path, recording: Recording
) -> None:
    canary = project.parent / "canary"
    trap = project.parent / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    trap.chmod(0o755)
    (project / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "attributes")
    for key in (
        "core.fsmonitor",
        "filter.evil.clean",
        "filter.evil.smudge",
        "diff.evil.textconv",
        "core.sshCommand",
    ):
        git(project, "config", key, str(trap))
    for hook in ("post-checkout", "reference-transaction", "pre-commit", "post-update"):
        target = project / ".git/hooks" / hook
        target.write_text(trap.read_text())
        target.chmod(0o755)
    assert "verdict: PROVEN" in run(cli, project, recording(GOOD_JOB))
    assert not canary.exists()
    git(project, "checkout", "-q", "-b", "other")
    assert canary.exists(), "the trap works with plain git"


def test_a_project_without_tests_can_be_proven(cli: Cli, reachable: Path, recording: Recording) -> None:
    project = make_repository(reachable / "bare", {"calc.py": CALC["calc.py"]})
    out = run(cli, project, recording(GOOD_JOB))
    assert "base: sees no existing tests" in out
    assert "✓ existing tests: there are no existing tests" in out
    assert "verdict: PROVEN" in out


def test_tests_that_failed_before_do_not_count(cli: Cli, reachable: Path, recording: Recording) -> None:
    failing = {"tests/test_old.py": "def test_old():\n    assert False\n"}
    project = make_repository(reachable / "failing", CALC | failing)
    out = run(cli, project, recording(GOOD_JOB))
    assert "1 failed before the change already" in out
    assert "pipeline: passed" in out


def test_a_test_that_hangs_is_stopped_and_named(cli: Cli, reachable: Path, recording: Recording) -> None:
    hanging = {"tests/test_hang.py": "import time\n\n\ndef test_hang():\n    time.sleep(600)\n"}
    project = make_repository(reachable / "hanging", CALC | hanging)
    out = run(cli, project, recording(GOOD_JOB), VULCAN_TESTS_TEST_TIMEOUT="1")
    assert "1 failed before the change already" in out


def test_settings_of_the_repository_reach_pytest(cli: Cli, reachable: Path, recording: Recording) -> None:
    slow = {
        "tests/test_slow.py": "def test_slow():\n    assert False\n",
        "vulcan.toml": '[tests]\narguments = ["-k", "not slow"]\n',
    }
    project = make_repository(reachable / "slow", CALC | slow)
    assert "failed before" not in run(cli, project, recording(GOOD_JOB))


def test_dependencies_that_can_not_be_installed_are_told(
    cli: Cli, reachable: Path, recording: Recording
) -> None:
    pyproject = (
        '[project]\nname = "calc"\nversion = "1"\n[project.optional-dependencies]\n'
        'test = ["no-such-package-anywhere-9f3a==1.0"]\n[tool.setuptools]\npy-modules = ["calc"]\n'
    )
    project = make_repository(reachable / "missing", CALC | {"pyproject.toml": pyproject})
    out = run(cli, project, recording(GOOD_JOB))
    assert "no-such-package-anywhere-9f3a==1.0 (extra test) could not be installed" in out
    assert "### Environment" in cli("show")


@pytest.mark.parametrize("options", ["--cov=calc --cov-report=xml", "--junitxml=report.xml", "-x --ff"])
def test_options_of_the_project_that_can_not_work_here_do_not_stop_it(
    cli: Cli, reachable: Path, recording: Recording, options: str
) -> None:
    ini = {"pytest.ini": f"[pytest]\naddopts = {options}\n"}
    project = make_repository(reachable / "options", CALC | ini)
    assert "1 of 1 that passed before still pass" in run(cli, project, recording(GOOD_JOB))


def test_a_unittest_suite_in_test_py_is_found(cli: Cli, reachable: Path, recording: Recording) -> None:
    suite = "import unittest\nfrom calc import add\n\n\nclass T(unittest.TestCase):\n    def test_zero(self):\n        self.assertEqual(add(0, 0), 0)\n"
    project = make_repository(reachable / "unit", {"calc.py": CALC["calc.py"], "test.py": suite})
    assert "1 of 1 that passed before still pass" in run(cli, project, recording(GOOD_JOB))


# ----------------------------------------------------------------------------------- what is not proven


def test_work_without_evidence_ends_not_proven_with_a_report(
    cli: Cli, project: Path, recording: Recording
) -> None:
    weak = test_case("    assert add(0, 0) == 0")
    model = recording((ANALYSIS, *FIX, REVIEW, *author(1, weak), *author(2, weak)))
    out = run(cli, project, model, "--rounds", "2", code=3)
    assert "not proven after 2 rounds" in out
    page = cli("show")
    assert "**Not proven.**" in page
    assert "passes without the change, so it proves nothing" in page
    assert "What to do next" in page
    branch = newest(cli)["delivery"]["branch"]
    assert git(project, "show", f"{branch}:calc.py").endswith("return a + b")
    assert "ended already" in cli("cancel", json.loads(cli("jobs", "--json"))["job"], code=2)


def test_a_test_that_proves_nothing_goes_back_to_its_author(
    cli: Cli, project: Path, recording: Recording
) -> None:
    weak, strong = test_case("    assert add(0, 0) == 0"), test_case("    assert add(2, 3) == 5")
    model = recording((ANALYSIS, *FIX, REVIEW, *author(1, weak), *author(2, strong)))
    out = run(cli, project, model)
    assert "✗ red-green: 0 of 1" in out
    assert "✓ red-green: 1 of 1" in out


def test_a_wrong_change_goes_back_to_the_coder(cli: Cli, project: Path, recording: Recording) -> None:
    strong = test_case("    assert add(2, 3) == 5")
    wrong = coder(1, "a - b", "a * b")
    model = recording((ANALYSIS, *wrong, REVIEW, *author(1, strong), *coder(2, "a * b", "a + b")))
    out = run(cli, project, model)
    assert "✗ criteria: 0 of 1" in out
    assert "verdict: PROVEN" in out


def test_a_coder_who_stands_by_its_code_is_heard_by_the_test_author(
    cli: Cli, project: Path, recording: Recording
) -> None:
    wrong, right = test_case("    assert add(2, 3) == 6"), test_case("    assert add(2, 3) == 5")
    stays = (reply("generate/2/coder/0", text="The test is wrong: 2 + 3 is 5."),)
    model = recording((ANALYSIS, *FIX, REVIEW, *author(1, wrong), *stays, *author(2, right)))
    assert "verdict: PROVEN" in run(cli, project, model)


LINTED = CALC | {"pyproject.toml": "[tool.ruff.lint]\nselect = ['F', 'BLE']\n"}
BROAD = "try:\n        return a + b\n    except Exception:\n        return 0"
NO_MORE = reply("generate/2/coder/0", text="A broad except is what is wanted here.")


def test_a_finding_that_the_coder_contests_is_reported_and_the_change_is_reviewed_and_proven(
    cli: Cli, reachable: Path, recording: Recording
) -> None:
    project = make_repository(reachable / "linted", LINTED)
    review = reply("validate/2/reviewer/0", ("submit_review", {"findings": []}))
    strong = author(2, test_case("    assert add(2, 3) == 5\n    assert add(2, None) == 0"))
    model = recording((ANALYSIS, *coder(1, "return a - b", BROAD), NO_MORE, review, *strong))
    out = run(cli, project, model, "--json")
    checks = [e["payload"] for e in map(json.loads, out.splitlines()) if e["event"] == "CodeValidated"]
    assert [each.get("reviewed", False) for each in checks] == [False, True]
    page = cli("show")
    assert "1 contested" in page
    assert "(the coder let it stand: A broad except is what is wanted here.) (calc.py:4)" in page


def test_a_finding_that_is_there_a_round_later_stops_nothing(
    cli: Cli, reachable: Path, recording: Recording
) -> None:
    project = make_repository(reachable / "linted", LINTED)
    review = reply("validate/2/reviewer/0", ("submit_review", {"findings": []}))
    strong = author(2, test_case("    assert add(2, 3) == 5\n    assert add(2, None) == 1"))
    rounds = (*coder(1, "return a - b", BROAD), *coder(2, "return 0", "return 1"))
    out = run(cli, project, recording((ANALYSIS, *rounds, review, *strong)))
    assert "verdict: PROVEN" in out
    assert "still there a round later" in cli("show")


def test_the_coder_has_the_checkers(cli: Cli, project: Path, recording: Recording) -> None:
    command = "ruff --version && sed -i 's/a - b/a + b/' calc.py"
    fix = (reply("generate/1/coder/0", ("shell", {"command": command})), FIX[1])
    assert "verdict: PROVEN" in run(cli, project, recording((ANALYSIS, *fix, REVIEW, *TESTS)))


def test_a_change_that_breaks_what_worked_is_not_proven(
    cli: Cli, project: Path, recording: Recording
) -> None:
    breaks = coder(1, "return a - b", "return 5")
    strong = test_case("    assert add(2, 3) == 5")
    stays = (reply("generate/2/coder/0", text="I think it is right."),)
    out = run(cli, project, recording((ANALYSIS, *breaks, REVIEW, *author(1, strong), *stays)), code=3)
    assert "✗ existing tests: 0 of 1" in out


def test_an_altered_existing_test_is_refused(cli: Cli, project: Path, recording: Recording) -> None:
    altered = "from calc import add\n\n\ndef test_zero():\n    assert add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
    tampered = (
        reply("write_tests/1/test_author/0", ("write", {"path": "tests/test_calc.py", "content": altered})),
        reply(
            "write_tests/1/test_author/1",
            ("submit_tests", {"tests": [{"test": "tests/test_calc.py::test_add", "criteria": ["AC-1"]}]}),
        ),
    )
    model = recording((ANALYSIS, *FIX, REVIEW, *tampered))
    out = run(cli, project, model, "--rounds", "1", code=3)
    assert "✗ existing tests" in out
    assert "its code was altered or removed" in cli("show")


def test_an_existing_test_that_the_instruction_changes_may_change(
    cli: Cli, reachable: Path, recording: Recording
) -> None:
    files = CALC | {
        "tests/test_calc.py": "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == -1\n"
    }
    project = make_repository(reachable / "changed", files)
    analysis = reply(
        "analyze/1/analyst/0",
        (
            "submit_requirements",
            {
                "summary": "Add",
                "criteria": ["add(2, 3) is 5"],
                "changed_tests": ["tests/test_calc.py::test_add"],
            },
        ),
    )
    strong = test_case("    assert add(2, 3) == 5")
    updated = (
        reply(
            "write_tests/2/test_author/0",
            ("edit", {"path": "tests/test_calc.py", "old": "== -1", "new": "== 5"}),
        ),
        reply("write_tests/2/test_author/1", SUBMIT),
    )
    out = run(cli, project, recording((analysis, *FIX, REVIEW, *author(1, strong), *updated)))
    assert "✗ existing tests" in out, "the stale test is shown first"
    assert "1 change because the requirement says so" in out
    assert "pipeline: passed" in out


ABSENT = {
    "weak": ("import calc\n\n\ndef test_add():\n    calc.double(2)\n", 3),
    "strong": ("import calc\n\n\ndef test_add():\n    assert calc.double(2) == 4\n", 0),
    "looks at nothing": ("import calc\n\n\ndef test_add():\n    assert calc.double(2) != 5\n", 3),
    "top-level import": ("from calc import double\n\n\ndef test_add():\n    assert double(2) == 4\n", 0),
}


@pytest.mark.parametrize("kind", ABSENT)
def test_an_absent_name_counts_only_if_emptied_bodies_fail(
    cli: Cli, project: Path, recording: Recording, kind: str
) -> None:
    content, code = ABSENT[kind]
    adds = coder(1, "def add", "def double(a):\n    return 2 * a\n\n\ndef add")
    model = recording((ANALYSIS, *adds, REVIEW, *author(1, content)))
    out = run(cli, project, model, "--rounds", "1", code=code)
    assert "1 B" in out


def test_a_test_that_can_not_be_collected_proves_nothing(
    cli: Cli, project: Path, recording: Recording
) -> None:
    broken = "from calc import add\nimport no_such_module_anywhere\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
    model = recording((ANALYSIS, *FIX, REVIEW, *author(1, broken)))
    out = run(cli, project, model, "--rounds", "1", code=3)
    assert "✗ criteria" in out


def test_static_faults_and_secrets_go_back_to_the_coder(
    cli: Cli, project: Path, recording: Recording
) -> None:
    secret = "ghp_" + "a" * 36
    faults = coder(1, "return a - b", f"return a + undefined_name\nTOKEN = '{secret}'")
    mends = coder(2, f"a + undefined_name\nTOKEN = '{secret}'", "a + b")
    tests = author(2, test_case("    assert add(2, 3) == 5"))
    out = run(
        cli,
        project,
        recording((ANALYSIS, *faults, *mends, REVIEW.replace("validate/1", "validate/2"), *tests)),
    )
    assert "F821" in out
    assert "GitHub token" in out
    assert secret not in out
    assert "verdict: PROVEN" in out


def test_a_reviewer_can_refuse_but_not_approve(cli: Cli, project: Path, recording: Recording) -> None:
    objection = reply(
        "validate/1/reviewer/0", ("submit_review", {"findings": [{"text": "multiplies", "path": "calc.py"}]})
    )
    agrees = reply("validate/2/reviewer/0", ("submit_review", {"findings": []}))
    model = recording(
        (ANALYSIS, *coder(1, "a - b", "a * b"), objection, *coder(2, "a * b", "a + b"), agrees,
         *author(2, test_case("    assert add(2, 3) == 5")))
    )  # fmt: skip
    out = run(cli, project, model)
    assert "[review] multiplies" in out
    assert "verdict: PROVEN" in out


def test_a_coder_who_changes_nothing_is_not_believed(cli: Cli, project: Path, recording: Recording) -> None:
    claims = (reply("generate/1/coder/0", text="All done, everything passes!"),)
    out = run(cli, project, recording((ANALYSIS, *claims)), "--rounds", "1", code=3)
    assert "Nothing in the product's code was changed" in out


def test_what_the_coder_does_to_tests_is_thrown_away(cli: Cli, project: Path, recording: Recording) -> None:
    also = (
        reply(
            "generate/1/coder/0",
            ("edit", {"path": "calc.py", "old": "a - b", "new": "a + b"}),
            ("shell", {"command": "rm tests/test_calc.py; echo 'def test_x(): pass' > tests/test_x.py"}),
        ),
        reply("generate/1/coder/1", text="Done."),
    )
    run(cli, project, recording((ANALYSIS, *also, REVIEW, *TESTS)))
    branch = newest(cli)["delivery"]["branch"]
    names = git(project, "ls-tree", "-r", "--name-only", branch).splitlines()
    assert "tests/test_calc.py" in names
    assert "tests/test_x.py" not in names


# ------------------------------------------------------------------------------ waiting, budget, ending


QUESTION = reply(
    "analyze/1/analyst/0",
    (
        "submit_requirements",
        {"summary": "Add", "criteria": ["?"], "questions": ["Should add add or subtract?"]},
    ),
)


def test_a_contradictory_instruction_is_asked_about(cli: Cli, project: Path, recording: Recording) -> None:
    answered = ANALYSIS.replace("analyze/1", "analyze/2")
    model = recording((QUESTION, answered, *FIX, REVIEW, *TESTS))
    out = run(cli, project, model, code=4)
    assert "Should add add or subtract?" in out
    assert "--answer" in out
    assert "verdict: PROVEN" in cli("resume", "--answer", "Add.")


def test_with_yes_an_open_question_becomes_an_assumption(
    cli: Cli, project: Path, recording: Recording
) -> None:
    out = run(cli, project, recording((QUESTION, *FIX, REVIEW, *TESTS)), "--yes")
    assert "Should add add or subtract?" in out
    assert "Not asked" in cli("show")


def test_a_spent_budget_stops_and_a_larger_one_goes_on(cli: Cli, project: Path, recording: Recording) -> None:
    out = run(cli, project, recording(GOOD_JOB), "--max-calls", "3", code=5)
    assert "3 model calls used of 3" in out
    assert "verdict: PROVEN" in cli("resume", "--max-calls", "50")
    assert newest(cli)["usage"]["calls"] == len(GOOD_JOB)


def test_a_model_that_fails_can_be_resumed(cli: Cli, project: Path, recording: Recording) -> None:
    out = run(cli, project, recording(GOOD_JOB[:3]), code=1)
    assert "holds no reply for validate/1/reviewer/0" in out
    assert "vulcan resume" in out
    assert "verdict: PROVEN" in cli("resume", "--model", recording(GOOD_JOB))


def test_a_cancelled_job_stays_cancelled(cli: Cli, project: Path, recording: Recording) -> None:
    run(cli, project, recording(GOOD_JOB), "--max-calls", "1", code=5)
    job = json.loads(cli("jobs", "--json"))["job"]
    assert "vulcan undo" in cli("cancel", job)
    assert "cancelled" in cli("resume", job, code=6)


def test_merge_policies(cli: Cli, project: Path, recording: Recording) -> None:
    assert "merged #1" in run(cli, project, recording(GOOD_JOB), "--merge", "proven")
    assert "merging is left to people" in run(cli, project, recording(GOOD_JOB), "--merge", "never")


def test_a_protected_file_in_a_change_is_shown_and_waits_for_a_person(
    cli: Cli, project: Path, recording: Recording
) -> None:
    workflow = ("write", {"path": ".github/workflows/x.yml", "content": "on: push\n"})
    edit = ("edit", {"path": "calc.py", "old": "a - b", "new": "a + b"})
    coder_ = (reply("generate/1/coder/0", workflow, edit), reply("generate/1/coder/1", text="Done."))
    out = run(cli, project, recording((ANALYSIS, *coder_, REVIEW, *TESTS)), "--merge", "proven")
    assert "verdict: PROVEN" in out
    assert "vulcan approve" in out
    assert "merged #1" not in out
    assert ".github/workflows/x.yml runs in CI and is added: look at it before you merge" in cli("show")
    assert "merged #1" in cli("approve")


def test_every_event_is_a_json_line(cli: Cli, project: Path, recording: Recording) -> None:
    events = [json.loads(line) for line in run(cli, project, recording(GOOD_JOB), "--json").splitlines()]
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert [e["event"] for e in events][-1] == "ApprovalRequested"


def test_a_job_can_be_recorded_and_played_again(
    cli: Cli, project: Path, recording: Recording, reachable: Path
) -> None:
    run(cli, project, recording(GOOD_JOB))
    again = reachable / "again.jsonl"
    again.write_text(cli("show", "--recording"))
    assert "verdict: PROVEN" in run(cli, project, f"recorded:{again}")


def test_sigterm_pauses_and_leaves_nothing_alive(
    home: Path, project: Path, recording: Recording, cli: Cli
) -> None:
    sleeps = reply(
        "generate/1/coder/0", ("shell", {"command": "touch started; sleep 1234.5", "timeout": 600})
    )
    model = recording((ANALYSIS, sleeps))
    process = subprocess.Popen(
        [sys.executable, "-m", "vulcan", "run", "Make add add", "--repo", str(project), "--model", model, "-v"],
        env={**os.environ, "VULCAN_HOME": str(home)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list(home.glob("jobs/*/workspace/started")):
        assert process.poll() is None
    process.terminate()
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "the work is safe" in out
    alive = subprocess.run(
        ["pgrep", "-f", "sleep 1234.5"], capture_output=True, text=True, check=False
    ).stdout
    assert alive == ""
    assert "vulcan resume" in cli("show") or "resume" in cli("jobs")


# ------------------------------------------------------------------------------------------- bad input


def test_what_can_not_be_used_says_what_to_do(cli: Cli, reachable: Path, project: Path) -> None:
    plain = reachable / "plain"
    plain.mkdir()
    assert "git init" in run(cli, plain, "recorded:demo", code=2)
    empty = reachable / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    assert "commit" in run(cli, empty, "recorded:demo", code=2)
    assert "instruction is empty" in cli(
        "run", " ?! ", "--repo", str(project), "--model", "recorded:demo", code=2
    )
    assert "no recording" in cli("run", "x", "--repo", str(project), "--model", "recorded:none", code=2)
    told = cli("run", "x", "--repo", str(project), code=2)
    assert "ANTHROPIC_API_KEY" in told
    assert "--base-url" in told
    assert "vulcan demo" in told
    assert "vulcan jobs" in cli("show", "zzz", code=2)
    assert "no job yet" in Cli(reachable / "other")("show", code=2)
