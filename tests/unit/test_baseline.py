"""How many of a project's tests are seen, in one line, and when that is too little to begin."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fakes.cases import result, run
from fakes.generated import values
from vulcan.application.briefing import measured_tests
from vulcan.application.ports import Briefing
from vulcan.application.stages.prepare import BLIND_HINT, COMMAND_HINT, TIMEOUT_HINT, look
from vulcan.domain.baseline import Baseline, TestEstimate, same_cause, sight, too_little
from vulcan.domain.environment import Recipe, ReportForm
from vulcan.domain.job import Job
from vulcan.domain.testing import Outcome, TestRun
from vulcan.infrastructure.agents.briefings import render

ERROR, FAILED, SKIPPED = Outcome.ERROR, Outcome.FAILED, Outcome.SKIPPED
ONE = result("tests/test_a.py::test_a")
FILES = tuple(f"tests/test_{n}.py" for n in range(10))
COLLECTION = (
    "ImportError while importing test module '/workspace/tests/test_b.py'.\nHint: make sure ...\nTraceback:\n"
    "tests/test_b.py:1: in <module>\n    import trio\nE   ModuleNotFoundError: No module named 'trio'"
)
CONFTEST = (
    "pytest could not start (exit code 4):\nImportError while loading conftest '/workspace/tests/conftest.py'.\n"
    "tests/conftest.py:2: in <module>\n    from _pytest import x\n"
    "E   ImportError: cannot import name 'x' from '_pytest'"
)
MANY = tuple(result(f"{path}::test_{n}") for path in FILES for n in range(3))


@pytest.mark.parametrize(
    ("seen", "estimate", "words"),
    [
        (run(ONE), TestEstimate(1, ("tests/test_a.py",)), "sees 1 of 1 tests"),
        (
            run(ONE, result("tests/test_a.py::test_b", FAILED)),
            TestEstimate(2),
            "sees 2 of 2 tests, 1 of them failing",
        ),
        (run(), TestEstimate(), "sees no existing tests"),
        (run(), TestEstimate(7, ("tests/test_a.py",)), "sees 0 of about 7 tests"),
        (
            run(note=CONFTEST),
            TestEstimate(492, FILES),
            "sees 0 of about 492 tests: tests/conftest.py: ImportError: cannot import name 'x' from '_pytest'",
        ),
        (
            run(ONE, result("tests/test_b.py", ERROR, COLLECTION)),
            TestEstimate(9, ("tests/test_a.py", "tests/test_b.py")),
            "sees 1 of about 9 tests, 1 of 2 test files not: "
            "tests/test_b.py: ModuleNotFoundError: No module named 'trio'",
        ),
        (
            run(note="the test run took longer than 600 s in tests/test_a.py::test_b"),
            TestEstimate(3),
            "sees 0 of about 3 tests: the test run took longer than 600 s in tests/test_a.py::test_b",
        ),
    ],
)
def test_one_line_says_what_is_seen_and_the_first_cause(
    seen: TestRun, estimate: TestEstimate, words: str
) -> None:
    assert sight(seen, estimate) == words


@given(values(TestRun), values(TestEstimate))
def test_the_line_is_one_line_whatever_tests_say(seen: TestRun, estimate: TestEstimate) -> None:
    line = sight(seen, estimate)
    assert 0 < len(line) <= 300
    assert len(line.splitlines()) == 1


def test_a_long_cause_is_cut_at_a_word() -> None:
    words = " ".join(f"word{n}" for n in range(100))
    line = sight(run(note=words), TestEstimate(1))
    assert line.endswith(" ...")
    assert line.removesuffix(" ...").rpartition(" ")[2] in words.split()


@pytest.mark.parametrize(
    ("seen", "estimate", "little"),
    [
        (run(ONE), TestEstimate(1, ("tests/test_a.py",)), False),
        (run(), TestEstimate(), False),
        (run(*MANY), TestEstimate(30, FILES), False),
        (run(*MANY[3:]), TestEstimate(30, FILES), False),
        (run(*MANY[6:]), TestEstimate(30, FILES), True),
        (run(*MANY[6:], result(FILES[0], SKIPPED)), TestEstimate(30, FILES), False),
        (run(*MANY[6:], *(result(r.id, ERROR) for r in MANY[:6])), TestEstimate(30, FILES), True),
        (run(ONE, note="the test run took longer than 600 s"), TestEstimate(1), True),
        (run(result("tests/test_a.py::test_a", FAILED)), TestEstimate(1), True),
        (run(result("tests/test_a.py::test_a", SKIPPED)), TestEstimate(1), True),
        (run(), TestEstimate(4, FILES), True),
    ],
)
def test_under_nine_of_ten_files_or_nothing_passing_or_a_broken_run_is_too_little(
    seen: TestRun, estimate: TestEstimate, little: bool
) -> None:
    assert too_little(seen, estimate) is little


def test_435_errors_in_fixtures_are_too_little_and_said_with_their_cause() -> None:
    """What happened on Flask, where the newest pytest was installed."""
    fixture = "E   AttributeError: module '_pytest.monkeypatch' has no attribute 'notset'"
    seen = run(*(result(f"tests/test_{n % 10}.py::test_{n}", ERROR, fixture) for n in range(435)))
    before = look(Baseline(seen, TestEstimate(401, FILES)), ("pyproject.toml",), Recipe())
    assert before.blind == (
        "sees 0 of about 435 tests: tests/test_0.py::test_0: "
        "AttributeError: module '_pytest.monkeypatch' has no attribute 'notset'"
    )
    assert "[tests] dependencies" in before.hint


@pytest.mark.parametrize("manifest", ["package.json", "go.mod", "Cargo.toml"])
def test_a_project_of_another_language_needs_a_command(manifest: str) -> None:
    nothing = Baseline(TestRun((), 5))
    before = look(nothing, (manifest, "lib/index.js"), Recipe())
    assert manifest in before.blind
    assert before.hint == COMMAND_HINT
    assert not look(nothing, (manifest, "pyproject.toml"), Recipe()).blind
    assert not look(nothing, ("docs/package.json", "calc.py"), Recipe()).blind
    assert "Go files" in look(nothing, ("Makefile", "main.go", "util.c"), Recipe()).blind
    assert not look(nothing, ("README.md",), Recipe()).blind
    assert not look(nothing, ("main.go", "calc.py"), Recipe()).blind
    command = Recipe(command="npm test", report=ReportForm.TAP)
    assert not look(Baseline(run(result("adds"))), (manifest,), command).blind
    assert look(Baseline(run(note="npm: not found")), (manifest,), command).blind


def test_a_suite_that_takes_too_long_is_given_time() -> None:
    seen = run(ONE, note="the test run took longer than 600 s")
    assert look(Baseline(seen), (), Recipe()).hint == TIMEOUT_HINT
    assert "--blind" in BLIND_HINT


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (CONFTEST, CONFTEST.replace("/workspace", "/var/tmp/x7"), True),
        (CONFTEST, CONFTEST.replace("conftest.py:2", "conftest.py:9"), True),
        (CONFTEST, CONFTEST.replace("name 'x'", "name 'y'"), False),
        ("the test run took longer than 600 s in tests/a.py::a", "the test run took longer than 600 s", True),
        ("the test run took longer than 600 s", "the test run ended early with exit code -9", False),
        ("", "", False),
        ("", CONFTEST, False),
    ],
)
def test_notes_are_the_same_where_only_places_and_numbers_differ(one: str, other: str, same: bool) -> None:
    assert same_cause(one, other) is same


@given(st.text(), st.text())
@example("0", "0")
def test_any_two_notes_can_be_compared(one: str, other: str) -> None:
    assert same_cause(one, other) == same_cause(other, one)


def test_analyst_and_coder_are_told_what_was_measured() -> None:
    before = run(ONE, result("tests/test_a.py::test_b", FAILED), result("tests/test_b.py", ERROR, COLLECTION))
    estimate = TestEstimate(3, ("tests/test_a.py", "tests/test_b.py"))
    words = measured_tests(Job(baseline=Baseline(before, estimate, "python -m pytest -q")))
    assert render(Briefing("key", "Do it", tests=words)).startswith(
        "The project's tests before any change, as `python -m pytest -q` ran them: 1 passed, 1 failed, 1 error.\n"
        "Not passing before any change: tests/test_a.py::test_b, tests/test_b.py.\n"
        "Test files that can't be run here: tests/test_b.py."
    )
    assert measured_tests(Job()) == ""
