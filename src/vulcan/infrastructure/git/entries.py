"""Entries of a tree as a folder has them, and as git prints them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from vulcan.domain.generation import ChangeKind, CodeArtifact
from vulcan.infrastructure.git.folder import Folder, Node
from vulcan.infrastructure.git.objects import (
    EXECUTABLE,
    GITLINK,
    REGULAR,
    SYMLINK,
    BlobWriter,
    Entry,
)
from vulcan.infrastructure.git.stat_cache import StatCache

_KINDS = {"A": ChangeKind.ADDED, "D": ChangeKind.DELETED}


def entry_of(folder: Folder, node: Node, cache: StatCache, blobs: BlobWriter) -> Entry | None:
    """The tree entry of a file or symlink; None if it is gone or can't be read."""
    mode = SYMLINK if node.link else EXECUTABLE if node.status.st_mode & 0o100 else REGULAR
    known = cache.blob(node)
    if known is not None:
        return Entry(mode, known)
    content = folder.read(node.path, link=node.link)
    if content is None:
        return None
    oid = blobs.put(content)
    cache.remember(node, oid)
    return Entry(mode, oid)


def kept_from_base(
    folder: Folder, base: Mapping[bytes, Entry], nodes: dict[bytes, Node]
) -> dict[bytes, Entry]:
    """Entries of `base` that stand where nothing can be read; its files that are ignored join `nodes`."""
    kept = {}
    for path, entry in base.items():
        if path in nodes:
            kept[path] = entry
            continue
        try:
            node = folder.look(path)
        except PermissionError:
            kept[path] = entry
            continue
        if node is None:
            continue
        if entry.mode == GITLINK:
            if node.folder:
                kept[path] = entry
        elif node.recordable:
            nodes[path] = node
            kept[path] = entry
    return kept


def clear_the_way(entries: dict[bytes, Entry], path: bytes) -> None:
    """Remove what can't be beside a file `path`: files that were its folders, files below it."""
    folders = path.split(b"/")
    for depth in range(1, len(folders)):
        entries.pop(b"/".join(folders[:depth]), None)
    for below in [name for name in entries if name.startswith(path + b"/")]:
        del entries[below]


def raw_pairs(records: Sequence[bytes]) -> Iterable[tuple[bytes, bytes]]:
    count = sum(record.startswith(b":") for record in records[::2])
    return zip(records[: 2 * count : 2], records[1 : 2 * count : 2], strict=True)


def artifact_of(record: bytes, statuses: Mapping[bytes, str]) -> CodeArtifact:
    added, removed, path = record.split(b"\t", 2)
    return CodeArtifact(
        path=os.fsdecode(path),
        kind=_KINDS.get(statuses[path], ChangeKind.MODIFIED),
        added=0 if added == b"-" else int(added),
        removed=0 if removed == b"-" else int(removed),
    )
