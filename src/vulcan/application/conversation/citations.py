"""Sources in an answer: each must exist, which code checks before a paragraph is shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from vulcan.application.conversation.blocks import Block
from vulcan.application.conversation.statements import NOT_IN_LOG

_BRACKET = re.compile(r"\[([^\[\]\n]+)\](?!\()")
_EVENT = re.compile(r"(?:events?\s+)?(\d{1,9})(?:\s*(?:-|to)\s*(\d{1,9}))?", re.IGNORECASE)
_PLACE = re.compile(r"([^\s:,]+):(\d{1,9})(?:-(\d{1,9}))?")
_EVENT_ANYWHERE = re.compile(
    r"\bevents?[\s#]*(\d+(?:\s*(?:-|\u2013|\u2014|to|through|and|or|&)\s*(?:events?[\s#]*)?\d+)*)",
    re.IGNORECASE,
)
_PLACE_ANYWHERE = re.compile(r"(?<![\w/.:-])((?:[\w.-]+/)*[\w-]+\.[A-Za-z]\w{0,4}):(\d+)(?:-(\d+))?")
_LIKE_A_SOURCE = re.compile(r"\bevents?\b|\bgates?\b|\.\w+:|\.\w+\s+lines?\b|#L?\d", re.IGNORECASE)
_HOST = re.compile(r"\.(com|org|net|io|dev|local|test|example)$")
_GATE = re.compile(r"gates?\s+(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sources:
    """What may be cited.

    Attributes:
        events: sequence numbers of the job's log; empty where there is no job.
        gates: names of the gates that were judged.
        lines: how many lines a file of the commit has; None if there is no such file.
    """

    events: frozenset[int]
    gates: frozenset[str]
    lines: Callable[[str], int | None]


def complaint(block: Block, sources: Sources) -> str:
    """Why a block may not be shown: it cites what does not exist, or states something without a source. Else empty."""
    prose = block.prose
    cited, unknown = _citations(prose, sources)
    if unknown := list(dict.fromkeys([*unknown, *_loose(prose, sources)])):
        return f"{', '.join(unknown)} does not exist"
    if not cited and (block.has_code or _states_something(prose)):
        return "there is no source"
    return ""


def _states_something(prose: str) -> bool:
    if NOT_IN_LOG in " ".join(prose.lower().split()):
        return False
    plain = (line.strip().strip("*#-` ") for line in prose.split("\n"))
    return any(re.search(r"\w", line) and not line.endswith((":", "?")) for line in plain)


def _citations(prose: str, sources: Sources) -> tuple[int, list[str]]:
    """How many sources a text names, and those of them that do not exist."""
    count, unknown = 0, []
    for bracket in _BRACKET.finditer(prose):
        kind = ""
        for piece in re.split(r"[,;]\s*", bracket[1]):
            kind, exists = _check(piece.strip(), kind, sources)
            if exists is None:
                unknown += [piece.strip()] if _LIKE_A_SOURCE.search(piece) else []
                continue
            count += 1
            if not exists:
                unknown.append(piece.strip())
    return count, unknown


def _loose(prose: str, sources: Sources) -> list[str]:
    """Sources that a text names in any other form (in prose, as a link) and that do not exist."""
    events = [
        found[0]
        for found in _EVENT_ANYWHERE.finditer(prose)
        if not {_number(digits) for digits in re.findall(r"\d+", found[1])} <= sources.events
    ]
    places = []
    for found in _PLACE_ANYWHERE.finditer(prose):
        known, first = sources.lines(found[1]), _number(found[2])
        last = _number(found[3] or found[2])
        if (known is None and not _HOST.search(found[1])) or (
            known is not None and not 1 <= first <= last <= known
        ):
            places.append(found[0])
    return [*events, *places]


def _number(digits: str) -> int:
    return int(digits[:9])


def _check(piece: str, kind: str, sources: Sources) -> tuple[str, bool | None]:
    """The kind of a source and whether it exists; None for what is no source. A bare number continues the kind."""
    if gate := _GATE.fullmatch(piece):
        return "gate", gate[1].strip().strip("`") in sources.gates
    if place := _PLACE.fullmatch(piece.strip("`")):
        known = sources.lines(place[1])
        return "place", known is not None and 1 <= int(place[2]) <= int(place[3] or place[2]) <= known
    event = _EVENT.fullmatch(piece)
    if event and (kind == "event" or piece.lower().startswith("event")):
        first, last = int(event[1]), int(event[2] or event[1])
        return "event", {first, last} <= sources.events and first <= last
    return kind, None
