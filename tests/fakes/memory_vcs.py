"""Version control in memory; only the directories that it writes to and reads are real.

Ignore rules are the common subset: names with shell wildcards, and `folder/`, in the top .gitignore.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from vulcan.application.ports import SourceState
from vulcan.domain.errors import EffectFailed, UserError, VulcanError
from vulcan.domain.generation import ChangeKind, CodeArtifact


@dataclass(frozen=True)
class File:
    content: bytes
    mode: str = "100644"


@dataclass(frozen=True)
class Commit:
    tree: str
    parents: tuple[str, ...]
    message: str
    at: int
    ours: bool


Tree = Mapping[str, File]


@dataclass
class MemoryUserRepository:
    """A user's repository: commits of its own, branches, one of them checked out."""

    objects: MemoryVcs
    branches: dict[str, str] = field(default_factory=dict)
    branch: str = "main"
    dirty: int = 0


@dataclass
class MemoryVcs:
    """Implements `VersionControl` and `History`, and what a forge needs of a repository."""

    users: dict[Path, MemoryUserRepository] = field(default_factory=dict)
    trees: dict[str, Tree] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    diff_limit: int = 400_000

    # version control

    def fetch(self, source: Path, commit: str) -> None:
        theirs = self.users[source].objects
        if commit not in theirs.commits and commit not in self.commits:
            raise UserError(f"no commit {commit}", hint="Was its history rewritten?")
        self.trees.update(theirs.trees)
        self.commits.update(theirs.commits)

    def checkout(self, commit: str, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise VulcanError(f"{directory} is not empty")
        self._write(directory, self.tree(commit))

    def checkout_beside(self, commit: str, directory: Path, other: str, there: Path) -> None:
        self.checkout(commit, directory)

    def snapshot(self, directory: Path, base: str) -> str:
        known, rules = self.tree(base), _rules(directory)
        found = {path: file for path, file in _files(directory) if path in known or not _ignored(path, rules)}
        return self.write_tree(found)

    def restore(self, directory: Path, tree: str) -> None:
        wanted = self.tree(tree)
        for path in self.tree(self.snapshot(directory, tree)).keys() - wanted.keys():
            (directory / path).unlink()
        self._write(directory, wanted)

    # history

    def commit(self, tree: str, parent: str, message: str) -> str:
        return self._commit(tree, (parent,) if parent else (), message)

    def diff(self, base: str, head: str, paths: Sequence[str] = ()) -> str:
        text = "".join(
            self._file_diff(base, head, change.path)
            for change in self.changes(base, head)
            if not paths or any(change.path == path or change.path.startswith(f"{path}/") for path in paths)
        )
        if len(text) > self.diff_limit:
            return (
                text[: self.diff_limit] + f"\n[cut here: the diff is longer than {self.diff_limit} bytes]\n"
            )
        return text

    def changes(self, base: str, head: str) -> tuple[CodeArtifact, ...]:
        old, new = self.tree(base), self.tree(head)
        return tuple(
            _artifact(path, old.get(path), new.get(path))
            for path in sorted(old.keys() | new.keys())
            if old.get(path) != new.get(path)
        )

    def overlay(self, base: str, other: str, paths: Sequence[str]) -> str:
        result, theirs = dict(self.tree(base)), self.tree(other)
        for path in paths:
            result.pop(path, None)
            if path in theirs:
                result[path] = theirs[path]
        return self.write_tree(result)

    def files(self, commit: str) -> tuple[str, ...]:
        return tuple(sorted(self.tree(commit)))

    def content(self, commit: str, path: str) -> bytes | None:
        file = self.tree(commit).get(path)
        return file.content if file else None

    # forge

    def has(self, commit: str) -> bool:
        return commit in self.commits

    def is_ancestor(self, old: str, new: str) -> bool:
        return old in self._history(new)

    def fork_point(self, commit: str) -> str:
        while self.commits[commit].ours and self.commits[commit].parents:
            commit = self.commits[commit].parents[0]
        return commit

    def merge(self, base: str, other: str, message: str) -> str:
        if self.is_ancestor(other, base):
            return base
        shared = self._history(base) & self._history(other)
        if not shared:
            raise EffectFailed("the branches have no common history")
        start = self.tree(max(shared, key=lambda oid: self.commits[oid].at))
        ours, theirs = self.tree(base), self.tree(other)
        conflicts = [
            path
            for path in sorted(ours.keys() | theirs.keys())
            if start.get(path) != ours.get(path) != theirs.get(path) != start.get(path)
        ]
        if conflicts:
            raise EffectFailed(f"merge conflict: {', '.join(conflicts)}")
        merged = {
            path: file
            for path in ours.keys() | theirs.keys()
            if (file := (ours if ours.get(path) != start.get(path) else theirs).get(path))
        }
        return self._commit(self.write_tree(merged), (base, other), message)

    def write_files(self, files: Mapping[str, bytes]) -> str:
        return self.write_tree({path: File(content) for path, content in files.items()})

    def committed_at(self, commit: str) -> float:
        return float(self.commits[commit].at + 1) if commit in self.commits else 0.0

    # own

    def write_tree(self, files: Tree) -> str:
        oid = _digest("tree", sorted(files.items()))
        self.trees[oid] = dict(files)
        return oid

    def tree(self, treeish: str) -> Tree:
        if treeish in self.commits:
            treeish = self.commits[treeish].tree
        if treeish not in self.trees:
            raise VulcanError(f"there is no object {treeish}")
        return self.trees[treeish]

    def _commit(self, tree: str, parents: tuple[str, ...], message: str, *, ours: bool = True) -> str:
        at = max((self.commits[parent].at for parent in parents), default=-1) + 1
        commit = Commit(tree, parents, message, at, ours)
        oid = _digest("commit", commit)
        self.commits[oid] = commit
        return oid

    def _history(self, commit: str) -> set[str]:
        seen: set[str] = set()
        left = [commit]
        while left:
            oid = left.pop()
            if oid not in seen:
                seen.add(oid)
                left += self.commits[oid].parents
        return seen

    def _write(self, directory: Path, tree: Tree) -> None:
        for path, file in tree.items():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            if file.mode == "120000":
                target.symlink_to(os.fsdecode(file.content))
            else:
                target.write_bytes(file.content)
                target.chmod(0o755 if file.mode == "100755" else 0o644)

    def _file_diff(self, base: str, head: str, path: str) -> str:
        old, new = self.content(base, path), self.content(head, path)
        title = f"diff --git a/{path} b/{path}\n"
        if b"\0" in (old or b"") + (new or b""):
            return f"{title}Binary files a/{path} and b/{path} differ\n"
        lines = difflib.unified_diff(
            _lines(old),
            _lines(new),
            f"a/{path}" if old is not None else "/dev/null",
            f"b/{path}" if new is not None else "/dev/null",
        )
        return title + "".join(lines)


class MemorySource:
    """Implements `SourceRepository` over the same user repositories as a `MemoryVcs`."""

    def __init__(self, vcs: MemoryVcs) -> None:
        self._vcs = vcs

    def inspect(self, path: Path) -> SourceState:
        for folder in (path, *path.parents):
            user = self._vcs.users.get(folder)
            if user is not None:
                if user.branch not in user.branches:
                    raise UserError(f"{folder} has no commit yet", hint="git add -A && git commit")
                return SourceState(folder, user.branches[user.branch], user.branch, user.dirty)
        raise UserError(f"{path} is not in a git repository", hint="git init")

    def ends(self, path: Path, base: str, head: str) -> tuple[Path, str, str]:
        state = self.inspect(path)
        user = self._vcs.users[state.root]
        names = {**user.branches, **{oid: oid for oid in user.objects.commits}}
        for name in filter(None, (base, head)):
            if name not in names:
                branches = ", ".join(sorted(user.branches))
                raise UserError(f"the repository has no branch, tag or commit {name!r}", hint=branches)
        tip = names[head] if head else state.head
        start = names[base] if base else user.branches.get("main", "")
        if not start:
            raise UserError("there is no branch main or master to compare with", hint="--base")
        shared = user.objects._history(start) & user.objects._history(tip)
        return state.root, max(shared, key=lambda oid: user.objects.commits[oid].at, default=start), tip

    def publish(self, root: Path, branch: str, commit: str) -> None:
        user = self._user(root, branch)
        if user.branches.get(branch) == commit:
            return
        _refuse_checked_out(user, branch)
        user.objects.trees.update(self._vcs.trees)
        user.objects.commits.update(self._vcs.commits)
        user.branches[branch] = commit

    def withdraw(self, root: Path, branch: str) -> bool:
        user = self._user(root, branch)
        if branch not in user.branches:
            return False
        _refuse_checked_out(user, branch)
        del user.branches[branch]
        return True

    def _user(self, root: Path, branch: str) -> MemoryUserRepository:
        if not branch.startswith("vulcan/") or ".." in branch or branch.endswith("/"):
            raise EffectFailed(f"Vulcan may not touch branch {branch!r}")
        return self._vcs.users[root]


def _refuse_checked_out(user: MemoryUserRepository, branch: str) -> None:
    if user.branch == branch:
        raise EffectFailed(f"branch {branch} is checked out", hint="git switch -")


def _files(directory: Path) -> Iterator[tuple[str, File]]:
    for target in directory.rglob("*"):
        path, status = str(target.relative_to(directory)), target.lstat()
        if ".git" in target.relative_to(directory).parts:
            continue
        if stat.S_ISLNK(status.st_mode):
            yield path, File(os.fsencode(target.readlink()), "120000")
        elif stat.S_ISREG(status.st_mode):
            yield path, File(target.read_bytes(), "100755" if status.st_mode & 0o100 else "100644")


def _rules(directory: Path) -> list[str]:
    file = directory / ".gitignore"
    return file.read_text().split() if file.is_file() else []


def _ignored(path: str, rules: Sequence[str]) -> bool:
    *folders, name = path.split("/")
    return any(
        any(fnmatchcase(folder, rule.rstrip("/")) for folder in folders)
        or (not rule.endswith("/") and fnmatchcase(name, rule))
        for rule in rules
    )


def _artifact(path: str, old: File | None, new: File | None) -> CodeArtifact:
    before, after = _lines(old and old.content), _lines(new and new.content)
    kind = ChangeKind.MODIFIED if old and new else ChangeKind.ADDED if new else ChangeKind.DELETED
    changed = [line[:1] for line in difflib.ndiff(before, after)]
    if b"\0" in (old.content if old else b"") + (new.content if new else b""):
        changed = []
    return CodeArtifact(path, kind, changed.count("+"), changed.count("-"))


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").decode("utf-8", "replace").splitlines(keepends=True)


def _digest(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
