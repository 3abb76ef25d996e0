"""The agents' tools: results that help, recorded before they are used, and no endless repetition."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fakes.agents import MemoryJournal, MemoryWorkspace
from vulcan.application.ports import CommandResult
from vulcan.domain.errors import ToolError
from vulcan.infrastructure.agents.tools import (
    MAX_TIMEOUT,
    READ_CHARACTERS,
    READ_LINES,
    REPEATS_ENDED,
    REPEATS_WARNED,
    LoopingError,
    Tools,
    numbered,
    render_result,
)


class Agent:
    """One agent's tools, and a run context that gives each call an id of its own."""

    def __init__(self, files: dict[str, str | bytes] | None = None, **more: Any) -> None:
        self.workspace = more.get("workspace") or MemoryWorkspace(files or {})
        self.journal = more.get("journal") or MemoryJournal()
        model = SimpleNamespace(key="generate/1/coder/0")
        self.tools = Tools(self.workspace, self.journal, model, "coder")  # type: ignore[arg-type]
        self.calls = 0

    async def __call__(self, tool: str, **arguments: Any) -> str:
        self.calls += 1
        context = SimpleNamespace(tool_call_id=f"call_{self.calls}")
        return str(await getattr(self.tools, tool)(context, **arguments))


async def test_an_edit_changes_the_file_and_is_recorded() -> None:
    agent = Agent({"calc.py": "a - b\n"})

    assert await agent("edit", path="calc.py", old="a - b", new="a + b") == "Edited calc.py."
    assert agent.workspace.files["calc.py"] == b"a + b\n"
    assert agent.journal.payloads == {"generate/1/coder/0/call_1": "Edited calc.py."}


async def test_bytes_that_are_no_utf8_survive_an_edit_and_are_readable() -> None:
    agent = Agent({"latin.py": b"name = '\xe9'\nx = 1\n"})
    await agent("edit", path="latin.py", old="x = 1", new="x = 'é'")
    shown = await agent("read", path="latin.py")
    refused = await agent("edit", path="latin.py", old="names = '", new="")

    assert agent.workspace.files["latin.py"] == b"name = '\xe9'\nx = '\xc3\xa9'\n"
    for text in (shown, refused):
        text.encode()
        assert "name = '?'" in text


async def test_write_and_read_and_search() -> None:
    agent = Agent(workspace=MemoryWorkspace({}, lambda _: CommandResult(0, "a.py:1:x\n", 9, 0.1)))
    assert await agent("write", path="a.py", content="x\ny\n") == "Wrote a.py (2 lines)."
    assert await agent("read", path="a.py") == "1\tx\n2\ty"
    assert await agent("search", pattern="it's; rm -rf /", path="-r") == "a.py:1:x"
    assert "-e 'it'\"'\"'s; rm -rf /' -- -r |" in agent.workspace.commands[0]


async def test_a_search_without_a_hit_says_so() -> None:
    agent = Agent(workspace=MemoryWorkspace({}, lambda _: CommandResult(1, "\n", 0, 0.1)))
    assert await agent("search", pattern="x") == "No line matches."


async def test_a_failed_call_answers_and_is_recorded() -> None:
    agent = Agent({"logo.png": b"\x89PNG\x00"})
    assert await agent("read", path="none.py") == "Error: There is no file none.py."
    assert await agent("read", path="logo.png") == "Error: logo.png is a binary file of 5 bytes."
    assert len(agent.journal.payloads) == 2


async def test_on_resume_results_come_from_the_journal_and_nothing_is_done_again() -> None:
    first = Agent({"a.py": "1\n"})
    await first("shell", command="make")
    await first("edit", path="a.py", old="1", new="2")

    again = Agent({"a.py": "other\n"}, journal=first.journal)
    assert await again("shell", command="make") == "[ok]\nran make"
    assert await again("edit", path="a.py", old="1", new="2") == "Edited a.py."
    assert again.workspace.commands == []
    assert again.workspace.files["a.py"] == b"other\n"


@pytest.mark.parametrize(("asked", "given"), [(120, 120), (0, 1), (-5, 1), (9_999, MAX_TIMEOUT)])
async def test_the_time_limit_of_a_command_is_bounded(asked: int, given: int) -> None:
    limits = []

    class Workspace(MemoryWorkspace):
        async def run(self, command: str, timeout: float) -> CommandResult:
            limits.append(timeout)
            return await super().run(command, timeout)

    await Agent(workspace=Workspace({}))("shell", command="ls", timeout=asked)
    assert limits == [given]


