"""A model whose replies are in the log before anything is done with them, and come from the log on resume."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from vulcan.application.ports import CallJournal
from vulcan.domain.errors import ContextExceeded, ModelBusy, ModelUnavailable
from vulcan.infrastructure.agents.replies import Price, dump_reply, load_reply, sendable, usage_of

RECORDED = "recorded"
Shorten = Callable[[list[ModelMessage]], Awaitable[list[ModelMessage] | None]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """For how long a service that is busy is waited for, in seconds.

    Attributes:
        patience: all waits before one reply together.
        first: the first wait where the service does not say how long; doubles each time, up to `longest`.
            Where it does, a tenth of that is waited at least: a service that always says 0 uses patience up too.
    """

    patience: float = 600.0
    first: float = 5.0
    longest: float = 60.0


class TurnLimit(Exception):  # noqa: N818 - control flow: the agent's turns are used up
    """The agent used all the turns of this piece of work."""


class JournaledModel(WrapperModel):
    """Wraps the real model for one piece of work of one agent.

    Args:
        call_key: stable name of the piece of work; replies are recorded under `call_key/agent/turn`.
        max_turns: after so many replies `TurnLimit` is raised instead of a further request.
        prompt: version of the agent's prompt, recorded with each reply.
        show: gets a new reply's words as they come, where the model streams.
        waiting: for how long a service that is busy is waited for.
        price: instead of the provider's list price.
        shorten: makes a history shorter that is too long for the model; None where it can't.
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
        waiting: Waiting | None = None,
        shorten: Shorten | None = None,
        price: Price | None = None,
    ) -> None:
        super().__init__(model)
        self._price = price
        self._waiting, self._shorten = waiting or Waiting(), shorten
        self._prompt, self._show = prompt, show
        self._journal, self._agent = journal, agent
        self._prefix, self._max_turns = f"{call_key}/{agent.replace(' ', '_')}", max_turns
        self.turn = 0
        self.last: ModelResponse | None = None

    def restart(self, model: Model) -> None:
        """Begin the piece of work anew with another model: what is recorded is played, the rest is asked of it."""
        self.wrapped, self.turn, self.last = model, 0, None

    def drop_bad_tail(self, reason: str) -> None:
        """Let the newest replies from which nothing came count no more, so that they are asked for anew."""
        keys = [f"{self._prefix}/{turn}" for turn in range(self.turn)]
        bad: list[str] = []
        while keys and not self._led_to_something(keys[-1]):
            bad.append(keys.pop())
        if bad:
            self._journal.drop(tuple(reversed(bad)), reason)

    def drop_all(self, reason: str) -> None:
        """Let all replies of this piece of work count no more."""
        self._journal.drop(tuple(f"{self._prefix}/{turn}" for turn in range(self.turn)), reason)

    def _led_to_something(self, key: str) -> bool:
        """Whether a call of a reply was carried out."""
        payload = self._journal.recorded(key)
        if payload is None:
            return False
        parts = load_reply(payload, "").parts
        calls = [part.tool_call_id for part in parts if isinstance(part, ToolCallPart)]
        return any(self._journal.recorded(f"{key}/{call}") is not None for call in calls)

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
            self.last = load_reply(payload, self.wrapped.model_name)
            return self.last
        self._journal.check_budget()
        response = sendable(await self._ask_at_last(messages, model_settings, model_request_parameters))
        usage = usage_of(response, priced=self.wrapped.system != RECORDED, price=self._price)
        name = response.model_name or ""
        self._journal.record_reply(self.key, self._agent, name, usage, dump_reply(response), self._prompt)
        self.last = response
        return response

    async def _ask_at_last(
        self, messages: list[ModelMessage], settings: ModelSettings | None, parameters: ModelRequestParameters
    ) -> ModelResponse:
        """The reply, after waiting for a service that is busy, of a history that is short enough."""
        waited, pause = 0.0, self._waiting.first
        while True:
            try:
                return await self._ask(messages, settings, parameters)
            except ModelBusy as busy:
                seconds = pause if busy.after is None else max(busy.after, pause / 10)
                if waited + seconds > self._waiting.patience:
                    raise self._impatient(busy, waited, seconds) from busy
                self._journal.record_wait(self._agent, seconds, busy.message)
                await asyncio.sleep(seconds)
                waited, pause = waited + seconds, min(2 * pause, self._waiting.longest)
            except ContextExceeded:
                shorter = await self._shorten(messages) if self._shorten else None
                if shorter is None:
                    raise
                messages = shorter

    def _impatient(self, busy: ModelBusy, waited: float, seconds: float) -> ModelUnavailable:
        asks = f"; it asks for {seconds:.0f} s more" if busy.after is not None else ""
        patience = f"{waited:.0f} s were waited{asks}, patience is {self._waiting.patience:.0f} s"
        return ModelUnavailable(
            f"{busy.message} ({patience})", hint=f"{busy.hint}. To wait longer: patience under [model]"
        )

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
