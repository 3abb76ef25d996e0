"""A model whose replies are in the log before anything is done with them, and come from the log on resume."""

from __future__ import annotations

from collections.abc import Callable

from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from vulcan.application.ports import CallJournal
from vulcan.domain.errors import ModelUnavailable
from vulcan.infrastructure.agents.replies import dump_reply, load_reply, sendable, usage_of

RECORDED = "recorded"


class TurnLimit(Exception):  # noqa: N818 - control flow: the agent's turns are used up
    """The agent used all the turns of this piece of work."""


class JournaledModel(WrapperModel):
    """Wraps the real model for one piece of work of one agent.

    Args:
        call_key: stable name of the piece of work; replies are recorded under `call_key/agent/turn`.
        max_turns: after so many replies `TurnLimit` is raised instead of a further request.
        prompt: version of the agent's prompt, recorded with each reply.
        show: gets a new reply's words as they come, where the model streams.
    """

    def __init__(
        self,
        model: Model,
        journal: CallJournal,
        call_key: str,
        agent: str,
        max_turns: int,
        prompt: str = "",
        show: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(model)
        self._prompt, self._show = prompt, show
        self._journal, self._agent = journal, agent
        self._prefix, self._max_turns = f"{call_key}/{agent.replace(' ', '_')}", max_turns
        self.turn = 0

    @property
    def key(self) -> str:
        """Key of the newest reply."""
        return f"{self._prefix}/{self.turn - 1}"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The recorded reply of this turn, or a new one that is recorded before it is returned.

        Raises:
            BudgetExceeded: the job may not make another call.
            ModelUnavailable: the provider does not answer usably.
        """
        if self.turn >= self._max_turns:
            raise TurnLimit
        self.turn += 1
        payload = self._journal.recorded(self.key)
        if payload is not None:
            return load_reply(payload, self.wrapped.model_name)
        self._journal.check_budget()
        response = sendable(await self._ask(messages, model_settings, model_request_parameters))
        usage = usage_of(response, priced=self.wrapped.system != RECORDED)
        name = response.model_name or ""
        self._journal.record_reply(self.key, self._agent, name, usage, dump_reply(response), self._prompt)
        return response

    async def _ask(
        self, messages: list[ModelMessage], settings: ModelSettings | None, parameters: ModelRequestParameters
    ) -> ModelResponse:
        if self.wrapped.system == RECORDED:
            settings = {**(settings or {}), "extra_body": {"key": self.key}}
        try:
            if self._show is not None:
                return await self._streamed(messages, settings, parameters, self._show)
            return await self.wrapped.request(messages, settings, parameters)
        except ModelAPIError as error:
            raise ModelUnavailable(
                f"the model {self.wrapped.model_name} does not answer: {error}",
                hint="Check the model's name, its key and the service, then go on with: vulcan resume",
            ) from error

    async def _streamed(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        parameters: ModelRequestParameters,
        show: Callable[[str], None],
    ) -> ModelResponse:
        """The reply, its words shown as they come; a model that does not stream gives it as a whole."""
        try:
            async with self.wrapped.request_stream(messages, settings, parameters) as stream:
                async for event in stream:
                    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                        show(event.part.content)
                    elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                        show(event.delta.content_delta)
                return stream.get()
        except NotImplementedError:
            return await self.wrapped.request(messages, settings, parameters)
