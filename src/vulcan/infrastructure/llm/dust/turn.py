"""One question to an agent, until its answer has ended: posted, followed, tried again, or cancelled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from vulcan.infrastructure.llm.dust.access import Patience
from vulcan.infrastructure.llm.dust.client import Asked, DustClient, title_of
from vulcan.infrastructure.llm.dust.errors import DustError, is_retryable
from vulcan.infrastructure.llm.dust.events import NEEDS_PERSON, TERMINAL, Event
from vulcan.infrastructure.llm.dust.following import follow
from vulcan.infrastructure.llm.dust.limiter import Limiter

AGENT_TRIES = 2
"""Dust itself tries a failed model again before it tells, so once more is enough."""

FAILED = "agent_error"
SUCCEEDED = frozenset({"agent_message_success", "agent_message_gracefully_stopped"})


@dataclass(slots=True)
class Turn:
    """A question and what became of it.

    Attributes:
        whole: the text for a new conversation.
        conversation: one to go on with, by posting `delta`; empty for none.
        asked: where the answer is, as soon as that is known.
        conversations: all that were asked in; an answer that failed costs credits too.
        sent: characters that went to Dust.
        read: characters that the model had before it, however they came there.
        pruned: Dust dropped a part of the conversation, which must not be gone on with.
    """

    client: DustClient
    limiter: Limiter
    patience: Patience
    agent: Callable[[DustClient], Awaitable[str]]
    whole: str
    conversation: str = ""
    delta: str = ""
    asked: Asked | None = None
    conversations: list[str] = field(default_factory=list)
    content: str = ""
    sent: int = 0
    read: int = 0
    received: int = 0
    pruned: bool = False
    running: bool = False

    async def events(self) -> AsyncGenerator[Event, None]:
        """Post, and the events of the answer; an answer that failed in passing is asked for once more.

        Raises:
            DustError: there is no answer.
        """
        for attempt in range(1, AGENT_TRIES + 1):
            await self._post()
            async with aclosing(self._answer()) as events:
                async for event in events:
                    if not self._passes(event, attempt):
                        yield event
            if self.content:
                return
        raise DustError(FAILED, "the agent ended without an answer")

    async def again(self, text: str) -> None:
        """Ask for the answer in other words, in the same conversation."""
        assert self.asked is not None  # noqa: S101 - it follows an answer
        self.conversation, self.delta, self.content = self.asked.conversation, text, ""
        async with aclosing(self.events()) as events:
            async for _ in events:
                pass

    async def cancel(self) -> None:
        """Stop the answer at Dust, if there is one that has not ended; bounded, and never an error of its own."""
        if not self.running or self.asked is None:
            return
        self.running = False
        task = asyncio.ensure_future(self._cancelled(self.asked))
        await asyncio.shield(task)

    async def _cancelled(self, asked: Asked) -> None:
        try:
            async with asyncio.timeout(self.patience.cancelling):
                await self.client.cancel(asked)
        except (DustError, TimeoutError):
            return  # the answer ends unread

    async def _answer(self) -> AsyncGenerator[Event, None]:
        assert self.asked is not None  # noqa: S101 - it was posted
        async with aclosing(follow(self.client, self.asked, self.patience)) as events:
            async for event in events:
                self._take(event)
                yield event

    def _take(self, event: Event) -> None:
        if event.kind in NEEDS_PERSON:
            raise DustError(
                "interaction_needed",
                f"the agent waits for a person ({event.kind}): it must have no tools of its own",
            )
        self.pruned = self.pruned or event.kind == "agent_context_pruned"
        if event.kind in TERMINAL:
            self.running = False
        if event.kind in SUCCEEDED:
            self.content = str((event.data.get("message") or {}).get("content") or "")
            self.received += len(self.content)

    @staticmethod
    def _passes(event: Event, attempt: int) -> bool:
        """Whether the answer failed in a way that is tried again; raises where it failed for good."""
        if event.kind == "agent_generation_cancelled":
            raise DustError("agent_generation_cancelled", "somebody cancelled the answer")
        if event.kind not in {FAILED, "user_message_error"}:
            return False
        error = event.data.get("error")
        if attempt < AGENT_TRIES and is_retryable(error):
            return True
        raise DustError(FAILED, f"{(error or {}).get('code')}: {(error or {}).get('message')}")

    async def _post(self) -> None:
        """Post, waiting and trying again on what passes."""
        patience = self.patience
        for attempt in range(patience.tries):
            await self.limiter.enter()
            try:
                await self._post_once()
            except DustError as error:
                if self.conversation and not error.limited:
                    self.conversation = (
                        ""  # whether it took the message is not known, so another one is begun
                    )
                elif not error.passing or attempt + 1 == patience.tries:
                    raise
                if error.passing:
                    await self._wait(error, attempt)
            else:
                return
        raise DustError("service_unavailable", "no message was taken")

    async def _post_once(self) -> None:
        agent = await self.agent(self.client)
        text = self.delta if self.conversation else self.whole
        self.sent += len(text)
        self.read += len(self.whole) + (len(text) if self.asked else 0)
        if self.conversation:
            self.asked = await self.client.post(self.conversation, agent, text)
        else:
            self.asked = await self.client.create(agent, text, title_of(agent))
        if self.asked.conversation not in self.conversations:
            self.conversations.append(self.asked.conversation)
        self.running = True

    async def _wait(self, error: DustError, attempt: int) -> None:
        first = self.patience.limited if error.limited else self.patience.pause
        pause = min(first * 2**attempt, self.patience.longest_pause)
        if error.limited:
            self.limiter.hold(pause, time.monotonic())
        else:
            await asyncio.sleep(pause)
