"""Intents that need no model: slash commands, and exact words where the situation leaves one reading."""

from __future__ import annotations

from dataclasses import dataclass

from vulcan.application.conversation.answers import common_topic
from vulcan.application.conversation.commands import BY_NAME, COMMANDS
from vulcan.application.conversation.words import (
    APPROVE,
    BARE,
    BARE_ACTS,
    CANCEL,
    ENDING,
    FINAL,
    GREETINGS,
    HELLO,
    HESITATION,
    LEAVE,
    LEFT,
    MORE_BUDGET,
    NAMED,
    NOT_AGREED,
    NOT_MERGED,
    NOTHING_WAITS,
    PAUSE,
    PRAISE,
    PULL,
    REFUSE,
    THANKS,
    UNDO,
    asks_why,
    begins,
    is_question,
    wanted_page,
)
from vulcan.application.jobs.amendments import AGREED, DECLINED, GO_ON, Word, parse_amendment, plain_words
from vulcan.domain.conversation import only_notes
from vulcan.domain.errors import UserError
from vulcan.domain.job import WaitingFor
from vulcan.domain.messages import Intent, Proposal


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides how words are read: the job that is talked about, and what Vulcan asked last.

    Attributes:
        overtaken: whether a yes may be for something else than `proposal`: it was asked elsewhere or before a
            restart, or the job has asked something since.
        merge_asked: whether the merge that waits is what the person was asked about last.
    """

    job: str = ""
    ended: bool = False
    busy: bool = False
    waiting_for: WaitingFor | None = None
    proposal: Proposal | None = None
    overtaken: bool = False
    merge_asked: bool = False

    @property
    def under_way(self) -> bool:
        """Whether there is a job that has not ended."""
        return bool(self.job) and not self.ended

    @property
    def asks(self) -> bool:
        """Whether anything waits for the person's word."""
        return self.proposal is not None or self.waiting_for is not None


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """What a message wants.

    Attributes:
        exact: whether a command or exact words said it, so that nothing was guessed.
        command: the slash command's name, or the bare word's.
        agreed: what Vulcan had asked about and the person said yes to.
        declined: whether the person said no to it.
    """

    intent: Intent
    text: str = ""
    exact: bool = True
    command: str = ""
    agreed: Proposal | None = None
    declined: bool = False


def recognise(message: str, situation: Situation) -> ParsedMessage | None:
    """The intent, where no model is needed to see it; None else.

    Raises:
        UserError: there is no such slash command, or it lacks what it takes.
    """
    text = message.strip()
    if text.startswith("/"):
        return _slash(text)
    words = plain_words(text)
    for reader in (_agreement, _reply_to_job, _plain_words):
        understood = reader(words, text, situation)
        if understood is not None:
            return understood
    return _common_question(text, situation)


def _slash(text: str) -> ParsedMessage:
    name, *after = text[1:].split(maxsplit=1) or [""]
    command, rest = BY_NAME.get(name.lower()), "".join(after).strip()
    if command is None:
        near = [f"/{c.name}" for c in COMMANDS if name and c.name.startswith(name[0].lower())]
        hint = f"Did you mean {' or '.join(near)}?" if near else ""
        raise UserError(f"there is no command /{name}", hint=f"{hint} All of them: /help".strip())
    if not rest and command.arguments and not command.arguments.startswith("["):
        raise UserError(f"/{command.name} takes {command.arguments}: {command.about}")
    if rest and command.intent in BARE_ACTS:
        why = "it is for the job that is talked about, see /jobs; choose another one with: /job ID"
        raise UserError(f"/{command.name} takes no further words, so nothing is done", hint=why)
    prefix = {"edit": "/edit ", "veto": "/veto "}.get(command.name, "")
    return ParsedMessage(command.intent, prefix + rest, command=command.name)


def _agreement(words: str, _text: str, situation: Situation) -> ParsedMessage | None:
    asked = situation.proposal
    if asked is None:
        return None
    named = next((intent for intent, names in NAMED.items() if words in names), None)
    if words in GO_ON and asked.intent in ENDING:
        return ParsedMessage(asked.intent, asked.text, exact=False)
    if words in AGREED or named is asked.intent:
        return _agreed(asked, situation)
    if words in DECLINED or named is Intent.CANCEL:
        # "cancel" may be for the question or for the job: the harmless reading holds
        text = f"{LEFT} To end the job: /cancel" if named and situation.job else LEFT
        return ParsedMessage(Intent.SMALL_TALK, text, declined=True)
    if named and situation.waiting_for is WaitingFor.APPROVAL:
        return ParsedMessage(named, exact=False)
    return None


def _agreed(asked: Proposal, situation: Situation) -> ParsedMessage:
    if asked.job and asked.job != situation.job:
        return ParsedMessage(
            Intent.SMALL_TALK, f"That was about job {asked.job}: /job {asked.job}, then again."
        )
    if situation.overtaken:
        return ParsedMessage(asked.intent, asked.text, exact=False)
    return ParsedMessage(asked.intent, asked.text, agreed=asked)


