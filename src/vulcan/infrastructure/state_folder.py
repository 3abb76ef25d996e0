"""The state folder: made where nothing else has to know how, and looked over for jobs that the log does not know."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

from vulcan.domain.errors import VulcanError

JOB_ID = re.compile(r"[0-9a-z]{6,12}")
NAMED = 5
ANOTHER_FOLDER = "Set VULCAN_HOME to a folder that you can write to."


def make_reachable(folder: Path) -> None:
    """Make a state folder; as root, others may pass through it, since boxes run as another user."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise VulcanError(
            f"the state folder {folder} can't be made: {error.strerror}", hint=ANOTHER_FOLDER
        ) from error
    if not os.access(folder, os.W_OK):
        raise VulcanError(f"the state folder {folder} can't be written", hint=ANOTHER_FOLDER)


def lost_jobs(folder: Path, log: Path, known: Collection[str]) -> str:
    """What to say where there are folders of jobs that the log does not know; else nothing."""
    kept = {each.parent.name for each in folder.glob("*/workspace.key") if JOB_ID.fullmatch(each.parent.name)}
    lost = sorted(kept - set(known))
    if not lost:
        return ""
    names = ", ".join(lost[:NAMED]) + (f" and {len(lost) - NAMED} more" if len(lost) > NAMED else "")
    return (
        f"The log {log} does not know jobs whose folders are in {folder} ({names}): it was damaged, replaced or cut. "
        "Restore it from a backup, together with its -wal file; if nobody misses these jobs, remove their folders."
    )
