"""What the terminal can do and the person wants of it: NO_COLOR and TERM=dumb hold everywhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def is_dumb() -> bool:
    """Whether the terminal can do nothing but print, as far as it says."""
    return os.environ.get("TERM", "").lower() in {"", "dumb", "unknown"}


def at_terminal() -> bool:
    """Whether a person sits at a terminal that can move its cursor."""
    return not is_dumb() and sys.stdin.isatty() and sys.stdout.isatty()


def colours() -> bool | None:
    """False where no colours are wanted (https://no-color.org) or none can be shown; None: as the stream is."""
    return False if os.environ.get("NO_COLOR") or is_dumb() else None


def in_repository() -> bool:
    """Whether the current folder is in a repository, as far as that is seen without git."""
    try:
        here = Path.cwd()
    except FileNotFoundError:
        return False
    return any((folder / ".git").exists() for folder in (here, *here.parents))
