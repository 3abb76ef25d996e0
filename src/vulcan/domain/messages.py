"""Words of a conversation: who speaks, what a message wants, what is kept of it."""

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
    QUESTION = "question"
    STEERING = "steering"
    ANSWER = "answer"
    CONFIRMATION = "confirmation"
    APPROVAL = "approval"
    REFUSAL = "refusal"
    CANCEL = "cancel"
    UNDO = "undo"
    PAUSE = "pause"
    RESUME = "resume"
    SMALL_TALK = "small talk"
    COMMAND = "command"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Message:
    """One thing said; `job` is the job that it was about, empty for none."""

    seq: int
    speaker: Speaker
    intent: Intent
    text: str
    job: str = ""


class NoteKind(StrEnum):
    """What a note is about."""

    GOAL = "goal"
    RULE = "rule"
    DECISION = "decision"
    FACT = "fact"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Note:
    """Something of a conversation that is kept as data, however much prose is left out; `source` is a message."""

    number: int
    kind: NoteKind
    text: str
    source: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """An act that Vulcan asked about and that only a plain yes sets off; `commit` binds it where it has one."""

    intent: Intent
    text: str
    job: str = ""
    commit: str = ""
