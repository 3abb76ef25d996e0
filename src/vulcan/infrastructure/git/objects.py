"""Trees and blobs of one bare repository, many at a time."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from vulcan.domain.errors import VulcanError
from vulcan.infrastructure.git.hardened import HardenedGit
from vulcan.infrastructure.host.leftovers import owned

GITLINK = "160000"
SYMLINK = "120000"
EXECUTABLE = "100755"
REGULAR = "100644"
NOTHING = b"0" * 40
_ID = re.compile(r"[0-9a-f]{40}")
_BLOB_HEADER = re.compile(rb"[0-9a-f]{40} blob (\d+)\n")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a tree: git's mode and the blob's id."""

    mode: str
    oid: str


def checked_id(value: str) -> str:
    """`value`, if it is a full object id; keeps options and expressions away from git's command line."""
    if not _ID.fullmatch(value):
        raise VulcanError(f"not a full object id: {value[:80]!r}")
    return value


def tree_entries(git: HardenedGit, treeish: str) -> dict[bytes, Entry]:
    """All files of a commit or tree by path, in git's order."""
    entries = {}
    for record in git.run("ls-tree", "-r", "-z", "--full-tree", checked_id(treeish)).records():
        about, _, path = record.partition(b"\t")
        mode, _, oid = about.decode("ascii").split(" ")
        entries[path] = Entry(mode, oid)
    return entries


def write_tree(
    git: HardenedGit, entries: Mapping[bytes, Entry], base: str = "", removed: Iterable[bytes] = ()
) -> str:
    """Store a tree of `entries`, beside what `base` has; git itself refuses paths that are not safe to check out."""
    lines = [b"0 %s\t%s\0" % (NOTHING, path) for path in removed]
    lines += [
        b"%s %s\t%s\0" % (entry.mode.encode(), entry.oid.encode(), path)
        for path, entry in sorted(entries.items())
    ]
    with scratch_index() as index:
        if base:
            git.run("read-tree", checked_id(base), environment=index)
        git.run("update-index", "-z", "--index-info", stdin=b"".join(lines), environment=index)
        return git.run("write-tree", environment=index).text


@contextmanager
def scratch_index() -> Iterator[dict[str, str]]:
    """The environment that gives git an index of its own for a few calls."""
    with tempfile.TemporaryDirectory(prefix=owned("index")) as scratch:
        yield {"GIT_INDEX_FILE": str(Path(scratch, "index"))}


def present(git: HardenedGit, ids: Iterable[str]) -> set[str]:
    """Those of `ids` that the repository has."""
    asked = "".join(f"{oid}\n" for oid in ids).encode()
    answer = git.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked).stdout.decode(
        "ascii"
    )
    pairs = (line.split(" ", 1) for line in answer.splitlines())
    return {oid for oid, kind in pairs if kind != "missing"}


def read_blob(git: HardenedGit, treeish: str, path: bytes) -> bytes | None:
    """One file of a commit or tree, None if it is absent or a folder."""
    if not path or path.startswith((b"./", b"../")):
        return None
    asked = checked_id(treeish).encode() + b":" + path + b"\0"
    answer = git.run("cat-file", "--batch", "-z", stdin=asked).stdout
    header = _BLOB_HEADER.match(answer)
    return answer[header.end() : header.end() + int(header[1])] if header else None


def stream_blobs(git: HardenedGit, ids: Iterable[str]) -> Iterator[bytes]:
    """Contents of blobs, one after the other, in the order of `ids`."""
    with git.feed("cat-file", "--batch") as process:
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise VulcanError("git was started without pipes")
        for oid in ids:
            stdin.write(oid.encode() + b"\n")
            stdin.flush()
            yield _next_blob(stdout, oid)
        stdin.close()


def _next_blob(stdout: IO[bytes], oid: str) -> bytes:
    header = _BLOB_HEADER.match(stdout.readline())
    if header is None:
        raise VulcanError(f"the object database lacks blob {oid}")
    content = stdout.read(int(header[1]))
    stdout.read(1)
    return content


class BlobWriter:
    """Stores blobs through one process, which is started when the first new one comes.

    Attributes:
        stored: ids of what was not known, there for certain once the context has ended.
    """

    def __init__(self, git: HardenedGit, known: Collection[str]) -> None:
        self._git = git
        self._known = set(known)
        self.stored: set[str] = set()
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and kind is None:
            with suppress(BrokenPipeError):  # its exit code says why
                self._stdin().write(b"done\n")
        self._stack.__exit__(kind, error, trace)

    def put(self, content: bytes) -> str:
        """Store `content` and return its id; stored for certain once the context has ended."""
        oid = blob_id(content)
        if oid not in self._known:
            self._known.add(oid)
            self.stored.add(oid)
            self._stdin().write(b"blob\ndata %d\n%s\n" % (len(content), content))
        return oid

    def _stdin(self) -> IO[bytes]:
        if self._process is None:
            self._process = self._stack.enter_context(self._git.feed("fast-import", "--quiet", "--done"))
        if self._process.stdin is None:
            raise VulcanError("git was started without pipes")
        return self._process.stdin


def blob_id(content: bytes) -> str:
    """The id that git gives to a blob (a name for content, not a seal: git's own format sets the hash)."""
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()
