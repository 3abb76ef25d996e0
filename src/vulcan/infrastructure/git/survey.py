"""Finds what a snapshot records: all files but those that the project's own .gitignore files name.

Git decides what a pattern means, but never looks at the folder: it sees a mirror that holds copies of the
.gitignore files and the names of folders, nothing else. So a nested repository, a FIFO or a symlink can't act
on it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path

from vulcan.domain.errors import VulcanError
from vulcan.infrastructure.git.folder import Folder, Node
from vulcan.infrastructure.git.hardened import HardenedGit
from vulcan.infrastructure.host.leftovers import owned

_RULES = b".gitignore"
_RULES_LIMIT = 1_000_000
# Making a folder takes 3 us in memory and a hundred times that on some disks.
_MEMORY = "/dev/shm"  # noqa: S108 - the folder made in it is for its owner only
MOST_FILES = 200_000


def survey(git: HardenedGit, folder: Folder, closed: Collection[bytes]) -> dict[bytes, Node]:
    """Recordable nodes by path; folders named in `closed` are not entered."""
    found: dict[bytes, Node] = {}
    with tempfile.TemporaryDirectory(prefix=owned("ignore"), dir=_in_memory()) as scratch:
        rules = _Rules(git, Path(scratch))
        level = [b""]
        while level:
            nodes = [node for path in level for node in folder.nodes(path)]
            rules.learn(folder, nodes)
            kept = rules.without_ignored(nodes)
            found.update((node.path, node) for node in kept if node.recordable)
            if len(found) > MOST_FILES:
                raise VulcanError(
                    f"the working copy holds more than {MOST_FILES} files that are not ignored",
                    hint="Name generated folders in .gitignore.",
                )
            level = [node.path for node in kept if node.folder and node.path not in closed]
    return found


class _Rules:
    """The mirror and git's answers on it."""

    def __init__(self, git: HardenedGit, root: Path) -> None:
        self._git = HardenedGit(git.git_dir, work_tree=root)
        self._root = root
        self._any = False

    def learn(self, folder: Folder, nodes: Iterable[Node]) -> None:
        for node in nodes:
            if node.folder:
                (self._root / os.fsdecode(node.path)).mkdir(0o700)
            elif node.path.rpartition(b"/")[2] == _RULES and node.status.st_size <= _RULES_LIMIT:
                content = folder.read(node.path)
                if content is not None:
                    self._any = True
                    (self._root / os.fsdecode(node.path)).write_bytes(content)

    def without_ignored(self, nodes: list[Node]) -> list[Node]:
        if not self._any or not nodes:
            return nodes
        # `./` keeps git from taking a name such as `:(top)x` for an expression
        asked = b"".join(b"./%s\0" % node.path for node in nodes)
        answer = self._git.run(
            "check-ignore", "-z", "--stdin", "--no-index",
            stdin=asked, accept=(0, 1), environment={"GIT_LITERAL_PATHSPECS": "0"}, cwd=self._root,
        )  # fmt: skip
        ignored = {path[2:] for path in answer.records()}
        return [node for node in nodes if node.path not in ignored]


def _in_memory() -> str | None:
    return _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None
