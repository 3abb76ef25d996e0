"""How far each job's trace was sent to one receiver: a small file a job, replaced as a whole."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from vulcan.domain.errors import VulcanError


class FileExportCursors:
    """ExportCursors below `folder`, apart for each receiver: a trace sent to one is still to be sent to another."""

    def __init__(self, folder: Path, receiver: str) -> None:
        self._folder = folder / hashlib.sha256(receiver.encode()).hexdigest()[:16]

    def begin(self, job: str) -> None:
        """Make a mark where there is none."""
        if not self.begun(job):
            self._write(job, 0)

    def begun(self, job: str) -> bool:
        """Whether there is a mark."""
        return (self._folder / job).exists()

    def get(self, job: str) -> int:
        """The mark of a job; 0 where there is none or it can't be read, since sending again is harmless."""
        try:
            return int((self._folder / job).read_text())
        except (OSError, ValueError):
            return 0

    def set(self, job: str, seq: int) -> None:
        """Move the mark of a job; it only ever moves forward."""
        if seq > self.get(job):
            self._write(job, seq)

    def _write(self, job: str, seq: int) -> None:
        draft = self._folder / f".{job}.{os.getpid()}.{threading.get_ident()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft.write_text(str(seq))
            draft.replace(self._folder / job)
        except OSError as error:
            raise VulcanError(
                f"the mark of what was sent can't be written: {error}",
                hint="Free some space, or make the state folder writable; sending again doubles nothing.",
            ) from error
