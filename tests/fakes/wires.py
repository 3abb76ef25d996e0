"""How each provider speaks on the wire, streamed and not: from an answer of a script to bytes.

An answer is one of `fakes.model_server`: words or tool calls. Each reply also has a thought, with the signature or the
encrypted form that its provider wants back in the next request.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]
Frames = Iterator[bytes]
IN, OUT, CACHED = 1000, 50, 400


@dataclass(frozen=True)
class Said:
    """One reply: its number (which names its thought), its words and calls."""

    number: int
    answer: Body
    model: str = "scripted"

    @property
    def text(self) -> str:
        return self.answer.get("content", "")

    @property
    def stop(self) -> str:
        return self.answer.get("stop", "")

    @property
    def calls(self) -> list[tuple[str, str, str]]:
        """Id, name and arguments of each call."""
        return [
            (f"call_{self.number}_{n}", call["function"]["name"], call["function"]["arguments"])
            for n, call in enumerate(self.answer.get("tool_calls", ()))
        ]

    @property
    def thought(self) -> str:
        return f"thinking of {self.number}"

    @property
    def sign(self) -> str:
        """What comes back where the thought is sent again: base64, as Gemini's must be."""
        return base64.b64encode(f"signature {self.number}.".encode()).decode()


def sse(*events: Body, named: bool = False, end: bytes = b"") -> Frames:
    for event in events:
        name = f"event: {event['type']}\n" if named else ""
        yield f"{name}data: {json.dumps(event)}\n\n".encode()
    if end:
        yield end


def arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"broken": text}


class Wire:
    """One way to speak; `endings` are those of the paths that speak so."""

    endings: tuple[str, ...]
    stream_type = "text/event-stream"

    def streamed(self, path: str, body: Body) -> bool:
        return bool(body.get("stream"))

    def tools(self, body: Body) -> list[str]:
        return [tool["function"]["name"] for tool in body.get("tools", ())]

    def whole(self, said: Said) -> Body:
        raise NotImplementedError

    def frames(self, said: Said) -> Frames:
        raise NotImplementedError

    def refusal(self, status: int, said: str) -> Body:
        return {"error": {"message": said, "type": "scripted", "code": status}}


