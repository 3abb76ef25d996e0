"""What words say by their form: lists of exact words, and what an order, a question or a wish looks like."""

from __future__ import annotations

import re
import unicodedata

from vulcan.application.jobs.amendments import GO_ON, plain_words
from vulcan.domain.messages import Intent

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


def wanted_page(words: str) -> str:
    """The command for "show me the diff pls" or "run the tests"; empty where more than that is said."""
    if len(words) > LONGEST_WISH:
        return ""
    if _RUN_TESTS.fullmatch(words):
        return "test"
    asked = _SHOW.fullmatch(words)
    return SHOWN.get(asked[1], "") if asked else ""


def begins(message: str, listed: frozenset[str]) -> bool:
    """Whether a message begins with a listed word; some scripts put no blank after it."""
    words = plain_words(message)
    wide = tuple(word for word in listed if unicodedata.east_asian_width(word[0]) == "W")
    return words in listed or words.startswith((*wide, *(f"{word} " for word in listed)))


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
