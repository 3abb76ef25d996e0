"""Parts of the terminal chat that need no terminal: what is completed, what keys do, how lines are laid out."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from fakes.sample_events import called, replied, requested
from vulcan.application.conversation.commands import COMMANDS
from vulcan.application.conversation.open_conversation import Reply
from vulcan.application.jobs.commands import MAX_INSTRUCTION
from vulcan.application.ports import StoredEvent
from vulcan.apps.cli.chat.completion import ChatCompleter, offers_itself
from vulcan.apps.cli.chat.keys import bindings
from vulcan.apps.cli.chat.pasting import Pasted
from vulcan.apps.cli.chat.screen import LONG_DIFF, TerminalScreen
from vulcan.apps.cli.chat.terminal import history_in
from vulcan.apps.cli.status import activity_after, fitting, status_parts
from vulcan.domain.errors import UserError
from vulcan.domain.events import (
    CodeGenerated,
    Event,
    JobFinished,
    JobOutcome,
    RequirementsAnalyzed,
    Stage,
    StageStarted,
)
from vulcan.domain.generation import CodeGeneration, CodeMetadata
from vulcan.domain.job import Job, apply
from vulcan.domain.messages import Intent
from vulcan.domain.requirements import AcceptanceCriterion, Requirement

FILES = ("calc.py", "docs/calc.md", "src/deep/calc_test.py", "src/other.py", "Makefile", "my file.txt")
ESC = "\x1b"

# ------------------------------------------------------------------------------------------- completion


def completer(files: Sequence[str] = FILES) -> ChatCompleter:
    return ChatCompleter(
        lambda: files, lambda: [("tp1", "Fix it"), ("tq2", "")], lambda: ["adds", "is quick"]
    )


def offered(before: str, using: ChatCompleter | None = None) -> list[str]:
    """The input as it would be after each of the offers."""
    found = (using or completer()).get_completions(Document(before), CompleteEvent())
    return [before[: len(before) + each.start_position] + each.text for each in found]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/ne", ["/new "]),
        ("/PA", ["/pause"]),
        ("/nonsense", []),
        ("say /ne", []),
        ("/job ", ["/job tp1", "/job tq2"]),
        ("/job tq", ["/job tq2"]),
        ("/veto ", ["/veto 1 ", "/veto 2 "]),
        ("/edit 2 ", ["/edit 2 is quick"]),
        ("/edit 3 ", []),
        ("/edit 2 was", []),
        ("/veto 2 ", []),
        ("Fix cal", ["Fix calc.py", "Fix docs/calc.md", "Fix src/deep/calc_test.py"]),
        ("Fix ca", []),
        ("Fix @ca", ["Fix @calc.py", "Fix @docs/calc.md", "Fix @src/deep/calc_test.py"]),
        ("@eep", ["@src/deep/calc_test.py"]),
        ("see src/", ["see src/deep/calc_test.py", "see src/other.py"]),
        ("in `make", ["in `Makefile"]),
        ("/new Fix @oth", ["/new Fix @src/other.py"]),
        ("@my", ['@"my file.txt"']),
        ("Fix it ", []),
        ("", []),
    ],
)
def test_what_is_offered(before: str, after: list[str]) -> None:
    assert offered(before) == after


def test_every_command_is_offered_with_what_it_is_for() -> None:
    found = list(completer().get_completions(Document("/"), CompleteEvent()))
    assert [(each.display_text.split()[0][1:], each.display_meta_text) for each in found] == [
        (command.name, command.about) for command in COMMANDS
    ]


def test_names_that_a_terminal_would_obey_are_not_offered() -> None:
    odd = completer((f"bad{ESC}]0;x\x07.py", "bad\u202e.py", "bad\n.py", "bad\udcff.py", "bad.py"))
    assert offered("@bad", odd) == ["@bad.py"]


def test_files_are_read_once_and_only_when_they_are_wanted() -> None:
    reads = []

    def read() -> Sequence[str]:
        reads.append(1)
        return FILES

    reader = ChatCompleter(read, list, list)
    offered("/ne", reader)
    assert reads == []
    assert offered("@oth", reader) == offered("@oth", reader) == ["@src/other.py"]
    assert reads == [1]


def test_a_repository_that_can_not_be_read_offers_nothing() -> None:
    def gone() -> Sequence[str]:
        raise UserError("gone")

    assert offered("@a", ChatCompleter(gone, list, list)) == []


@pytest.mark.parametrize(
    ("before", "shown"),
    [("/", True), ("/ne", True), ("/new ", False), ("a @", True), ("a @x", True), ("a @x ", False), ("src/", False),
     ("word", False), ("", False), ("a\n/x", False)],
)  # fmt: skip
def test_what_shows_itself_while_typing(before: str, shown: bool) -> None:
    assert offers_itself(before) == shown


@given(st.text())
def test_any_text_can_be_completed(text: str) -> None:
    for after in offered(text):
        assert after
    offers_itself(text)


# ------------------------------------------------------------------------------------------------- keys


class Pressed:
    """Remembers what keys set off."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.session: PromptSession[str] | None = None

    def send(self, text: str) -> None:
        self.done.append(f"send {text}")

    def pasted(self, text: str) -> str:
        return text.replace("\r\n", "\n")

    def stop(self) -> None:
        self.done.append("stop")

    def interrupt(self) -> None:
        self.done.append("interrupt")

    def leave(self) -> None:
        assert self.session
        self.session.app.exit(result=self.session.default_buffer.text)


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


