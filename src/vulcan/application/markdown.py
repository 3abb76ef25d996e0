"""Words of models and repositories within Vulcan's own Markdown: shown as they are, never obeyed."""

from __future__ import annotations

import re

from vulcan.application.plaintext import on_one_line
from vulcan.application.secrets import without_secrets
from vulcan.domain.texts import shortened

_CODE = re.compile(r"(?<!`)(`[^`]+`)(?!`)")
_SPECIAL = re.compile(r"[\\`*\[\]<>&|#!~$]|(?<![^\W_])_|_(?![^\W_])")
_LINKED = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.)[^\s`]+"
    r"|[\w./-]*[@#](?=\w)[\w./-]+|\bGH-\d+",
    re.IGNORECASE,
)
"""What a forge makes a link of, a mention that sends mail, or an order (`fixes #1`)."""
_ESCAPED = re.compile(r"\\([\\`*\[\]<>&|#!~$_])")


def inert(text: str, longest: int | None = None) -> str:
    """The text on one line, in which nothing is markup but pairs of backticks; secrets are left out.

    Raw HTML, comments, images, links, mentions, references, headlines, tables and emphasis stay the characters that
    they are. Fits into a list item and into a table's cell.
    """
    line = on_one_line(without_secrets(text))
    line = line if longest is None else shortened(line, longest)
    return "".join(_part(part) for part in _CODE.split(line))


def _part(part: str) -> str:
    return code(part[1:-1]) if _CODE.fullmatch(part) else _words(part)


def _words(text: str) -> str:
    """Links as code, the rest escaped."""
    shown, end = "", 0
    for match in _LINKED.finditer(text):
        shown += _SPECIAL.sub(r"\\\g<0>", text[end : match.start()]) + code(match[0])
        end = match.end()
    return shown + _SPECIAL.sub(r"\\\g<0>", text[end:])


def code(text: str) -> str:
    """A code span of the text, which may stand in a table's cell."""
    return f"`{on_one_line(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def as_read(markdown: str) -> str:
    """Markdown for people who read it unrendered: without the backslashes that only keep characters what they are."""
    return _ESCAPED.sub(r"\1", markdown)
