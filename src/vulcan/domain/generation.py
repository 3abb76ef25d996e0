"""The CodeGeneration aggregate: what the coder made of the requirements."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vulcan.domain.requirements import Requirement


class ChangeKind(StrEnum):
    """What happened to a file."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class CodeArtifact:
    """One file of the change; `path` is relative to the repository's root."""

    path: str
    kind: ChangeKind
    added: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class CodeMetadata:
    """Where a change came from."""

    base: str
    commit: str
    round: int
    summary: str = ""


@dataclass(frozen=True, slots=True)
class CodeGeneration:
    """A change to the product's code, committed by the host from the coder's workspace."""

    requirement: Requirement
    artifacts: tuple[CodeArtifact, ...]
    metadata: CodeMetadata

    @property
    def empty(self) -> bool:
        """Whether the coder changed nothing."""
        return not self.artifacts
