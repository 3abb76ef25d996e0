"""The bound on what is sent: the first message stays, calls keep their returns, and it does bound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from vulcan.infrastructure.agents.history import (
    CUT,
    KEEP_TURNS,
    KEPT_SHARE,
    MAX_CHARACTERS,
    MAX_TURNS,
    bounded,
)

GOAL = "Goal: make add add"


def start(goal: str = GOAL) -> ModelMessage:
    return ModelRequest(parts=[UserPromptPart(goal)], instructions="You are a coder.")


def turn(number: int, *calls: tuple[str, dict[str, str], str], words: str = "") -> list[ModelMessage]:
    """A reply with calls, and the request that returns their results."""
    ids = [f"t{number}_{place}" for place in range(len(calls))]
    parts = [ToolCallPart(c[0], c[1], tool_call_id=i) for i, c in zip(ids, calls, strict=True)]
    returns = [ToolReturnPart(c[0], c[2], tool_call_id=i) for i, c in zip(ids, calls, strict=True)]
    reply = ModelResponse(parts=[*([TextPart(words)] if words else []), *parts])
    return [reply, ModelRequest(parts=returns)]


def shell(number: int, command: str = "ls", output: str = "[ok]\nx") -> list[ModelMessage]:
    return turn(number, ("shell", {"command": command}, output))


def many(turns: int, output: str = "[ok]\nx") -> list[ModelMessage]:
    return [start(), *(m for n in range(turns) for m in shell(n, f"ls {n}", output))]


def characters(messages: list[ModelMessage]) -> int:
    return sum(len(str(getattr(part, "content", ""))) for m in messages for part in m.parts)


def identities(messages: list[ModelMessage], kind: type) -> list[str]:
    return [part.tool_call_id for m in messages for part in m.parts if isinstance(part, kind)]


def note_of(messages: list[ModelMessage]) -> str:
    (note,) = [str(p.content) for p in messages[0].parts if str(getattr(p, "content", "")).startswith(CUT)]
    return note


@pytest.mark.parametrize("messages", [[], many(0), many(MAX_TURNS), many(3, "y" * 70_000)])
async def test_a_short_history_stays_as_it_is(messages: list[ModelMessage]) -> None:
    assert await bounded(messages) is messages


sizes = st.sampled_from([1, 100, 5_000, 70_000])
turns = st.lists(st.lists(sizes, min_size=1, max_size=3), max_size=MAX_TURNS + 20)


@given(turns)
@settings(deadline=None, max_examples=60)
async def test_any_history_keeps_its_start_its_end_and_its_pairs(outputs: list[list[int]]) -> None:
    messages: list[ModelMessage] = [start()]
    for number, returns in enumerate(outputs):
        messages += turn(number, *(("shell", {"command": "ls"}, "y" * size) for size in returns))
        messages = await bounded(messages)

        assert str(messages[0].parts[0].content) == GOAL  # type: ignore[union-attr]
        assert messages[0].instructions == "You are a coder."  # type: ignore[union-attr]
        assert identities(messages, ToolCallPart) == identities(messages, ToolReturnPart)
        assert identities(messages, ToolCallPart)[-1] == f"t{number}_{len(returns) - 1}"
        kinds = [type(message) for message in messages]
        assert kinds == [ModelRequest, *[ModelResponse, ModelRequest] * (len(kinds) // 2)]
        assert kinds.count(ModelResponse) <= MAX_TURNS
        assert characters(messages) <= MAX_CHARACTERS + 3 * 70_000
        assert sum(str(getattr(p, "content", "")).startswith(CUT) for m in messages for p in m.parts) <= 1


async def test_many_turns_are_cut_at_once_so_that_the_prefix_then_stays() -> None:
    cut = await bounded(many(MAX_TURNS + 1))
    assert sum(isinstance(m, ModelResponse) for m in cut) == KEEP_TURNS

    longer = [*cut, *shell(900)]
    assert await bounded(longer) is longer


async def test_many_characters_are_cut_to_what_is_kept() -> None:
    cut = await bounded(many(30, "y" * 10_000))
    kept = MAX_CHARACTERS // KEPT_SHARE
    assert kept - 10_000 < characters(cut) < kept + 10_000


async def test_one_huge_turn_is_kept_whole() -> None:
    cut = await bounded([*many(2), *shell(7, output="y" * (MAX_CHARACTERS + 1))])
    assert identities(cut, ToolCallPart) == identities(cut, ToolReturnPart) == ["t7_0"]
    assert await bounded(cut) is cut


async def test_the_note_tells_what_was_changed_run_and_said() -> None:
    messages = [
        start(),
        *turn(0, ("edit", {"path": "a.py"}, "Edited"), ("write", {"path": "b.py"}, "Wrote")),
        *turn(1, ("read", {"path": "c.py"}, "1\tx"), words="Now I run the tests."),
        *shell(2, "pytest -q", "[exit code 1]\n1 failed"),
        *(m for n in range(3, MAX_TURNS + 5) for m in turn(n, ("read", {"path": "c.py"}, "1\tx"))),
    ]
    note = note_of(await bounded(messages))

    assert "files changed: a.py, b.py\n" in note
    assert "command run: pytest -q -> [exit code 1]" in note
    assert "your last note: Now I run the tests." in note
    assert "c.py" not in note


async def test_a_second_cut_remembers_the_files_of_the_first() -> None:
    first = [start(), *turn(0, ("edit", {"path": "a.py"}, "Edited")), *many(MAX_TURNS)[1:]]
    cut = await bounded(first)
    more = (m for n in range(100, 100 + MAX_TURNS) for m in turn(n, ("write", {"path": "z.py"}, "Wrote")))
    note = note_of(await bounded([*cut, *more]))

    assert "files changed: a.py, z.py\n" in note


async def test_arguments_that_are_no_json_do_no_harm() -> None:
    broken = [
        ModelResponse(parts=[ToolCallPart("edit", '{"path": ', tool_call_id="b")]),
        ModelRequest(parts=[ToolReturnPart("edit", "", tool_call_id="b")]),
    ]
    assert "files changed: none" in note_of(await bounded([start(), *broken, *many(MAX_TURNS)[1:]]))
