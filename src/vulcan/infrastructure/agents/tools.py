"""What models may call. A failed call answers with a text that helps; every result is recorded before it is used."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath

from pydantic_ai import RunContext
from pydantic_ai.tools import Tool

from vulcan.application.ports import CallJournal, CommandResult, Workspace
from vulcan.domain.errors import ToolError
from vulcan.infrastructure.agents.arguments import Command, Line, Seconds, refuse_unknown, tool_of
from vulcan.infrastructure.agents.edits import replace_once
from vulcan.infrastructure.agents.journaled import JournaledModel

READ_LINES = 250
READ_CHARACTERS = 12_000
MAX_TIMEOUT = 600
SEARCH_TIMEOUT = 30
RULES_FILE = "AGENTS.md"
RULES_CHARACTERS = 2_000
REPEATS_WARNED, REPEATS_ENDED = 3, 6


class LoopingError(Exception):
    """The model makes the same call again and again although it was told so."""


class Tools:
    """The tools of one agent's run, on one workspace."""

    def __init__(self, workspace: Workspace, journal: CallJournal, model: JournaledModel, agent: str) -> None:
        self._workspace, self._journal = workspace, journal
        self._model, self._agent = model, agent
        self._rules_shown = {"."}
        self._calls: Counter[tuple[str, str]] = Counter()

    def reading(self) -> list[Tool[object]]:
        """Tools that change nothing."""
        return [tool_of(self.read), tool_of(self.search)]

    def writing(self) -> list[Tool[object]]:
        """All that a coder needs."""
        return [tool_of(self.shell), tool_of(self.read), tool_of(self.edit), tool_of(self.write)]

    async def shell(
        self, ctx: RunContext[object], command: Command, timeout: Seconds = 120, **other: object
    ) -> str:
        """Run a bash command in the project's root; `timeout` in seconds. End a command with & to leave it running."""
        refuse_unknown("shell", "command, timeout", other)
        seconds = max(1, min(timeout, MAX_TIMEOUT))

        async def do() -> str:
            return render_result(await self._workspace.run(command, seconds))

        return await self.record(ctx, "shell", command, do)

    async def read(
        self, ctx: RunContext[object], path: str, start: Line = 1, end: Line = 0, **other: object
    ) -> str:
        """Read a text file with line numbers, from line `start` to line `end` (0: as much as fits)."""
        refuse_unknown("read", "path, start, end", other)

        async def do() -> str:
            return numbered(self._text(path), path, start, end) + self._rules(path)

        return await self.record(ctx, "read", f"{path} {start} {end}", do)

    async def edit(self, ctx: RunContext[object], path: str, old: str, new: str, **other: object) -> str:
        """Replace the text `old`, which must occur exactly once in the file, by `new`."""
        refuse_unknown("edit", "path, old, new", other)

        async def do() -> str:
            changed = replace_once(self._text(path), old, new, path)
            self._workspace.write(path, changed.encode(errors="surrogateescape"))
            return f"Edited {path}." + self._rules(path)

        return await self.record(ctx, "edit", f"{path} {old} {new}", do)

    async def write(self, ctx: RunContext[object], path: str, content: str, **other: object) -> str:
        """Create a file, or replace its whole content."""
        refuse_unknown("write", "path, content", other)

        async def do() -> str:
            self._workspace.write(path, content.encode())
            return f"Wrote {path} ({len(content.splitlines())} lines)." + self._rules(path)

        return await self.record(ctx, "write", f"{path} {content}", do)

    async def search(self, ctx: RunContext[object], pattern: str, path: str = ".", **other: object) -> str:
        """Find lines that match an extended regular expression, below `path`."""
        refuse_unknown("search", "pattern, path", other)
        where = shlex.quote(path)
        command = f"grep -rnIE --exclude-dir=.git -m 20 -e {shlex.quote(pattern)} -- {where} | cut -c1-200 | head -60"

        async def do() -> str:
            result = await self._workspace.run(command, SEARCH_TIMEOUT)
            return result.output.strip() or "No line matches."

        return await self.record(ctx, "search", f"{pattern} {path}", do)

    # ------------------------------------------------------------------------------------- helpers

    async def record(
        self, ctx: RunContext[object], tool: str, summary: str, do: Callable[[], Awaitable[str]]
    ) -> str:
        """The recorded result of this call, or a new one that is recorded before it is returned."""
        repeats = self._count(tool, summary)
        key = f"{self._model.key}/{ctx.tool_call_id}"
        known = self._journal.recorded(key)
        if known is not None:
            if tool != "shell":
                self._rules_shown |= set(_folders(summary.split(" ", 1)[0]))
            return known
        try:
            result = await do()
        except ToolError as error:
            result = f"Error: {error.message}"
        if repeats >= REPEATS_WARNED:
            result += f"\n[This very call was made {repeats} times. Do something else, or finish.]"
        result = result.encode(errors="replace").decode()
        short = " ".join(summary.split())[:120]
        self._journal.record_tool(key, self._agent, tool, short, result)
        return result

    def _count(self, tool: str, summary: str) -> int:
        """How often in a row this call was made."""
        call = (tool, summary)
        if call not in self._calls:
            self._calls.clear()
        self._calls[call] += 1
        if self._calls[call] > REPEATS_ENDED:
            raise LoopingError(f"{tool} {summary[:80]}")
        return self._calls[call]

    def _text(self, path: str) -> str:
        content = self._workspace.read(path)
        if b"\0" in content[:8192]:
            raise ToolError(f"{path} is a binary file of {len(content)} bytes.")
        return content.decode("utf-8", errors="surrogateescape")

    def _rules(self, path: str) -> str:
        """Rules files of the folders above `path`, each shown once; the root's stands in the first message."""
        text = ""
        for folder in _folders(path):
            if folder in self._rules_shown:
                continue
            self._rules_shown.add(folder)
            try:
                rules = self._workspace.read(f"{folder}/{RULES_FILE}")
            except ToolError:
                continue
            shown = rules.decode(errors="replace")[:RULES_CHARACTERS]
            text += f"\n\n[Rules for {folder}/ ({folder}/{RULES_FILE}):\n{shown}]"
        return text


def _folders(path: str) -> list[str]:
    return [str(parent) for parent in PurePosixPath(path).parents]


def render_result(result: CommandResult) -> str:
    """A command's result as the model sees it."""
    status = f"[exit code {result.exit_code}]" if result.exit_code else "[ok]"
    if result.timed_out:
        status = "[stopped at its time limit; give a longer timeout, or end the command with & to leave it running]"
    if result.note:
        status += f" [{result.note}]"
    return f"{status}\n{result.output.rstrip()}" if result.output.strip() else f"{status} (no output)"


def numbered(text: str, path: str, start: int, end: int) -> str:
    """Lines with numbers, bounded; says how to get the rest."""
    lines = text.splitlines()
    first = max(1, start)
    wanted = min(end or len(lines), len(lines))
    last = min(wanted, first + READ_LINES - 1)
    if not lines:
        return f"{path} is empty."
    if first > len(lines):
        raise ToolError(f"{path} has only {len(lines)} lines.")
    shown: list[str] = []
    size = 0
    for number in range(first, last + 1):
        line = f"{number}\t{lines[number - 1][:1000]}"
        size += len(line)
        if size > READ_CHARACTERS and shown:
            last = number - 1
            break
        shown.append(line)
    rest = f"\n[{len(lines)} lines in all; read on with start={last + 1}]" if last < wanted else ""
    return "\n".join(shown) + rest
