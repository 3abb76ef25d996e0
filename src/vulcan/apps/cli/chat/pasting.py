"""Long pasted text: a line in the input, the whole of it, as far as there is room, in the message."""

from __future__ import annotations

import re

from vulcan.application.jobs.commands import MAX_INSTRUCTION

LETTERS, LINES = 2_000, 20
"""Above either, what is pasted becomes an attachment."""

MARGIN = 200
"""Letters that fences and a note on what is left out take up at most."""


class Pasted:
    """What was pasted in this chat, by the line that stands for it."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def put(self, text: str) -> str:
        """What goes into the input: short text as it is, else a line that stands for it."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.rstrip("\n").count("\n") + 1
        if len(text) <= LETTERS and lines <= LINES:
            return text
        line = f"[pasted {len(self._texts) + 1}: {lines:,} lines, {len(text):,} characters]"
        self._texts[line] = text
        return line

    def whole(self, message: str) -> tuple[str, int]:
        """The message with what was pasted in it, and how many characters of that had to be left out."""
        used = [line for line in self._texts if line in message]
        if message in used and len(self._texts[message]) <= MAX_INSTRUCTION:
            return self._texts[message], 0
        left_out = 0
        for number, line in enumerate(used):
            rest = len(message) - len(line)
            room = (MAX_INSTRUCTION - rest) // (len(used) - number) - MARGIN
            text, dropped = _within(self._texts[line].rstrip("\n"), max(room, 0))
            fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 3)
            message = message.replace(line, f"\n{fence}\n{text}\n{fence}\n", 1)
            left_out += dropped
        return message.strip(), left_out


def _within(text: str, room: int) -> tuple[str, int]:
    """The text's beginning and end, if it is too long, and how much is missing between them."""
    if len(text) <= room:
        return text, 0
    head, tail = text[: room // 2], text[len(text) - room // 2 :]
    dropped = len(text) - len(head) - len(tail)
    return f"{head}\n[... {dropped:,} characters left out ...]\n{tail}", dropped
