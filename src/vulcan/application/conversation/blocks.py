"""An answer's Markdown taken apart into what is shown or left out as a whole: paragraphs, items of lists, code."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vulcan.application.conversation.statements import NOT_IN_LOG

_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s")
_HEADING = re.compile(r"#{1,6}\s")
_CITED = re.compile(r"\][.!;,)]*\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that stand or fall together; `apart` where a blank line stood before them."""

    text: str
    apart: bool = False

    @property
    def prose(self) -> str:
        """The text without its fenced code, in which nothing is a source or a statement."""
        kept, fence = [], ""
        for line in self.text.split("\n"):
            if fence:
                fence = "" if _closes(line, fence) else fence
            elif opened := _FENCE.match(line):
                fence = opened[1]
            else:
                kept.append(line)
        return "\n".join(kept)

    @property
    def has_code(self) -> bool:
        """Whether there is fenced code in it."""
        return any(_FENCE.match(line) for line in self.text.split("\n"))


def _closes(line: str, fence: str) -> bool:
    return re.fullmatch(rf"\s{{0,3}}{re.escape(fence[0])}{{{len(fence)},}}\s*", line) is not None


class BlockReader:
    """Takes an answer's lines as they come and gives each block as soon as it is whole.

    Code and a list belong to the paragraph that introduces them. A line that ends with a source, and one that says
    that something is not in the log, ends a block, so that one source does not stand for other lines' statements.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._fence = ""
        self._blank = self._apart = False

    def add(self, line: str) -> Block | None:
        """The block that this line shows to be whole, if any."""
        if self._fence:
            self._lines.append(line)
            self._fence = "" if _closes(line, self._fence) else self._fence
            return None
        if not line.strip():
            self._blank = True
            return None
        whole = self.end() if self._lines and self._begins_another(line) else None
        if not self._lines:
            self._apart = self._blank
        elif self._blank:
            self._lines.append("")
        self._blank = False
        self._lines.append(line)
        opened = _FENCE.match(line)
        self._fence = opened[1] if opened else ""
        return whole

    def end(self) -> Block | None:
        """The last block; code that was not closed is."""
        if not self._lines:
            return None
        if self._fence:
            self._lines.append(self._fence)
            self._fence = ""
        block = Block("\n".join(self._lines), self._apart)
        self._lines = []
        return block

    def _begins_another(self, line: str) -> bool:
        first, last = self._lines[0], self._lines[-1]
        if _FENCE.match(line) or self._under_introduction(line):
            return False
        if last.rstrip().endswith(":") or (_HEADING.match(first) and len(self._lines) == 1):
            return False
        if self._blank or NOT_IN_LOG in last.lower() or NOT_IN_LOG in line.lower():
            return not (line.startswith("  ") and _ITEM.match(first))
        return _CITED.search(last) is not None

    def _under_introduction(self, line: str) -> bool:
        """Whether the line is an item of a list whose introduction names a source, which then holds for all of it."""
        introduced = re.search(r"\]\S*:\s*$", self._lines[0]) is not None
        return introduced and _ITEM.match(line) is not None
