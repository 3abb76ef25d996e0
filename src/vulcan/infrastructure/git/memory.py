"""Answers of one repository that can't change, kept for the life of the process: an object's id names its content."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from vulcan.infrastructure.git.hardened import HardenedGit
from vulcan.infrastructure.git.objects import Entry, checked_id, read_blob, tree_entries, write_tree

MOST_TREES = 12
MOST_ANSWERS = 500
LARGEST_BLOB = 64 * 1024
FEW = 500
"""Files of a tree that is written whole; of a larger one only the folders that differ from its base."""
Answer = TypeVar("Answer")


class Memory:
    """What was read from, or stored in, a repository from which no object is ever deleted."""

    def __init__(self, git: HardenedGit) -> None:
        self._git = git
        self._trees: OrderedDict[Hashable, Mapping[bytes, Entry]] = OrderedDict()
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()
        self.stored: set[str] = set()
        """Ids of blobs that this process has stored."""

    def entries(self, treeish: str) -> Mapping[bytes, Entry]:
        """All files of a commit or tree by path, in git's order."""
        found = self._recall(self._trees, treeish)
        return found or self._keep(self._trees, treeish, tree_entries(self._git, treeish), MOST_TREES)

    def tree_of(self, treeish: str) -> str:
        """The id of a commit's tree; a tree is its own."""
        name = f"{checked_id(treeish)}^{{tree}}"
        return self.answer(("tree", treeish), lambda: self._git.run("rev-parse", "--verify", name).text)

    def blob(self, treeish: str, path: bytes) -> bytes | None:
        """One file of a commit or tree, None if it is absent or a folder."""
        known, question = self._recall(self._trees, treeish), ("blob", treeish, path)
        if known and path not in known:
            return None
        found: bytes | None = self._recall(self._answers, question)
        if found is None:
            found = read_blob(self._git, treeish, path)
            if found is not None and len(found) <= LARGEST_BLOB:
                self._keep(self._answers, question, found, MOST_ANSWERS)
        return found

    def write(self, entries: Mapping[bytes, Entry], base: str) -> str:
        """The id of a tree of these files, most of which are those of `base`."""
        before = self.entries(base)
        changed = {path: entry for path, entry in entries.items() if before.get(path) != entry}
        removed = tuple(path for path in before if path not in entries)
        if not changed and not removed:
            return self.tree_of(base)
        question = ("written", base, tuple(sorted(changed.items(), key=lambda item: item[0])), removed)
        if len(entries) <= FEW:
            return self.answer(question, lambda: write_tree(self._git, entries))
        return self.answer(question, lambda: write_tree(self._git, changed, base=base, removed=removed))

    def answer(self, question: Hashable, ask: Callable[[], Answer]) -> Answer:
        """The answer to a question about objects named by their full ids."""
        found: Answer | None = self._recall(self._answers, question)
        return self._keep(self._answers, question, ask(), MOST_ANSWERS) if found is None else found

    def _recall(self, kept: OrderedDict[Hashable, Answer], key: Hashable) -> Answer | None:
        with self._lock:
            if key in kept:
                kept.move_to_end(key)
            return kept.get(key)

    def _keep(self, kept: OrderedDict[Hashable, Answer], key: Hashable, answer: Answer, most: int) -> Answer:
        with self._lock:
            kept[key] = answer
            while len(kept) > most:
                kept.popitem(last=False)
        return answer
