"""Looks at the user's repository through a git directory of the host's own.

A shadow is a temporary git directory whose objects and refs are links into the user's repository, while its
configuration, hooks and attributes are the host's. So git never reads the user's settings, and nothing that
they name can run. (The method is that of git's own `git-new-workdir`.)
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vulcan.domain.errors import UserError
from vulcan.infrastructure.git.hardened import HardenedGit, read_config
from vulcan.infrastructure.host.leftovers import owned

_LINKED_FOLDERS = ("objects", "refs", "logs", "reftable")
_LINKED_FILES = ("packed-refs", "shallow")
# How the user's git writes files; taken over as values so that `status` sees what the user's git sees.
_TAKEN_OVER = (
    "core.filemode",
    "core.symlinks",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.autocrlf",
    "core.eol",
    "core.trustctime",
    "core.checkstat",
    "core.sharedrepository",
)
_ATTRIBUTES = "* !filter !ident !diff !merge !working-tree-encoding\n"
_NO_BRANCH = "ref: refs/heads/vulcan-shadow-has-no-branch\n"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a user's repository lie.

    Attributes:
        root: top of the work tree.
        git_dir: HEAD and index; for a linked work tree not the same as
        common_dir: objects, refs and configuration.
    """

    root: Path
    git_dir: Path
    common_dir: Path

    @property
    def config(self) -> dict[str, str]:
        """The repository's own settings as data."""
        return read_config(self.common_dir / "config")

    @property
    def partial(self) -> bool:
        """Whether it is a partial clone, which lacks objects on purpose."""
        return any(re.fullmatch(r"remote\..*\.promisor", name) for name in self.config)

    @property
    def owner(self) -> tuple[int, int]:
        """User and group of the repository."""
        status = self.common_dir.stat()
        return status.st_uid, status.st_gid

    def heads(self) -> Iterator[str]:
        """What each work tree has checked out, or is rebasing: full ref names or commits."""
        folders = [self.common_dir, self.git_dir]
        linked = self.common_dir / "worktrees"
        if linked.is_dir():
            folders += linked.iterdir()
        for folder in folders:
            for name in ("HEAD", "rebase-merge/head-name", "rebase-apply/head-name"):
                file = folder / name
                if file.is_file():
                    text = file.read_text("utf-8", "surrogateescape")
                    yield text.strip().removeprefix("ref:").strip()


def locate(path: Path) -> Layout:
    """The repository that `path` lies in; `UserError` where there is none or it can't be used."""
    start = path.expanduser().absolute()
    if not start.is_dir():
        what = "is not a folder" if start.exists() else "does not exist"
        raise UserError(f"{start} {what}", hint="Give the folder of a git repository.")
    for folder in (start, *start.parents):
        git_dir = _git_dir(folder / ".git")
        if git_dir is not None:
            return Layout(folder.resolve(), git_dir, _common_dir(git_dir))
        if _is_git_dir(folder):
            raise UserError(
                f"{folder} is a bare repository or a repository's inside",
                hint="Clone it and give the clone's folder.",
            )
    raise UserError(
        f"{start} is not in a git repository",
        hint="Go to a repository, or make one: git init && git add -A && git commit -m 'First commit'.",
    )


@contextmanager
def shadow(layout: Layout, *, writing: bool = False, index: bool = False) -> Iterator[HardenedGit]:
    """Git on a shadow of the repository, which is gone when the context ends.

    With `writing`, root acts as the repository's owner, so that what it leaves there belongs to the owner,
    and HEAD is not the user's. Without, HEAD and a copy of the index are there; with `index` the copy always is.
    """
    config = layout.config
    _check_format(layout, config)
    owner = layout.owner if writing and os.geteuid() == 0 and layout.owner[0] != 0 else None
    with tempfile.TemporaryDirectory(prefix=owned("shadow")) as scratch:
        folder = Path(scratch)
        _furnish(folder, layout, config)
        if writing:
            (folder / "HEAD").write_text(_NO_BRANCH, "utf-8")
        else:
            (folder / "HEAD").write_bytes((layout.git_dir / "HEAD").read_bytes())
        if index or not writing:
            _copy_index(folder, layout)
        if owner is not None:
            for item in (folder, *folder.rglob("*")):
                os.chown(item, *owner, follow_symlinks=False)
        settings = {name: config[name] for name in _TAKEN_OVER if name in config}
        settings["core.logAllRefUpdates"] = "true" if (layout.common_dir / "logs").is_dir() else "false"
        yield HardenedGit(folder, work_tree=layout.root, settings=settings, owner=owner, foreign=True)


def _furnish(folder: Path, layout: Layout, config: Mapping[str, str]) -> None:
    linked = [name for name in _LINKED_FOLDERS if (layout.common_dir / name).is_dir()]
    linked += [name for name in _LINKED_FILES if (layout.common_dir / name).is_file()]
    for name in linked:
        (folder / name).symlink_to((layout.common_dir / name).resolve())
    text = "[core]\n\trepositoryformatversion = 1\n\tbare = false\n"
    if config.get("extensions.refstorage") == "reftable":
        text += "[extensions]\n\trefstorage = reftable\n"
    (folder / "config").write_text(text, "utf-8")
    (folder / "info").mkdir()
    (folder / "info" / "attributes").write_text(_ATTRIBUTES, "utf-8")


def _copy_index(folder: Path, layout: Layout) -> None:
    """The index, with its time, by which git tells which entries may be stale."""
    for name, source in (("index", layout.git_dir), ("info/exclude", layout.common_dir)):
        if (source / name).is_file():
            shutil.copy2(source / name, folder / name)
    for part in layout.git_dir.glob("sharedindex.*"):
        (folder / part.name).symlink_to(part)


def _check_format(layout: Layout, config: Mapping[str, str]) -> None:
    if config.get("extensions.objectformat", "sha1").lower() != "sha1":
        raise UserError(
            f"{layout.root} uses SHA-256 object names, which Vulcan can't read yet",
            hint="Use a repository with SHA-1 object names (git's default).",
        )


def _git_dir(dotgit: Path) -> Path | None:
    if dotgit.is_file():
        pointer = dotgit.read_bytes()[:4096].rstrip(b"\r\n")
        if not pointer.startswith(b"gitdir: "):
            return None
        dotgit = dotgit.parent / os.fsdecode(pointer.removeprefix(b"gitdir: "))
    return dotgit.resolve() if (dotgit / "HEAD").is_file() or (dotgit / "HEAD").is_symlink() else None


def _common_dir(git_dir: Path) -> Path:
    pointer = git_dir / "commondir"
    if pointer.is_file():
        return (git_dir / os.fsdecode(pointer.read_bytes().rstrip(b"\r\n"))).resolve()
    return git_dir


def _is_git_dir(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()
