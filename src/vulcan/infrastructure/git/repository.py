"""The host's own object database for a project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from vulcan.domain.errors import EffectFailed, UserError, VulcanError
from vulcan.domain.generation import CodeArtifact
from vulcan.infrastructure.git.entries import artifact_of, clear_the_way, entry_of, kept_from_base, raw_pairs
from vulcan.infrastructure.git.folder import Folder, is_safe, link_files
from vulcan.infrastructure.git.hardened import HardenedGit
from vulcan.infrastructure.git.memory import Memory
from vulcan.infrastructure.git.objects import (
    EXECUTABLE,
    GITLINK,
    REGULAR,
    SYMLINK,
    BlobWriter,
    Entry,
    checked_id,
    present,
    scratch_index,
    stream_blobs,
    write_tree,
)
from vulcan.infrastructure.git.refs import Refs
from vulcan.infrastructure.git.shadow import Layout, locate, shadow
from vulcan.infrastructure.git.stat_cache import StatCache
from vulcan.infrastructure.git.survey import survey

# Files are the bytes of their blobs, both ways: no filter, no line-end conversion, no keyword, no driver.
_ATTRIBUTES = "* -text -eol -ident -working-tree-encoding !filter !diff !merge !whitespace\n"
_DIFF_LIMIT = 400_000
_MOST_HAVES = 100
# Some file systems count whole seconds, FAT two.
_SETTLED_AFTER = 2.0


class GitRepository:
    """A bare repository that belongs to the host: implements `VersionControl` and `History`.

    No object is ever deleted, and whatever is stored has all that it refers to: what is there is whole.

    Args:
        git_dir: where it lies; made on first use.
        diff_limit: bytes after which a diff is cut.
        settled_after: seconds for which a changed file is read again at each snapshot, as the file system's
            clock may not tell one more change from the last.
    """

    def __init__(
        self, git_dir: Path, *, diff_limit: int = _DIFF_LIMIT, settled_after: float = _SETTLED_AFTER
    ) -> None:
        self._git_dir = git_dir.absolute()
        self._diff_limit = diff_limit
        self._settled_after = settled_after

    @property
    def git_dir(self) -> Path:
        """Where it lies."""
        return self._git_dir

    @cached_property
    def git(self) -> HardenedGit:
        """Git on this repository, which is made now if it is not there."""
        attributes = self._git_dir / "info" / "attributes"
        git = HardenedGit(self._git_dir)
        if not attributes.exists():
            self._git_dir.parent.mkdir(parents=True, exist_ok=True)
            git.run("init", "--quiet", "--bare", "--template=", "--initial-branch=main")
            attributes.parent.mkdir(exist_ok=True)
            draft = attributes.with_name(f"attributes.{os.getpid()}")
            draft.write_text(_ATTRIBUTES, "utf-8")
            draft.replace(attributes)
        return git

    @cached_property
    def _memory(self) -> Memory:
        return Memory(self.git)

    @cached_property
    def refs(self) -> Refs:
        """Branches, tags and Vulcan's own refs."""
        return Refs(self.git)

    # ------------------------------------------------------------------------------- version control

    def fetch(self, source: Path, commit: str) -> None:
        """Bring `commit` and its history from the user's repository, whose settings and hooks stay asleep."""
        if not self.has(commit):
            layout = locate(source)
            with shadow(layout) as theirs:
                if not present(theirs, [checked_id(commit)]):
                    raise UserError(
                        f"{layout.root} has no commit {commit}", hint="Was its history rewritten?"
                    )
                self._receive(layout, theirs, commit)
        name = f"refs/vulcan/fetched/{commit}"
        self.refs.update([(name, commit, self.refs.get(name))])

    def checkout(self, commit: str, directory: Path) -> None:
        """Write the files of a commit or tree into an empty directory; submodules are empty folders."""
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise VulcanError(f"{directory} is not empty")
        git = HardenedGit(self.git.git_dir, work_tree=directory.resolve())
        with scratch_index() as index:
            git.run("read-tree", "-u", "--reset", checked_id(commit), environment=index)

    def checkout_beside(self, commit: str, directory: Path, other: str, there: Path) -> None:
        """Write the files of a commit or tree, those that are as in `other` as further names of those in `there`."""
        wanted, known = self._memory.entries(commit), self._memory.entries(other)
        if not all(map(is_safe, wanted)):
            raise VulcanError(f"{commit} holds a path that can't be written safely")
        try:
            link_files(there, directory)
        except OSError:  # no further names on this file system, or for this user
            shutil.rmtree(directory, ignore_errors=True)
            self.checkout(commit, directory)
            return
        with Folder(directory) as folder:
            for path in known.keys() - wanted.keys():
                folder.remove(path)
                folder.remove_empty_parents(path)
            self._write(folder, {path: entry for path, entry in wanted.items() if known.get(path) != entry})

    def snapshot(self, directory: Path, base: str) -> str:
        """Store the directory as a tree, without the files that its .gitignore files name.

        Files of `base` are recorded even if they are ignored. A nested repository's files are plain files;
        what is called `.git` is left out. So are sockets and devices. What can't be read is as in `base`.
        """
        with Folder(directory) as folder:
            return self._memory.write(self._record(folder, directory, self._memory.entries(base)), base)

    def restore(self, directory: Path, tree: str) -> None:
        """Make the directory's tracked files equal to `tree`; ignored files stay if they can."""
        wanted = self._memory.entries(tree)
        if not all(map(is_safe, wanted)):
            raise VulcanError(f"tree {tree} holds a path that can't be written safely")
        with Folder(directory) as folder:
            current = self._record(folder, directory, wanted)
            for path in current.keys() - wanted.keys():
                folder.remove(path)
                folder.remove_empty_parents(path)
            self._write(folder, {path: entry for path, entry in wanted.items() if current.get(path) != entry})

    # --------------------------------------------------------------------------------------- history

    def commit(self, tree: str, parent: str, message: str) -> str:
        """A commit of `tree` on `parent` (empty for a first one), dated one second after it."""
        parents = [checked_id(parent)] if parent else []
        return self._commit(tree, parents, message)

    def diff(self, base: str, head: str, paths: Sequence[str] = ()) -> str:
        """Unified diff; beyond the limit it is cut, and its last line says so."""
        return self._memory.answer(("diff", base, head, tuple(paths)), lambda: self._diff(base, head, paths))

    def _diff(self, base: str, head: str, paths: Sequence[str]) -> str:
        text, cut = self.git.head_of(
            "diff-tree", "-p", "-r", "-M", "--no-ext-diff", "--no-textconv", "--no-color",
            checked_id(base), checked_id(head), "--", *paths,
            limit=self._diff_limit,
        )  # fmt: skip
        if cut:
            text = (
                text[: text.rfind(b"\n") + 1]
                + b"[cut here: the diff is longer than %d bytes]\n" % self._diff_limit
            )
        return text.decode("utf-8", "replace")

    def changes(self, base: str, head: str) -> tuple[CodeArtifact, ...]:
        """Files that differ, with line counts (0 for binary files)."""
        return self._memory.answer(("changes", base, head), lambda: self._changes(base, head))

    def _changes(self, base: str, head: str) -> tuple[CodeArtifact, ...]:
        records = self.git.run(
            "diff-tree", "-r", "-z", "--raw", "--numstat", "--no-renames", checked_id(base), checked_id(head)
        ).records()
        statuses = {path: raw[-1:].decode() for raw, path in raw_pairs(records)}
        return tuple(artifact_of(record, statuses) for record in records[2 * len(statuses) :])

    def overlay(self, base: str, other: str, paths: Sequence[str]) -> str:
        """A tree that is `base`, but with `paths` as they are in `other`."""
        if not paths:
            return self._memory.tree_of(base)
        result, theirs = dict(self._memory.entries(base)), self._memory.entries(other)
        for path in map(os.fsencode, paths):
            result.pop(path, None)
            if path in theirs:
                clear_the_way(result, path)
                result[path] = theirs[path]
        return self._memory.write(result, base)

    def files(self, commit: str) -> tuple[str, ...]:
        """All paths of a commit or tree; a submodule is not a file."""
        entries = self._memory.entries(commit)
        return tuple(os.fsdecode(path) for path, entry in entries.items() if entry.mode != GITLINK)

    def content(self, commit: str, path: str) -> bytes | None:
        """One file of a commit or tree, None if absent; a symlink's content is its target."""
        return self._memory.blob(commit, os.fsencode(path))

    def committed_at(self, commit: str) -> float:
        """When a commit was made, in seconds since the epoch; 0 for a tree."""
        return self._memory.answer(("date", commit), lambda: self._committed_at(commit))

    def _committed_at(self, commit: str) -> float:
        found = self.git.run("log", "-1", "--format=%ct", checked_id(commit), accept=(0, 128))
        return float(found.text.strip() or 0) if found.code == 0 else 0.0

    # ----------------------------------------------------------------------------------------- forge

    def has(self, commit: str) -> bool:
        """Whether the object is here."""
        return bool(present(self.git, [checked_id(commit)]))

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old` (a commit contains itself)."""
        found = self.git.run("merge-base", "--is-ancestor", checked_id(old), checked_id(new), accept=(0, 1))
        return found.code == 0

    def fork_point(self, commit: str) -> str:
        """The newest commit on the first-parent line that is not Vulcan's; the oldest if all are."""
        lines = self.git.run(
            "rev-list", "--first-parent", "--format=%H %ce", "--no-commit-header", checked_id(commit)
        )
        oldest = commit
        for line in lines.text.splitlines():
            oldest, _, who = line.partition(" ")
            if who != "vulcan@localhost":
                break
        return oldest

    def merge(self, base: str, other: str, message: str) -> str:
        """A merge commit of `other` into `base`; `base` itself if that contains `other` already.

        Raises:
            EffectFailed: the two conflict; the message names the paths.
        """
        if self.is_ancestor(other, base):
            return base
        if self.git.run("merge-base", base, other, accept=(0, 1)).code == 1:
            raise EffectFailed(
                "the branches have no common history", hint="Start the work again from the base."
            )
        answer = self.git.run(
            "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", base, other, accept=(0, 1)
        )
        tree, *conflicts = map(os.fsdecode, answer.records())
        if answer.code == 1:
            raise EffectFailed(
                f"merge conflict: {', '.join(conflicts)}",
                hint="Bring the branch up to date with its base first.",
            )
        return self._commit(tree, [base, other], message)

    def write_files(self, files: Mapping[str, bytes]) -> str:
        """A tree of regular files."""
        with BlobWriter(self.git, ()) as blobs:
            entries = {
                os.fsencode(path): Entry(REGULAR, blobs.put(content)) for path, content in files.items()
            }
        return write_tree(self.git, entries)

    # --------------------------------------------------------------------------------------- private

    def _receive(self, layout: Layout, theirs: HardenedGit, commit: str) -> None:
        newest = self.git.run(
            "for-each-ref", f"--count={_MOST_HAVES}", "--sort=-committerdate", "--format=%(objectname)",
            "refs/vulcan/fetched", "refs/heads",
        )  # fmt: skip
        shared = present(theirs, newest.text.split())
        revisions = "".join(f"{revision}\n" for revision in (commit, *(f"^{oid}" for oid in shared)))
        try:
            theirs.send(
                ["pack-objects", "--revs", "--stdout", "-q", "--delta-base-offset"],
                revisions.encode(),
                to=self.git,
                receive=["index-pack", "--stdin"],
            )
        except VulcanError as error:
            if layout.partial:
                raise UserError(
                    f"{layout.root} is a partial clone and lacks objects that the job needs",
                    hint="Make it complete: git fetch --refetch --no-filter",
                ) from error
            raise
        self._copy_ends(layout)

    def _copy_ends(self, layout: Layout) -> None:
        """Note where a shallow source's history ends, so that git does not look for what is not there."""
        theirs, ours = layout.common_dir / "shallow", self._git_dir / "shallow"
        if not theirs.is_file():
            return
        known = ours.read_text("ascii").split() if ours.is_file() else []
        candidates = present(self.git, theirs.read_text("ascii").split()) - set(known)
        ends = [oid for oid in sorted(candidates) if self._lacks_parent(oid)]
        if ends:
            draft = ours.with_name(f"shallow.{os.getpid()}")
            draft.write_text("".join(f"{oid}\n" for oid in [*known, *ends]), "ascii")
            draft.replace(ours)

    def _lacks_parent(self, commit: str) -> bool:
        head = self.git.run("cat-file", "commit", commit).stdout.partition(b"\n\n")[0]
        parents = [line[7:].decode() for line in head.splitlines() if line.startswith(b"parent ")]
        return len(present(self.git, parents)) < len(parents)

    def _commit(self, tree: str, parents: Sequence[str], message: str) -> str:
        date = f"@{self._date_after(parents)} +0000"
        flags = [flag for parent in parents for flag in ("-p", parent)]
        text = message.replace("\0", "\N{REPLACEMENT CHARACTER}").removesuffix("\n") + "\n"
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        return self.git.run(
            "commit-tree", checked_id(tree), *flags, stdin=text.encode("utf-8", "replace"), environment=dates
        ).text

    def _date_after(self, parents: Sequence[str]) -> int:
        if not parents:
            return 0
        dates = self.git.run(
            "rev-list", "--no-walk", "--no-commit-header", "--format=%ct", *parents
        ).text.split()
        return max(int(date) for date in dates) + 1

    def _record(self, folder: Folder, directory: Path, base: Mapping[bytes, Entry]) -> dict[bytes, Entry]:
        cache = StatCache(self._git_dir / "vulcan" / "stat", directory.resolve(), self._settled_after)
        closed = {path for path, entry in base.items() if entry.mode == GITLINK}
        nodes = survey(self.git, folder, closed)
        entries = kept_from_base(folder, base, nodes)
        known = {entry.oid for entry in base.values()} | self._memory.stored
        with BlobWriter(self.git, known) as blobs:
            for node in sorted(nodes.values(), key=lambda node: node.path):
                entry = entry_of(folder, node, cache, blobs)
                if entry is not None:
                    entries[node.path] = entry
        self._memory.stored |= blobs.stored
        cache.save()
        return entries

    def _write(self, folder: Folder, entries: Mapping[bytes, Entry]) -> None:
        blobs = {path: entry for path, entry in entries.items() if entry.mode != GITLINK}
        contents = stream_blobs(self.git, (entry.oid for entry in blobs.values()))
        for (path, entry), content in zip(blobs.items(), contents, strict=True):
            if entry.mode == SYMLINK:
                folder.write_link(path, content)
            else:
                folder.write(path, content, executable=entry.mode == EXECUTABLE)
        for path in entries.keys() - blobs.keys():
            folder.make_folder(path)
