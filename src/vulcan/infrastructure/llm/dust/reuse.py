"""Conversations whose content is the beginning of what may come next: only what is new is posted then."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

KEPT = 32


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
