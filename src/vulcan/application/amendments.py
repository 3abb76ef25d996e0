"""The requirements as a numbered list, and a person's word on it: agree, edit an item, veto items, say what is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from vulcan.domain.errors import UserError
from vulcan.domain.requirements import AcceptanceCriterion, Assumption, Requirement

AGREED = frozenset(
    [
        "",
        "ok",
        "okay",
        "yes",
        "y",
        "go",
        "go on",
        "go ahead",
        "confirm",
        "confirmed",
        "agreed",
        "lgtm",
        "looks good",
    ]
)
HOW = "ok: go on · 2: new text: edit item 2 · no 3 because ...: veto item 3 · any other sentence goes to the analyst"

# Prose about the change has numbers in it, too ("no 2 people ...", "3.5 seconds ..."): whatever could be prose is no edit.
_EDIT = re.compile(
    r"(?:edit\s+|change\s+)?(\d{1,4})(?:\s*:(?!\d)\s*|\.\s+|\s*=\s+(?=\D))(\S.*)"
    r"|(?:edit|change)\s+(\d{1,4})\s+to\s+([^\d\s].*)"
    r"|/edit\s+(\d{1,4})[\s:.=]\s*(?:to\s+)?(\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_NUMBERS = r"(\d{1,4}(?:\s*(?:,|and)\s*\d{1,4})*)"
_VETO = re.compile(
    rf"(?:no|not|veto|drop|remove|-)\s*{_NUMBERS}"
    r"(?:\s*[.!]?|(?:\s*[:;]|,(?!\s*\d)|\.(?=\s)|\s+-(?=\s)|\s+(?:because|since)\b)\s*(\S.*))"
    rf"|/?veto\s*{_NUMBERS}\b\s*(?:[:,.;-]|because\b|since\b)?\s*(.*)",
    re.IGNORECASE | re.DOTALL,
)


class Word(StrEnum):
    """What a person's word on the list asks for."""

    AGREE = "agree"
    EDIT = "edit"
    VETO = "veto"
    SAY = "say"


@dataclass(frozen=True, slots=True)
class Amendment:
    """A person's word on the list; `items` are its numbers, `text` is the new text, the reason or the message."""

    word: Word
    items: tuple[int, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Amended:
    """What becomes of the requirements: changed at once, or, with a `question`, worked out again by the analyst."""

    requirement: Requirement
    change: str
    question: str = ""


Item = AcceptanceCriterion | Assumption


def items_of(requirement: Requirement) -> tuple[Item, ...]:
    """Criteria, then assumptions; an item's number is its place, from 1."""
    return (*requirement.criteria, *requirement.assumptions)


def numbered_list(requirement: Requirement) -> list[str]:
    """The list for people, a line an item."""
    lines = [f"Goal: {requirement.summary}"]
    for number, item in enumerate(items_of(requirement), 1):
        kind = "must hold" if isinstance(item, AcceptanceCriterion) else "assumed"
        lines.append(f"{number:>3}. {item.text}  ({item.id}, {kind})")
    lines += [f"     calls {api.name}: {api.purpose}" for api in requirement.external_apis]
    if requirement.changed_tests:
        lines.append(f"     changes tests: {', '.join(requirement.changed_tests)}")
    return lines


def read_word(text: str) -> Amendment:
    """What a person's line says of the list; whatever is no edit, veto or agreement is for the analyst."""
    plain = text.strip()
    if not plain or plain.lower().rstrip(".!") in AGREED - {""}:
        return Amendment(Word.AGREE)
    if match := _VETO.fullmatch(plain):
        numbers, why = _found(match)
        return Amendment(Word.VETO, tuple(int(number) for number in re.findall(r"\d+", numbers)), why)
    if match := _EDIT.fullmatch(plain):
        number, text = _found(match)
        return Amendment(Word.EDIT, (int(number),), text)
    return Amendment(Word.SAY, text=plain)


def _found(match: re.Match[str]) -> tuple[str, str]:
    """The numbers and the text of whichever alternative matched."""
    numbers, *text = [group for group in match.groups() if group]
    return numbers, text[0].strip() if text else ""


def amend(requirement: Requirement, word: Amendment) -> Amended:
    """Apply an edit or a veto.

    A criterion that is vetoed is dropped. An assumption that is vetoed leaves open what holds instead, so the analyst
    is asked again.

    Raises:
        UserError: there is no such item, or no criterion would be left.
    """
    if word.word is Word.SAY:
        return Amended(requirement, "the analyst takes it into account", word.text)
    items = items_of(requirement)
    for number in word.items:
        if not 1 <= number <= len(items):
            raise UserError(f"there is no item {number}; the list has {len(items)}", hint=HOW)
    chosen = [items[number - 1] for number in word.items]
    if word.word is Word.EDIT:
        return Amended(_with_text(requirement, chosen[0], word.text), f"{chosen[0].id} is now: {word.text}")
    return _veto(requirement, chosen, word.text)


def _with_text(requirement: Requirement, item: Item, text: str) -> Requirement:
    return replace(
        requirement,
        criteria=tuple(replace(c, text=text) if c is item else c for c in requirement.criteria),
        assumptions=tuple(replace(a, text=text) if a is item else a for a in requirement.assumptions),
    )


def _veto(requirement: Requirement, chosen: list[Item], reason: str) -> Amended:
    kept = replace(
        requirement,
        criteria=tuple(c for c in requirement.criteria if c not in chosen),
        assumptions=tuple(a for a in requirement.assumptions if a not in chosen),
    )
    if not kept.criteria:
        raise UserError(
            "no criterion would be left", hint="Edit one instead (1: new text), or cancel the job."
        )
    change = f"{', '.join(item.id for item in chosen)} vetoed" + (f": {reason}" if reason else "")
    if reason or any(isinstance(item, Assumption) for item in chosen):
        said = "\n".join(f"This does not hold: {item.text}" for item in chosen)
        return Amended(kept, change, f"{said}\n{reason}".strip())
    return Amended(kept, change)
