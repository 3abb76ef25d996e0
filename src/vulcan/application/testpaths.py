"""Which paths are tests: they belong to the test author, all else to the coder."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

TEST_FOLDERS = frozenset({"test", "tests", "__tests__"})
_SCRIPT = re.compile(r"(?:test|test-.+|.+[.\-_](?:test|spec))\.[cm]?[jt]sx?$")
"""What `node --test` and the common JavaScript runners take for tests by its name."""


def is_test_path(path: str) -> bool:
    """Whether a repository path is a test, or support for tests, by the habits of pytest, unittest, node and Go."""
    pure = PurePosixPath(path)
    if any(part in TEST_FOLDERS for part in pure.parts[:-1]):
        return True
    if pure.name.endswith("_test.go") or _SCRIPT.fullmatch(pure.name):
        return True
    if pure.suffix != ".py":
        return False
    stem = pure.stem
    return stem in {"conftest", "test", "tests"} or stem.startswith("test_") or stem.endswith("_test")
