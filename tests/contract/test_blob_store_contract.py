"""The BlobStore port's suite. A new adapter is one more entry of `ADAPTERS`.

An entry is a function from a folder to the store and to a function that damages a blob behind its back.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest

from fakes.memory_store import MemoryBlobStore
from vulcan.application.ports import BlobStore
from vulcan.domain.errors import VulcanError
from vulcan.infrastructure.store import FileBlobStore


class Adapter(NamedTuple):
    store: BlobStore
    overwrite: Callable[[str, bytes], object]
    lose: Callable[[str], object]


def memory(folder: Path) -> Adapter:
    store = MemoryBlobStore()
    return Adapter(store, store.contents.__setitem__, store.contents.__delitem__)


def _files(folder: Path, *, durable: bool) -> Adapter:
    root = folder / "state" / "blobs"

    def path(digest: str) -> Path:
        return next(root.rglob(digest))

    return Adapter(
        FileBlobStore(root, durable=durable),
        lambda digest, content: path(digest).write_bytes(content),
        lambda digest: path(digest).unlink(),
    )


def files(folder: Path) -> Adapter:
    return _files(folder, durable=False)


def files_durable(folder: Path) -> Adapter:
    return _files(folder, durable=True)


@pytest.fixture(params=[memory, files, files_durable], ids=lambda adapter: adapter.__name__)
def adapter(request: pytest.FixtureRequest, tmp_path: Path) -> Adapter:
    return request.param(tmp_path)


@pytest.fixture
def store(adapter: Adapter) -> BlobStore:
    return adapter.store


@pytest.mark.parametrize("content", [b"", b"\0\xff\r\n", b"x" * 2_000_000], ids=["empty", "binary", "large"])
def test_content_comes_back_under_its_sha256(store: BlobStore, content: bytes) -> None:
    digest = store.put(content)

    assert digest == hashlib.sha256(content).hexdigest()
    assert store.get(digest) == content


def test_the_same_again_is_the_same_blob(store: BlobStore) -> None:
    assert store.put(b"same") == store.put(b"same")
    assert store.get(store.put(b"same")) == b"same"


def test_an_unknown_digest_is_an_error(store: BlobStore) -> None:
    with pytest.raises(VulcanError, match="missing"):
        store.get("0" * 64)


@pytest.mark.parametrize("digest", ["", "abc", "../../etc/passwd", "G" * 64, "0" * 64 + "/x"])
def test_what_is_no_digest_is_an_error(store: BlobStore, digest: str) -> None:
    with pytest.raises(VulcanError):
        store.get(digest)


@pytest.mark.parametrize("damage", [b"", b"conten", b"cOntent", b"content "])
def test_damage_is_found_when_read(adapter: Adapter, damage: bytes) -> None:
    digest = adapter.store.put(b"content")
    adapter.overwrite(digest, damage)

    with pytest.raises(VulcanError, match="damaged"):
        adapter.store.get(digest)


def test_storing_again_mends_a_damaged_or_lost_blob(adapter: Adapter) -> None:
    digest = adapter.store.put(b"content")
    adapter.overwrite(digest, b"rubbish")
    assert adapter.store.put(b"content") == digest
    assert adapter.store.get(digest) == b"content"

    adapter.lose(digest)
    with pytest.raises(VulcanError, match="missing"):
        adapter.store.get(digest)
    adapter.store.put(b"content")
    assert adapter.store.get(digest) == b"content"


def test_many_threads_may_store_the_same(store: BlobStore) -> None:
    content = os.urandom(200_000)
    digests: list[str] = []
    threads = [Thread(target=lambda: digests.append(store.put(content))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(digests) == 8
    assert {store.get(digest) for digest in digests} == {content}
