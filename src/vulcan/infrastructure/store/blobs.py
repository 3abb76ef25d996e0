"""Content-addressed blobs as files: `<folder>/<first two digits>/<digest>`."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vulcan.domain.errors import VulcanError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FOLDER_MODE = 0o700

_HINTS = {
    errno.ENOSPC: "The disk is full; free some space and try again.",
    errno.EDQUOT: "The disk quota is used up; free some space and try again.",
    errno.EROFS: "The file system is read-only; point VULCAN_HOME at a folder that can be written.",
    errno.EACCES: "Point VULCAN_HOME at a folder that you own.",
    errno.EPERM: "Point VULCAN_HOME at a folder that you own.",
    errno.ENOTDIR: "A file stands where a folder is needed; point VULCAN_HOME elsewhere.",
}


class FileBlobStore:
    """Blobs in a folder that only its owner can read.

    A blob is complete or absent, also after a kill: it is written beside its place and then renamed.

    Args:
        folder: created with its parents on the first `put`.
        durable: also survive a power loss (two fsyncs a blob).
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self._folder = folder
        self._durable = durable

    def put(self, content: bytes) -> str:
        """Store `content` and return its digest; a damaged copy of the same content is replaced."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        with _translated("store", digest):
            if not _holds(path, content):
                make_private_folder(path.parent)
                self._write(path, content)
        return digest

    def get(self, digest: str) -> bytes:
        """The content of `digest`, verified."""
        if not _DIGEST.fullmatch(digest):
            raise VulcanError(f"not the digest of a blob: {digest!r}")
        with _translated("read", digest):
            content = self._path(digest).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise VulcanError(
                f"blob {digest} is damaged: its content does not match its digest",
                hint=f"Restore {self._path(digest)} from a backup; the job that needs it waits for it.",
            )
        return content

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest

    def _write(self, path: Path, content: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                if self._durable:
                    file.flush()
                    os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        if self._durable:
            _sync_folder(path.parent)


def make_private_folder(folder: Path) -> None:
    """Create a folder and its missing parents, readable by nobody but the owner."""
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    for each in reversed(missing):
        each.mkdir(mode=_FOLDER_MODE, exist_ok=True)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(verb: str, digest: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise VulcanError(
            f"blob {digest} is missing ({error.filename})",
            hint="Restore the blobs folder from the backup that the event log came from.",
        ) from error
    except OSError as error:
        raise VulcanError(
            f"can't {verb} blob {digest}: {error.strerror or error}", hint=_HINTS.get(error.errno or 0, "")
        ) from error
