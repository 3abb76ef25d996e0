"""Files of Vulcan that boxes need, copied to a place that the boxes' user can reach."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import sysconfig
from importlib import resources
from pathlib import Path

from vulcan.application.ports import Mount
from vulcan.domain.errors import VulcanError

TARGET = "/opt/vulcan"
CHECKERS = "/opt/checkers"
INSIDE = (
    "vulcan_common.py",
    "vulcan_count.py",
    "vulcan_empty.cjs",
    "vulcan_empty.go",
    "vulcan_inspect.py",
    "vulcan_mutants.py",
    "vulcan_mutate.py",
    "vulcan_node.mjs",
    "vulcan_pytest.py",
    "vulcan_report.py",
    "vulcan_swap.py",
    "vulcan_unittest.py",
)


class Toolbox:
    """A folder of read-only helpers, shown in boxes at `/opt/vulcan`.

    Args:
        root: where the copies are kept; one folder a content digest, so upgrades don't disturb running jobs.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ready: Path | None = None

    def mount(self) -> Mount:
        """The toolbox as a mount; copied on first use."""
        if self._ready is None:
            self._ready = self._copy()
        return Mount(self._ready, TARGET)

    def checkers(self) -> Mount:
        """Only the checkers, as a mount; agents have them on their PATH."""
        return Mount(self.mount().source / "checkers", CHECKERS)

    def _copy(self) -> Path:
        sources = [Path(str(resources.files(__package__) / "inside" / name)) for name in INSIDE]
        sources += [find_binary("uv"), find_binary("ruff")]
        places = {source: "checkers/ruff" if source.name == "ruff" else source.name for source in sources}
        stamp = "".join(f"{places[s]}{s.stat().st_size}{s.stat().st_mtime_ns}" for s in sources)
        folder = self._root / hashlib.sha256(stamp.encode()).hexdigest()[:16]
        if not folder.is_dir():
            partial = folder.with_name(f"{folder.name}.{os.getpid()}")
            try:
                partial.mkdir(parents=True, mode=0o755)
                (partial / "checkers").mkdir(mode=0o755)
                for source, place in places.items():
                    shutil.copyfile(source, partial / place)
                    (partial / place).chmod(0o755)
                _settle(partial, folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return folder


def _settle(partial: Path, folder: Path) -> None:
    """Rename into place; another process may have been faster."""
    try:
        partial.rename(folder)
    except OSError:
        shutil.rmtree(partial)


def find_binary(name: str) -> Path:
    """A program that one of our dependencies installs, next to our interpreter or on the user's path."""
    folders = [
        sysconfig.get_path("scripts"),
        str(Path(sys.executable).parent),
        sysconfig.get_path("scripts", "posix_user"),
    ]
    for folder in folders:
        candidate = Path(folder) / name
        if candidate.is_file():
            return candidate
    found = shutil.which(name)
    if found is None:
        raise VulcanError(f"the program {name} is missing", hint=f"Install it with: pip install {name}")
    return Path(found)
