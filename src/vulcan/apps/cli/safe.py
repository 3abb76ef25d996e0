"""Text of models and repositories on a terminal."""

from __future__ import annotations

from vulcan.application.plaintext import on_one_line, safe

__all__ = ["one_line", "safe"]


def one_line(text: str, width: int = 100) -> str:
    """The text on one line of at most `width` characters."""
    line = on_one_line(text)
    return line if len(line) <= width else f"{line[: width - 1]}…"
