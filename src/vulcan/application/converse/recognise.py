"""Intents that need no model: slash commands, and exact words where the situation leaves one reading."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vulcan.application.amendments import Word, read_word
from vulcan.application.answer import common_topic
from vulcan.application.converse.commands import BY_NAME, COMMANDS
from vulcan.domain.conversation import only_notes
from vulcan.domain.errors import UserError
from vulcan.domain.job import WaitingFor
from vulcan.domain.messages import Intent, Proposal

YES = frozenset(["yes", "y", "yes please", "do it", "go ahead", "sure", "ok", "okay", "yep", "yeah"])
NO = frozenset(["no", "n", "nope", "no thanks", "don't", "do not", "leave it", "never mind"])
APPROVE = frozenset(["approve", "approved", "approve it", "merge", "merge it", "lgtm"])
REFUSE = frozenset(["refuse", "reject", "refuse it", "reject it", "don't merge", "do not merge"])
PAUSE = frozenset(["pause", "stop", "wait", "hold on", "pause it", "stop it", "hold"])
RESUME = frozenset(["resume", "continue", "go on", "carry on", "resume it"])
CANCEL = frozenset(["cancel", "cancel it", "cancel the job", "abort", "abort it"])
NAMED = {Intent.APPROVAL: APPROVE, Intent.REFUSAL: REFUSE, Intent.CANCEL: CANCEL}
BARE_ACTS = frozenset([Intent.APPROVAL, Intent.CANCEL, Intent.UNDO, Intent.RESUME, Intent.PAUSE])
"""What "/approve not yet" or "/undo OTHER" must not do."""

HESITATION = frozenset(
    [
        "",
        "hm",
        "hmm",
        "let me think",
        "let me see",
        "never mind",
        "one moment",
        "a moment",
        "just a moment",
        "not yet",
    ]
)
LEFT = "Left as it is."
HELLO = "Hello. What is to be done? (/help lists the commands)"
UNDO = frozenset(["undo", "undo it", "undo the job"])
GREETINGS = frozenset(["hi", "hello", "hey", "good morning", "good evening", "moin", "hallo"])
THANKS = frozenset(["thanks", "thank you", "thx", "great", "great, thanks", "nice", "perfect", "cool"])
BARE = frozenset(["help", "status", "cost", "diff", "jobs", "plan", "notes"])
LEAVE = frozenset(["quit", "exit", "bye", "goodbye"])
ASKING = frozenset(
    [
        "what",
        "which",
        "who",
        "whom",
        "whose",
        "when",
        "where",
        "why",
        "how",
        "is",
        "are",
        "was",
        "were",
        "does",
        "do",
        "did",
        "has",
        "have",
        "had",
        "can",
        "could",
        "will",
        "would",
    ]
)
VERBS = frozenset(
    [
        "add",
        "allow",
        "avoid",
        "bring",
        "build",
        "bump",
        "change",
        "clean",
        "convert",
        "correct",
        "create",
        "cut",
        "delete",
        "deprecate",
        "document",
        "drop",
        "emit",
        "enable",
        "ensure",
        "expose",
        "extend",
        "extract",
        "fix",
        "give",
        "handle",
        "hide",
        "implement",
        "improve",
        "include",
        "introduce",
        "keep",
        "let",
        "limit",
        "log",
        "make",
        "merge",
        "mend",
        "migrate",
        "move",
        "optimise",
        "optimize",
        "parse",
        "pin",
        "port",
        "prevent",
        "print",
        "provide",
        "raise",
        "read",
        "reduce",
        "refactor",
        "reject",
        "remove",
        "rename",
        "reorder",
        "replace",
        "report",
        "restore",
        "return",
        "rewrite",
        "round",
        "set",
        "show",
        "simplify",
        "skip",
        "sort",
        "speed",
        "split",
        "stop",
        "strip",
        "support",
        "switch",
        "take",
        "teach",
        "test",
        "turn",
        "update",
        "upgrade",
        "use",
        "validate",
        "warn",
        "wrap",
        "write",
    ]
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides how words are read: the job that is talked about, and what Vulcan asked last.

    Attributes:
        overtaken: whether a yes may be for something else than `proposal`: it was asked elsewhere or before a
            restart, or the job has asked something since.
    """

    job: str = ""
    ended: bool = False
    busy: bool = False
    waiting_for: WaitingFor | None = None
    proposal: Proposal | None = None
    overtaken: bool = False

    @property
    def under_way(self) -> bool:
        """Whether there is a job that has not ended."""
        return bool(self.job) and not self.ended


@dataclass(frozen=True, slots=True)
class Understood:
    """What a message wants.

    Attributes:
        exact: whether a command or exact words said it, so that nothing was guessed.
        command: the slash command's name, or the bare word's.
        agreed: what Vulcan had asked about and the person said yes to.
    """

    intent: Intent
    text: str = ""
    exact: bool = True
    command: str = ""
    agreed: Proposal | None = None


