"""The user that runs inside boxes when Vulcan itself runs as root: never uid 0."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vulcan.domain.errors import SandboxUnavailable

SERVICE_USER = "vulcan-sandbox"
SERVICE_ID = 64999
READ, ENTER = 4, 1


@dataclass(frozen=True, slots=True)
class User:
    """User and group id of everything in a box, as the host sees them."""

    uid: int
    gid: int


def box_user() -> User:
    """This user; for root the service user `vulcan-sandbox`, or uid and gid 64999 if there is none such."""
    if os.geteuid() != 0:
        return User(os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return User(SERVICE_ID, SERVICE_ID)
    if entry.pw_uid == 0:
        raise SandboxUnavailable(
            f"The user {SERVICE_USER} has uid 0.",
            hint=f"Give {SERVICE_USER} a uid of its own in /etc/passwd.",
        )
    return User(entry.pw_uid, entry.pw_gid)


def scratch_root() -> str | None:
    """A place for temporary folders that the box's user can reach: for root not what TMPDIR says."""
    return "/tmp" if os.geteuid() == 0 else None  # noqa: S108 - mkdtemp makes the folder


def drop_arguments(user: User) -> list[str]:
    """What to put before a command so that it runs as `user`; nothing if this process already does."""
    if os.geteuid() == user.uid:
        return []
    setpriv = shutil.which("setpriv", path="/usr/bin:/bin:/usr/sbin:/sbin")
    if not setpriv:
        raise SandboxUnavailable(
            "setpriv is missing, so root can't give up its rights for the sandbox.",
            hint="Install util-linux (apt-get install util-linux), or start Vulcan as a normal user.",
        )
    return [setpriv, f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]


def _may(status: os.stat_result, user: User, bit: int) -> bool:
    """Whether mode bits grant `bit` (1 execute, 4 read) to the user; access lists are not looked at."""
    if status.st_uid == user.uid:
        return bool(status.st_mode & (bit << 6))
    if status.st_gid == user.gid:
        return bool(status.st_mode & (bit << 3))
    return bool(status.st_mode & bit)


def require_reachable(path: Path, user: User) -> Path:
    """The real path of `path`; raises `SandboxUnavailable` if the box's user can't get there."""
    try:
        real = path.resolve(strict=True)
    except OSError as failure:
        raise SandboxUnavailable(
            f"{path} can't be shown in a sandbox: {failure.strerror}.", hint="Check that the path exists."
        ) from failure
    for folder in reversed(real.parents):
        if not _may(folder.stat(), user, ENTER):
            raise SandboxUnavailable(
                f"{real} can't be shown in a sandbox: user {user.uid} may not pass through {folder}.",
                hint=f"Move it to where every user can go, such as /var/lib/vulcan, or chmod o+x {folder}.",
            )
    if not all(_may(real.stat(), user, bit) for bit in ((READ, ENTER) if real.is_dir() else (READ,))):
        raise SandboxUnavailable(
            f"{real} can't be shown in a sandbox: user {user.uid} may not read it.",
            hint=f"Give it to that user (chown -R {user.uid}:{user.gid} {real}) or make it readable for all.",
        )
    return real


def hand_over(directory: Path) -> None:
    """Give a tree to the user inside boxes, if this process is root.

    Symbolic links are given themselves, never what they point at. A file with several hard links is replaced
    by a copy first, as its other names may lie outside.
    """
    user = box_user()
    if os.geteuid() == user.uid:
        return
    for _, folders, files, descriptor in os.fwalk(directory, follow_symlinks=False):
        os.fchown(descriptor, user.uid, user.gid)
        for name in (*files, *_links(folders, descriptor)):
            _give(name, descriptor, user)


def _links(folders: list[str], descriptor: int) -> Iterator[str]:
    """Links to folders: `fwalk` lists them among the folders and does not enter them."""
    for name in folders:
        if stat.S_ISLNK(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
            yield name


def _give(name: str, folder: int, user: User) -> None:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if (status.st_uid, status.st_gid) == (user.uid, user.gid):
        return
    if not stat.S_ISREG(status.st_mode):
        os.chown(name, user.uid, user.gid, dir_fd=folder, follow_symlinks=False)
        return
    # Through a descriptor, so that the file that was looked at is the one that is given.
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        opened = os.fstat(file)
        if opened.st_nlink > 1 and stat.S_ISREG(opened.st_mode):
            _replace_by_copy(name, folder, file, user)
        else:
            os.fchown(file, user.uid, user.gid)
    finally:
        os.close(file)


def _replace_by_copy(name: str, folder: int, file: int, user: User) -> None:
    """Put a file of its own in the place of one name of a hard-linked file."""
    fresh = f".{os.urandom(8).hex()}.vulcan"
    mode = stat.S_IMODE(os.fstat(file).st_mode)
    copy = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with open(file, "rb", closefd=False) as source, open(copy, "wb", closefd=False) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        os.fchown(copy, user.uid, user.gid)
        os.fchmod(copy, mode)
        os.rename(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=folder)
        raise
    finally:
        os.close(copy)
