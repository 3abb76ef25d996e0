"""Text of models and repositories on a terminal."""

from __future__ import annotations

from vulcan.application.plaintext import on_one_line, safe
from vulcan.domain.texts import shortened

__all__ = ["one_line", "safe"]


def one_line(text: str, width: int = 100) -> str:
    """The text on one line of at most `width` characters."""
    return shortened(on_one_line(text), width)
