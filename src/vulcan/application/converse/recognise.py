"""Intents that need no model: slash commands, and exact words where the situation leaves one reading."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from vulcan.application.amendments import AGREED, DECLINED, GO_ON, Word, plain_words, read_word
from vulcan.application.answer import common_topic
from vulcan.application.converse.commands import BY_NAME, COMMANDS
from vulcan.domain.conversation import only_notes
from vulcan.domain.errors import UserError
from vulcan.domain.job import WaitingFor
from vulcan.domain.messages import Intent, Proposal

APPROVE = frozenset(["approve", "approved", "approve it", "merge", "merge it", "lgtm"])
REFUSE = frozenset(["refuse", "reject", "refuse it", "reject it", "don't merge", "do not merge"])
PAUSE = frozenset(["pause", "stop", "wait", "hold on", "pause it", "stop it", "hold"])
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
NOT_MERGED = f"{LEFT} The merge waits: say what is still to be done, or /refuse, which ends the job."
NOT_AGREED = (
    "What is to be different? Say it, or edit (2: new text) or veto (no 3) an item; /cancel ends the job."
)
NOTHING_WAITS = "Nothing waits for your word. What is to be done? (/help)"
MORE_BUDGET = "The job has used up its budget. Raise it with: /budget cost=10, then /resume"
ENDING = frozenset([Intent.REFUSAL, Intent.CANCEL, Intent.UNDO, Intent.PAUSE])
"""What "go on" does not agree to."""

FINAL = frozenset([Intent.APPROVAL, Intent.REFUSAL, Intent.CANCEL, Intent.UNDO])
"""What can't be taken back: only the person's own plain word sets it off."""

HELLO = "Hello. What is to be done? (/help lists the commands)"
UNDO = frozenset(["undo", "undo it", "undo the job"])
GREETINGS = frozenset(["hi", "hello", "hey", "good morning", "good evening", "moin", "hallo"])
THANKS = frozenset(["thanks", "thank you", "thx", "great thanks", "danke", "merci", "gracias"])
PRAISE = frozenset(["great", "nice", "perfect", "cool"])
"""Where something waits, these may be a yes."""

PULL = frozenset(["pull", "pull it", "git pull", "pull please", "please pull", "pull now", "pull the merge"])
BARE = frozenset(["help", "status", "cost", "diff", "jobs", "plan", "notes"])
_POLITE = r"(?:please|pls|plz|now|again|bitte|s'il (?:te|vous) pla[iî]t|por favor)"
_SHOW = re.compile(
    rf"(?:{_POLITE} )*(?:(?:can|could|would|will) you )?(?:{_POLITE} )*"
    r"(?:(?:can|may|could) i see|let(?: me| us|'s) see|(?:show|give|print|display)(?: me| us)?|i (?:want|would like) to see|"
    r"zeig(?:e)?(?: mir| uns)?(?: mal)?|montre(?:-moi)?|affiche|mu[eé]strame|ense[nñ]a(?:me)?|mostra(?:mi)?|покажи)"
    rf"(?: {_POLITE})*"
    r"(?: the| your| my| its| this| that| whole| full| complete| den| die| das| le| la| les| el| los| il)*"
    rf" ([\w ]+?)(?: {_POLITE})*\??"
)
_RUN_TESTS = re.compile(
    rf"(?:{_POLITE} )*(?:(?:can|could|would|will) you )?(?:{_POLITE} )*(?:run|rerun|execute|start)"
    r"(?: all| of| the| my| our| its| this| project's| project| unit| whole| full| entire)*"
    rf" (?:tests?|test ?suite|suite|pytest)(?: {_POLITE})*\??"
    r"|(?:lass|lasse) (?:mal )?(?:die |alle )?tests (?:mal )?laufen|(?:führe|führ) (?:mal )?(?:die |alle )?tests aus"
    r"|starte (?:die |alle )?tests|(?:lance|exécute) les tests|ejecuta (?:los|las) (?:tests|pruebas)|esegui i test"
    r"|запусти(?:те)? тесты|运行测试|跑测试|跑一下测试|テストを実行して(?:ください)?|테스트 실행해줘?"
)
LONGEST_WISH = 80
"""Letters above which a message is more than a wish to be shown something."""

SHOWN = {
    "diff": "diff",
    "patch": "diff",
    "change": "diff",
    "changes": "diff",
    "diffs": "diff",
    "änderung": "diff",
    "änderungen": "diff",
    "plan": "plan",
    "requirements": "plan",
    "criteria": "plan",
    "list of requirements": "plan",
    "notes": "notes",
    "jobs": "jobs",
    "commands": "help",
    "status": "status",
    "cost": "cost",
    "costs": "cost",
}
"""What "show me ..." shows, where that is all that is said."""

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
FILLERS = frozenset(
    ["please", "now", "then", "and", "also", "wait", "actually", "oh", "ok", "btw", "but", "so", "pls"]
)
"""Words that may stand before an order."""

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
class Understood:
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


def recognise(message: str, situation: Situation) -> Understood | None:
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
    if words in GO_ON and asked.intent in ENDING:
        return Understood(asked.intent, asked.text, exact=False)
    if words in AGREED or named is asked.intent:
        return _agreed(asked, situation)
    if words in DECLINED or named is Intent.CANCEL:
        # "cancel" may be for the question or for the job: the harmless reading holds
        text = f"{LEFT} To end the job: /cancel" if named and situation.job else LEFT
        return Understood(Intent.SMALL_TALK, text, declined=True)
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
    if waits is WaitingFor.CONFIRMATION and words in DECLINED:
        return Understood(Intent.UNCLEAR, NOT_AGREED)
    if waits is WaitingFor.APPROVAL:
        return _on_the_merge(words, situation)
    if waits is WaitingFor.RESUME and words in AGREED:
        return Understood(Intent.RESUME)
    if waits is WaitingFor.BUDGET and words in AGREED:
        return Understood(Intent.UNCLEAR, MORE_BUDGET)
    return None


def _on_the_merge(words: str, situation: Situation) -> Understood | None:
    """A yes merges where the merge was asked about last; whatever could be for something else is asked about."""
    if words in APPROVE | AGREED:
        asked_for = situation.merge_asked and words not in GO_ON
        return Understood(Intent.APPROVAL, exact=words in APPROVE or asked_for)
    if words in REFUSE:
        return Understood(Intent.REFUSAL, exact=not words.endswith("merge"))  # it may mean: not yet
    return Understood(Intent.UNCLEAR, NOT_MERGED) if words in DECLINED else None


def agreement(message: str, situation: Situation, *, certain: bool) -> Understood:
    """What a model took for a yes, in words that no list has, to whatever waits."""
    asked, waits = situation.proposal, situation.waiting_for
    if asked is not None:
        sure = certain and (asked.intent not in FINAL or _begins(message, AGREED))
        return _agreed(asked, situation) if sure else Understood(asked.intent, asked.text, exact=False)
    readings = {
        WaitingFor.CONFIRMATION: Understood(Intent.CONFIRMATION, "ok", exact=certain),
        WaitingFor.APPROVAL: Understood(Intent.APPROVAL, exact=False),
        WaitingFor.RESUME: Understood(Intent.RESUME, exact=certain and _begins(message, AGREED)),
        WaitingFor.BUDGET: Understood(Intent.UNCLEAR, MORE_BUDGET),
        WaitingFor.CLARIFICATION: Understood(Intent.ANSWER, message),
    }
    nothing = Understood(Intent.SMALL_TALK, NOTHING_WAITS)
    return readings.get(waits, nothing) if waits is not None else nothing


def refusal(text: str, situation: Situation) -> Understood:
    """What a model took for a no; only a merge that waits can be refused, and that is asked about first."""
    if not situation.asks:
        return Understood(Intent.SMALL_TALK, NOTHING_WAITS)
    if situation.proposal is not None or situation.waiting_for is None:
        return Understood(Intent.SMALL_TALK, LEFT, declined=True)
    readings = {
        WaitingFor.CONFIRMATION: Understood(Intent.UNCLEAR, NOT_AGREED),
        WaitingFor.APPROVAL: Understood(Intent.REFUSAL, text, exact=False),
    }
    return readings.get(situation.waiting_for, Understood(Intent.SMALL_TALK, LEFT))


def _begins(message: str, listed: frozenset[str]) -> bool:
    """Whether a message begins with a listed word; some scripts put no blank after it."""
    words = plain_words(message)
    wide = tuple(word for word in listed if unicodedata.east_asian_width(word[0]) == "W")
    return words in listed or words.startswith((*wide, *(f"{word} " for word in listed)))


def _plain_words(words: str, text: str, situation: Situation) -> Understood | None:
    asks = situation.waiting_for is WaitingFor.CLARIFICATION
    readings = (
        (words in BARE, Understood(Intent.COMMAND, command=words)),
        (bool(situation.job) and words in PULL, Understood(Intent.COMMAND, command="pull")),
        (bool(page := _wanted_page(words)), Understood(Intent.COMMAND, command=page)),
        (words in LEAVE, Understood(Intent.COMMAND, command="quit")),
        (words in GREETINGS, Understood(Intent.SMALL_TALK, HELLO)),
        (words in THANKS, Understood(Intent.SMALL_TALK, "You are welcome.")),
        (words in PRAISE and not situation.asks, Understood(Intent.SMALL_TALK, "You are welcome.")),
        (situation.under_way and words in CANCEL, Understood(Intent.CANCEL)),
        (bool(situation.job) and words in UNDO, Understood(Intent.UNDO, exact=False)),
        ((situation.busy or asks) and words in PAUSE, Understood(Intent.PAUSE)),
        (situation.under_way and words in GO_ON, Understood(Intent.RESUME)),
        (_answers(text, situation), Understood(Intent.ANSWER, text)),
        (only_notes(text), Understood(Intent.SMALL_TALK, "Kept; see /notes.")),
    )
    return next((understood for holds, understood in readings if holds), None)


def _wanted_page(words: str) -> str:
    """The command for "show me the diff pls" or "run the tests"; empty where more than that is said."""
    if len(words) > LONGEST_WISH:
        return ""
    if _RUN_TESTS.fullmatch(words):
        return "test"
    asked = _SHOW.fullmatch(words)
    return SHOWN.get(asked[1], "") if asked else ""


def _answers(text: str, situation: Situation) -> bool:
    asked = situation.waiting_for is WaitingFor.CLARIFICATION
    return asked and plain_words(text) not in HESITATION and not is_question(text)


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


def says_go_on(text: str) -> bool:
    """Whether a message has words for going on in it, and asks nothing."""
    words = f" {plain_words(text)} "
    return not is_question(text) and any(f" {word} " in words for word in GO_ON)


def is_order(text: str) -> bool:
    """Whether a message begins as an order to change something does ("Add ...", "Please fix ...")."""
    words = re.findall(r"[a-z']+", text.strip().lower())
    while words and words[0] in FILLERS:
        words = words[1:]
    to_vulcan = len(words) > 1 and words[1] in {"me", "us", "you", "your", "asking", "talking"}
    return bool(words) and words[0] in VERBS and not to_vulcan and not text.rstrip().endswith("?")


_REQUEST = re.compile(
    r"(?:(?:can|could|would|will) you|i(?:'d| would) like(?: you)? to|(?:i|we) (?:want|need)(?: you)? to|let's)\s+(.+)",
    re.IGNORECASE | re.DOTALL,
)


def is_request(text: str) -> bool:
    """Whether a message asks politely for a change ("Can you add ...?", "I'd like you to fix ...")."""
    asked = _REQUEST.match(text.strip())
    return asked is not None and is_order(asked[1].rstrip("? "))


def is_wish(text: str) -> bool:
    """Whether a message has the form of a wish for the work: an order, or what must or should be."""
    wishes = re.search(r"\b(must|should|shall|needs? to|has to|have to|instead|rather)\b", text.lower())
    return is_order(text) or is_request(text) or (wishes is not None and not is_question(text))
