"""Reading unified diffs."""

from __future__ import annotations

import re
from collections.abc import Iterator

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def additions(diff: str) -> Iterator[tuple[str, int, str]]:
    """Path, line number in the new version, and text of each added or changed line.

    Headers are told from content by the hunks' line counts: an added line may itself look like a header.
    """
    path, line, old, new = "", 0, 0, 0
    for text in diff.split("\n"):
        if old <= 0 and new <= 0:
            if match := _HUNK.match(text):
                old, line, new = int(match[1] or 1), int(match[2]), int(match[3] or 1)
            elif text.startswith("+++ "):
                path = text[4:].rstrip("\t").removeprefix("b/")
        elif text.startswith("+"):
            yield path, line, text[1:]
            line, new = line + 1, new - 1
        elif text.startswith("-"):
            old -= 1
        elif not text.startswith("\\"):
            line, old, new = line + 1, old - 1, new - 1


def added_lines(diff: str) -> dict[str, tuple[int, ...]]:
    """Line numbers, in the new version, of added or changed lines by path."""
    found: dict[str, list[int]] = {}
    for path, line, _ in additions(diff):
        found.setdefault(path, []).append(line)
    return {path: tuple(lines) for path, lines in found.items()}