async def test_the_same_call_again_and_again_is_warned_of_and_then_ended() -> None:
    agent = Agent()
    results = [await agent("shell", command="ls") for _ in range(REPEATS_ENDED)]

    warned = ["was made" in result for result in results]
    assert warned == [n >= REPEATS_WARNED for n in range(1, REPEATS_ENDED + 1)]
    with pytest.raises(LoopingError):
        await agent("shell", command="ls")


async def test_other_calls_between_start_the_count_anew() -> None:
    agent = Agent()
    for number in range(3 * REPEATS_ENDED):
        result = await agent("shell", command=f"ls {number % REPEATS_WARNED}")
        assert "was made" not in result


async def test_rules_of_a_folder_are_shown_once_also_over_a_resume() -> None:
    files: dict[str, str | bytes] = {
        "src/a.py": "x\n",
        "src/deep/b.py": "y\n",
        "src/AGENTS.md": "Use tabs.",
        "AGENTS.md": "Root rules.",
    }
    agent = Agent(files)
    first = await agent("read", path="src/deep/b.py")
    assert "[Rules for src/ (src/AGENTS.md):\nUse tabs.]" in first
    assert "Root rules" not in first
    assert "Use tabs" not in await agent("read", path="src/a.py")

    again = Agent(files, journal=agent.journal)
    await again("read", path="src/deep/b.py")
    again.calls = 10
    assert "Use tabs" not in await again("read", path="src/a.py")


def test_readers_can_not_change_anything() -> None:
    tools = Agent().tools
    assert [tool.name for tool in tools.reading()] == ["read", "search"]
    assert [tool.name for tool in tools.writing()] == ["shell", "read", "edit", "write"]


# ------------------------------------------------------------------------------------------------ texts


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (CommandResult(0, "fine\n\n", 6, 0.1), "[ok]\nfine"),
        (CommandResult(0, "  \n", 3, 0.1), "[ok] (no output)"),
        (CommandResult(2, "bad", 3, 0.1), "[exit code 2]\nbad"),
        (CommandResult(137, "", 0, 0.1, note="out of memory"), "[exit code 137] [out of memory] (no output)"),
    ],
)
def test_a_command_s_result_in_words(result: CommandResult, text: str) -> None:
    assert render_result(result) == text


def test_a_command_at_its_time_limit_says_what_to_do() -> None:
    assert "longer timeout" in render_result(CommandResult(124, "x", 1, 9.0, timed_out=True))


TEXT = "\n".join(f"line {n}" for n in range(1, 1001))


def test_a_long_file_is_read_in_parts_that_leave_nothing_out() -> None:
    seen: list[str] = []
    start = 1
    while True:
        shown, _, rest = numbered(TEXT, "f.py", start, 0).partition("\n[")
        seen += [line.split("\t", 1)[1] for line in shown.split("\n")]
        if not rest:
            break
        start = int(rest.rpartition("start=")[2].rstrip("]"))
    assert "\n".join(seen) == TEXT


@pytest.mark.parametrize(
    ("start", "end", "first", "last", "more"),
    [
        (1, 0, 1, READ_LINES, True),
        (-3, 2, 1, 2, False),
        (10, 12, 10, 12, False),
        (990, 0, 990, 1000, False),
        (1, 1000, 1, READ_LINES, True),
        (1, 5000, 1, READ_LINES, True),
        (995, 5000, 995, 1000, False),
    ],
)
def test_a_range_is_shown_and_what_is_left_out_is_said(
    start: int, end: int, first: int, last: int, more: bool
) -> None:
    lines = numbered(TEXT, "f.py", start, end).split("\n")
    assert lines[0] == f"{first}\tline {first}"
    assert lines[-2 if more else -1] == f"{last}\tline {last}"
    assert (f"read on with start={last + 1}" in lines[-1]) == more


def test_wide_lines_are_bounded_too() -> None:
    text = "\n".join(["w" * 5_000] * 100)
    assert len(numbered(text, "f.py", 1, 0)) < READ_CHARACTERS + 200
    assert "read on with start=" in numbered(text, "f.py", 1, 50)


def test_an_empty_file_and_a_start_behind_the_end() -> None:
    assert numbered("", "f.py", 1, 0) == "f.py is empty."
    with pytest.raises(ToolError, match="has only 2 lines"):
        numbered("a\nb\n", "f.py", 3, 0)
