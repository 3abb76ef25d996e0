"""The Conversation aggregate: a fold over its events, of which what matters stays as data however long it gets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from vulcan.domain.budget import Usage
from vulcan.domain.events import (
    ActProposed,
    ConversationStarted,
    Event,
    JobChosen,
    MessageSaid,
    ModelReplied,
    NoteDropped,
    NoteKept,
    ProseCompacted,
)
from vulcan.domain.messages import Intent, Message, Note, NoteKind, Proposal, Speaker

COMPACT_ABOVE, KEEP = 24_000, 8_000
"""Characters of prose above which older messages are compacted, and how many the newest messages keep."""

SETTLING = frozenset(
    [
        Intent.NEW_JOB,
        Intent.CONFIRMATION,
        Intent.APPROVAL,
        Intent.REFUSAL,
        Intent.CANCEL,
        Intent.UNDO,
        Intent.RESUME,
    ]
)
"""Acts after which what Vulcan asked before is no longer open; a question or a remark in between leaves it open."""

DIGEST = 12_000
PERSON_LINE, VULCAN_LINE, SHORT_LINE = 400, 120, 80

_RULE = re.compile(
    r"\b(always|never|remember|note that|from now on|keep in mind|prefer|in this (project|repository))\b",
    re.IGNORECASE,
)
_FACT = re.compile(r"\b(is|are) called\b|\bmy name is\b|\bwe use\b", re.IGNORECASE)
_QUOTED = re.compile(r"```.*?(?:```|\Z)|^\s*>.*?$", re.DOTALL | re.MULTILINE)
_STATED = re.compile(
    r"(always|never(?! mind)|remember|from now on|note that|keep in mind|prefer)\b", re.IGNORECASE
)
_STATED_BY = re.compile(rf"(?:(?:please|and|also|but|so|we|i)[\s,]+)*{_STATED.pattern}", re.IGNORECASE)
_GREETING = re.compile(r"(hi|hello|hey|good (morning|evening)|thanks|thank you)( \w+)?[!.,]*", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Conversation:
    """All that is known of a conversation, derived from its log.

    Attributes:
        job: the job that is talked about; `jobs` are all of them, oldest first.
        proposal: what a plain yes would set off now; `proposed` is its place in the log.
        compacted: up to which message `digest` stands for the prose.
        usage: what the conversation's own model calls cost; those of jobs are the jobs'.
    """

    seq: int = 0
    started: ConversationStarted | None = None
    messages: tuple[Message, ...] = ()
    notes: tuple[Note, ...] = ()
    kept: int = 0
    job: str = ""
    jobs: tuple[str, ...] = ()
    chosen: int = 0
    proposal: Proposal | None = None
    proposed: int = 0
    compacted: int = 0
    digest: str = ""
    compactions: int = 0
    usage: Usage = Usage()
    updated_at: float = 0.0

    @property
    def recent(self) -> tuple[Message, ...]:
        """Messages that no digest stands for."""
        return tuple(message for message in self.messages if message.seq > self.compacted)

    @property
    def chosen_last(self) -> bool:
        """Whether the job was chosen after the last message was said: that message led to it."""
        return bool(self.messages) and self.chosen > self.messages[-1].seq

    @property
    def rules(self) -> tuple[str, ...]:
        """What holds for every job of this conversation."""
        return tuple(note.text for note in self.notes if note.kind is NoteKind.RULE)

    def started_in(self, repository: str) -> bool:
        """Whether it is about this repository."""
        return self.started is not None and self.started.repository == repository

    def apply(self, event: Event, at: float = 0.0) -> Conversation:
        """The conversation after one event more; events that it does not know change nothing but the number."""
        handler = _HANDLERS.get(type(event))
        after = handler(self, event) if handler else self
        return replace(after, seq=self.seq + 1, updated_at=at)


def fold(events: Iterable[tuple[Event, float]]) -> Conversation:
    """Fold events with their times into a conversation."""
    conversation = Conversation()
    for event, at in events:
        conversation = conversation.apply(event, at)
    return conversation


def _said(before: Conversation, event: MessageSaid) -> Conversation:
    message = Message(before.seq + 1, event.speaker, event.intent, event.text, event.job)
    proposal = None if _settled(before, event) else before.proposal
    return replace(before, messages=(*before.messages, message), proposal=proposal)


def _settled(before: Conversation, event: MessageSaid) -> bool:
    """Whether an answer leaves nothing open: what was asked is done, declined or overtaken by another act."""
    asked = before.proposal
    if asked is None or event.speaker is Speaker.PERSON:
        return False
    just_asked = not before.messages or before.proposed > before.messages[-1].seq
    return not just_asked and (event.intent in SETTLING or event.intent is asked.intent)


def _kept(before: Conversation, event: NoteKept) -> Conversation:
    number = before.kept + 1
    note = Note(number, event.kind, event.text, event.source)
    return replace(before, notes=(*before.notes, note), kept=number)


def _chosen(before: Conversation, event: JobChosen) -> Conversation:
    jobs = before.jobs if event.job in before.jobs or not event.job else (*before.jobs, event.job)
    return replace(before, job=event.job, jobs=jobs, chosen=before.seq + 1)


_HANDLERS: dict[type[Event], Callable[[Conversation, Any], Conversation]] = {
    ConversationStarted: lambda before, event: replace(before, started=event),
    MessageSaid: _said,
    NoteKept: _kept,
    NoteDropped: lambda before, event: replace(
        before, notes=tuple(note for note in before.notes if note.number != event.number)
    ),
    JobChosen: _chosen,
    ActProposed: lambda before, event: replace(before, proposal=event.proposal, proposed=before.seq + 1),
    ProseCompacted: lambda before, event: replace(
        before, compacted=event.upto, digest=event.digest, compactions=before.compactions + 1
    ),
    ModelReplied: lambda before, event: replace(before, usage=before.usage + event.usage),
}


# --------------------------------------------------------------------------------- what is kept of prose


def worth_keeping(text: str) -> tuple[tuple[NoteKind, str], ...]:
    """Sentences of a person that state a rule or a name: they are kept as data without asking any model.

    A rule holds for later jobs, so only a sentence that begins as one is: not what a person quotes or pastes, and not
    an order for one job that has such a word in it ("add a loop that never ends").
    """
    found = []
    for sentence in _SENTENCE.split(_QUOTED.sub("", text).strip()):
        if sentence.rstrip().endswith("?") or sentence.startswith("/"):
            continue
        if _STATED_BY.match(sentence):
            found.append((NoteKind.RULE, sentence.strip()))
        elif _RULE.search(sentence) or _FACT.search(sentence):
            found.append((NoteKind.FACT, sentence.strip()))
    return tuple(found)


def only_notes(text: str) -> bool:
    """Whether a message does nothing but state what is to be kept, a greeting aside."""
    sentences = [sentence for sentence in _SENTENCE.split(text.strip()) if sentence]
    stated = [sentence for sentence in sentences if _STATED.match(sentence) and not sentence.endswith("?")]
    return bool(stated) and all(each in stated or _GREETING.fullmatch(each) for each in sentences)


def compacted(conversation: Conversation) -> ProseCompacted | None:
    """The event that puts a digest in the place of the older prose, where there is too much of it; else None.

    The person's words are kept longer and longest; Vulcan's answers are derived from the log and can be given again.
    """
    recent = conversation.recent
    if sum(len(message.text) for message in recent) <= COMPACT_ABOVE:
        return None
    left, size = len(recent), 0
    while left > 1 and size + len(recent[left - 1].text) <= KEEP:
        left -= 1
        size += len(recent[left].text)
    old = recent[:left]
    lines = [*filter(None, conversation.digest.split("\n")), *map(_line, old)]
    return ProseCompacted(old[-1].seq, "\n".join(_within(lines)))


def _line(message: Message) -> str:
    limit = PERSON_LINE if message.speaker is Speaker.PERSON else VULCAN_LINE
    words = " ".join(message.text.split())
    return f"{message.speaker.value}: {words if len(words) <= limit else words[: limit - 3] + '...'}"


def _within(lines: list[str]) -> list[str]:
    """Lines cut to the digest's size: first Vulcan's oldest go, then the person's oldest get short, then they go."""
    if _size(lines) > DIGEST:
        lines = _drop(lines, lambda line: line.startswith(f"{Speaker.VULCAN.value}:"))
    for place, line in enumerate(lines):
        if _size(lines) <= DIGEST:
            return lines
        lines[place] = line if len(line) <= SHORT_LINE else line[: SHORT_LINE - 3] + "..."
    return _drop(lines, lambda _line: True)


def _size(lines: list[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _drop(lines: list[str], may_go: Callable[[str], bool]) -> list[str]:
    excess, kept = _size(lines) - DIGEST, []
    for line in lines:
        if excess > 0 and may_go(line):
            excess -= len(line) + 1
        else:
            kept.append(line)
    return kept
