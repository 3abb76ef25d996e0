"""A reply's words as they come, for any model of this room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic_ai.messages import ModelResponse, ModelResponseStreamEvent, TextPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters, StreamedResponse

TEXT = "text"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a reply comes from."""

    name: str
    provider: str
    url: str


class WordsStream(StreamedResponse):
    """The stream of one reply: its words, then what the whole reply has beyond them.

    Args:
        parameters: of the request.
        words: of the reply, until it has ended.
        stop: cancels the reply at the service.
        conclude: the whole response, once the words have ended.
        origin: where the reply comes from.
        silenced: errors that mean nothing once the stream was cancelled.
    """

    def __init__(
        self,
        parameters: ModelRequestParameters,
        *,
        words: AsyncIterator[str],
        stop: Callable[[], Awaitable[None]],
        conclude: Callable[[], Awaitable[ModelResponse]],
        origin: Origin,
        silenced: tuple[type[Exception], ...] = (),
    ) -> None:
        super().__init__(parameters)
        self._words, self._stop, self._conclude = words, stop, conclude
        self._origin, self._silenced, self._timestamp = origin, silenced, datetime.now(tz=UTC)

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        shown = ""
        try:
            async for new in self._words:
                shown += new
                for out in self._parts_manager.handle_text_delta(vendor_part_id=TEXT, content=new):
                    yield out
            response = await self._conclude()
        except self._silenced:
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
        """Cancel the reply at the service, which ends the words."""
        await self._stop()

    @property
    def model_name(self) -> str:
        """The name under which it was asked for."""
        return self._origin.name

    @property
    def provider_name(self) -> str:
        """The provider id."""
        return self._origin.provider

    @property
    def provider_url(self) -> str:
        """Where the service is."""
        return self._origin.url

    @property
    def timestamp(self) -> datetime:
        """When it was asked."""
        return self._timestamp