def press(keyboard: PipeInput, keys: str) -> list[str]:
    """What the keys set off, of which the last is to leave."""
    pressed = Pressed()
    pressed.session = PromptSession(
        key_bindings=bindings(pressed), multiline=True, input=keyboard, output=DummyOutput()
    )

    keyboard.send_text(keys)
    assert asyncio.run(pressed.session.prompt_async()) == ""
    return pressed.done


@pytest.mark.parametrize(
    ("keys", "done"),
    [
        ("hello\r", ["send hello"]),
        ("hello\n", ["send hello"]),
        ("  hello \r", ["send hello"]),
        ("\r \r\x03", []),
        ("one\x1b\rtwo\r", ["send one\ntwo"]),
        ("one\\\rtwo\r", ["send one\ntwo"]),
        ("\x1b[200~one\r\ntwo\nthree\x1b[201~\r", ["send one\ntwo\nthree"]),
        ("wrong\x03right\r", ["send right"]),
        ("\x03\x03", ["interrupt", "interrupt"]),
        ("\x1bx\x03", ["stop"]),
    ],
)
def test_keys(keyboard: PipeInput, keys: str, done: list[str]) -> None:
    assert press(keyboard, f"{keys}\x04") == done


# ---------------------------------------------------------------------------------------------- pasting


def test_short_text_is_pasted_as_it_is() -> None:
    pasted = Pasted()
    assert pasted.put("one\r\ntwo\n") == "one\ntwo\n"
    assert pasted.whole("say one\ntwo") == ("say one\ntwo", 0)


def test_long_text_is_one_line_in_the_input_and_whole_in_the_message() -> None:
    pasted = Pasted()
    log = "\n".join(f"line {number} ```" for number in range(30))
    first, second = pasted.put(log), pasted.put("x" * 2_001)
    assert first == "[pasted 1: 30 lines, 349 characters]"
    assert second == "[pasted 2: 1 lines, 2,001 characters]"
    message, left_out = pasted.whole(f"why does {first} come with {second}?")
    assert left_out == 0
    assert f"why does \n````\n{log}\n````\n come with \n```\n{'x' * 2_001}\n```\n?" == message
    assert pasted.whole(first) == (log, 0), "alone it is the message itself"
    assert pasted.whole("[pasted 7: 1 lines, 9 characters]") == ("[pasted 7: 1 lines, 9 characters]", 0)


@given(st.lists(st.integers(1_999, 60_000), min_size=1, max_size=4), st.text(max_size=300))
def test_what_there_is_no_room_for_is_left_out_of_the_middle(sizes: list[int], said: str) -> None:
    pasted = Pasted()
    texts = [f"<{'x' * size}>" for size in sizes]
    message, left_out = pasted.whole(" ".join([said, *map(pasted.put, texts)]))
    assert len(message) <= MAX_INSTRUCTION
    assert (left_out > 0) == ("left out ..." in message)
    assert message.count("<x") >= len(sizes)
    assert message.count("x>") >= len(sizes)


# ----------------------------------------------------------------------------------------------- screen


def shown(width: int = 60) -> tuple[TerminalScreen, io.StringIO]:
    out = io.StringIO()
    return TerminalScreen(Console(file=out, width=width, highlight=False, markup=False, emoji=False)), out


