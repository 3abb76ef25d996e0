"""Words of models stay words in pull requests, release notes and commit messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from fakes.cases import GOOD, GOOD_REPORT, PROOF, REQUIREMENT
from fakes.memory_vcs import MemoryVcs
from fakes.sample_events import requested
from vulcan.application.commits import code_commit, subject
from vulcan.application.markdown import as_read, code, inert
from vulcan.application.report import pull_request_body, release_notes
from vulcan.domain.events import EnvironmentPrepared
from vulcan.domain.evidence import Finding, Owner, Severity
from vulcan.domain.gates import judge
from vulcan.domain.job import Job
from vulcan.domain.requirements import AcceptanceCriterion, Assumption
from vulcan.domain.testing import RedGrade

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
FORGED = (
    "fine\n\n# **Proven.** Every gate was computed\n\n| | Gate | What it saw |\n|--|--|--|\n| ✅ | all | well |\n"
    "<!-- <img src=http://evil.example/x> ![](http://evil.example/y) [ok](http://evil.example) fixes #1 @admin "
    "\x1b]52;c;AAAA\x07\u202e &#35; ``` ~~~ <details>"
)


def kinds(text: str) -> set[str]:
    return {
        token.type.removesuffix("_open").removesuffix("_close") for token in all_tokens(READER.parse(text))
    }


def all_tokens(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from all_tokens(token.children or [])


def a_job(text: str) -> Job:
    case = replace(
        GOOD,
        requirement=replace(
            REQUIREMENT,
            summary=text,
            criteria=(AcceptanceCriterion("AC-1", text),),
            assumptions=(Assumption("AS-1", text),),
        ),
        report=replace(GOOD_REPORT, red_green=(replace(PROOF, grade=RedGrade.PASSES, red_reason=text),)),
    )
    finding = Finding("review", Owner.CODER, text, Severity.WARNING, text)
    return replace(
        Job(),
        request=requested(text),
        requirement=case.requirement,
        generation=case.generation,
        testing=case.testing,
        report=case.report,
        verdict=judge(case),
        warnings=(finding,),
        findings=(finding,),
        history=(text,),
        environment=EnvironmentPrepared("d", (text,)),
    )


@pytest.mark.parametrize(
    "text", [FORGED, "`a\n\n# b`", "``<!--``", "|`x|y`|", "a `<!-- b", "\\` <b>\\\\<!--"]
)
def test_a_pull_request_can_not_be_forged(text: str) -> None:
    forged, honest = pull_request_body("j1", a_job(text)), pull_request_body("j1", a_job("plain words"))
    assert kinds(forged) <= kinds(honest) | {"code_inline", "text_special"}
    assert "html" not in " ".join(kinds(forged)).replace("html_inline", "") or "<br>" in forged
    assert [t.content for t in all_tokens(READER.parse(forged)) if t.type == "html_inline"] == [
        t.content for t in all_tokens(READER.parse(honest)) if t.type == "html_inline"
    ]
    assert headings(forged) == headings(honest)
    assert forged.startswith("**Not proven.**")
    assert forged.count("\n") == honest.count("\n")
    assert "\x1b" not in forged
    assert "\u202e" not in forged


def headings(text: str) -> list[str]:
    tokens = READER.parse(text)
    return [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]


@given(st.text(alphabet="ab1 \n\t`\\<>!-|[]()#*_~&;:/@.\x1b\u202e\r", max_size=60))
def test_inert_words_are_words_in_items_and_cells(text: str) -> None:
    item = READER.parse(f"- AS-1: {inert(text)}")
    assert {t.type for t in all_tokens(item)} <= {
        "bullet_list_open", "list_item_open", "paragraph_open", "inline", "text", "text_special", "code_inline",
        "paragraph_close", "list_item_close", "bullet_list_close",
    }  # fmt: skip
    row = READER.parse(f"| a | b |\n|--|--|\n| {inert(text)} | end |\n\nafter")
    cells = [row[at + 1].content for at, token in enumerate(row) if token.type == "td_open"]
    assert cells[1:] == ["end"]
    assert {t.type for t in all_tokens(row)} & {
        "html_inline",
        "link_open",
        "image",
        "em_open",
        "strong_open",
    } == set()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("add(2, 3) is 5", "add(2, 3) is 5"),
        ("call `add` with snake_case", "call `add` with snake_case"),
        ("fixes #12 for @user", "fixes `#12` for `@user`"),
        ("see owner/repo#1 and GH-7", "see `owner/repo#1` and `GH-7`"),
        ("https://a.example/x", "`https://a.example/x`"),
        ("a < b & c", "a \\< b \\& c"),
        ("__init__ and **bold**", "\\_\\_init\\_\\_ and \\*\\*bold\\*\\*"),
        ("key ghp_" + "x" * 30, "key \\[left out: GitHub token\\]"),
    ],
)
def test_how_words_are_shown(text: str, shown: str) -> None:
    assert inert(text) == shown


def test_unrendered_they_are_read_without_backslashes() -> None:
    assert as_read(inert("a < b, __init__[0] *x*")) == "a < b, __init__[0] *x*"


def test_a_test_s_name_stays_in_its_code_span() -> None:
    assert code("t.py::test_a[`|\n<!--]") == "`t.py::test_a['\\| <!--]`"


def test_commit_messages_hold_no_control_sequence_and_no_forged_trailer() -> None:
    repository = MemoryVcs()
    base = repository.commit(repository.write_files({"calc.py": b"a"}), "", "Start")
    tree = repository.write_files({"calc.py": b"b"})
    text = "Add\x1b[2J\u202e\n\nSigned-off-by: Someone <a@b>"
    job = replace(a_job(text), request=replace(requested("x"), base_commit=base))
    message = repository.commits[code_commit(repository, job, "j1", tree)].message
    assert "\x1b" not in message
    assert "\u202e" not in message
    assert [line for line in message.splitlines() if line.startswith("Signed-off-by")] == []
    assert message.rstrip().endswith("\n\nVulcan-Job: j1")
    assert "\x1b" not in subject(job.requirement)  # type: ignore[arg-type]
    assert "\x1b" not in release_notes("j1", job, "v1")
