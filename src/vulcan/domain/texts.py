"""Texts cut to a length."""

from __future__ import annotations

ELLIPSIS = "…"


def shortened(text: str, longest: int, end: str = ELLIPSIS) -> str:
    """The text in at most `longest` characters, cut between words where it holds some; `end` says that it was cut."""
    if len(text) <= longest:
        return text
    room = max(longest - len(end), 0)
    words = text[: room + 1].rpartition(" ")[0]
    kept = words.rstrip() if len(words) > room // 2 else text[:room]
    return f"{kept}{end}"[:longest]