def stored(event: Event) -> StoredEvent:
    return StoredEvent("j1", 3, 0.0, event)


def test_an_answer_comes_line_by_line_and_what_has_begun_can_be_seen() -> None:
    screen, out = shown()
    screen.fragment("It is fi")
    assert (out.getvalue(), screen.begun) == ("", "It is fi")
    screen.fragment("ne [event 3]\nand[bold]")
    assert (out.getvalue(), screen.begun) == ("It is fine [event 3]\n", "and[bold]")
    screen.reply(Reply("all of it", Intent.QUESTION, shown=True))
    assert out.getvalue() == "It is fine [event 3]\nand[bold]\n"
    assert screen.begun == ""


ESCAPES = re.compile(r"\x1b\[[\d;]*m")
EXPLAINED = (
    "It **subtracts** with `a < b`, not <div> [event 3, src/a.py:4]:\n\n"
    "```python\ndef f(x):\n    return [<b>, 1]\n```\n\n- one\n- two [event 3]\n"
)


def laid_out(text: str, width: int = 60, **console: Any) -> str:
    out = io.StringIO()
    console = {"force_terminal": True, "color_system": "standard"} | console
    screen = TerminalScreen(
        Console(file=out, width=width, highlight=False, markup=False, emoji=False, **console)
    )
    screen.fragment(text)
    return out.getvalue()


def test_markdown_is_laid_out_and_nothing_of_it_is_hidden() -> None:
    painted = laid_out(EXPLAINED)
    assert "\x1b[2m[event 3, src/a.py:4]\x1b[0m:" in painted
    assert "\x1b[1msubtracts\x1b[0m" in painted
    assert re.search(r"\x1b\[94[;\d]*mdef\x1b", painted)
    lines = ESCAPES.sub("", painted).split("\n")
    assert lines[0] == "It subtracts with a < b, not <div> [event 3, src/a.py:4]:"
    assert lines[1:] == [
        "",
        "  def f(x):",
        "      return [<b>, 1]",
        "",
        " \u2022 one",
        " \u2022 two [event 3]",
        "",
    ]


@pytest.mark.parametrize("console", [{"no_color": True}, {"force_terminal": False}])
def test_without_colours_or_a_terminal_markdown_stays_as_it_was_written(console: dict[str, bool]) -> None:
    assert ESCAPES.sub("", laid_out(EXPLAINED, 80, **console)) == EXPLAINED


@given(st.text(), st.integers(min_value=4, max_value=50))
def test_any_markdown_can_be_laid_out(text: str, width: int) -> None:
    shown = ESCAPES.sub("", laid_out(f"{text}\n", width))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)


def test_lines_go_on_below_their_beginning() -> None:
    screen, out = shown(24)
    screen.reply(Reply("Goal: x\n 12. one two three four five\n\n- six seven eight nine ten", Intent.COMMAND))
    screen.event(stored(StageStarted(Stage.GENERATE, 2)), Job())
    assert out.getvalue() == (
        "Goal: x\n 12. one two three four\n     five\n\n- six seven eight nine\n  ten\n│ ── generate (round 2)\n"
    )


@given(st.text(), st.integers(min_value=4, max_value=50))
def test_anything_can_be_shown_at_any_width(text: str, width: int) -> None:
    screen, out = shown(width)
    screen.fragment(text)
    for form in ("text", "diff"):
        screen.reply(Reply(text, Intent.QUESTION, form=form))
    screen.turn("j1", text)
    screen.said(text)
    screen.event(stored(requested(text)), Job())
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", out.getvalue() + screen.begun)


def test_lines_of_jobs_side_by_side_are_told_apart() -> None:
    screen, out = shown()
    for job in ("tp1", "tq2"):
        screen.event(StoredEvent(job, 3, 0.0, StageStarted(Stage.GENERATE, 1)), Job(), job)
    screen.event(stored(StageStarted(Stage.JUDGE, 1)), Job())
    assert out.getvalue() == "│ tp1 ── generate\n│ tq2 ── generate\n│ ── judge\n"


def test_what_an_answer_said_is_not_said_again() -> None:
    screen, out = shown()
    screen.reply(Reply("AC-1 is now: x\n1. x\nok?", Intent.CONFIRMATION))
    screen.turn("j1", "Job j1 waits for your word:\n1. x\nok?")
    screen.event(stored(JobFinished(JobOutcome.DONE, "merged")), Job())
    assert out.getvalue() == "AC-1 is now: x\n1. x\nok?\n"
    screen.turn("j1", "Job j1: done. merged")
    assert out.getvalue().endswith("Job j1: done. merged\n")


