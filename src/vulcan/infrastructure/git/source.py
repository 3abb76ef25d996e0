"""The user's own repository: looked at, and given or relieved of a `vulcan/` branch; their own branch only on their word."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from vulcan.application.ports import SourceState
from vulcan.domain.errors import EffectFailed, UserError
from vulcan.infrastructure.git.advance import is_behind, move, must_be_plain
from vulcan.infrastructure.git.hardened import HardenedGit
from vulcan.infrastructure.git.objects import GITLINK, checked_id, present, stream_blobs, tree_entries
from vulcan.infrastructure.git.refs import Refs
from vulcan.infrastructure.git.repository import GitRepository
from vulcan.infrastructure.git.shadow import Layout, locate, shadow

BRANCH_PREFIX = "vulcan/"
_UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
}
_ANCESTORS_ASKED = 1_000
_MAIN = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
)


class GitSource:
    """Implements `SourceRepository`; neither hook, filter nor setting of the repository acts.

    Args:
        host: the host's repository for a work tree, from which a branch's objects are taken.
    """

    def __init__(self, host: Callable[[Path], GitRepository]) -> None:
        self._host = host

    def inspect(self, path: Path) -> SourceState:
        """Look at the repository that `path` lies in; works from a subfolder and in a linked work tree."""
        layout = locate(path)
        with shadow(layout) as git:
            head = git.run("rev-parse", "--quiet", "--verify", "HEAD^{commit}", accept=(0, 1, 128))
            if head.code != 0:
                raise UserError(
                    f"{layout.root} has no commit yet",
                    hint="Make a first one: git add -A && git commit -m 'First commit'.",
                )
            branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD", accept=(0, 1)).text
            dirty = _dirty(git)
            notes = (*_notes_on_state(layout, dirty), *_notes_on_content(git, head.text))
        return SourceState(layout.root, head.text, branch, dirty, notes)

    def ends(self, path: Path, base: str, head: str) -> tuple[Path, str, str]:
        """The repository's top folder, where `head` left `base`, and `head`; empty names as the port says."""
        layout = locate(path)
        with shadow(layout) as git:
            tip = _commit_of(git, head or "HEAD")
            start = _commit_of(git, base) if base else _main_of(git)
            fork = git.run("merge-base", start, tip, accept=(0, 1)).text if start else ""
        if not start:
            raise UserError(
                "there is no branch main or master to compare with", hint="Name one: vulcan verify --base REF"
            )
        return layout.root, fork.split("\n", 1)[0] or start, tip

    def tracked(self, path: Path) -> tuple[str, ...]:
        """Paths of the files that git tracks in the repository that `path` lies in."""
        with shadow(locate(path)) as git:
            return tuple(os.fsdecode(name) for name in git.run("ls-files", "-z").records())

    def publish(self, root: Path, branch: str, commit: str) -> None:
        """Make `branch` point at `commit` in the user's repository, bringing the objects."""
        layout, name = locate(root), _ref(branch)
        host = self._host(layout.root)
        with shadow(layout, writing=True) as git:
            refs = Refs(git)
            refs.check_name(name)
            old = refs.get(name)
            if old == commit:
                return
            _refuse_if_checked_out(layout, branch)
            _bring(host, git, commit)
            if not refs.update([(name, commit, old)]):
                raise EffectFailed(
                    f"branch {branch} was changed by somebody else just now", hint="Try again."
                )

    def withdraw(self, root: Path, branch: str) -> bool:
        """Remove a `vulcan/` branch, False if there was none; `EffectFailed` if it is checked out."""
        layout, name = locate(root), _ref(branch)
        with shadow(layout, writing=True) as git:
            refs = Refs(git)
            refs.check_name(name)
            old = refs.get(name)
            if not old:
                return False
            _refuse_if_checked_out(layout, branch)
            if not refs.update([(name, "", old)]):
                raise EffectFailed(
                    f"branch {branch} was changed by somebody else just now", hint="Try again."
                )
        return True

    def advance(self, root: Path, branch: str, commit: str) -> str:
        """Fast-forward the branch that is checked out to a commit; returns where it was, empty if it has the commit.

        Raises:
            UserError: something of the person's is in the way; nothing was changed.
        """
        layout = locate(root)
        under_way = tuple(what for name, what in _UNDER_WAY.items() if (layout.git_dir / name).exists())
        must_be_plain(layout, branch, under_way)
        host = self._host(layout.root)
        with shadow(layout, writing=True, index=True) as git:
            old = Refs(git).get(f"refs/heads/{branch}")
            if not is_behind(git, host, old, commit):
                return ""
            _bring(host, git, commit)
            move(git, layout, branch, old, commit)
        return old


