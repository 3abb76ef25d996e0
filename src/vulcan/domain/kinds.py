"""Kinds of work, computed from what a change touches; each has the evidence that fits it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import PurePosixPath

DOCUMENTS = frozenset({".md", ".rst", ".txt", ".adoc"})
DOCUMENT_NAMES = frozenset({"LICENSE", "AUTHORS", "NOTICE", "CHANGELOG", "README", "COPYING"})
CODE = frozenset(
    {".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".go", ".rs", ".java", ".c", ".cpp", ".h"}
)


class WorkKind(StrEnum):
    """What a change is, as far as its files and tests tell.

    Behaviour has new tests that must fail without it. Code without new tests can only be shown to keep what existing
    tests check, as a refactoring must. Settings, documents and tests alone have no behaviour of their own to show.
    """

    BEHAVIOUR = "new or changed behaviour"
    REFACTORING = "refactoring"
    SETTINGS = "settings"
    DOCUMENTS = "documents"
    TESTS = "tests"


def kind_of(product_paths: Sequence[str], *, new_tests: bool) -> WorkKind:
    """The kind of a change to these files, none of which is a test."""
    if not product_paths:
        return WorkKind.TESTS
    if all(map(_is_document, product_paths)):
        return WorkKind.DOCUMENTS
    if new_tests:
        return WorkKind.BEHAVIOUR
    code = any(PurePosixPath(path).suffix in CODE for path in product_paths)
    return WorkKind.REFACTORING if code else WorkKind.SETTINGS


def _is_document(path: str) -> bool:
    pure = PurePosixPath(path)
    return (pure.suffix in DOCUMENTS and pure.name != "requirements.txt") or pure.stem in DOCUMENT_NAMES
