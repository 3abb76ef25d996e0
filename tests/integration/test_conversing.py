"""The conversation's agents over a real HTTP server: what they are told, how words stream, how faults end."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.agents import MemoryJournal, MemoryWorkspace
from fakes.brain import reading, said
from fakes.model_server import CUT, EMPTY, GARBAGE, ModelServer, calls, serving, status, text
from vulcan.domain.errors import ModelUnavailable
from vulcan.domain.messages import Intent, NoteKind
from vulcan.infrastructure.agents.conversing import ConversationAgents
from vulcan.infrastructure.llm.chat_completions import ChatCompletionsModel
from vulcan.infrastructure.llm.fallback import FallbackChain
from vulcan.infrastructure.llm.faults import Patience
from vulcan.infrastructure.llm.recorded import RecordedModel

QUICK = Patience(silence=0.3, connect=1.0, tries=3, pause=0.01)


def conversant(server: ModelServer) -> ConversationAgents:
    return ConversationAgents(ChatCompletionsModel("scripted", server.url, "key", QUICK))


def files() -> MemoryWorkspace:
    return MemoryWorkspace({"calc.py": "def add(a, b):\n    return a - b\n"})


async def test_a_reading_comes_back_whole_and_is_in_the_journal() -> None:
    journal = MemoryJournal()
    note = {"kind": "rule", "text": "Spell the British way."}
    with serving([reading("steering", certain=False, text="Use colour", remember=[note])]) as server:
        read = await conversant(server).interpret("chat/3", "context", "colour, please", journal)
    assert (read.intent, read.certain, read.text) == (Intent.STEERING, False, "Use colour")
    assert read.remember == ((NoteKind.RULE, "Spell the British way."),)
    assert journal.order == ["chat/3/interpreter/0"]
    assert "The message to read:\\ncolour, please" in said(server.requests[0])


@pytest.mark.parametrize(
    "wrong", [text("It is a job."), reading("world peace"), calls(("submit_reading", "{"))]
)
async def test_a_reading_that_is_none_is_asked_for_again(wrong: Any) -> None:
    with serving([wrong, reading("new job")]) as server:
        read = await conversant(server).interpret("chat/3", "", "Add a flag", MemoryJournal())
    assert read.intent is Intent.NEW_JOB


async def test_a_yes_in_any_language_can_be_read() -> None:
    with serving([reading("agreement", certain=True)]) as server:
        read = await conversant(server).interpret("chat/3", "", "kannste so machen", MemoryJournal())
    assert (read.intent, read.certain) == (Intent.CONFIRMATION, True)


async def test_a_wish_to_run_the_tests_is_a_command() -> None:
    with serving([reading("run tests")]) as server:
        read = await conversant(server).interpret("chat/3", "", "kannste mal testen", MemoryJournal())
    assert (read.intent, read.text) == (Intent.COMMAND, "test")


@pytest.mark.parametrize("fault", [status(500), CUT, GARBAGE, EMPTY, text("It is a job.")])
async def test_a_model_that_never_reads_ends_in_a_clear_error(fault: Any) -> None:
    with serving([fault]) as server, pytest.raises(ModelUnavailable):
        await conversant(server).interpret("chat/3", "", "Add a flag", MemoryJournal())


async def test_an_answers_words_come_as_they_are_said() -> None:
    shown: list[str] = []
    with serving([text("It subtracts [calc.py:2].")]) as server:
        whole = await conversant(server).answer("c", "", "why", files(), MemoryJournal(), shown.append)
    assert whole == "It subtracts [calc.py:2]."
    assert len(shown) == 2
    assert "".join(shown) == whole


async def test_an_answer_looks_into_files_first() -> None:
    shown: list[str] = []
    look = calls(("read", {"path": "calc.py"}))
    with serving([look, text("It subtracts [calc.py:2].")]) as server:
        await conversant(server).answer("c", "", "why", files(), MemoryJournal(), shown.append)
    assert "return a - b" in said(server.requests[1])
    assert "".join(shown) == "It subtracts [calc.py:2]."


@pytest.mark.parametrize("fault", [status(503), CUT, GARBAGE])
async def test_a_stream_that_breaks_is_begun_again_and_shows_nothing_twice(fault: Any) -> None:
    shown: list[str] = []
    with serving(
        [fault | {"content": "It subtracts [calc.py:2]."}, text("It subtracts [calc.py:2].")]
    ) as server:
        whole = await conversant(server).answer("c", "", "why", files(), MemoryJournal(), shown.append)
    assert "".join(shown) == whole == "It subtracts [calc.py:2]."


async def test_models_that_do_not_stream_answer_all_the_same() -> None:
    recorded = RecordedModel(
        "recorded:x", {"c/answerer/0": {"key": "c/answerer/0", "text": "So [calc.py:1]."}}
    )
    journal = MemoryJournal()
    assert (
        await ConversationAgents(recorded).answer("c", "", "why", files(), journal, str) == "So [calc.py:1]."
    )
    with serving([text("So [calc.py:1].")]) as server:
        chain = FallbackChain([ChatCompletionsModel("m", server.url, "key", QUICK)])
        assert (
            await ConversationAgents(chain).answer("d", "", "why", files(), journal, str) == "So [calc.py:1]."
        )


async def test_an_answer_is_not_asked_for_twice_after_a_kill() -> None:
    journal = MemoryJournal()
    with serving([text("So [calc.py:1].")]) as server:
        for _ in range(2):
            await conversant(server).answer("c", "", "why", files(), journal, str)
    assert len(server.requests) == 1
