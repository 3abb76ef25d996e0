"""A provider's model as Vulcan asks it: streamed, and patient with what passes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

from pydantic_ai.exceptions import ModelConnectionError
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext

from vulcan.infrastructure.llm.faults import Asked, Patience, patiently
from vulcan.infrastructure.llm.streaming import Hear, Origin, streaming


class PatientModel(WrapperModel):
    """Wraps a model of Pydantic AI's.

    Args:
        key: the variables that hold the provider's key, for advice.
    """

    def __init__(self, model: Model, key: str = "", patience: Patience | None = None) -> None:
        super().__init__(model)
        self._asked = Asked(model.model_name, model.base_url or model.system, key)
        self._patience = patience or Patience()

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """One reply; tries again on what passes (5xx, cut streams, no connection).

        Raises:
            ModelUnavailable: the provider refuses, is busy, or does not answer usably in any try.
        """
        return await self._patiently(messages, model_settings, model_request_parameters, lambda _text: None)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,  # noqa: ARG002 - part of the interface
    ) -> AsyncGenerator[StreamedResponse, None]:
        """The same, with the reply's words as they come."""

        async def ask(hear: Hear) -> ModelResponse:
            return await self._patiently(messages, model_settings, model_request_parameters, hear)

        origin = Origin(self.model_name, self.system, self.base_url or "")
        async with streaming(ask, model_request_parameters, origin) as stream:
            yield stream

    async def _patiently(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        parameters: ModelRequestParameters,
        hear: Hear,
    ) -> ModelResponse:
        ours = {**(settings or {}), "max_retries": 0}  # the library's own retries would wait unseen
        ignored = self.wrapped.unsupported_settings
        once = cast("ModelSettings", {name: value for name, value in ours.items() if name not in ignored})
        return await patiently(
            lambda: self._ask(messages, once, parameters, hear), self._asked, self._patience
        )

    async def _ask(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings,
        parameters: ModelRequestParameters,
        hear: Hear,
    ) -> ModelResponse:
        text = ""
        try:
            async with self.wrapped.request_stream(messages, settings, parameters) as stream:
                async for event in stream:
                    if new := words_of(event):
                        text += new
                        hear(text)
                response = stream.get()
        except NotImplementedError:
            return await self.wrapped.request(messages, settings, parameters)
        if was_cut(response):
            raise ModelConnectionError(self.model_name, "the stream ended before the model was done")
        return response


def was_cut(response: ModelResponse) -> bool:
    """Whether a stream ended before the model was done, which not every library notices."""
    told = (response.provider_details or {}).get("finish_reason")
    if response.usage.unmeasured_requests and (told is None or response.provider_name == "mistral"):
        return True  # the count comes last; the library fills in how it ended, Mistral's in both places
    return response.finish_reason is None


def words_of(event: ModelResponseStreamEvent) -> str:
    """The words that an event of a stream adds to a reply."""
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return event.delta.content_delta
    return ""
