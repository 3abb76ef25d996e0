"""What a Python project declares to need, read as data: nothing of the project is run here, no link is followed."""

from __future__ import annotations

from collections.abc import Callable
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
    "read_declared",
    "read_with_digest",
]


def read_declared(checkout: Path) -> Declared:
    """Requirements, constraints and members that the files of a checkout declare for running its tests."""
    return read_with_digest(checkout)[0]


def read_with_digest(checkout: Path) -> tuple[Declared, Callable[[str], str]]:
    """What `read_declared` gives, and `naming_digest` as a function of its salt, from one and the same reading."""
    tree = Tree(checkout)
    declared = gather(tree)
    return declared, lambda salt: tree.digest(f"{salt}\0{declared}")


def naming_digest(checkout: Path, salt: str) -> str:
    """Digest of every file that `read_declared` looks at, of what it makes of them, and of `salt` (interpreter, format)."""
    return read_with_digest(checkout)[1](salt)
