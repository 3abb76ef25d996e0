"""One installation's adapters, each made when it is first used."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import unquote

from vulcan.application.masking import Masker, secrets_of, secrets_of_url
from vulcan.infrastructure.host.clock import SystemClock
from vulcan.infrastructure.host.leftovers import owned, sweep
from vulcan.infrastructure.state_folder import lost_jobs, make_reachable

if TYPE_CHECKING:
    from vulcan.application.ports import BlobStore, EventStore, Sandbox
    from vulcan.application.services import Services
    from vulcan.application.settings import Settings
    from vulcan.bootstrap.project import ProjectWiring
    from vulcan.infrastructure.git import GitRepository, GitSource
    from vulcan.infrastructure.llm.registry import Model
    from vulcan.infrastructure.store import FileBlobStore, SqliteEventStore
    from vulcan.infrastructure.testing.toolbox import Toolbox

TEMPORARY = ("/tmp", "/dev/shm")  # noqa: S108 - where folders of ours may be left, beside TMPDIR


class Replacements(TypedDict, total=False):
    """Adapters in place of the usual ones, each made of the one that it stands in for; for tests and embedders."""

    store: Callable[[EventStore], EventStore]
    sandbox: Callable[[], Sandbox]
    model: Callable[[str], Model]
    services: Callable[[Services], Services]


@dataclass(frozen=True)
class Container:
    """What the parts of one installation share: its settings and the adapters on its state folder."""

    settings: Settings
    environ: Mapping[str, str]
    replaced: Replacements
    clock: SystemClock

    @cached_property
    def masker(self) -> Masker:
        """Takes secrets out of what leaves this machine."""
        model, dust, monitoring = self.settings.model, self.settings.dust, self.settings.monitoring
        known = [model.api_key, dust.api_key, monitoring.langfuse_secret_key]
        known += [unquote(pair.partition("=")[2]).strip() for pair in monitoring.otlp_headers.split(",")]
        for url in (model.base_url, dust.url, monitoring.langfuse_base_url, monitoring.otlp_endpoint):
            known += secrets_of_url(url)
        return Masker([*secrets_of(self.environ), *known])

    @property
    def log_path(self) -> Path:
        """Where the jobs' logs are."""
        return self.settings.state_dir / "events.sqlite3"

    @cached_property
    def blobs(self) -> FileBlobStore:
        """Large payloads."""
        from vulcan.infrastructure.store import FileBlobStore

        return FileBlobStore(self.settings.state_dir / "blobs")

    @cached_property
    def store(self) -> EventStore:
        """The jobs' logs."""
        made = self._sqlite_store()
        return self.replaced["store"](made) if "store" in self.replaced else made

    def _sqlite_store(self) -> SqliteEventStore:
        from vulcan.infrastructure.store import CopiedEventStore, SqliteEventStore

        path = self.log_path
        if path.is_file() and not os.access(path.parent, os.W_OK):
            return CopiedEventStore(path, self.blobs)
        make_reachable(self.settings.state_dir)
        return SqliteEventStore(path, self.blobs)

    @cached_property
    def conversations(self) -> EventStore:
        """The conversations' logs: a chain of their own, apart from the jobs'."""
        from vulcan.infrastructure.store import SqliteEventStore

        make_reachable(self.settings.state_dir)
        return SqliteEventStore(self.settings.state_dir / "conversations.sqlite3", self.blobs)

    @contextmanager
    def scratch_store(self) -> Iterator[EventStore]:
        """A log that is gone with its use."""
        from vulcan.infrastructure.store import SqliteEventStore

        with tempfile.TemporaryDirectory(prefix=owned("log")) as folder:
            yield SqliteEventStore(Path(folder) / "events.sqlite3", self.blobs)

    def kept(self, digest: str) -> str:
        """The text of a blob."""
        blobs: BlobStore = self.blobs
        return blobs.get(digest).decode(errors="replace")

    @cached_property
    def sandbox(self) -> Sandbox:
        """The strongest sandbox that this machine offers."""
        if "sandbox" in self.replaced:
            return self.replaced["sandbox"]()
        from vulcan.infrastructure.sandbox import choose_sandbox

        chosen = self.settings.sandbox
        return choose_sandbox(chosen.minimum.value, unsafe=chosen.unsafe)

    @cached_property
    def toolbox(self) -> Toolbox:
        """Helpers that boxes need."""
        from vulcan.infrastructure.testing.toolbox import Toolbox

        return Toolbox(self.settings.state_dir / "tools")

    def source(self) -> GitSource:
        """Users' repositories, of which the state folder holds copies."""
        make_reachable(self.settings.state_dir)
        from vulcan.infrastructure.git import GitSource

        return GitSource(self.repository)

    def repository(self, root: Path) -> GitRepository:
        """The host's own repository for a user's one; also the local forge's."""
        from vulcan.infrastructure.git import GitRepository

        digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:10]
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name).strip("-.") or "project"
        return GitRepository(self.settings.state_dir / "forge" / f"{name}-{digest}.git")

    def project(self, root: Path) -> ProjectWiring:
        """What is needed to work on one repository."""
        from vulcan.bootstrap.project import ProjectWiring

        return ProjectWiring(self, root)

    def lost_jobs(self) -> str:
        """What to say where there are folders of jobs that the log does not know; else nothing."""
        return lost_jobs(self.settings.state_dir / "jobs", self.log_path, self.store.jobs())

    def tidy_up(self) -> None:
        """Remove what killed processes left in temporary folders, beside what is done meanwhile."""
        state = self.settings.state_dir
        ours = (state / "jobs", state / "trees", state / "setup")
        places = [Path(tempfile.gettempdir()), *map(Path, TEMPORARY), *ours]
        threading.Thread(target=sweep, args=tuple(dict.fromkeys(places)), name="tidy-up").start()
