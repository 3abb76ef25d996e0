"""What people see: hostile text is shown and never obeyed, every event has its words, every end its exit code."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import types
import typing
import unicodedata
from enum import Enum
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fakes.generated import events
from fakes.sample_events import called, replied, requested
from vulcan.application.jobs.status import Action, status_of
from vulcan.application.plaintext import on_one_line
from vulcan.application.ports import StoredEvent
from vulcan.apps.cli.outcomes import ExitCode, exit_code
from vulcan.apps.cli.safe import one_line, safe
from vulcan.apps.cli.views import JsonView, LiveView, PlainView, choose_view
from vulcan.apps.cli.wording import in_words
from vulcan.apps.cli.work import ACTION_LINES
from vulcan.domain.codec import decode_event
from vulcan.domain.events import (
    EVENT_TYPES,
    Event,
    JobOutcome,
    JobPaused,
    Stage,
    StageFailed,
    StageStarted,
)
from vulcan.domain.job import Ended, Waiting, WaitingFor
from vulcan.domain.texts import shortened

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\r\x9b1A"


def dangerous(text: str) -> list[str]:
    """Characters that a terminal would act on."""
    kinds = {"Cc", "Cs", "Co", "Zl", "Zp"}
    return [
        c for c in text if c not in "\n\t" and (unicodedata.category(c) in kinds or c in "\u202e\u2066\u061c")
    ]


# ---------------------------------------------------------------------------------------------------- safe


@given(st.text(st.characters()))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    assert dangerous(safe(text)) == []
    assert dangerous(one_line(text)) == []


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], max_codepoint=0xFFFF)))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_what_is_taken_out_is_shown() -> None:
    assert safe("a\x1b[31mb") == "a\\x1b[31mb"
    assert safe("a\u202eb") == "a\\x202eb"
    assert safe("one\r\ntwo\rthree\tfour\n") == "one\ntwo\nthree\tfour\n"


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_one_line_is_one_line_of_at_most_the_width(text: str, width: int) -> None:
    line = one_line(text, width)
    assert len(line) <= width
    assert len(line.splitlines()) <= 1
    assert line == on_one_line(text) or line.endswith("…")


@example("aaaa  aaaa", 9)
@given(st.text(alphabet="ab  ", max_size=80), st.integers(min_value=2, max_value=40))
def test_texts_are_cut_between_words(text: str, width: int) -> None:
    line = shortened(text, width)
    assert len(line) <= width
    cut = line.removesuffix("…")
    assert text.startswith(cut)
    whole = text[len(cut) : len(cut) + 1] in ("", " ") or cut.endswith(" ")
    assert whole or " " not in text[width // 2 + 1 : width - 1], "a word was cut though a blank was near"


def test_blanks_within_a_line_are_kept() -> None:
    assert on_one_line("  prints `a   b`,\n  then\t`c`\n") == "prints `a   b`, then `c`"


# ------------------------------------------------------------------------------------------------- wording

SILENT = {"WorkStarted", "ModelReplied", "WorkspaceSnapshotted", "EffectIntended", "EffectDone"}


def filled(annotation: Any) -> Any:
    """A value of a type with hostile text wherever text goes."""
    if annotation is str:
        return HOSTILE
    if typing.get_origin(annotation) is tuple:
        return (filled(typing.get_args(annotation)[0]),)
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return filled(typing.get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation))
    if dataclasses.is_dataclass(annotation):
        hints = typing.get_type_hints(annotation)
        return annotation(**{f.name: filled(hints[f.name]) for f in dataclasses.fields(annotation)})  # type: ignore[operator]
    return annotation(1)


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_every_event_has_its_words_and_hostile_text_in_it_is_harmless(name: str) -> None:
    words = in_words(filled(EVENT_TYPES[name]))
    assert (words is None) == (name in SILENT)
    assert words is None or dangerous(words) == []


@given(events())
def test_any_event_can_be_said(event: Event) -> None:
    words = in_words(event)
    assert words is None or words.strip()
    assert words is None or dangerous(words) == []


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (requested("Add a flag", notes=("shallow clone",)), "asked: Add a flag\n    note: shallow clone"),
        (StageStarted(Stage.GENERATE, 1), "── generate"),
        (StageStarted(Stage.GENERATE, 2), "── generate (round 2)"),
        (StageFailed(Stage.JUDGE, "no", "try"), "stopped in judge: no\n    try"),
        (JobPaused("Ctrl-C"), "paused: Ctrl-C; the work is safe"),
        (called(), "coder: run_command pytest -q: 3 passed"),
    ],
)
def test_words(event: Event, words: str) -> None:
    assert in_words(event) == words


# ------------------------------------------------------------------------------------------------- outcomes

STATES = [
    *Stage,
    *(Waiting(what, "why") for what in WaitingFor),
    *(Ended(outcome) for outcome in JobOutcome),
]


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_an_exit_code_and_words(state: Any) -> None:
    status = status_of(state)
    assert exit_code(status) in ExitCode
    assert status.headline
    assert status.label


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        (Ended(JobOutcome.DONE), 0, "done"),
        (Waiting(WaitingFor.APPROVAL), 0, "proven, merge waits for approval"),
        (Waiting(WaitingFor.RESUME), 1, "waits for resume"),
        (Ended(JobOutcome.FAILED), 1, "failed"),
        (Waiting(WaitingFor.REQUEST), 2, "waits for a request"),
        (Ended(JobOutcome.NOT_PROVEN), 3, "not proven"),
        (Waiting(WaitingFor.CLARIFICATION), 4, "waits for an answer"),
        (Waiting(WaitingFor.BUDGET), 5, "waits for a larger budget"),
        (Ended(JobOutcome.CANCELLED), 6, "cancelled"),
        (Stage.JUDGE, 130, "in judge"),
    ],
)
def test_exit_codes_are_as_documented(state: Any, code: int, words: str) -> None:
    assert (exit_code(status_of(state)), status_of(state).headline) == (code, words)


@pytest.mark.parametrize("what", WaitingFor)
def test_whoever_waits_is_told_what_can_be_done(what: WaitingFor) -> None:
    """But before there is a request: then there is no job yet."""
    assert bool(status_of(Waiting(what, "why")).actions) is (what is not WaitingFor.REQUEST)


@pytest.mark.parametrize("action", Action)
def test_the_command_line_has_words_for_each_action(action: Action) -> None:
    """A refusal is said with `vulcan undo`, which stands beside it."""
    assert action in ACTION_LINES or action is Action.REFUSE


# --------------------------------------------------------------------------------------------------- views


def stored(event: Event, seq: int = 3) -> StoredEvent:
    return StoredEvent("j1", seq, 1_800_000_000.12345, event)


@given(events())
def test_the_json_view_fits_any_terminal_and_can_be_read_back(event: Event) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with JsonView(out) as view:
        view.saw(stored(event))
    out.seek(0)
    (line,) = out.readlines()
    record = json.loads(line)

    assert (record["job"], record["seq"], record["at"]) == ("j1", 3, 1_800_000_000.123)
    assert decode_event(record["event"], record["version"], record["payload"]) == event


def test_the_json_view_prints_one_line_an_event() -> None:
    out = io.StringIO()
    view = JsonView(out)
    for seq, event in enumerate([requested("a\nb\u2028c"), called()], 1):
        view.saw(stored(event, seq))
    assert [json.loads(line)["seq"] for line in out.getvalue().split("\n")[:-1]] == [1, 2]


@pytest.mark.parametrize("tools", [True, False])
def test_the_plain_view_shows_tools_only_when_asked(tools: bool) -> None:
    out = io.StringIO()
    with PlainView(out, tools=tools) as view:
        for event in (requested("Go"), replied(), called()):
            view.saw(stored(event))
    lines = out.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d asked: Go", lines[0])
    assert len(lines) == 1 + tools


def test_the_live_view_scrolls_events_by_and_knows_where_the_job_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with LiveView() as view:
        for event in (requested("Go [bold]x[/bold]"), StageStarted(Stage.GENERATE, 2), replied(), called()):
            view.saw(stored(event))
        status = view._status()
    shown = capsys.readouterr().out
    assert "asked: Go [bold]x[/bold]" in shown
    assert "── generate (round 2)" in shown
    text = str(status.renderables[1])
    assert all(part in text for part in ("3/10 generate", "1 model calls", "1,200 tokens", "$0.010"))
    assert "coder: run_command pytest -q: 3 passed" in text


def test_machines_and_pipes_get_no_live_view() -> None:
    assert isinstance(choose_view(as_json=True, verbose=False), JsonView)
    assert isinstance(choose_view(as_json=False, verbose=False), PlainView)
    assert isinstance(choose_view(as_json=False, verbose=True), PlainView)
