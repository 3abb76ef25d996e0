"""What a Python project declares to need, read as data: nothing of the project is run here, no link is followed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vulcan.infrastructure.environment.declared.gather import gather
from vulcan.infrastructure.environment.declared.model import DEFAULT_BUILD, TEST_GROUPS, Declared
from vulcan.infrastructure.environment.declared.requirement import fits
from vulcan.infrastructure.environment.declared.tree import Tree

__all__ = [
    "DEFAULT_BUILD",
    "TEST_GROUPS",
    "Declared",
    "fits",
    "naming_digest",
    "read",
    "read_declared",
]


def read_declared(checkout: Path) -> Declared:
    """Requirements, constraints and members that the files of a checkout declare for running its tests."""
    return read(checkout).declared


@dataclass(frozen=True, slots=True)
class Reading:
    """What the files of a checkout declare, and which files these were."""

    declared: Declared
    tree: Tree

    def digest(self, salt: str) -> str:
        """Digest of every file that was read, of what was made of them, and of `salt` (interpreter, format)."""
        return self.tree.digest(f"{salt}\0{self.declared}")

    @property
    def files_digest(self) -> str:
        """Digest of the files alone: the same on every machine and with every version of Vulcan that reads them."""
        return self.tree.digest("")


def read(checkout: Path) -> Reading:
    """What `read_declared` gives, with its digests, from one and the same reading."""
    tree = Tree(checkout)
    return Reading(gather(tree), tree)


def naming_digest(checkout: Path, salt: str) -> str:
    """Digest of every file that `read_declared` looks at, of what it makes of them, and of `salt` (interpreter, format)."""
    return read(checkout).digest(salt)
