"""Sentences of an answer, with the sources that they rest on."""

from __future__ import annotations

import re
from dataclasses import dataclass

NOT_IN_LOG = "not in the log"
_FORGED = re.compile(r"\[(\s*(?:events?|gates?)\b[^\]\n]*|[^\]\s]+\.\w+:\d[^\]\n]*)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence, the sequence numbers of the events that it rests on, and gates or places in files."""

    text: str
    events: tuple[int, ...] = ()
    places: tuple[str, ...] = ()

    def render(self) -> str:
        """The sentence with its citations."""
        cited = ", ".join(dict.fromkeys([*(f"event {seq}" for seq in self.events), *self.places]))
        text = _FORGED.sub(r"(\1)", self.text)  # people's and models' words bring no citations of their own
        return f"{text} [{cited}]" if cited else text


@dataclass(frozen=True, slots=True)
class Answer:
    """What the log says; `known` is False where it says nothing to the question."""

    statements: tuple[Statement, ...]
    known: bool = True

    @property
    def text(self) -> str:
        """A line a statement."""
        return "\n".join(statement.render() for statement in self.statements)
