"""The reading list and its file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Book:
    """One entry of the list."""

    title: str
    author: str = ""
    done: bool = False


def load(path: Path) -> list[Book]:
    """Read the list; a missing file is an empty list."""
    if not path.exists():
        return []
    return [Book(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def save(path: Path, books: list[Book]) -> None:
    """Write the list."""
    path.write_text(json.dumps([asdict(book) for book in books], indent=1), encoding="utf-8")
