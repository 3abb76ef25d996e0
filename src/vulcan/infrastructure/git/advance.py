"""Bring a branch that a person has checked out forward to a commit: only where nothing of theirs is in the way.

It is what `git merge --ff-only` does, without the hooks, filters and settings of the repository.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vulcan.domain.errors import EffectFailed, UserError, VulcanError
from vulcan.infrastructure.git.hardened import HardenedGit
from vulcan.infrastructure.git.objects import present, stream_blobs, tree_entries
from vulcan.infrastructure.git.refs import Refs
from vulcan.infrastructure.git.repository import GitRepository
from vulcan.infrastructure.git.shadow import Layout

BY_HAND = "Nothing was changed."


def must_be_plain(layout: Layout, branch: str, under_way: tuple[str, ...]) -> None:
    """Raise `UserError` where the branch is not checked out, or the work tree is none that can be written here."""
    head = (layout.git_dir / "HEAD").read_text("utf-8", "surrogateescape").strip()
    config = layout.config
    reasons = (
        (head != f"ref: refs/heads/{branch}", f"branch {branch} is not checked out in {layout.root}"),
        (bool(under_way), f"{', '.join(under_way)} is under way in {layout.root}"),
        (config.get("core.sparsecheckout", "false").lower() == "true", "it is a sparse checkout"),
        ((layout.git_dir / "info" / "sparse-checkout").exists(), "it is a sparse checkout"),
        (any(layout.git_dir.glob("sharedindex.*")), "its index is split"),
        (layout.partial, "it is a partial clone"),
        (
            os.geteuid() == 0 and layout.owner[0] != 0,
            "it belongs to another user, whose files root leaves alone",
        ),
    )
    for holds, why in reasons:
        if holds:
            raise UserError(f"the branch can't be brought forward: {why}", hint=BY_HAND)


def is_behind(git: HardenedGit, host: GitRepository, old: str, commit: str) -> bool:
    """Whether the branch lacks the commit and has nothing that the commit lacks; False where it has the commit."""
    if not old:
        raise UserError("the branch has no commit yet", hint=BY_HAND)
    if (
        present(git, [commit])
        and git.run("merge-base", "--is-ancestor", commit, old, accept=(0, 1)).code == 0
    ):
        return False
    if not (host.has(old) and host.is_ancestor(old, commit)):
        raise UserError(
            "the branch has commits of its own, so that there is something to merge", hint=BY_HAND
        )
    return True


def move(git: HardenedGit, layout: Layout, branch: str, old: str, commit: str) -> None:
    """Bring files, index and branch from one commit to the other, or leave all three as they are."""
    _must_be_clean(git, old)
    _must_need_no_filter(git, commit)
    _must_be_free(git, layout.root, old, commit)
    with _held_index(layout, git.git_dir / "index"):
        try:
            git.run("read-tree", "-m", "-u", old, commit)
        except VulcanError as error:
            why = f"files that git does not track are in the way ({error.message})"
            raise UserError(f"the branch can't be brought forward: {why}", hint=BY_HAND) from error
        if not Refs(git).update([(f"refs/heads/{branch}", commit, old)]):
            git.run("read-tree", "-m", "-u", commit, old)
            raise EffectFailed(f"branch {branch} was changed by somebody else just now", hint="Try again.")


def _must_be_clean(git: HardenedGit, old: str) -> None:
    git.run("update-index", "-q", "--refresh", "--ignore-submodules", accept=(0, 1))
    staged = git.run("diff-index", "--quiet", "--cached", "--ignore-submodules", old, accept=(0, 1)).code
    changed = git.run("diff-files", "--quiet", "--ignore-submodules", accept=(0, 1)).code
    if staged or changed:
        raise UserError(
            "the branch can't be brought forward: there are changes that are not committed",
            hint=f"Commit or stash them. {BY_HAND}",
        )


def _must_need_no_filter(git: HardenedGit, commit: str) -> None:
    entries = tree_entries(git, commit)
    attributes = [e.oid for path, e in entries.items() if path.rpartition(b"/")[2] == b".gitattributes"]
    if any(b"filter=" in content for content in stream_blobs(git, attributes)):
        raise UserError(
            "the branch can't be brought forward: its files go through filters (LFS?), which Vulcan does not run",
            hint=BY_HAND,
        )


def _must_be_free(git: HardenedGit, root: Path, old: str, commit: str) -> None:
    """Git itself would overwrite what the project ignores, which may be a person's only copy."""
    added = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=A", old, commit)
    known = set(tree_entries(git, old))
    for path in added.records():
        parts = path.split(b"/")
        above = [b"/".join(parts[:length]) for length in range(1, len(parts))]
        blocking = [p for p in above if p not in known and _is_no_folder(root, p)]
        if os.path.lexists(root / os.fsdecode(path)):
            blocking.append(path)
        if blocking:
            named = os.fsdecode(blocking[0])
            raise UserError(
                f"the branch can't be brought forward: {named} is in the way, which git does not track",
                hint=f"Move it away. {BY_HAND}",
            )


def _is_no_folder(root: Path, path: bytes) -> bool:
    place = root / os.fsdecode(path)
    return place.is_symlink() or (place.exists() and not place.is_dir())


@contextmanager
def _held_index(layout: Layout, made: Path) -> Iterator[None]:
    """Keep the person's git out of the index; at the end, if all went well, the one that was made takes its place."""
    index, lock = layout.git_dir / "index", layout.git_dir / "index.lock"
    try:
        held = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, index.stat().st_mode & 0o777)
    except FileExistsError as error:
        raise UserError("git is at work in your repository", hint=f"Try again. {BY_HAND}") from error
    try:
        with os.fdopen(held, "wb") as file:
            yield
            file.write(made.read_bytes())
        lock.replace(index)
    finally:
        lock.unlink(missing_ok=True)
