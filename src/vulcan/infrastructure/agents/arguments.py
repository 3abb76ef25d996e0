"""Arguments of tool calls as models write them: what is meant without doubt is taken, the rest is told in plain words."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, cast

from pydantic import BeforeValidator
from pydantic_ai import ModelRetry
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    RetryFeedbackPart,
    ToolReturnPart,
)
from pydantic_ai.tools import Tool

REMARKS = frozenset(
    {"description", "explanation", "justification", "purpose", "reason", "summary", "thought"}
)
"""Arguments that only say why a call is made; tools of other agents have them, so models write them here too."""
LONGEST_INPUT = 120
_SECONDS = re.compile(r"\s*(\d+)(?:\.\d+)?\s*(?:s|sec|secs|seconds?)?\s*", re.IGNORECASE)


def _command(given: object) -> object:
    """A command given as a list of words becomes one line; `["bash", "-c", LINE]` is its line."""
    if not isinstance(given, list) or not all(isinstance(word, str) for word in given):
        return given
    if len(given) == 1:
        return given[0]
    shell = len(given) == 3 and given[0].rpartition("/")[2] in ("bash", "sh") and given[1] in ("-c", "-lc")  # noqa: PLR2004
    return given[2] if shell else shlex.join(given)


def _seconds(given: object) -> object:
    """`"30s"` and `30.5` are 30."""
    if isinstance(given, str) and (found := _SECONDS.fullmatch(given)):
        given = int(found[1])
    return int(given) if isinstance(given, float) and math.isfinite(given) else given


def _line(given: object) -> object:
    """`null` and `""` where no line number is given."""
    return 0 if given in (None, "") else given


Command = Annotated[str, BeforeValidator(_command)]
Seconds = Annotated[int, BeforeValidator(_seconds)]
Line = Annotated[int, BeforeValidator(_line)]


def refuse_unknown(tool: str, known: str, other: Mapping[str, object]) -> None:
    """Tell the model which arguments a tool does not have; remarks are passed over.

    Raises:
        ModelRetry: with the names, so that nothing that was asked for is left undone in silence.
    """
    unknown = sorted(set(other) - REMARKS)
    if unknown:
        raise ModelRetry(f"{tool} has no {', '.join(unknown)}, so nothing was done. It takes: {known}.")


def tool_of(function: Callable[..., Any]) -> Tool[object]:
    """A tool whose schema names its own arguments only, though it hears others to answer for them."""
    made: Tool[object] = Tool(function)
    made.function_schema.json_schema["additionalProperties"] = False
    return made


def in_plain_words(messages: list[ModelMessage]) -> list[ModelMessage]:
    """The history, with each refusal of arguments in plain words instead of a validator's report."""
    return [_plain(message) for message in messages]


def _plain(message: ModelMessage) -> ModelMessage:
    if not isinstance(message, ModelRequest):
        return message
    return replace(message, parts=[_worded(part) for part in message.parts])


def _worded(part: ModelRequestPart) -> ModelRequestPart:
    if isinstance(part, ToolReturnPart) and part.outcome == "retried" and isinstance(part.content, list):
        worded: ToolReturnPart[Any] = replace(
            cast("ToolReturnPart[Any]", part), content=_refusal(part.tool_name, part.content)
        )
        return worded
    if isinstance(part, RetryFeedbackPart) and isinstance(part.content, list):
        return replace(part, content=_refusal("Your reply", part.content))
    return part


def _refusal(what: str, errors: Sequence[Any]) -> str:
    faults = []
    for error in errors:
        where = ".".join(str(step) for step in error["loc"]) or "the arguments"
        shown = "input" in error and error["type"] != "missing"
        given = f" (given: {repr(error['input'])[:LONGEST_INPUT]})" if shown else ""
        faults.append(f"{where}: {error['msg']}{given}")
    return (
        f"{what} was not taken, so nothing was done. {'; '.join(faults)}. Send it again with these put right."
    )