def seen(screen: TerminalScreen, *events: Event) -> Job:
    job = Job()
    for event in events:
        job = apply(job, event, 1.0)
        screen.event(stored(event), job)
    return job


def listed(*texts: str) -> Requirement:
    return Requirement("x", tuple(AcceptanceCriterion(f"AC-{n}", text) for n, text in enumerate(texts, 1)))


CODED = CodeGenerated(CodeGeneration(listed("adds"), (), CodeMetadata("b" * 40, "c" * 40, 1)))


@pytest.mark.parametrize("confirm", [True, False])
def test_the_list_as_steering_has_made_it_is_shown(confirm: bool) -> None:
    screen, out = shown()
    first = (replace(requested("Go"), confirm=confirm), RequirementsAnalyzed(listed("adds", "takes sep")))
    seen(screen, *first, CODED, RequirementsAnalyzed(listed("adds", "takes separator"), 1))
    assert "  1. adds" in out.getvalue()
    assert "as they are now (new or changed: 2):" in out.getvalue()
    assert "│   2. takes separator  (AC-2, must hold)" in out.getvalue()
    assert "│ no longer: takes sep\n" in out.getvalue()
    seen(screen, *first, CODED, first[1])
    assert "stay as they" in out.getvalue()


def test_a_list_that_waits_for_the_persons_word_is_shown_once_and_by_what_asks_for_it() -> None:
    screen, out = shown()
    asked = replace(requested("Go"), confirm=True)
    seen(
        screen,
        asked,
        RequirementsAnalyzed(listed("adds")),
        RequirementsAnalyzed(listed("adds", "subtracts"), 1),
    )
    assert out.getvalue() == ""


def test_a_long_diff_is_cut_and_says_where_the_rest_is() -> None:
    screen, out = shown()
    screen.reply(Reply("\n".join(f"+{n}" for n in range(LONG_DIFF + 7)), Intent.COMMAND, "j1", form="diff"))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines[LONG_DIFF - 1] == f"+{LONG_DIFF - 1}"
    assert lines[LONG_DIFF:] == ["... and 7 lines more: vulcan show j1 --diff | less"]


# ----------------------------------------------------------------------------------- status and history


def job_under_way() -> Job:
    job = Job()
    for event in (requested("Go"), StageStarted(Stage.GENERATE, 1), replied()):
        job = apply(job, event, 1.0)
    return job


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (100, "3/10 generate · round 1 · 1 model calls · 1,200 tokens · $0.0100 · 12 s"),
        (60, "3/10 generate · round 1 · 1 model calls · $0.0100 · 12 s"),
        (40, "3/10 generate · round 1 · $0.0100 · 12 s"),
        (30, "3/10 generate · $0.0100 · 12 s"),
        (10, "3/10 gene…"),
    ],
)
def test_a_narrow_status_line_does_without_what_matters_least(width: int, line: str) -> None:
    assert fitting(status_parts(job_under_way(), 12.3), width) == line


def test_activity() -> None:
    assert activity_after(stored(called()), "") == "coder: run_command pytest -q: 3 passed"
    assert activity_after(stored(replied()), "x") == "coder thought"
    assert activity_after(stored(StageStarted(Stage.JUDGE, 1)), "x") == ""


def test_history_is_for_its_owners_eyes_and_may_be_impossible(tmp_path: Path) -> None:
    here = Path("/project")
    history = history_in(tmp_path, here)
    (path,) = (tmp_path / "chat-histories").iterdir()
    path.chmod(0o644)
    history.append_string("two\nlines")
    assert list(history_in(tmp_path, here).load_history_strings()) == ["two\nlines"]
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    path.mkdir()
    history.append_string("three")  # it can't be written any more
    assert list(history_in(tmp_path, here).load_history_strings()) == []
    assert list(history_in(tmp_path / "none", here).load_history_strings()) == []


def test_each_repository_has_a_history_of_its_own(tmp_path: Path) -> None:
    history_in(tmp_path, Path("/one")).append_string("merge it")
    assert list(history_in(tmp_path, Path("/two")).load_history_strings()) == []
    assert list(history_in(tmp_path, Path("/one")).load_history_strings()) == ["merge it"]
