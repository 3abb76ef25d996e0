"""A reply's words as they come, for any model of this room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic_ai.messages import ModelResponse, ModelResponseStreamEvent, TextPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters, StreamedResponse

TEXT = "text"
Hear = Callable[[str], None]
"""Is told all of a reply's text so far whenever it has grown."""


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
        self._response: ModelResponse | None = None

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        shown = ""
        try:
            async for new in self._words:
                shown += new
                for out in self._parts_manager.handle_text_delta(vendor_part_id=TEXT, content=new):
                    yield out
            response = self._response = await self._conclude()
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

    def get(self) -> ModelResponse:
        """The reply so far; once it has ended the very one that came, with all that streams don't show."""
        return self._response or super().get()

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


@asynccontextmanager
async def streaming(
    ask: Callable[[Hear], Awaitable[ModelResponse]], parameters: ModelRequestParameters, origin: Origin
) -> AsyncGenerator[WordsStream, None]:
    """The stream of what `ask` answers; leaving early cancels it."""
    words: asyncio.Queue[str] = asyncio.Queue()

    async def asked() -> ModelResponse:
        return await ask(words.put_nowait)

    task = asyncio.create_task(asked())
    task.add_done_callback(lambda _task: words.put_nowait(""))

    async def conclude() -> ModelResponse:
        return await task

    async def stop() -> None:
        task.cancel()

    try:
        yield WordsStream(parameters, words=_growth(words), stop=stop, conclude=conclude, origin=origin)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _growth(texts: asyncio.Queue[str]) -> AsyncIterator[str]:
    """What is new in a text that grows; a second try that says something else is put right at the end."""
    shown = ""
    while text := await texts.get():
        if text.startswith(shown) and text != shown:
            yield text[len(shown) :]
            shown = text
