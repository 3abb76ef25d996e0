"""Reports of test commands, as the real tools wrote them (tests/fixtures/reports), and as they should not be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulcan.domain.testing import ABSENT_NAME, Outcome, TestResult
from vulcan.infrastructure.testing.reports import exit_code, go, junit, node, tap
from vulcan.infrastructure.testing.reports.go_cover import covered
from vulcan.infrastructure.testing.reports.parsed import DamagedReportError, Report, asked

FOLDER = Path(__file__).parent.parent / "fixtures" / "reports"
Parse = Callable[[Report], tuple[TestResult, ...]]
PARSERS: dict[str, Parse] = {"go": go.parse, "junit": junit.parse, "node": node.parse, "tap": tap.parse}


def recorded(name: str, parse: Parse, **more: object) -> dict[str, TestResult]:
    results = parse(Report((FOLDER / name).read_text(), **more))
    assert len({r.id for r in results}) == len(results)
    return {r.id: r for r in results}


def outcomes(results: dict[str, TestResult]) -> dict[str, str]:
    return {name: result.outcome.value for name, result in results.items()}


A = "test/a.test.js"


def test_what_node_says_through_our_reporter() -> None:
    found = recorded("node.jsonl", node.parse)
    assert outcomes(found) == {
        f"{A}::adds": "passed",
        f"{A}::fails": "failed",
        f"{A}::throws": "failed",
        f"{A}::skipped": "skipped",
        f"{A}::todo": "skipped",
        f"{A}::with subs > one": "passed",
        f"{A}::with subs > two": "failed",
        f"{A}::with subs": "failed",
        f"{A}::suite > in": "passed",
        f"{A}::suite > deep > er": "failed",
        f"{A}::broken before > x": "error",
        "test/b.test.js": "error",
        "test/c.test.mjs": "error",
        "test/d.test.js": "error",
        "test/plain.test.js": "passed",
    }
    assert found[f"{A}::fails"].is_assert
    assert found[f"{A}::fails"].message.endswith("Expected values to be strictly equal: 2 !== 3")
    assert found[f"{A}::throws"].exception == ABSENT_NAME
    assert [found[f"test/{name}"].exception for name in ("b.test.js", "c.test.mjs", "d.test.js")] == [
        ABSENT_NAME,
        ABSENT_NAME,
        "CollectionError",
    ]


def test_nodes_own_tap_has_subtests_and_reasons() -> None:
    found = recorded("node.tap", tap.parse)
    assert outcomes(found) == {
        ".::adds": "passed",
        ".::fails": "failed",
        ".::throws": "failed",
        ".::skipped": "skipped",
        ".::todo": "skipped",
        ".::with subs > one": "passed",
        ".::with subs > two": "failed",
        ".::suite > in": "passed",
        ".::suite > deep > er": "failed",
        ".::broken before > x": "failed",
        ".::broken before": "failed",
        "test/b.test.js": "error",
    }
    assert found[".::fails"].is_assert
    assert found[".::adds"].duration > 0
    assert found[".::throws"].exception == ABSENT_NAME


@pytest.mark.parametrize("name", ["mocha.tap", "mocha13.tap"])
def test_mochas_tap_has_whole_names(name: str) -> None:
    found = recorded(name, tap.parse)
    assert outcomes(found) == {
        ".::add adds": "passed",
        ".::add fails  hard": "failed",
        ".::add pends": "skipped",
        ".::add deep er": "passed",
    }
    assert found[".::add fails  hard"].is_assert


def test_a_hook_of_mocha_that_breaks_is_a_failure() -> None:
    assert (
        recorded("mocha_hook.tap", tap.parse)['.::add deep "before each" hook for "er"'].outcome
        is Outcome.FAILED
    )


def test_tapes_comments_name_the_tests_of_its_assertions() -> None:
    found = recorded("tape.tap", tap.parse)
    assert outcomes(found) == {
        ".::timing > should be strictly equal": "passed",
        ".::timing > named": "failed",
        ".::b > fine": "passed",
    }


def test_mochas_junit_names_files() -> None:
    found = recorded("mocha.xml", junit.parse)
    file = "test/calc.test.js::add"
    assert outcomes(found) == {
        f"{file} adds": "passed",
        f"{file} fails # hard": "failed",
        f"{file} deep er": "passed",
    }
    assert found[f"{file} fails # hard"].is_assert


def test_pytests_junit_names_classes_and_tells_setup_from_test() -> None:
    found = recorded("pytest.xml", junit.parse)
    assert outcomes(found) == {
        "test_it.TestA::test_pass": "passed",
        "test_it::test_fail": "failed",
        "test_it::test_raise": "failed",
        "test_it::test_setup": "error",
        "test_it::test_absent": "failed",
        "test_it::test_skip": "skipped",
        "test_it::test_many[1]": "passed",
        "test_it::test_many[2]": "failed",
    }
    assert found["test_it::test_fail"].is_assert
    assert not found["test_it::test_raise"].is_assert
    assert found["test_it::test_absent"].exception == ABSENT_NAME


def test_nodes_junit_takes_a_todo_for_what_it_is() -> None:
    found = recorded("node.xml", junit.parse)
    assert (found["test::adds"].outcome, found["test::todo"].outcome) == (Outcome.PASSED, Outcome.SKIPPED)


def test_go_names_packages_by_folder_and_a_package_that_does_not_compile() -> None:
    more = {"output": (FOLDER / "go.stderr").read_text(), "modules": ("example.com/calc",)}
    found = recorded("go.jsonl", go.parse, **more)
    assert outcomes(found) == {
        ".::TestZero": "passed",
        ".::TestAdd": "failed",
        ".::TestAdd/two": "failed",
        ".::TestAdd/none": "passed",
        ".::TestSkip": "skipped",
        "boom::TestOk": "passed",
        "boom::TestBoom": "failed",
        "inner": "error",
    }
    assert found[".::TestAdd"].is_assert
    assert found[".::TestAdd"].message.endswith("Add(1,1)")
    assert (found["boom::TestBoom"].exception, found["boom::TestBoom"].is_assert) == ("panic", False)
    assert found["inner"].exception == ABSENT_NAME
    assert "undefined: Nope" in found["inner"].message


def test_go_in_a_folder_of_a_repository() -> None:
    report = Report((FOLDER / "go.jsonl").read_text(), folder="tool", modules=("example.com/calc",))
    assert {r.id.partition("::")[0] for r in go.parse(report)} == {"tool", "tool/boom", "tool/inner"}


def test_a_product_that_does_not_compile_is_no_absent_name() -> None:
    output = "# example.com/calc/inner\ninner/x.go:5:28: undefined: Nope\n"
    report = Report((FOLDER / "go.jsonl").read_text(), output, modules=("example.com/calc",))
    assert {r.id: r for r in go.parse(report)}["inner"].exception == "CollectionError"


def test_newer_go_reports_its_compiler_in_the_same_stream() -> None:
    lines = (
        '{"ImportPath":"m/in [m/in.test]","Action":"build-output","Output":"in/x_test.go:5:1: undefined: Nope\\n"}\n'
        '{"ImportPath":"m/in [m/in.test]","Action":"build-fail"}\n'
        '{"Action":"start","Package":"m/in"}\n'
        '{"Action":"fail","Package":"m/in","Elapsed":0,"FailedBuild":"m/in [m/in.test]"}\n'
    )
    (result,) = go.parse(Report(lines, modules=("m",)))
    assert (result.id, result.exception) == ("in", ABSENT_NAME)


def test_a_package_that_is_not_ended_breaks_off() -> None:
    lines = (FOLDER / "go.jsonl").read_text().splitlines()[:6]
    with pytest.raises(DamagedReportError, match="breaks off in"):
        go.parse(Report("\n".join(lines)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no test points"),
        ("hello\n", "no test points"),
        ("ok 1 - a\n", "no plan"),
        ("1..2\nok 1 - a\n", "1 of 2 planned"),
        ("1..2\nok 1 - a\nBail out! no disk\n", "gave up: Bail out! no disk"),
    ],
)
def test_tap_that_breaks_off(text: str, why: str) -> None:
    with pytest.raises(DamagedReportError, match=why):
        tap.parse(Report(text))


@pytest.mark.parametrize(
    "text",
    [
        "TAP version 14\n1..2\nok 1 - a\nnot ok 2 - b # TODO later\n",
        "1..2\nok 1 a\nok 2 b # skip no disk\n",
        "ok 1 - a\nsome output\nok 2 - b # SKIP\n1..2\n",
    ],
)
def test_tap_of_all_versions(text: str) -> None:
    assert outcomes({r.id: r for r in tap.parse(Report(text))}) == {".::a": "passed", ".::b": "skipped"}


def test_a_planned_nothing_is_no_damage() -> None:
    assert tap.parse(Report("TAP version 13\n1..0 # SKIP no tests\n")) == ()


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuites><testsuite>&b;</testsuite></testsuites>'
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "document type"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><testsuites/>', "document type"),
        ("<testsuites>" + "<testsuite>" * 60 + "</testsuite>" * 60 + "</testsuites>", "too deeply"),
        ("<testsuites><testsuite>", "no XML"),
        ("<html/>", "no test suites"),
        ("", "no XML"),
    ],
)
def test_xml_that_is_hostile_or_no_report(text: str, why: str) -> None:
    with pytest.raises(DamagedReportError, match=why):
        junit.parse(Report(text))


def test_a_node_run_that_breaks_off() -> None:
    text = "\n".join((FOLDER / "node.jsonl").read_text().splitlines()[:-1])
    with pytest.raises(DamagedReportError, match="breaks off"):
        node.parse(Report(text))


@pytest.mark.parametrize("form", PARSERS)
@given(text=st.text(max_size=200), keep=st.floats(0, 1))
def test_a_damaged_report_is_a_finding_never_a_crash(form: str, text: str, keep: float) -> None:
    name = {"go": "go.jsonl", "junit": "mocha.xml", "node": "node.jsonl", "tap": "node.tap"}[form]
    whole = (FOLDER / name).read_text()
    for damaged in (text, whole[: int(len(whole) * keep)] + text, text + whole):
        try:
            results = PARSERS[form](Report(damaged))
        except DamagedReportError:
            continue
        for result in results:
            assert f"{result.id}{result.message}{result.exception}".encode()
            assert result.duration >= 0


def test_an_exit_code_is_one_test() -> None:
    assert exit_code.parse(Report(""), "make test", 0) == (TestResult(".::make test", Outcome.PASSED),)
    (result,) = exit_code.parse(Report("1 bad", "oh"), "make test", 2)
    assert (result.outcome, result.message) == (Outcome.FAILED, "1 bad\noh")


# ------------------------------------------------------------------------------------- what was asked for


def passed(*ids: str) -> tuple[TestResult, ...]:
    return tuple(TestResult(i, Outcome.PASSED) for i in ids)


@pytest.mark.parametrize(
    ("wanted", "known"),
    [
        ("test/a.test.js::s > x", "test/a.test.js::s > x"),
        ("test/a.test.js::s::x", "test/a.test.js::s > x"),
        ("test/a.test.js::s > x", ".::s x"),
        ("calc/calc_test.go::TestAdd", "calc::TestAdd"),
        ("calc::TestAdd", "calc::TestAdd"),
        ("src/test/java/org/CalcTest.java::adds", "org.CalcTest::adds"),
    ],
)
def test_a_test_is_found_by_each_of_its_names(wanted: str, known: str) -> None:
    results = passed(known, "test/b.test.js::s > x", "other::TestAdd", "test/a.test.js::s > y")
    assert asked(results, [wanted]) == passed(wanted)


def test_the_same_name_in_two_other_places_is_neither() -> None:
    assert asked(passed("org.A::adds", "org.B::adds"), ["src/C.java::adds"]) == ()


def test_a_broken_file_or_package_is_an_error_of_what_is_asked_of_it() -> None:
    broken = (TestResult("calc", Outcome.ERROR, message="no"), TestResult("test/a.test.js", Outcome.ERROR))
    found = asked(
        broken, ["calc/x_test.go::TestAdd", "calc::TestSub", "test/a.test.js::x", "test/b.test.js::x"]
    )
    assert [r.id for r in found] == ["calc/x_test.go::TestAdd", "calc::TestSub", "test/a.test.js::x"]


def test_a_whole_file_may_be_asked_for() -> None:
    results = passed("test/a.test.js::x", "test/a.test.js::y", "test/b.test.js::x")
    assert asked(results, ["test/a.test.js"]) == results[:2]


def test_lines_of_the_change_that_go_ran() -> None:
    profile = (
        "mode: set\nexample.com/calc/calc.go:3.24,5.2 1 1\nexample.com/calc/in/x.go:5.17,5.29 1 0\nnonsense\n"
    )
    ran, known = covered(profile, ("example.com/calc",), "", {"calc.go": (4,), "in/x.go": (5,)})
    assert (ran, known) == ({"calc.go": (3, 4, 5), "in/x.go": ()}, {"calc.go": (3, 4, 5), "in/x.go": (5,)})
