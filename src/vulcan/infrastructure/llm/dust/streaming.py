"""An answer's words as they come, read out of the envelope while it grows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from pydantic_ai.messages import ModelResponse, ModelResponseStreamEvent, TextPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_core import from_json

from vulcan.infrastructure.llm.dust.errors import DustError
from vulcan.infrastructure.llm.dust.events import Event

TEXT = "text"


class Growing:
    """The envelope's text as far as it is known."""

    def __init__(self) -> None:
        self._message, self._buffer, self._known, self._whole = "", "", "", False

    def add(self, event: Event) -> str:
        """What is new in the text. An answer that is given again begins anew; the conclusion puts it right."""
        message = str(event.data.get("messageId", ""))
        if message != self._message:
            self._message, self._buffer, self._whole = message, "", bool(self._known)
        if self._whole:
            return ""
        self._buffer += str(event.data.get("text", ""))
        try:
            data = from_json(self._buffer, allow_partial="trailing-strings")
        except ValueError:
            return ""
        return self._grown(data if isinstance(data, dict) else {})

    def _grown(self, data: dict[str, Any]) -> str:
        self._whole = "calls" in data
        text = data.get("text")
        if not isinstance(text, str) or not text.startswith(self._known):
            return ""
        new, self._known = text[len(self._known) :], text
        return new


class DustStream(StreamedResponse):
    """The stream of one answer.

    Args:
        parameters: of the request.
        events: of the answer, until it has ended.
        stop: cancels the answer at Dust.
        conclude: the whole response, once the events have ended.
        name: the model's.
        url: Dust's.
    """

    def __init__(
        self,
        parameters: ModelRequestParameters,
        *,
        events: AsyncIterator[Event],
        stop: Callable[[], Awaitable[None]],
        conclude: Callable[[], Awaitable[ModelResponse]],
        name: str,
        url: str,
    ) -> None:
        super().__init__(parameters)
        self._events, self._stop, self._conclude = events, stop, conclude
        self._name, self._url, self._timestamp = name, url, datetime.now(tz=UTC)

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        growing, shown = Growing(), ""
        try:
            async for event in self._events:
                if event.kind == "generation_tokens" and event.data.get("classification") == "tokens":
                    new = growing.add(event)
                    shown += new
                    if new:
                        for out in self._parts_manager.handle_text_delta(vendor_part_id=TEXT, content=new):
                            yield out
            response = await self._conclude()
        except DustError:
            if self.cancelled:
                return
            raise
        for out in self._end(response, shown):
            yield out

    def _end(self, response: ModelResponse, shown: str) -> list[ModelResponseStreamEvent]:
        """What the whole response has beyond what was shown; a text that was mended replaces the shown one."""
        self.provider_response_id, self.provider_details = (
            response.provider_response_id,
            response.provider_details,
        )
        self.finish_reason, self._usage = response.finish_reason, response.usage
        out: list[ModelResponseStreamEvent] = []
        for part in response.parts:
            if isinstance(part, TextPart) and part.content != shown:
                out.append(self._parts_manager.handle_part(vendor_part_id=TEXT, part=part))
            elif isinstance(part, ToolCallPart):
                out.append(self._parts_manager.handle_part(vendor_part_id=part.tool_call_id, part=part))
        return out

    async def close_stream(self) -> None:
        """Cancel the answer at Dust, which ends the events."""
        await self._stop()

    @property
    def model_name(self) -> str:
        """The name under which it was asked for."""
        return self._name

    @property
    def provider_name(self) -> str:
        """The provider id."""
        return "dust"

    @property
    def provider_url(self) -> str:
        """Where Dust is."""
        return self._url

    @property
    def timestamp(self) -> datetime:
        """When it was asked."""
        return self._timestamp
