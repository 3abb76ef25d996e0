"""All that can be set, as frozen objects; where values come from is the business of whoever reads them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from vulcan.application.ports import Limits, TestRequest
from vulcan.domain.budget import Budget
from vulcan.domain.environment import Recipe
from vulcan.domain.policy import ReviewPolicy
from vulcan.domain.testing import TestRun

COMPUTED = {"computed": True}


def machine_memory() -> int:
    """What a box may use of this machine's memory: a quarter, 2 GiB at least."""
    return max(2 * 1024**3, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4)


class SandboxMinimum(StrEnum):
    """The weakest sandbox that is accepted, weakest first."""

    LANDLOCK = "landlock"
    BUBBLEWRAP = "bubblewrap"


class Amount(float):
    """A number from 0 on."""


class Effort(StrEnum):
    """How much a model thinks before it answers; what a provider does not know becomes what is nearest."""

    DEFAULT = "default"
    OFF = "off"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which model, and where; `api_key` is read from the variable that `api_key_env` names.

    Attributes:
        name: the model of every agent that has none of its own in the fields named as the agents.
        headers: of every request, as `Name: value`.
        context_window: what the model can read at once, in tokens; None for what the history is bounded to anyway.
        patience: seconds that a service which takes no requests for now is waited for.
        base_url_said: whether `base_url` was said on the command line, so that it must be for a model of that line.
        input_price: in US dollars for a million tokens; None for the provider's list price.
    """

    name: str = ""
    base_url: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    analyst: str = ""
    coder: str = ""
    test_author: str = ""
    reviewer: str = ""
    effort: Effort = Effort.DEFAULT
    max_tokens: int | None = None
    temperature: Amount | None = None
    headers: tuple[str, ...] = ()
    context_window: int | None = None
    patience: float = 600.0
    input_price: Amount | None = None
    output_price: Amount | None = None
    api_key: str = field(default="", repr=False, metadata=COMPUTED)
    base_url_said: bool = field(default=False, metadata=COMPUTED)


@dataclass(frozen=True, slots=True)
class DustSettings:
    """The Dust workspace for models named `dust:...`; the key is read from the variable that `api_key_env` names."""

    workspace: str = ""
    url: str = "https://dust.tt"
    api_key_env: str = "DUST_API_KEY"
    messages_per_minute: int = 60
    api_key: str = field(default="", repr=False, metadata=COMPUTED)


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """How code is held; `unsafe` accepts running it without any sandbox."""

    minimum: SandboxMinimum = SandboxMinimum.LANDLOCK
    unsafe: bool = False
    limits: Limits = field(default_factory=lambda: Limits(memory=machine_memory()))


@dataclass(frozen=True, slots=True)
class TestSettings:
    """How the project is tested: further arguments for pytest; times are in seconds."""

    __test__ = False
    arguments: tuple[str, ...] = ()
    timeout: float = 1_800.0
    test_timeout: float = 60.0
    dependencies: tuple[str, ...] = ()

    def request(self, base: TestRun | None = None) -> TestRequest:
        """The whole suite; once the base's run is known a change may take three times as long, and a minute."""
        longest = min(self.timeout, 3 * base.duration + 60) if base and base.duration else self.timeout
        return TestRequest(timeout=longest, test_timeout=self.test_timeout, arguments=self.arguments)


@dataclass(frozen=True, slots=True)
class SetupSettings:
    """How environments are made; `allow_hosts` are servers beside the package indexes that setup may reach."""

    allow_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkflowSettings:
    """The Prefect server that drives jobs; without one they run inline."""

    prefect_api_url: str = ""


class PromptsFrom(StrEnum):
    """Where agents' prompts are taken from."""

    PACKAGED = "packaged"
    LANGFUSE = "langfuse"


@dataclass(frozen=True, slots=True)
class MonitoringSettings:
    """Where traces go, without a public key nowhere, and where `vulcan stats --send` sends metrics.

    Prompts are those with `prompts_label` where Langfuse manages them.
    Keys and headers are those of Langfuse's and OpenTelemetry's own variables and are never written down.
    """

    environment: str = ""
    langfuse_base_url: str = ""
    otlp_endpoint: str = ""
    prompts: PromptsFrom = PromptsFrom.PACKAGED
    prompts_label: str = "production"
    otlp_headers: str = field(default="", repr=False, metadata=COMPUTED)
    langfuse_public_key: str = field(default="", metadata=COMPUTED)
    langfuse_secret_key: str = field(default="", repr=False, metadata=COMPUTED)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set.

    Attributes:
        python: interpreter for the project, a version or a path; empty: what the project asks for.
        checks: commands that the local pipeline runs beside the tests.
        environments: what `[[environment]]` says, the user's before the repository's, under the `python` above.
        notes: what was ignored and why, for the person to read.
    """

    state_dir: Path
    model: ModelSettings = ModelSettings()
    dust: DustSettings = DustSettings()
    budget: Budget = Budget()
    review: ReviewPolicy = ReviewPolicy()
    sandbox: SandboxSettings = SandboxSettings()
    tests: TestSettings = TestSettings()
    setup: SetupSettings = SetupSettings()
    workflow: WorkflowSettings = WorkflowSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    python: str = ""
    checks: tuple[str, ...] = ()
    environments: tuple[Recipe, ...] = field(default=(), metadata=COMPUTED)
    notes: tuple[str, ...] = field(default=(), metadata=COMPUTED)


@dataclass(frozen=True, slots=True)
class Effective:
    """A setting as it holds, and where it comes from."""

    key: str
    value: object
    source: str