def _reply_to_job(words: str, text: str, situation: Situation) -> ParsedMessage | None:
    """What the job waits for gives short words their meaning."""
    waits = situation.waiting_for
    if waits is WaitingFor.CONFIRMATION and text and parse_amendment(text).word is not Word.SAY:
        return ParsedMessage(Intent.CONFIRMATION, text)
    if waits is WaitingFor.CONFIRMATION and words in DECLINED:
        return ParsedMessage(Intent.UNCLEAR, NOT_AGREED)
    if waits is WaitingFor.APPROVAL:
        return _on_the_merge(words, situation)
    if waits is WaitingFor.RESUME and words in AGREED:
        return ParsedMessage(Intent.RESUME)
    if waits is WaitingFor.BUDGET and words in AGREED:
        return ParsedMessage(Intent.UNCLEAR, MORE_BUDGET)
    return None


def _on_the_merge(words: str, situation: Situation) -> ParsedMessage | None:
    """A yes merges where the merge was asked about last; whatever could be for something else is asked about."""
    if words in APPROVE | AGREED:
        asked_for = situation.merge_asked and words not in GO_ON
        return ParsedMessage(Intent.APPROVAL, exact=words in APPROVE or asked_for)
    if words in REFUSE:
        return ParsedMessage(Intent.REFUSAL, exact=not words.endswith("merge"))  # it may mean: not yet
    return ParsedMessage(Intent.UNCLEAR, NOT_MERGED) if words in DECLINED else None


def agreement(message: str, situation: Situation, *, certain: bool) -> ParsedMessage:
    """What a model took for a yes, in words that no list has, to whatever waits."""
    asked, waits = situation.proposal, situation.waiting_for
    if asked is not None:
        sure = certain and (asked.intent not in FINAL or begins(message, AGREED))
        return _agreed(asked, situation) if sure else ParsedMessage(asked.intent, asked.text, exact=False)
    readings = {
        WaitingFor.CONFIRMATION: ParsedMessage(Intent.CONFIRMATION, "ok", exact=certain),
        WaitingFor.APPROVAL: ParsedMessage(Intent.APPROVAL, exact=False),
        WaitingFor.RESUME: ParsedMessage(Intent.RESUME, exact=certain and begins(message, AGREED)),
        WaitingFor.BUDGET: ParsedMessage(Intent.UNCLEAR, MORE_BUDGET),
        WaitingFor.CLARIFICATION: ParsedMessage(Intent.ANSWER, message),
    }
    nothing = ParsedMessage(Intent.SMALL_TALK, NOTHING_WAITS)
    return readings.get(waits, nothing) if waits is not None else nothing


def refusal(text: str, situation: Situation) -> ParsedMessage:
    """What a model took for a no; only a merge that waits can be refused, and that is asked about first."""
    if not situation.asks:
        return ParsedMessage(Intent.SMALL_TALK, NOTHING_WAITS)
    if situation.proposal is not None or situation.waiting_for is None:
        return ParsedMessage(Intent.SMALL_TALK, LEFT, declined=True)
    readings = {
        WaitingFor.CONFIRMATION: ParsedMessage(Intent.UNCLEAR, NOT_AGREED),
        WaitingFor.APPROVAL: ParsedMessage(Intent.REFUSAL, text, exact=False),
    }
    return readings.get(situation.waiting_for, ParsedMessage(Intent.SMALL_TALK, LEFT))


def _plain_words(words: str, text: str, situation: Situation) -> ParsedMessage | None:
    asks = situation.waiting_for is WaitingFor.CLARIFICATION
    readings = (
        (words in BARE, ParsedMessage(Intent.COMMAND, command=words)),
        (bool(situation.job) and words in PULL, ParsedMessage(Intent.COMMAND, command="pull")),
        (bool(page := wanted_page(words)), ParsedMessage(Intent.COMMAND, command=page)),
        (words in LEAVE, ParsedMessage(Intent.COMMAND, command="quit")),
        (words in GREETINGS, ParsedMessage(Intent.SMALL_TALK, HELLO)),
        (words in THANKS, ParsedMessage(Intent.SMALL_TALK, "You are welcome.")),
        (words in PRAISE and not situation.asks, ParsedMessage(Intent.SMALL_TALK, "You are welcome.")),
        (situation.under_way and words in CANCEL, ParsedMessage(Intent.CANCEL)),
        (bool(situation.job) and words in UNDO, ParsedMessage(Intent.UNDO, exact=False)),
        ((situation.busy or asks) and words in PAUSE, ParsedMessage(Intent.PAUSE)),
        (situation.under_way and words in GO_ON, ParsedMessage(Intent.RESUME)),
        (_answers(text, situation), ParsedMessage(Intent.ANSWER, text)),
        (only_notes(text), ParsedMessage(Intent.SMALL_TALK, "Kept; see /notes.")),
    )
    return next((understood for holds, understood in readings if holds), None)


def _answers(text: str, situation: Situation) -> bool:
    asked = situation.waiting_for is WaitingFor.CLARIFICATION
    return asked and plain_words(text) not in HESITATION and not is_question(text)


def _common_question(text: str, situation: Situation) -> ParsedMessage | None:
    if situation.job and is_question(text) and not asks_why(text) and common_topic(text):
        return ParsedMessage(Intent.QUESTION, text)
    return None