class Chat(Wire):
    """OpenAI's Chat Completions, with the thought where DeepSeek and others have it."""

    endings = ("/chat/completions",)
    thinks = "reasoning_content"

    def message(self, said: Said) -> Body:
        calls = [
            {"id": identity, "type": "function", "function": {"name": name, "arguments": text}}
            for identity, name, text in said.calls
        ]
        return {"role": "assistant", "content": said.text or None, **({"tool_calls": calls} if calls else {})}

    def reason(self, said: Said) -> str:
        return said.stop or ("tool_calls" if said.calls else "stop")

    def usage(self) -> Body:
        told = {"prompt_tokens": IN, "completion_tokens": OUT, "total_tokens": IN + OUT}
        return told | {"prompt_tokens_details": {"cached_tokens": CACHED}}

    def whole(self, said: Said) -> Body:
        message = self.message(said) | {self.thinks: said.thought}
        choice = {"index": 0, "message": message, "finish_reason": self.reason(said)}
        return self.about(said) | {"object": "chat.completion", "choices": [choice], "usage": self.usage()}

    def about(self, said: Said) -> Body:
        return {"id": f"chat-{said.number}", "created": 1_700_000_000, "model": said.model}

    def deltas(self, said: Said) -> Iterator[Body]:
        yield {"role": "assistant", self.thinks: said.thought}
        half = len(said.text) // 2
        for piece in (said.text[:half], said.text[half:]):
            if piece:
                yield {"content": piece}
        for n, (identity, name, text) in enumerate(said.calls):
            half = len(text) // 2
            start = {"index": n, "id": identity, "type": "function"}
            yield {"tool_calls": [start | {"function": {"name": name, "arguments": text[:half]}}]}
            yield {"tool_calls": [{"index": n, "function": {"arguments": text[half:]}}]}

    def frames(self, said: Said) -> Frames:
        about = self.about(said) | {"object": "chat.completion.chunk"}
        for delta in self.deltas(said):
            yield from sse(about | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": self.reason(said)}]}
        yield from sse(*self.last(about, last), end=b"data: [DONE]\n\n")

    def last(self, about: Body, last: Body) -> list[Body]:
        """How it ended, and the count of tokens."""
        return [about | last, about | {"choices": [], "usage": self.usage()}]


class Groq(Chat):
    endings = ("/groq/openai/v1/chat/completions",)
    thinks = "reasoning"

    def last(self, about: Body, last: Body) -> list[Body]:
        return [about | last | {"x_groq": {"id": about["id"], "usage": self.usage()}}]


class OpenRouter(Chat):
    endings = ("/openrouter/chat/completions",)
    thinks = "reasoning"

    def details(self, said: Said) -> Body:
        detail = {"type": "reasoning.text", "text": said.thought, "signature": said.sign, "index": 0}
        return {"reasoning_details": [detail | {"format": "anthropic-claude-v1", "id": None}]}

    def about(self, said: Said) -> Body:
        return super().about(said) | {"provider": "scripted"}

    def message(self, said: Said) -> Body:
        return super().message(said) | self.details(said)

    def deltas(self, said: Said) -> Iterator[Body]:
        first, *rest = super().deltas(said)
        yield first | self.details(said)
        yield from rest

    def whole(self, said: Said) -> Body:
        reply = super().whole(said)
        reply["choices"][0]["native_finish_reason"] = "stop"
        return reply


class Mistral(Chat):
    endings = ("/mistral/v1/chat/completions",)

    def usage(self) -> Body:
        return {"prompt_tokens": IN, "completion_tokens": OUT, "total_tokens": IN + OUT}

    def message(self, said: Said) -> Body:
        return super().message(said) | {"content": self.content(said)}

    def content(self, said: Said) -> list[Body]:
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": said.thought}]}
        return [thought, *([{"type": "text", "text": said.text}] if said.text else [])]

    def whole(self, said: Said) -> Body:
        reply = super().whole(said)
        del reply["choices"][0]["message"][self.thinks]
        return reply

    def deltas(self, said: Said) -> Iterator[Body]:
        yield {"role": "assistant", "content": self.content(said)}
        for n, (identity, name, text) in enumerate(said.calls):
            call = {"index": n, "id": identity, "function": {"name": name, "arguments": text}}
            yield {"tool_calls": [call]}


class Messages(Wire):
    """Anthropic's."""

    endings = ("/v1/messages",)

    def tools(self, body: Body) -> list[str]:
        return [tool["name"] for tool in body.get("tools", ())]

    def blocks(self, said: Said) -> list[Body]:
        thought = {"type": "thinking", "thinking": said.thought, "signature": said.sign}
        words = [{"type": "text", "text": said.text}] if said.text else []
        calls = [
            {"type": "tool_use", "id": identity, "name": name, "input": arguments(text)}
            for identity, name, text in said.calls
        ]
        return [thought, *words, *calls]

    def about(self, said: Said) -> Body:
        about = {"id": f"msg_{said.number}", "type": "message", "role": "assistant", "model": said.model}
        usage = {"input_tokens": IN - CACHED, "output_tokens": OUT, "cache_read_input_tokens": CACHED}
        return about | {"stop_sequence": None, "usage": usage | {"cache_creation_input_tokens": 0}}

    def reason(self, said: Said) -> str:
        return said.stop or ("tool_use" if said.calls else "end_turn")

    def whole(self, said: Said) -> Body:
        return self.about(said) | {"content": self.blocks(said), "stop_reason": self.reason(said)}

    def frames(self, said: Said) -> Frames:
        start = self.about(said) | {"content": [], "stop_reason": None}
        yield from sse({"type": "message_start", "message": start}, named=True)
        for index, block in enumerate(self.blocks(said)):
            empty, deltas = self.pieces(block)
            yield from sse(
                {"type": "content_block_start", "index": index, "content_block": empty},
                *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
                {"type": "content_block_stop", "index": index},
                named=True,
            )
        end = {"stop_reason": self.reason(said), "stop_sequence": None}
        yield from sse(
            {"type": "message_delta", "delta": end, "usage": {"output_tokens": OUT}},
            {"type": "message_stop"},
            named=True,
        )

    def pieces(self, block: Body) -> tuple[Body, list[Body]]:
        if block["type"] == "thinking":
            thought = {"type": "thinking_delta", "thinking": block["thinking"]}
            sign = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [thought, sign]
        if block["type"] == "text":
            return block | {"text": ""}, [{"type": "text_delta", "text": block["text"]}]
        text = json.dumps(block["input"])
        pieces = (text[: len(text) // 2], text[len(text) // 2 :])
        return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": p} for p in pieces]

    def refusal(self, status: int, said: str) -> Body:
        return {"type": "error", "error": {"type": "scripted", "message": said}}


class Responses(Wire):
    """OpenAI's Responses."""

    endings = ("/responses",)

    def tools(self, body: Body) -> list[str]:
        return [tool["name"] for tool in body.get("tools", ()) if tool["type"] == "function"]

    def items(self, said: Said) -> list[Body]:
        items: list[Body] = [
            {"type": "reasoning", "id": f"rs_{said.number}", "summary": [], "encrypted_content": said.sign}
        ]
        if said.text:
            words = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
            about = {"id": f"msg_{said.number}", "role": "assistant", "status": "completed"}
            items.append({"type": "message", "content": [words]} | about)
        for n, (identity, name, text) in enumerate(said.calls):
            about = {"id": f"fc_{said.number}_{n}", "call_id": identity, "status": "completed"}
            items.append({"type": "function_call", "name": name, "arguments": text} | about)
        return items

    def response(self, said: Said, **more: Any) -> Body:
        usage = {"input_tokens": IN, "output_tokens": OUT, "total_tokens": IN + OUT}
        usage |= {"input_tokens_details": {"cached_tokens": CACHED}}
        usage |= {"output_tokens_details": {"reasoning_tokens": 10}}
        about = {"id": f"resp_{said.number}", "object": "response", "created_at": 1_700_000_000.0}
        about |= {"model": said.model, "status": "completed", "output": self.items(said), "usage": usage}
        about |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None}
        if said.stop:
            about |= {"status": "incomplete", "incomplete_details": {"reason": said.stop}}
        return about | more

    def whole(self, said: Said) -> Body:
        return self.response(said)

    def frames(self, said: Said) -> Frames:
        events: list[Body] = [
            {"type": "response.created", "response": self.response(said, status="in_progress", output=[])}
        ]
        for index, item in enumerate(self.items(said)):
            events += self.of_item(index, item)
        kind = "response.incomplete" if said.stop else "response.completed"
        events.append({"type": kind, "response": self.response(said)})
        yield from sse(*(event | {"sequence_number": n} for n, event in enumerate(events)), named=True)

    def of_item(self, index: int, item: Body) -> Iterator[Body]:
        where = {"output_index": index}
        empty = {"message": {"content": []}, "function_call": {"arguments": ""}}.get(item["type"], {})
        yield {"type": "response.output_item.added", "item": item | empty} | where
        where |= {"item_id": item["id"]}
        if item["type"] == "message":
            (words,) = item["content"]
            part = where | {"content_index": 0}
            yield {"type": "response.content_part.added", "part": words | {"text": ""}} | part
            yield {"type": "response.output_text.delta", "delta": words["text"], "logprobs": []} | part
            yield {"type": "response.output_text.done", "text": words["text"], "logprobs": []} | part
            yield {"type": "response.content_part.done", "part": words} | part
        if item["type"] == "function_call":
            text = item["arguments"]
            yield {"type": "response.function_call_arguments.delta", "delta": text} | where
            yield {
                "type": "response.function_call_arguments.done",
                "arguments": text,
                "name": item["name"],
            } | where
        yield {"type": "response.output_item.done", "item": item, "output_index": index}


class Gemini(Wire):
    endings = (":generateContent", ":streamGenerateContent")

    def streamed(self, path: str, body: Body) -> bool:
        return ":stream" in path

    def tools(self, body: Body) -> list[str]:
        return [f["name"] for tool in body.get("tools", ()) for f in tool.get("functionDeclarations", ())]

    def parts(self, said: Said) -> list[Body]:
        parts: list[Body] = [{"text": said.thought, "thought": True}]
        if said.text:
            parts.append({"text": said.text, "thoughtSignature": said.sign})
        for identity, name, text in said.calls:
            call = {"id": identity, "name": name, "args": arguments(text)}
            parts.append({"functionCall": call, "thoughtSignature": said.sign})
        return parts

    def chunk(self, said: Said, parts: list[Body], **more: Any) -> Body:
        usage = {"promptTokenCount": IN, "candidatesTokenCount": OUT, "totalTokenCount": IN + OUT + 10}
        usage |= {"thoughtsTokenCount": 10, "cachedContentTokenCount": CACHED}
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0} | more
        about = {
            "modelVersion": said.model,
            "responseId": f"g{said.number}",
            "createTime": "2026-01-02T03:04:05Z",
        }
        return {"candidates": [candidate], "usageMetadata": usage} | about

    def whole(self, said: Said) -> Body:
        return self.chunk(said, self.parts(said), finishReason=said.stop or "STOP")

    def frames(self, said: Said) -> Frames:
        for part in self.parts(said):
            yield from sse(self.chunk(said, [part]))
        yield from sse(self.chunk(said, [{"text": ""}], finishReason=said.stop or "STOP"))

    def refusal(self, status: int, said: str) -> Body:
        return {"error": {"code": status, "message": said, "status": "SCRIPTED"}}


class Converse(Wire):
    """Bedrock's, whose streams are frames of AWS's own."""

    endings = ("/converse", "/converse-stream")
    stream_type = "application/vnd.amazon.eventstream"

    def streamed(self, path: str, body: Body) -> bool:
        return path.endswith("-stream")

    def tools(self, body: Body) -> list[str]:
        tools = body.get("toolConfig", {}).get("tools", ())
        return [tool["toolSpec"]["name"] for tool in tools if "toolSpec" in tool]

    def blocks(self, said: Said) -> list[Body]:
        thought = {"reasoningContent": {"reasoningText": {"text": said.thought, "signature": said.sign}}}
        words = [{"text": said.text}] if said.text else []
        calls = [
            {"toolUse": {"toolUseId": identity, "name": name, "input": arguments(text)}}
            for identity, name, text in said.calls
        ]
        return [thought, *words, *calls]

    def end(self) -> Body:
        usage = {"inputTokens": IN - CACHED, "outputTokens": OUT, "totalTokens": IN + OUT}
        return {"usage": usage | {"cacheReadInputTokens": CACHED}, "metrics": {"latencyMs": 5}}

    def reason(self, said: Said) -> str:
        return said.stop or ("tool_use" if said.calls else "end_turn")

    def whole(self, said: Said) -> Body:
        message = {"role": "assistant", "content": self.blocks(said)}
        return {"output": {"message": message}, "stopReason": self.reason(said)} | self.end()

    def frames(self, said: Said) -> Frames:
        yield event_frame("messageStart", {"role": "assistant"})
        for index, block in enumerate(self.blocks(said)):
            where = {"contentBlockIndex": index}
            if "toolUse" in block:
                call = block["toolUse"]
                start = {"toolUse": {"toolUseId": call["toolUseId"], "name": call["name"]}}
                yield event_frame("contentBlockStart", where | {"start": start})
                deltas = [{"toolUse": {"input": json.dumps(call["input"])}}]
            elif "text" in block:
                deltas = [{"text": block["text"]}]
            else:
                thought = block["reasoningContent"]["reasoningText"]
                deltas = [{"reasoningContent": {key: thought[key]}} for key in ("text", "signature")]
            for delta in deltas:
                yield event_frame("contentBlockDelta", where | {"delta": delta})
            yield event_frame("contentBlockStop", where)
        yield event_frame("messageStop", {"stopReason": self.reason(said)})
        yield event_frame("metadata", self.end())

    def refusal(self, status: int, said: str) -> Body:
        return {"message": said}


def event_frame(kind: str, data: Body) -> bytes:
    """A frame of `application/vnd.amazon.eventstream`: lengths, headers, payload, checksums."""
    told = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + b"\x07"
        + struct.pack("!H", len(value))
        + value.encode()
        for name, value in told.items()
    )
    payload = json.dumps(data).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    frame = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return frame + struct.pack("!I", zlib.crc32(frame))


WIRES: tuple[Wire, ...] = (
    Groq(),
    OpenRouter(),
    Mistral(),
    Chat(),
    Messages(),
    Responses(),
    Gemini(),
    Converse(),
)


def wire_of(path: str) -> Wire:
    return next(wire for wire in WIRES if path.partition("?")[0].endswith(wire.endings))
