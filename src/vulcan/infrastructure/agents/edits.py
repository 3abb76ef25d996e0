"""Exact edits, with failures that say what to do."""

from __future__ import annotations

import difflib

from vulcan.domain.errors import ToolError

CONTEXT_LINES = 3
LINES_NAMED = 5


def replace_once(text: str, old: str, new: str, path: str) -> str:
    """`text` with its only occurrence of `old` replaced.

    Raises:
        ToolError: `old` is empty, absent, or not unique; the message shows the nearest text or the places.
    """
    old, new = _line_ends(text, old), _line_ends(text, new)
    if not old:
        raise ToolError("`old` is empty. To create or replace a whole file use write.")
    if old == new:
        raise ToolError("`old` and `new` are the same; nothing was changed.")
    count = text.count(old)
    if count == 1:
        return text.replace(old, new)
    if count > 1:
        lines = ", ".join(map(str, _places(text, old)))
        raise ToolError(
            f"`old` occurs {count} times in {path} (lines {lines}). Add the lines around it until it is unique."
        )
    if new and new in text:
        raise ToolError(f"`old` is not in {path}, but `new` already is: this edit seems to be made. Go on.")
    raise ToolError(f"`old` is not in {path}; nothing was changed.{_nearest(text, old)}")


def _line_ends(text: str, part: str) -> str:
    """In a file whose lines all end in CR LF, so do the model's, which never sees the CR."""
    if "\r\n" not in text or text.count("\r\n") != text.count("\n"):
        return part
    return part.replace("\r\n", "\n").replace("\n", "\r\n")


def _places(text: str, old: str) -> list[int]:
    places: list[int] = []
    start = 0
    while len(places) < LINES_NAMED and (found := text.find(old, start)) >= 0:
        places.append(text.count("\n", 0, found) + 1)
        start = found + len(old)
    return places


def _nearest(text: str, old: str) -> str:
    """The lines most like `old`, so that the next try can copy them."""
    lines, wanted = text.splitlines(), old.splitlines()
    anchor = max(wanted, key=lambda line: len(line.strip()))
    close = difflib.get_close_matches(anchor, lines, n=1, cutoff=0.6)
    if not close:
        return " Nothing like it is there; read the file first."
    at = lines.index(close[0])
    first = max(0, at - wanted.index(anchor))
    shown = lines[first : first + len(wanted) + CONTEXT_LINES]
    body = "\n".join(shown)
    return f" The nearest text, from line {first + 1} (copy it exactly, without line numbers):\n{body}"
