"""Events to fill logs with."""

from __future__ import annotations

from vulcan.domain.budget import Budget, Usage
from vulcan.domain.events import Event, JobRequested, ModelReplied, Stage, StageStarted, ToolCalled
from vulcan.domain.policy import ReviewPolicy

BASE_COMMIT = "b" * 40


def requested(instruction: str = "Add a --version option", **changes: object) -> JobRequested:
    values = {
        "repository": "/project",
        "base_commit": BASE_COMMIT,
        "base_branch": "main",
        "model": "scripted",
        "budget": Budget(),
        "policy": ReviewPolicy(),
    }
    return JobRequested(instruction, **(values | changes))  # type: ignore[arg-type]


def replied(key: str = "generate/1/1", cost: float | None = 0.01) -> ModelReplied:
    return ModelReplied(key, "coder", "scripted", Usage(1, 1000, 500, 200, cost), "a" * 64)


def called(key: str = "generate/1/1/tool", summary: str = "pytest -q: 3 passed") -> ToolCalled:
    return ToolCalled(key, "coder", "run_command", summary, "a" * 64)


def some_events() -> list[Event]:
    return [requested(), StageStarted(Stage.ANALYZE, 1), replied(), called(), replied("generate/1/2")]