def recognise(message: str, situation: Situation) -> Understood | None:
    """The intent, where no model is needed to see it; None else.

    Raises:
        UserError: there is no such slash command, or it lacks what it takes.
    """
    text = message.strip()
    if text.startswith("/"):
        return _slash(text)
    words = re.sub(r"\s+", " ", text.lower()).rstrip(".! ")
    for reader in (_agreement, _reply_to_job, _plain_words):
        understood = reader(words, text, situation)
        if understood is not None:
            return understood
    return _common_question(text, situation)


def _slash(text: str) -> Understood:
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
    return Understood(command.intent, prefix + rest, command=command.name)


def _agreement(words: str, _text: str, situation: Situation) -> Understood | None:
    asked = situation.proposal
    if asked is None:
        return None
    named = next((intent for intent, names in NAMED.items() if words in names), None)
    if words in YES or named is asked.intent:
        return _agreed(asked, situation)
    if words in NO:
        return Understood(Intent.SMALL_TALK, LEFT)
    # "cancel" may be for the question or for the job: the harmless reading holds, or it is asked
    if named is Intent.CANCEL:
        return Understood(Intent.SMALL_TALK, f"{LEFT} To end the job: /cancel" if situation.job else LEFT)
    if named and situation.waiting_for is WaitingFor.APPROVAL:
        return Understood(named, exact=False)
    return None


def _agreed(asked: Proposal, situation: Situation) -> Understood:
    if asked.job and asked.job != situation.job:
        return Understood(Intent.SMALL_TALK, f"That was about job {asked.job}: /job {asked.job}, then again.")
    if situation.overtaken:
        return Understood(asked.intent, asked.text, exact=False)
    return Understood(asked.intent, asked.text, agreed=asked)


def _reply_to_job(words: str, text: str, situation: Situation) -> Understood | None:
    """What the job waits for gives short words their meaning."""
    waits = situation.waiting_for
    if waits is WaitingFor.CONFIRMATION and text and read_word(text).word is not Word.SAY:
        return Understood(Intent.CONFIRMATION, text)
    if waits is WaitingFor.APPROVAL and words in APPROVE | YES:
        return Understood(Intent.APPROVAL, exact=words in APPROVE)
    if waits is WaitingFor.APPROVAL and words in REFUSE:
        return Understood(Intent.REFUSAL, exact=not words.endswith("merge"))  # it may mean: not yet
    if waits is WaitingFor.RESUME and words in RESUME:
        return Understood(Intent.RESUME)
    return None


def _plain_words(words: str, text: str, situation: Situation) -> Understood | None:
    asks = situation.waiting_for is WaitingFor.CLARIFICATION
    readings = (
        (words in BARE, Understood(Intent.COMMAND, command=words)),
        (words in LEAVE, Understood(Intent.COMMAND, command="quit")),
        (words in GREETINGS, Understood(Intent.SMALL_TALK, HELLO)),
        (words in THANKS, Understood(Intent.SMALL_TALK, "You are welcome.")),
        (situation.under_way and words in CANCEL, Understood(Intent.CANCEL)),
        (bool(situation.job) and words in UNDO, Understood(Intent.UNDO, exact=False)),
        ((situation.busy or asks) and words in PAUSE, Understood(Intent.PAUSE)),
        (asks and words in RESUME, Understood(Intent.RESUME)),
        (_answers(text, situation), Understood(Intent.ANSWER, text)),
        (only_notes(text), Understood(Intent.SMALL_TALK, "Kept; see /notes.")),
    )
    return next((understood for holds, understood in readings if holds), None)


def _answers(text: str, situation: Situation) -> bool:
    asked = situation.waiting_for is WaitingFor.CLARIFICATION
    return asked and text.lower().rstrip(".! ") not in HESITATION and not is_question(text)


def _common_question(text: str, situation: Situation) -> Understood | None:
    if situation.job and is_question(text) and not asks_why(text) and common_topic(text):
        return Understood(Intent.QUESTION, text)
    return None


def is_question(text: str) -> bool:
    """Whether a message has the form of a question."""
    first = re.match(r"[a-z']*", text.strip().lower())
    return text.rstrip().endswith("?") or (first is not None and first[0] in ASKING)


def asks_why(text: str) -> bool:
    """Whether reasons are asked for, which the log's common topics do not give."""
    return re.search(r"\b(why|how come|reason|explain|how does|how do|what does)\b", text.lower()) is not None


def is_order(text: str) -> bool:
    """Whether a message begins as an order to change something does ("Add ...", "Please fix ...")."""
    words = re.findall(r"[a-z']+", text.strip().lower())
    while words and words[0] in {"please", "now", "then", "and", "also"}:
        words = words[1:]
    to_vulcan = len(words) > 1 and words[1] in {"me", "us", "you", "your", "asking", "talking"}
    return bool(words) and words[0] in VERBS and not to_vulcan and not text.rstrip().endswith("?")


def is_wish(text: str) -> bool:
    """Whether a message has the form of a wish for the work: an order, or what must or should be."""
    wishes = re.search(r"\b(must|should|shall|needs? to|has to|have to|instead|rather)\b", text.lower())
    return is_order(text) or (wishes is not None and not is_question(text))
