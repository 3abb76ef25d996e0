"""The Conversation aggregate: what people said to a job, and what it asked them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Speaker(StrEnum):
    """Who said something."""

    PERSON = "person"
    VULCAN = "vulcan"


class Intent(StrEnum):
    """What a message wants."""

    NEW_JOB = "new job"
    ANSWER = "answer"
    QUESTION = "question"
    APPROVAL = "approval"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Message:
    """One thing said."""

    speaker: Speaker
    intent: Intent
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in the order in which they were said."""

    messages: tuple[Message, ...] = ()

    def say(self, speaker: Speaker, intent: Intent, text: str) -> Conversation:
        """Return the conversation with one message more."""
        return Conversation((*self.messages, Message(speaker, intent, text)))

    @property
    def answers(self) -> tuple[str, ...]:
        """What the person answered to questions, in order."""
        return tuple(m.text for m in self.messages if m.intent is Intent.ANSWER)
