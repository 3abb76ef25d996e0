"""The repository in short: what an agent is told before it looks itself. Bounded, and stable over a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vulcan.application.ports import History

MAX_PATHS = 60
MAX_RULES = 4_000
RULES_FILE = "AGENTS.md"


def overview(history: History, commit: str) -> str:
    """Files (folded into folders where they are many) and the root's AGENTS.md."""
    paths = history.files(commit)
    parts = ["Files:\n" + "\n".join(list_paths(paths)) if paths else "The repository has no files."]
    rules = history.content(commit, RULES_FILE)
    if rules:
        text = rules.decode(errors="replace")[:MAX_RULES]
        parts.append(f"Rules of the project ({RULES_FILE}):\n{text}")
    return "\n\n".join(parts)


def list_paths(paths: Sequence[str]) -> list[str]:
    """At most `MAX_PATHS` lines; deep folders are folded first."""
    if len(paths) <= MAX_PATHS:
        return list(paths)
    for depth in (4, 3, 2, 1):
        folded = _fold(paths, depth)
        if len(folded) <= MAX_PATHS:
            return folded
    folded = _fold(paths, 1)
    return [*folded[:MAX_PATHS], f"... and {len(folded) - MAX_PATHS} more"]


def _fold(paths: Sequence[str], depth: int) -> list[str]:
    counts = Counter("/".join(path.split("/")[:depth]) for path in paths)
    deep = {"/".join(path.split("/")[:depth]) for path in paths if path.count("/") >= depth}
    return [f"{name}/ ({count} files)" if name in deep else name for name, count in counts.items()]
