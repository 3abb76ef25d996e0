"""Reading unified diffs."""

from __future__ import annotations

import re

_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")


def added_lines(diff: str) -> dict[str, tuple[int, ...]]:
    """Line numbers, in the new version, of added or changed lines by path."""
    found: dict[str, list[int]] = {}
    path, line = "", 0
    for text in diff.splitlines():
        if text.startswith("+++ "):
            path = text[4:].removeprefix("b/")
        elif match := _HUNK.match(text):
            line = int(match[1])
        elif text.startswith("+") and line:
            found.setdefault(path, []).append(line)
            line += 1
        elif text.startswith("diff "):
            line = 0
        elif not text.startswith(("-", "\\")) and line:
            line += 1
    return {path: tuple(lines) for path, lines in found.items()}
