"""Which paths are tests: they belong to the test author, all else to the coder."""

from __future__ import annotations

from pathlib import PurePosixPath

TEST_FOLDERS = frozenset({"test", "tests"})


def is_test_path(path: str) -> bool:
    """Whether a repository path is a test, or support for tests, by pytest's and unittest's habits."""
    pure = PurePosixPath(path)
    if any(part in TEST_FOLDERS for part in pure.parts[:-1]):
        return True
    if pure.suffix != ".py":
        return False
    stem = pure.stem
    return stem in {"conftest", "test", "tests"} or stem.startswith("test_") or stem.endswith("_test")
