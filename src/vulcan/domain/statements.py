"""The instruction taken apart by code: numbered statements and the literals in them, so that none is dropped unseen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

FILE_ENDINGS = "py|md|rst|txt|toml|cfg|ini|json|ya?ml|jsx?|tsx?|go|rs|html?|css|csv|sh|sql|lock|xml"


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence, list item, table row or block of code of the instruction, numbered `S1`, `S2`, ...

    Attributes:
        literals: what a test of it must name: text in backticks or quotes, numbers, options, file names, error types.
        demanding: whether it has words of demand, such as "must" or "never".
    """

    id: str
    text: str
    literals: tuple[str, ...] = ()
    demanding: bool = False


def statements_of(instruction: str) -> tuple[Statement, ...]:
    """The statements of an instruction in their order; headings and lines without a word say nothing by themselves."""
    found: list[Statement] = []
    parameters = _parameters(instruction)
    for text in _texts(instruction):
        block = text.startswith("```")
        literals = () if block else tuple(x for x in literals_of(text) if x not in parameters)
        found.append(Statement(f"S{len(found) + 1}", text, literals, bool(_DEMAND.search(text))))
    return tuple(found)


# ---------------------------------------------------------------------------------------------- splitting

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)]|[a-zA-Z][.)])\s+(?:\[[ xX]\]\s+)?")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s|\s*[-=_*]{3,}\s*$")


def _texts(instruction: str) -> Iterator[str]:
    for block in _blocks(instruction.expandtabs().splitlines()):
        if block.startswith(("```", "|")):
            yield block
        else:
            yield from _sentences(block)


def _blocks(lines: list[str]) -> Iterator[str]:
    """Blocks of code, rows of tables, list items and paragraphs, each on one line but for code."""
    paragraph: list[str] = []
    rest = iter(enumerate(lines))
    for number, line in rest:
        fence, row = _FENCE.match(line), line.lstrip().startswith("|")
        apart = not line.strip() or _HEADING.match(line)
        if fence or row or apart or _ITEM.match(line):
            yield from _joined(paragraph)
            paragraph = []
        if fence:
            yield from _code(fence[1], rest)
        elif row:
            heading = number + 1 < len(lines) and _is_rule(lines[number + 1])
            if not heading and not _is_rule(line):
                yield line.strip()
        elif not apart:
            paragraph.append(_ITEM.sub("", line, count=1) if _ITEM.match(line) else line)
    yield from _joined(paragraph)


def _is_rule(line: str) -> bool:
    """Whether a line is what stands between a table's heading and its rows."""
    return "-" in line and not line.strip(" |:-")


def _code(fence: str, rest: Iterator[tuple[int, str]]) -> Iterator[str]:
    inside = []
    for _, line in rest:
        if line.strip().startswith(fence):
            break
        inside.append(line)
    if any(line.strip() for line in inside):
        yield "\n".join(["```", *inside, "```"])


def _joined(paragraph: Iterable[str]) -> Iterator[str]:
    text = " ".join(" ".join(paragraph).split())
    if re.search(r"\w", text):
        yield text


_SHORT = re.compile(
    r"(?:\b(?:e\.g|i\.e|z\.b|d\.h|u\.a|etc|vs|cf|bzw|ca|no|nr|approx|resp|incl|al|fig))\.$",
    re.IGNORECASE,
)
_GUARDED_OR_END = re.compile(
    r"``.+?``|`[^`]+`|\"[^\"]+\"|“[^”]+”|„[^“”]+[“”]|«[^»]+»|「[^」]+」|\([^()]*\)"
    r"|(?P<end>(?:[.!?]+[\"')\]]*|;)(?=\s)|[。！？；]+)"  # noqa: RUF001 - sentences of Chinese and Japanese
)
LONGEST_SHORT = 8


def _sentences(text: str) -> Iterator[str]:
    """Ends of sentences, but those in code, quotes and brackets, and full stops after what is shortened."""
    start = 0
    for match in _GUARDED_OR_END.finditer(text):
        if not match["end"] or _goes_on(text, match.end()):
            continue
        yield from _joined([text[start : match.end()]])
        start = match.end()
    yield from _joined([text[start:]])


def _goes_on(text: str, end: int) -> bool:
    """Whether a full stop ends no sentence: it is part of what is shortened, or small letters follow."""
    if text[end - 1] != ".":
        return False
    return (
        bool(_SHORT.search(text[max(0, end - LONGEST_SHORT) : end])) or text[end : end + 2].strip().islower()
    )


# ----------------------------------------------------------------------------------------------- literals

