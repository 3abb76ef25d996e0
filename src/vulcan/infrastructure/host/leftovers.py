"""Temporary folders that say whose they are, so that what a killed process left can be removed.

A name holds the machine, the process and its start: a process id alone may be another process's by now, and in a shared
folder that of another container or machine.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

_NAME = re.compile(r"\.?vulcan-[a-z]+-([0-9a-f]{6})-([0-9a-f]+)-([0-9a-f]+)-")


def start_time(pid: int) -> int:
    """Clock ticks after boot at which a process started; 0 if there is none that lives. Source: proc(5), fields 3 and 22."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    state, *fields = stat.rpartition(")")[2].split()
    return 0 if state in "ZX" else int(fields[18])  # a zombie that nobody waits for works on nothing


def owned(kind: str) -> str:
    """What the name of this process's temporary folders of a kind (a word) begins with."""
    return f"vulcan-{kind}-{_machine()}-{_this_process(os.getpid())}-"


def sweep(*folders: Path) -> None:
    """Remove what dead processes of this machine left in folders; what can't be removed stays."""
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as found:
            for path in [Path(item.path) for item in found if _is_left(item)]:
                shutil.rmtree(path, ignore_errors=True)


def _is_left(item: os.DirEntry[str]) -> bool:
    match = _NAME.match(item.name)
    if match is None or match[1] != _machine() or not item.is_dir(follow_symlinks=False):
        return False
    return start_time(int(match[2], 16)) != int(match[3], 16)


@cache
def _machine() -> str:
    """This machine and, in a container, this container."""
    space = Path("/proc/self/ns/pid").stat().st_ino
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:6]


@cache
def _this_process(pid: int) -> str:
    return f"{pid:x}-{start_time(pid):x}"
