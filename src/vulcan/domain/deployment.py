"""The CodeDeployment aggregate: how a proven change goes out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DeploymentStatus(StrEnum):
    """How far a change is on its way out."""

    PENDING = "pending"
    PUSHED = "pushed"
    REVIEWABLE = "pull request open"
    CHECKED = "pipeline passed"
    MERGED = "merged"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class DeploymentConfig:
    """Where a change goes: the forge's branch to merge into, and whether a merge is tagged."""

    target_branch: str
    release: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseMetadata:
    """A published release."""

    tag: str
    commit: str
    notes: str


@dataclass(frozen=True, slots=True)
class CodeDeployment:
    """The delivery of one job so far."""

    config: DeploymentConfig
    status: DeploymentStatus = DeploymentStatus.PENDING
    branch: str = ""
    commit: str = ""
    pull_request: int = 0
    pipeline_passed: bool | None = None
    merge_commit: str = ""
    release: ReleaseMetadata | None = None
