"""A history as one text: instructions and tools first, then each message once, so that its beginning is stable.

Sections begin with a tag that holds a mark, which a file or a command's output can't know, so none can speak as
another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters

from vulcan.application.secrets import without_secrets
from vulcan.infrastructure.llm.dust.envelope import PROTOCOL

_NO_TEXT = "Reply with one JSON object that calls tools; to end, call the tool that submits the result."
_TEXT = "Reply with one JSON object: tool calls, or the final answer."


@dataclass(frozen=True, slots=True)
class Rendered:
    """A request as text, in sections; `keys[n]` names the head and the first n messages."""

    head: str
    sections: tuple[str, ...]
    closing: str
    mark: str
    keys: tuple[str, ...]

    def whole(self) -> str:
        """Everything, for a new conversation."""
        return without_secrets("\n\n".join((self.head, *(s for s in self.sections if s), self.closing)))

    def since(self, known: int) -> str:
        """What a conversation that holds the first `known` messages lacks."""
        return without_secrets("\n\n".join((*(s for s in self.sections[known:] if s), self.closing)))

    def key_with(self, response: ModelResponse) -> str:
        """The name of this request together with its answer."""
        return _chained(self.keys[-1], _section(self.mark, response))


def render(
    instructions: Sequence[str], messages: Sequence[ModelMessage], parameters: ModelRequestParameters
) -> Rendered:
    """The sections of a request."""
    tools = [_tool(t) for t in parameters.tool_defs.values()]
    body = "\n\n".join(instructions)
    mark = hashlib.sha256(json.dumps([body, tools, _first(messages)]).encode()).hexdigest()[:8]
    head = "\n\n".join(
        (
            f"<{mark} protocol>\n{PROTOCOL}",
            f"<{mark} instructions>\n{body}",
            f"<{mark} tools>\n" + ("\n".join(tools) or "none"),
        )
    )
    sections = tuple(_section(mark, message) for message in messages)
    keys = [hashlib.sha256(head.encode()).hexdigest()]
    for section in sections:
        keys.append(_chained(keys[-1], section))
    closing = f"<{mark} now>\n{_TEXT if parameters.allow_text_output else _NO_TEXT}"
    return Rendered(head, sections, closing, mark, tuple(keys))


def _chained(key: str, section: str) -> str:
    return hashlib.sha256(f"{key}\0{section}".encode()).hexdigest()


def _first(messages: Sequence[ModelMessage]) -> str:
    return next((_prompt(p) for m in messages for p in m.parts if isinstance(p, UserPromptPart)), "")


def _section(mark: str, message: ModelMessage) -> str:
    parts = (
        _request_parts(mark, message)
        if isinstance(message, ModelRequest)
        else _response_parts(mark, message)
        if isinstance(message, ModelResponse)
        else ()
    )
    return "\n\n".join(parts)


def _request_parts(mark: str, message: ModelRequest) -> Iterator[str]:
    for part in message.parts:
        match part:
            case SystemPromptPart():
                yield f"<{mark} instructions>\n{part.content}"
            case UserPromptPart():
                yield f"<{mark} user>\n{_prompt(part)}"
            case ToolReturnPart():
                outcome = "result" if part.outcome == "success" else part.outcome
                yield f"<{mark} {outcome} of {part.tool_name}>\n{part.model_response_str()}"
            case _:
                continue


def _prompt(part: UserPromptPart) -> str:
    content = part.content
    return content if isinstance(content, str) else "\n".join(c for c in content if isinstance(c, str))


def _response_parts(mark: str, message: ModelResponse) -> Iterator[str]:
    text = "".join(p.content for p in message.parts if isinstance(p, TextPart))
    calls = [
        {"name": p.tool_name, "arguments": _canonical(p)}
        for p in message.parts
        if isinstance(p, ToolCallPart)
    ]
    data: dict[str, Any] = {"text": text} if text else {}
    if calls:
        data["calls"] = calls
    yield f"<{mark} you>\n{_compact(data)}"


def _canonical(part: ToolCallPart) -> Any:
    try:
        return json.loads(part.args_as_json_str())
    except ValueError:
        return part.args_as_json_str()


def _tool(tool: Any) -> str:
    """Name, purpose and arguments of a tool; the schema's titles say nothing that its keys don't."""
    schema = _untitled(tool.parameters_json_schema)
    return f"- {tool.name}: {tool.description or ''}\n  arguments: {_compact(schema)}"


def _untitled(schema: Any) -> Any:
    """The schema without `title` annotations; a property that is named title stays."""
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {k: v for k, v in schema.items() if not (k == "title" and isinstance(v, str))}
    return {k: _untitled(v) for k, v in kept.items()}


def _compact(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
