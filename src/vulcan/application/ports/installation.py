"""Vulcan on this machine: its settings and keys, its state folder, and what the machine offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vulcan.application.prompts import PromptPage
from vulcan.application.settings import Effective


@dataclass(frozen=True, slots=True)
class CanaryCheck:
    """One probe of the sandbox; `passed` means that it did as it should."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class StoredItem:
    """Something in the state folder: what it is, where, its bytes, and when it was last used (seconds, epoch)."""

    kind: str
    path: Path
    size: int
    used: float


@dataclass(frozen=True, slots=True)
class Freed:
    """What was removed (or would be), and the bytes of what stays and could go another time."""

    items: tuple[StoredItem, ...]
    kept: int

    @property
    def size(self) -> int:
        """Bytes that were freed."""
        return sum(item.size for item in self.items)

    def by_kind(self) -> dict[str, tuple[int, int]]:
        """Number and bytes of each kind."""
        found: dict[str, tuple[int, int]] = {}
        for item in self.items:
            count, size = found.get(item.kind, (0, 0))
            found[item.kind] = (count + 1, size + item.size)
        return found


class Keys(Protocol):
    """Keys of services that a person gave to Vulcan."""

    def places(self) -> dict[str, str]:
        """The names of the keys, with where each is."""

    def store(self, name: str, key: str) -> str:
        """Keep a key; returns where, in words."""


class Installation(Protocol):
    """Vulcan on this machine."""

    @property
    def keys(self) -> Keys:
        """The keys that were given to `vulcan init`."""

    @property
    def settings_file(self) -> Path:
        """Where the user's own settings are, whether there are any or not."""

    def effective_settings(self, repository: Path | None) -> tuple[Effective, ...]:
        """Each setting with where its value comes from."""

    def set_model(self, values: Mapping[str, str]) -> Path:
        """Write values under [model] of the user's own settings; returns the file."""

    def has_variable(self, name: str) -> bool:
        """Whether a variable is set, by the environment or by a stored key."""

    def need_state_folder(self) -> None:
        """Make the state folder; raises `VulcanError` where nothing can be kept there."""

    def tidy(self, keep: int, *, dry_run: bool) -> Freed:
        """Remove ended jobs' folders, and caches beyond `keep` bytes; nothing that a living job uses."""

    def sandbox_name(self) -> str:
        """The strongest sandbox that is accepted; raises `VulcanError` where there is none."""

    async def canary(self) -> Sequence[CanaryCheck]:
        """Try to break the sandbox."""

    def program(self, name: str) -> Path:
        """A program that Vulcan brings along; raises `VulcanError` where it is missing."""

    def services(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Each outside service that is configured, with what asks whether it is there."""

    def prompts(self) -> Iterator[PromptPage]:
        """Each agent's prompt as the next job would use it."""

    def push_prompts(self, labels: Sequence[str]) -> Iterator[tuple[str, int, bool]]:
        """Bring the packaged prompts to Langfuse; yields agent, number there and whether it is new."""
