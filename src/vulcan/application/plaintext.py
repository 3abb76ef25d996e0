"""Text of models and repositories, made safe for terminals and for messages: no control sequence is ever obeyed."""

from __future__ import annotations

import re
import unicodedata

_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)

_BREAK = re.compile(r"\s*[\n\t]\s*")


def safe(text: str) -> str:
    """The text with control, bidirectional and invisible characters shown as hexadecimal escapes."""
    shown = _CONTROL.sub(
        lambda m: "\n" if m[0] == "\r" else f"\\x{ord(m[0]):02x}", text.replace("\r\n", "\n")
    )
    return "".join("�" if unicodedata.category(c) in {"Cs", "Co"} or c >= "\U000e0000" else c for c in shown)


def on_one_line(text: str) -> str:
    """The text on one line, as safe as that; blanks within a line stay as they are, since criteria may be about them."""
    return _BREAK.sub(" ", safe(text)).strip()
