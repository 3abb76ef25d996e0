"""`DustModel`: every agent of Vulcan on a Dust workspace. One model request is one message to a Dust agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import ModelMessage, ModelResponse, ModelResponsePart, TextPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from vulcan.domain.errors import ModelUnavailable, masked
from vulcan.infrastructure.llm.dust.access import DustAccess, Patience
from vulcan.infrastructure.llm.dust.agents import find_agent
from vulcan.infrastructure.llm.dust.client import DustClient
from vulcan.infrastructure.llm.dust.envelope import Envelope, UnfitReplyError, parse, repair
from vulcan.infrastructure.llm.dust.errors import DustError
from vulcan.infrastructure.llm.dust.limiter import limiter_of
from vulcan.infrastructure.llm.dust.rendering import Rendered, render
from vulcan.infrastructure.llm.dust.reuse import Conversations, Credits
from vulcan.infrastructure.llm.dust.streaming import words_of
from vulcan.infrastructure.llm.dust.turn import Turn
from vulcan.infrastructure.llm.own import HttpModel
from vulcan.infrastructure.llm.streaming import Origin, WordsStream

CHARACTERS_PER_TOKEN = 4
REPAIRS = 2


class DustModel(HttpModel):
    """A model behind an agent of a Dust workspace.

    Args:
        name: an agent's id or name, or the name of a model for which `vulcan dust setup` made an agent.
        access: the workspace and its key.
        patience: how long it is waited for.
        reuse: post only what is new while a conversation's content is the beginning of the history.
    """

    unsupported_settings = frozenset(
        (
            "max_tokens",
            "temperature",
            "top_p",
            "seed",
            "presence_penalty",
            "frequency_penalty",
            "logit_bias",
            "stop_sequences",
            "parallel_tool_calls",
        )
    )

    def __init__(
        self, name: str, access: DustAccess, patience: Patience | None = None, *, reuse: bool = True
    ) -> None:
        super().__init__(name, masked(access.url))
        self._access, self._reuse = access.checked(), reuse
        self._patience = patience or Patience()
        self._limiter = limiter_of(access.url, access.workspace, access.messages_per_minute, access.shared)
        self._conversations, self._credits = Conversations(), Credits()
        self._agent = ""

    @property
    def system(self) -> str:
        """The provider id; no price list knows it, since Dust bills in credits."""
        return "dust"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """One answer; what passes is tried again, within one deadline. Cancelling it cancels it at Dust, too.

        Raises:
            ModelUnavailable: Dust refuses, or does not answer in time.
            UnexpectedModelBehavior: the reply was no envelope, also after it was told so.
        """
        rendered = self._rendered(messages, model_settings, model_request_parameters)
        turn = self._turn(rendered)
        async with self._bounded(turn):
            async with aclosing(turn.events()) as events:
                async for _ in events:
                    pass
            return await self._response(turn, rendered)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,  # noqa: ARG002 - part of the interface
    ) -> AsyncGenerator[StreamedResponse, None]:
        """The same, with the answer's words as they come; leaving early cancels it at Dust."""
        rendered = self._rendered(messages, model_settings, model_request_parameters)
        turn = self._turn(rendered)
        async with self._bounded(turn), aclosing(turn.events()) as events:
            yield WordsStream(
                model_request_parameters,
                words=words_of(events),
                stop=turn.cancel,
                conclude=lambda: self._response(turn, rendered),
                origin=Origin(self._name, self.system, masked(self._access.url)),
                silenced=(DustError,),
            )

    def _rendered(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        parameters: ModelRequestParameters,
    ) -> Rendered:
        _, prepared, instructions = self._prepared(messages, settings, parameters)
        return render(instructions, messages, prepared)

    def _turn(self, rendered: Rendered) -> Turn:
        conversation, known = self._conversations.take(rendered.keys) if self._reuse else ("", 0)
        return Turn(
            client=DustClient(self._access, self._patience),
            limiter=self._limiter,
            patience=self._patience,
            agent=self._found_agent,
            whole=rendered.whole(),
            conversation=conversation,
            delta=rendered.since(known) if conversation else "",
        )

    async def _found_agent(self, client: DustClient) -> str:
        self._agent = self._agent or await find_agent(client, self._name)
        return self._agent

    @asynccontextmanager
    async def _bounded(self, turn: Turn) -> AsyncGenerator[None, None]:
        """One deadline around all; whatever is not ended when this is left is cancelled at Dust."""
        try:
            async with asyncio.timeout(self._patience.deadline) as limit:
                yield
        except DustError as error:
            raise error.unavailable(f"Dust does not answer as {self._name}") from error
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise ModelUnavailable(
                f"Dust did not answer as {self._name} within {self._patience.deadline:.0f} s",
                hint="Use an agent of a lower effort, or go on with: vulcan resume",
            ) from error
        finally:
            await turn.cancel()
            await turn.client.close()

    async def _response(self, turn: Turn, rendered: Rendered) -> ModelResponse:
        envelope = await self._envelope(turn)
        assert turn.asked is not None  # noqa: S101 - an answer has a question
        parts: list[ModelResponsePart] = [TextPart(envelope.text)] if envelope.text.strip() else []
        parts += [
            ToolCallPart(call.name, call.arguments, tool_call_id=f"{turn.asked.agent_message}_{number}")
            for number, call in enumerate(envelope.calls)
        ]
        usage = RequestUsage(
            input_tokens=turn.read // CHARACTERS_PER_TOKEN,
            output_tokens=turn.received // CHARACTERS_PER_TOKEN,
        )
        response = ModelResponse(
            parts=parts,
            usage=usage,
            model_name=self._name,
            provider_name=self.system,
            provider_url=masked(self._access.url),
            provider_response_id=turn.asked.agent_message,
            provider_details=await self._details(turn),
            finish_reason="tool_call" if envelope.calls else "stop",
        )
        if self._reuse and not turn.pruned:
            self._conversations.put(rendered.key_with(response), turn.asked.conversation)
        return response

    async def _details(self, turn: Turn) -> dict[str, Any]:
        assert turn.asked is not None  # noqa: S101 - an answer has a question
        sent = {
            "conversation": turn.asked.conversation,
            "tokens": "estimated",
            "characters_sent": turn.sent,
        }
        told = {each: await self._credits.read(turn.client, each) for each in turn.conversations}
        all_ = (
            {"credits": sum(each["credits"] for each in told.values() if each)} if any(told.values()) else {}
        )
        return {**sent, **told[turn.asked.conversation], **all_}

    async def _envelope(self, turn: Turn) -> Envelope:
        for attempt in range(REPAIRS + 1):
            try:
                return parse(turn.content)
            except UnfitReplyError as unfit:
                problem = str(unfit)
            if attempt < REPAIRS:
                await turn.again(repair(problem))
        raise UnexpectedModelBehavior(
            f"the reply is no envelope after {REPAIRS} repairs: {problem}", turn.content
        )
