"""Agents' prompts outside of the package: how they are named there, and how they get there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

FROM_LANGFUSE = "langfuse:"
"""What the version of a prompt begins with that was managed there; the number there follows."""

PromptSource = Callable[[str], tuple[str, str]]
"""Version and text of an agent's prompt."""


@dataclass(frozen=True, slots=True)
class StoredPrompt:
    """A prompt in a prompt management, with its number there."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class PromptPage:
    """An agent's prompt as the next job would use it; `origin` says in words where it is from."""

    agent: str
    version: str
    text: str
    origin: str

    @property
    def digest(self) -> str:
        """Tells texts apart."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]


class PromptLibrary(Protocol):
    """A prompt management."""

    def find(self, name: str, label: str, timeout: float | None = None) -> StoredPrompt | None:
        """The prompt of that name and label; None if there is none. Raises `NotSent` without a usable answer."""

    def create(self, name: str, text: str, labels: Sequence[str], message: str) -> int:
        """Store a new version, which takes the labels over; returns its number."""


def prompt_name(agent: str) -> str:
    """The name of an agent's prompt in a prompt management; the slash makes a folder there."""
    return f"vulcan/{agent.replace(' ', '-')}"


def push_prompts(
    agents: Iterable[str], packaged: PromptSource, library: PromptLibrary, labels: Sequence[str]
) -> Iterator[tuple[str, int, bool]]:
    """Bring each packaged prompt to the library under `vulcan-VERSION` and `labels`, unless that text is there.

    Yields:
        Agent, number there, and whether it is new.
    """
    for agent in agents:
        version, text = packaged(agent)
        name, own = prompt_name(agent), f"vulcan-{version}"
        there = {label: library.find(name, label) for label in (own, *labels)}
        found = there[own]
        if found and all(each and each.text == text for each in there.values()):
            yield agent, found.number, False
        else:
            message = f"Vulcan's own prompt, version {version}"
            yield agent, library.create(name, text, [own, *labels], message), True