_LITERAL = re.compile(
    r"``(?P<double>.+?)``|`(?P<tick>[^`]+)`|\"(?P<quote>[^\"]+)\"|“(?P<curly>[^”]+)”|„(?P<low>[^“”]+)[“”]"
    r"|«(?P<angle>[^»]+)»|「(?P<corner>[^」]+)」|(?<![\w'])'(?P<single>[^'\n]+)'(?![\w'])"
    r"|(?<![\w-])(?P<option>--?[A-Za-z][\w-]*)"
    rf"|(?<![\w/.-])(?P<file>[\w./-]*\w\.(?:{FILE_ENDINGS}))(?!\w)"
    r"|\b(?P<error>[A-Z]\w*(?:Error|Exception|Warning|Interrupt|Exit|Iteration))\b"
    r"|(?<![\w.#/-])(?P<number>-?\d[\d,_]*(?:\.\d+)?)(?![\w/]|\.\d|-\w)"
)
_THOUSANDS = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NAME_AND_ARGUMENTS = re.compile(r"(?:def |class )?([\w.]+)\(([^()]*)\)")
_PLACEHOLDER = re.compile(r"\*{0,2}[^\W\d]\w*(?:\s*:\s*[\w.\[\]|]+)?|\.{3}|[*/]|")


_DEFAULT = re.compile(r"([^\W\d]\w*)(?:\s*:\s*[\w.\[\]|]+)?\s*=\s*.+")


def _signature(literal: str) -> tuple[str, tuple[str, ...]]:
    """Name and parameters of a signature such as `f(x, *args, limit=40)`; empty for a call such as `f(limit=40)`."""
    match = _NAME_AND_ARGUMENTS.match(literal)
    if not match:
        return "", ()
    arguments = [argument.strip() for argument in match[2].split(",")]
    plain = [argument for argument in arguments if _PLACEHOLDER.fullmatch(argument)]
    defaults = [found[1] for argument in arguments if (found := _DEFAULT.fullmatch(argument))]
    if not plain or len(plain) + len(defaults) < len(arguments):
        return "", ()
    return match[1], (*(each.split(":")[0].strip(" *") for each in plain), *defaults)


def _parameters(instruction: str) -> set[str]:
    """Names of parameters in the signatures of an instruction: a test may pass them without their names."""
    literals = (match[match.lastgroup or 0] or "" for match in _LITERAL.finditer(instruction))
    return {name for literal in literals for name in _signature(literal.strip())[1]}


def _number(literal: str) -> str:
    """A number without what groups its thousands; `3,5` may be a decimal, a pair or a text, and stays as it stands."""
    literal = literal.rstrip(",_").replace("_", "")
    return literal.replace(",", "") if _THOUSANDS.fullmatch(literal) else literal


def literals_of(text: str) -> tuple[str, ...]:
    """The literals of one statement, each once; of a signature with placeholders its name."""
    found = []
    for match in _LITERAL.finditer(text):
        literal = (match[match.lastgroup or 0] or "").strip(" ")
        literal = _signature(literal)[0] or literal
        if match.lastgroup == "number":
            literal = _number(literal)
        if literal:
            found.append(literal)
    return tuple(dict.fromkeys(found))


def is_mentioned(literal: str, text: str) -> bool:
    """Whether a literal, as it stands or as a string of code writes it, or all of its words, stand in a text."""
    if literal.lstrip("-").replace(".", "", 1).isdigit():
        plain = re.sub(r"(?<=\d)_(?=\d)", "", text)
        return bool(re.search(rf"(?<![\w.]){re.escape(literal)}(?!\w|\.\d)", plain))
    if literal in text or literal.encode("unicode_escape").decode() in text:
        return True
    words = re.findall(r"\w+", literal)
    return bool(words) and all(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for word in words)


_DEMAND = re.compile(
    r"\b(?:must|shall|should|ha(?:s|ve) to|needs? to|required?|only|never|always|exactly|at (?:least|most)|no longer"
    r"|in (?:every|any|all) (?:other )?cases?|unless|otherwise|raises?|exits?|exit (?:code|status)|rejects?|refuses?"
    r"|\w+(?:Error|Exception)"
    r"|muss|müssen|soll|sollen|darf|dürfen|nur|nie|niemals|immer|genau|mindestens|höchstens|sonst"
    r"|doit|doivent|jamais|toujours|seulement|sinon|debe|deben|siempre|nunca|solo|sólo"
    r"|deve|devono|devem|sempre|mai|soltanto|apenas|moet|moeten|altijd|nooit|alleen|должен|должна|должны|только|никогда)\b"
    r"|必须|必須|不得|只能|なければ|べき|해야",
    re.IGNORECASE,
)
