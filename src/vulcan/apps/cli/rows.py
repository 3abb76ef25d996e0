"""What `--json` prints, as types: the lines are made from them, and so are the schemas in docs/api."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from vulcan.domain.budget import Usage
from vulcan.domain.deployment import CodeDeployment
from vulcan.domain.events import JobOutcome
from vulcan.domain.evidence import Verdict
from vulcan.domain.requirements import Requirement
from vulcan.domain.testing import TestReport

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job in `vulcan jobs`."""

    job: str
    state: str
    instruction: str
    repository: str
    branch: str
    proven: bool
    tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """A job with its evidence in `vulcan show`; inside of what stands here, fields that have their default are left out."""

    job: str
    outcome: JobOutcome | None
    proven: bool
    requirement: Requirement | None
    verdict: Verdict | None
    report: TestReport | None
    usage: Usage
    usage_by_agent: Mapping[str, Usage]
    usage_by_stage: Mapping[str, Usage]
    usage_by_model: Mapping[str, Usage]
    delivery: CodeDeployment | None


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """An answer of `vulcan ask`; `from_log` where no model was needed."""

    job: str
    answer: str
    from_log: bool


@dataclass(frozen=True, slots=True)
class CancelledRow:
    """The job that `vulcan cancel` ended."""

    job: str
    state: str


@dataclass(frozen=True, slots=True)
class UndoneRow:
    """What `vulcan undo` removed."""

    job: str
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model in `vulcan models`; `price` in US dollars for a million tokens, in words."""

    name: str
    source: str
    price: str
    detail: str


@dataclass(frozen=True, slots=True)
class AgentRow:
    """A Dust agent that `vulcan dust setup` made or found; `use` is for --model."""

    handle: str
    sid: str
    use: str
    new: bool


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A prompt in `vulcan prompts`."""

    agent: str
    version: str
    text: str
    origin: str
    digest: str


@dataclass(frozen=True, slots=True)
class StoredPromptRow:
    """A prompt that `vulcan prompts push` brought to Langfuse, or found there."""

    agent: str
    version: int
    new: bool


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One thing that `vulcan doctor` looked at; `needed` ones make it fail."""

    name: str
    passed: bool
    detail: str
    needed: bool = True


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting in `vulcan config`."""

    key: str
    value: str | bool | int | float | tuple[str, ...] | None
    source: str


@dataclass(frozen=True, slots=True)
class InitRow:
    """What `vulcan init` stored: the model's name, the file, where the key is; and under which name the model answers."""

    model: str
    file: str
    key: str
    answers: str


@dataclass(frozen=True, slots=True)
class RemovedRow:
    """Things of one kind that `vulcan gc` removed."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class FreedRow:
    """What `vulcan gc` freed, in bytes, and what caches take then."""

    dry_run: bool
    freed: int
    kept: int
    removed: Mapping[str, RemovedRow]


@dataclass(frozen=True, slots=True)
class BreachRow:
    """A place where a chain does not hold."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class VerifiedRow:
    """What `vulcan audit verify` found."""

    breaches: tuple[BreachRow, ...]
    events: int
    head: str


@dataclass(frozen=True, slots=True)
class PushedRow:
    """What `vulcan traces push` sent of a job; what is `refused` is never taken."""

    job: str
    spans: int
    scores: int
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of `vulcan setup`."""

    step: str
    text: str


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A fault that was planted, and the tests that noticed."""

    place: str
    red: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetupRow:
    """How `vulcan setup` ended."""

    step: Literal["end"]
    proven: bool
    objections: tuple[str, ...]
    unstable: tuple[str, ...]
    faults: tuple[FaultRow, ...]
    toml: str
    written: str


@dataclass(frozen=True, slots=True)
class FragmentRow:
    """A part of an answer in `vulcan chat`, as it comes."""

    type: Literal["fragment"]
    text: str


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """A whole answer in `vulcan chat`."""

    type: Literal["reply"]
    text: str
    intent: str
    job: str
    form: str


@dataclass(frozen=True, slots=True)
class TurnRow:
    """What can be done now, in `vulcan chat`."""

    type: Literal["turn"]
    job: str
    text: str


def emit(row: DataclassInstance) -> None:
    """Print a row as one line of JSON."""
    click.echo(json.dumps(plain(row)))


def plain(row: DataclassInstance) -> dict[str, Any]:
    """A row as JSON data."""
    return dataclasses.asdict(row)
