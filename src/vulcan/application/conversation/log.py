"""A conversation's log: append first, then act."""

from __future__ import annotations

from collections.abc import Sequence

from vulcan.application.jobs.log import without
from vulcan.application.ports import BlobStore, EventStore, StoredEvent
from vulcan.domain.budget import Budget, Usage
from vulcan.domain.conversation import Conversation
from vulcan.domain.errors import BudgetExceeded, ConcurrentAppend
from vulcan.domain.events import Event, ModelReplied, RepliesDropped, ToolCalled


class ConversationLog:
    """The events of one conversation, folded. Two terminals may hold the same one."""

    def __init__(self, conversation: str, store: EventStore, blobs: BlobStore) -> None:
        self.id = conversation
        self.state = Conversation()
        self._store, self._blobs = store, blobs
        self._recorded: dict[str, str] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take in what another terminal said."""
        self._take(self._store.read(self.id, self.state.seq))

    def append(self, *events: Event) -> None:
        """Append, and fold what was appended."""
        while True:
            try:
                self._take(self._store.append(self.id, self.state.seq, events))
            except ConcurrentAppend:
                self.refresh()
            else:
                return

    def _take(self, stored: Sequence[StoredEvent]) -> None:
        for entry in stored:
            self.state = self.state.apply(entry.event, entry.at)
            if isinstance(entry.event, ModelReplied | ToolCalled):
                self._recorded[entry.event.key] = entry.event.payload
            elif isinstance(entry.event, RepliesDropped):
                self._recorded = without(self._recorded, entry.event.keys)

    def keep(self, text: str) -> str:
        """Store a large text; returns its digest."""
        return self._blobs.put(text.encode(errors="surrogatepass"))

    def payload(self, key: str) -> str | None:
        """What was recorded under `key`."""
        digest = self._recorded.get(key)
        return None if digest is None else self._blobs.get(digest).decode(errors="surrogatepass")


class ConversationCalls:
    """The `CallJournal` of a conversation: its calls are recorded in it and never in a job's log."""

    def __init__(self, log: ConversationLog, budget: Budget) -> None:
        self._log, self._budget = log, budget

    def recorded(self, key: str) -> str | None:
        """The payload recorded under `key`, or None."""
        return self._log.payload(key)

    def record_reply(
        self, key: str, agent: str, model: str, usage: Usage, payload: str, prompt: str = ""
    ) -> None:
        """Append a model's reply."""
        self._log.append(ModelReplied(key, agent, model, usage, self._log.keep(payload), prompt))

    def record_wait(self, agent: str, seconds: float, reason: str) -> None:
        """A conversation's log holds what was said; waiting is nothing of it."""

    def drop(self, keys: tuple[str, ...], reason: str) -> None:
        """Append that these replies count no more: another model of a chain is asked instead."""
        self._log.append(RepliesDropped(keys, reason))

    def record_tool(self, key: str, agent: str, tool: str, summary: str, payload: str) -> None:
        """Append a tool's result."""
        self._log.append(ToolCalled(key, agent, tool, summary, self._log.keep(payload)))

    def steering(self) -> tuple[str, ...]:
        """Nobody steers an answer."""
        return ()

    def check_budget(self) -> None:
        """Stop where the conversation's own calls have used up a limit."""
        spent = self._budget.exceeded(self._log.state.usage, 0.0)
        if spent:
            raise BudgetExceeded(
                f"this conversation has used up its limit ({spent})",
                hint="Commands and common questions still work; see /help, or begin a new conversation.",
            )
