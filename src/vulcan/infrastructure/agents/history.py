"""Bounding what is sent: old turns go in one cut, so that the prefix stays stable between cuts.

What matters (goal, criteria, findings, rules) is data in the first message and is never cut; what the cut turns did
is kept as a list of changed files and last commands, derived by code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from vulcan.infrastructure.agents.briefings import SAID

MAX_TURNS, KEEP_TURNS = 60, 15
MAX_CHARACTERS, KEPT_SHARE = 240_000, 4
COMMANDS_NAMED = 5
CUT = "[Earlier turns are left out."


async def bounded(messages: list[ModelMessage], most: int = MAX_CHARACTERS) -> list[ModelMessage]:
    """The history, with its middle replaced by a note once it has grown past a limit (`most` in characters)."""
    turns = sum(isinstance(m, ModelResponse) for m in messages)
    if turns <= MAX_TURNS and characters(messages) <= most:
        return messages
    start = _first_kept(messages, most // KEPT_SHARE)
    if start <= 1:
        return messages
    first = messages[0]
    if not isinstance(first, ModelRequest):
        return messages
    note = UserPromptPart(_note(messages[:start]))
    parts = [p for p in first.parts if not (isinstance(p, UserPromptPart) and str(p.content).startswith(CUT))]
    head = ModelRequest(parts=[*parts, *_said(messages[1:start]), note], instructions=first.instructions)
    return [head, *messages[start:]]


def _said(cut: Sequence[ModelMessage]) -> list[UserPromptPart]:
    """The person's own words, which no cut takes away."""
    parts = [part for message in cut for part in message.parts]
    return [p for p in parts if isinstance(p, UserPromptPart) and str(p.content).startswith(SAID)]


def characters(messages: Sequence[ModelMessage]) -> int:
    """How long a history is."""
    return sum(map(_size, messages))


def _first_kept(messages: Sequence[ModelMessage], most: int) -> int:
    """Index of the first response that is kept; what follows a response answers its calls."""
    kept = size = 0
    start = len(messages)
    for index in range(len(messages) - 1, 0, -1):
        size += _size(messages[index])
        if kept and (kept >= KEEP_TURNS or size > most):
            break
        if isinstance(messages[index], ModelResponse):
            start, kept = index, kept + 1
    return start


def _size(message: ModelMessage) -> int:
    return sum(
        len(part.args_as_json_str())
        if isinstance(part, ToolCallPart)
        else len(str(getattr(part, "content", "")))
        for part in message.parts
    )


def _note(cut: Sequence[ModelMessage]) -> str:
    changed, commands, words = _facts(cut)
    lines = [f"{CUT} What they did, as far as it matters:"]
    lines.append(f"- files changed: {', '.join(changed) or 'none'}")
    lines += [f"- command run: {command}" for command in commands[-COMMANDS_NAMED:]]
    if words:
        lines.append(f"- your last note: {words[:500]}")
    lines.append("Read files again where you need them.]")
    return "\n".join(lines)


def _facts(cut: Sequence[ModelMessage]) -> tuple[list[str], list[str], str]:
    changed: dict[str, None] = {}
    commands: list[str] = []
    words = ""
    outcomes = dict(_outcomes(cut))
    for message in cut:
        for part in message.parts:
            if isinstance(part, TextPart):
                words = part.content
            elif isinstance(part, ToolCallPart):
                arguments = _arguments(part)
                if part.tool_name in {"edit", "write"} and isinstance(arguments.get("path"), str):
                    changed[arguments["path"]] = None
                elif part.tool_name == "shell":
                    commands.append(
                        f"{str(arguments.get('command', ''))[:120]} -> {outcomes.get(part.tool_call_id, '?')}"
                    )
            elif isinstance(part, UserPromptPart) and str(part.content).startswith(CUT):
                changed.update(dict.fromkeys(_earlier_files(str(part.content))))
    return list(changed), commands, words


def _earlier_files(note: str) -> list[str]:
    line = next((x for x in note.splitlines() if x.startswith("- files changed: ")), "")
    names = line.removeprefix("- files changed: ").split(", ")
    return [name for name in names if name and name != "none"]


def _outcomes(cut: Sequence[ModelMessage]) -> Iterator[tuple[str, str]]:
    for message in cut:
        for part in message.parts:
            if isinstance(part, ToolReturnPart):
                yield part.tool_call_id, str(part.content).splitlines()[0][:60] if part.content else ""


def _arguments(call: ToolCallPart) -> dict[str, str]:
    try:
        arguments = json.loads(call.args_as_json_str())
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}
