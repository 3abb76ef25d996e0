"""File access below one folder that follows no link, whatever the sandbox does to the folder meanwhile."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from vulcan.domain.errors import ToolError

MAX_READ = 20 * 1024**2
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def read_file(root: Path, path: str) -> bytes:
    """Content of a regular file below `root`; raises `ToolError` with a text for the model."""
    with _parent(root, path, make=False) as (folder, name):
        try:
            fd = os.open(name, os.O_RDONLY | _FILE, dir_fd=folder)
        except OSError as error:
            raise _explained(error, path) from error
        try:
            _must_be_regular(fd, path)
            with os.fdopen(fd, "rb", closefd=False) as file:
                return file.read(MAX_READ)
        finally:
            os.close(fd)


def _must_be_regular(fd: int, path: str) -> None:
    mode = os.fstat(fd).st_mode
    if stat.S_ISDIR(mode):
        names = sorted(os.listdir(fd))[:50]
        raise ToolError(f"{path} is a folder: {', '.join(names) or 'empty'}")
    if not stat.S_ISREG(mode):
        raise ToolError(f"{path} is not a regular file.")


def write_file(root: Path, path: str, content: bytes) -> None:
    """Create or replace a regular file below `root`, owned like `root` itself; keeps its executable bit."""
    owner = root.stat()
    with _parent(root, path, make=True) as (folder, name):
        try:
            _replace(folder, name, content, _mode(folder, name, path), owner)
        except OSError as error:
            raise ToolError(f"{path} can't be written: {error.strerror}.") from error


def add_file(root: Path, path: str, source: Path) -> bool:
    """Copy a file of the host's to `path` below `root` if nothing is there, a dangling link included."""
    owner = root.stat()
    try:
        with _parent(root, path, make=True) as (folder, name):
            target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, 0o644, dir_fd=folder)
            with os.fdopen(target, "wb") as copy, source.open("rb") as file:
                shutil.copyfileobj(file, copy)
                os.fchmod(copy.fileno(), stat.S_IMODE(source.stat().st_mode))
                _give(copy.fileno(), owner)
    except (FileExistsError, ToolError):
        return False
    return True


def _replace(folder: int, name: str, content: bytes, mode: int, owner: os.stat_result) -> None:
    """Write beside the file and rename over it, so that nobody ever sees half of it."""
    temporary = f".vulcan-{secrets.token_hex(8)}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE, mode, dir_fd=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            _give(file.fileno(), owner)
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(temporary, dir_fd=folder)
        raise


def _mode(folder: int, name: str, path: str) -> int:
    try:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return 0o644
    if not stat.S_ISREG(info.st_mode):
        raise ToolError(f"{path} is a link, a folder or a special file; only regular files can be written.")
    return stat.S_IMODE(info.st_mode) | 0o600


def _give(fd: int, owner: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.fchown(fd, owner.st_uid, owner.st_gid)


def add_folder(root: Path, path: str) -> None:
    """Make a folder below `root` where nothing is, with those above it; raises `ToolError` where that can't be."""
    with _parent(root, f"{path}/mount", make=True):
        pass


@contextmanager
def _parent(root: Path, path: str, *, make: bool) -> Iterator[tuple[int, str]]:
    """An open folder and the last name of a path, reached without following any link."""
    parts = parts_of(path)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            below = _enter(folder, part, path, make=make)
            os.close(folder)
            folder = below
        yield folder, parts[-1]
    finally:
        os.close(folder)


def parts_of(path: str) -> list[str]:
    """The names of a relative path below the root; raises `ToolError` for one that leaves it or is git's own."""
    clean = path.removeprefix("/workspace/").strip()
    parts = [part for part in PurePosixPath(clean).parts if part != "."]
    if not parts or "\0" in clean:
        raise ToolError(f"{path!r} names no file.")
    if clean.startswith("/") or ".." in parts:
        raise ToolError(f"{path} is outside of the project; give a path relative to the project's root.")
    if any(part.lower() == ".git" for part in parts):
        raise ToolError("The .git folder is not part of the project's files.")
    return parts


def _enter(folder: int, part: str, path: str, *, make: bool) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=folder)
    except FileNotFoundError as error:
        if not make:
            raise ToolError(f"There is no file {path}.") from error
    except OSError as error:
        raise _explained(error, path) from error
    try:
        os.mkdir(part, 0o755, dir_fd=folder)
        below = os.open(part, _FOLDER, dir_fd=folder)
    except OSError as error:
        raise _explained(error, path) from error
    _give(below, os.fstat(folder))
    return below


def _explained(error: OSError, path: str) -> ToolError:
    if isinstance(error, FileNotFoundError):
        return ToolError(f"There is no file {path}.")
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return ToolError(f"{path} leads over a symbolic link or through a file; use the real path.")
    return ToolError(f"{path} can't be opened: {error.strerror}.")