def _commit_of(git: HardenedGit, name: str) -> str:
    found = git.run(
        "rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}", accept=(0, 1, 128)
    )
    if found.code == 0:
        return found.text
    branches = git.run("for-each-ref", "--count=20", "--format=%(refname:short)", "refs/heads").text.split()
    raise UserError(
        f"the repository has no branch, tag or commit {name!r}",
        hint=f"Its branches: {', '.join(branches) or 'none'}",
    )


def _main_of(git: HardenedGit) -> str:
    """The commit of the repository's main branch, by the habits of git and its hosts; empty if there is none."""
    for name in _MAIN:
        found = git.run("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}", accept=(0, 1, 128))
        if found.code == 0:
            return found.text
    return ""


def _ref(branch: str) -> str:
    if not branch.startswith(BRANCH_PREFIX):
        raise EffectFailed(
            f"Vulcan may not touch branch {branch!r}",
            hint=f"Only branches below {BRANCH_PREFIX} are Vulcan's.",
        )
    return f"refs/heads/{branch}"


def _refuse_if_checked_out(layout: Layout, branch: str) -> None:
    if f"refs/heads/{branch}" in layout.heads():
        raise EffectFailed(
            f"branch {branch} is checked out in {layout.root} or a work tree of it",
            hint="Switch to another branch there: git switch -",
        )


def _bring(host: GitRepository, git: HardenedGit, commit: str) -> None:
    if present(git, [checked_id(commit)]):
        return
    line = host.git.run("rev-list", f"--max-count={_ANCESTORS_ASKED}", commit).text.split()
    there = present(git, line)
    wanted = [commit, *(f"^{oid}" for oid in line if oid in there)]
    host.git.send(
        ["pack-objects", "--revs", "--stdout", "-q", "--delta-base-offset"],
        "".join(f"{oid}\n" for oid in wanted).encode(),
        to=git,
        receive=["unpack-objects", "-q"],
    )


def _dirty(git: HardenedGit) -> int:
    status = git.run(
        "status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=all", "--no-renames"
    )
    return len(status.records())


def _notes_on_state(layout: Layout, dirty: int) -> Iterator[str]:
    if dirty:
        yield f"{dirty} uncommitted or new files are not part of the job; they stay as they are."
    for name, what in _UNDER_WAY.items():
        if (layout.git_dir / name).exists():
            yield f"{what.capitalize()} is under way here; the job starts from the last commit."
    if (layout.common_dir / "shallow").exists():
        yield "This is a shallow clone: older history is not there."
    if layout.partial:
        yield "This is a partial clone: objects that are not there can't be used."


def _notes_on_content(git: HardenedGit, commit: str) -> Iterator[str]:
    entries = tree_entries(git, commit)
    submodules = [os.fsdecode(path) for path, entry in entries.items() if entry.mode == GITLINK]
    if submodules:
        yield f"Submodules are empty folders for the job: {', '.join(submodules[:5])}."
    attributes = [
        entry.oid for path, entry in entries.items() if path.rpartition(b"/")[2] == b".gitattributes"
    ]
    if any(b"filter=lfs" in content for content in stream_blobs(git, attributes)):
        yield "Git LFS is in use: the job sees the pointers, not the large files."
