"""What is remembered of conversations: what they hold, and what they have cost.

Conversations whose content is the beginning of what may come next: only what is new is posted then.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import httpx2

from vulcan.infrastructure.llm.dust.client import DustClient
from vulcan.infrastructure.llm.dust.errors import DustError

KEPT = 32
CREDIT_SECONDS = 5.0


class Conversations:
    """Conversations by the name of what they hold. One that is taken out is nobody else's until it is put back."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[str, str] = OrderedDict()

    def take(self, keys: Sequence[str]) -> tuple[str, int]:
        """The conversation that holds the longest beginning, and how many messages that is; `("", 0)` if none."""
        for known in range(len(keys) - 1, 0, -1):
            if conversation := self._by_key.pop(keys[known], ""):
                return conversation, known
        return "", 0

    def put(self, key: str, conversation: str) -> None:
        """Keep a conversation; the oldest is forgotten when there are many."""
        self._by_key[key] = conversation
        while len(self._by_key) > KEPT:
            self._by_key.popitem(last=False)


class Credits:
    """Credits read back after each answer; their price in money is the workspace's contract, so nobody here knows it."""

    def __init__(self) -> None:
        self._told = True
        self._before: OrderedDict[str, float] = OrderedDict()

    async def read(self, client: DustClient, conversation: str) -> dict[str, float]:
        """What the conversation has cost, and what of it is new; empty where Dust does not tell, never an error."""
        if not self._told:
            return {}
        try:
            async with asyncio.timeout(CREDIT_SECONDS):
                total = await client.credits(conversation)
        except DustError as error:
            self._told = error.status != httpx2.codes.NOT_FOUND
            return {}
        except (TimeoutError, KeyError, TypeError, ValueError):
            return {}
        new = total - self._before.pop(conversation, 0.0)
        self._before[conversation] = total
        while len(self._before) > KEPT:
            self._before.popitem(last=False)
        return {"credits": new, "conversation_credits": total}
