"""Quality, speed and cost of jobs: a fold over their logs, so that nothing has to be collected while they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from vulcan.application.jobs.status import describe
from vulcan.application.observability.timeline import StageRun, Step, timeline
from vulcan.application.ports import StoredEvent
from vulcan.domain.budget import Usage
from vulcan.domain.events import ModelReplied, StageFailed, ToolCalled
from vulcan.domain.job import fold

NO_TOOL = "words only"
"""Where the cost of a reply goes that called no recorded tool."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls, time, tokens and money of one agent, stage, tool or model.

    `cost` sums the calls with a known price; `unpriced` counts those without, whose cost is not in it.
    """

    calls: int = 0
    seconds: float = 0.0
    input_tokens: float = 0
    cached_tokens: float = 0
    output_tokens: float = 0
    cost: float = 0.0
    unpriced: int = 0
    failures: int = 0
    credits: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        """Sum of both."""
        return Spent(*(getattr(self, name) + getattr(other, name) for name in Spent.__slots__))


REPLY_KEY_PARTS = 4

Table = Mapping[str, Spent]


@dataclass(frozen=True, slots=True)
class GateCount:
    """How often a gate, in newest verdicts, passed and failed."""

    passed: int = 0
    failed: int = 0

    def __add__(self, other: GateCount) -> GateCount:
        """Sum of both."""
        return GateCount(self.passed + other.passed, self.failed + other.failed)


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures of any number of jobs; adding two is what aggregation means.

    Attributes:
        states: jobs by how they ended or what they wait for.
        judged: jobs with a verdict; `proven` of them are proven, `proven_at_once` in the first round.
        lines: changed lines that were measured; `covered` of them ran in the new tests.
        seconds: time in which a worker was on a job.
        by_tool: time of the tool itself, and the tokens and cost of the replies that called it, shared
            equally among the calls of one reply.
    """

    jobs: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    judged: int = 0
    proven: int = 0
    proven_at_once: int = 0
    rounds: int = 0
    criteria: int = 0
    criteria_proven: int = 0
    lines: int = 0
    covered: int = 0
    seconds: float = 0.0
    gates: Mapping[str, GateCount] = field(default_factory=dict)
    total: Spent = Spent()
    by_agent: Table = field(default_factory=dict)
    by_model: Table = field(default_factory=dict)
    by_stage: Table = field(default_factory=dict)
    by_tool: Table = field(default_factory=dict)

    def __add__(self, other: Stats) -> Stats:
        """Figures of both."""
        return Stats(*(_sum(getattr(self, name), getattr(other, name)) for name in Stats.__slots__))

    @property
    def coverage(self) -> float | None:
        """Covered share of the changed lines in percent; None where nothing was measured."""
        return 100.0 * self.covered / self.lines if self.lines else None


def _sum(one: Any, other: Any) -> Any:
    if not isinstance(one, Mapping):
        return one + other
    both = dict(one)
    for key, value in other.items():
        both[key] = both[key] + value if key in both else value
    return dict(sorted(both.items()))


def of_jobs(logs: Iterable[Sequence[StoredEvent]]) -> Stats:
    """Figures of many jobs, by their logs."""
    return total(map(of_job, logs))


def total(stats: Iterable[Stats]) -> Stats:
    """The sum of figures."""
    return reduce(Stats.__add__, stats, Stats())


def of_job(log: Sequence[StoredEvent]) -> Stats:
    """Figures of one job."""
    if not log:
        return Stats()
    job = fold((stored.event, stored.at) for stored in log)
    line = timeline(log)
    steps = [step for run in line.runs for step in run.steps] + list(line.between)
    replies = [(step, _reply(step)) for step in steps if isinstance(step.event, ModelReplied)]
    verdict, report = job.verdict, job.report
    coverage = report.coverage if report and verdict else None
    return Stats(
        jobs=1,
        states={describe(job).label: 1},
        judged=int(verdict is not None),
        proven=int(job.proven),
        proven_at_once=int(job.proven and job.round == 1),
        rounds=job.round,
        criteria=len(verdict.criteria) if verdict else 0,
        criteria_proven=sum(c.proven for c in verdict.criteria) if verdict else 0,
        lines=coverage.changed if coverage else 0,
        covered=coverage.covered if coverage else 0,
        seconds=job.seconds_worked(log[-1].at),
        gates={g.gate: GateCount(int(g.passed), int(not g.passed)) for g in verdict.gates} if verdict else {},
        total=reduce(Spent.__add__, (spent for _, spent in replies), Spent()),
        by_agent=_grouped((_field(step, "agent"), spent) for step, spent in replies),
        by_model=_grouped((_field(step, "model"), spent) for step, spent in replies),
        by_stage=_grouped(_stages(line.runs)),
        by_tool=_grouped(_tools(steps)),
    )


def _field(step: Step, name: str) -> str:
    return str(getattr(step.event, name)) or "unknown"


def _reply(step: Step) -> Spent:
    return _spent(step.event.usage, step.seconds) if isinstance(step.event, ModelReplied) else Spent()


def _spent(usage: Usage, seconds: float) -> Spent:
    tokens = (usage.input_tokens, usage.cached_tokens, usage.output_tokens)
    unpriced = int(usage.cost is None)
    return Spent(usage.calls, seconds, *tokens, usage.cost or 0.0, unpriced, credits=usage.credits)


def _grouped(entries: Iterable[tuple[str, Spent]]) -> Table:
    table: dict[str, Spent] = {}
    for name, spent in entries:
        table[name] = table.get(name, Spent()) + spent
    return dict(sorted(table.items()))


def _stages(runs: Iterable[StageRun]) -> Iterator[tuple[str, Spent]]:
    """One entry a run: its time, and the tokens and cost of the replies in it."""
    for run in runs:
        cost = reduce(Spent.__add__, map(_reply, run.steps), Spent())
        failed = run.lost or any(isinstance(step.event, StageFailed) for step in run.steps)
        tokens = (cost.input_tokens, cost.cached_tokens, cost.output_tokens)
        yield (
            run.stage.value,
            Spent(1, run.seconds, *tokens, cost.cost, cost.unpriced, int(failed), cost.credits),
        )


def _tools(steps: Iterable[Step]) -> Iterator[tuple[str, Spent]]:
    """One entry a call, with its share of the reply that asked for it; what called no tool stands for itself."""
    steps = list(steps)
    called = Counter(reply_key(s.event.key) for s in steps if isinstance(s.event, ToolCalled))
    replies = {s.event.key: s.event.usage for s in steps if isinstance(s.event, ModelReplied)}
    for step in steps:
        event = step.event
        if isinstance(event, ToolCalled):
            key = reply_key(event.key)
            yield event.tool, _share(replies.get(key), called[key], step.seconds)
        elif isinstance(event, ModelReplied) and event.key not in called:
            yield NO_TOOL, _share(event.usage, 1, 0.0)


def reply_key(tool_key: str) -> str:
    """The key of the reply that asked for a tool call: `stage/round/agent/turn` of `.../call`."""
    return "/".join(tool_key.split("/")[:REPLY_KEY_PARTS])


def _share(usage: Usage | None, parts: int, seconds: float) -> Spent:
    if usage is None:
        return Spent(1, seconds)
    whole = _spent(usage, 0.0)
    tokens = (whole.input_tokens, whole.cached_tokens, whole.output_tokens)
    shares = [count / parts for count in tokens]
    paid = (whole.cost / parts, whole.unpriced, 0, whole.credits / parts)
    return Spent(1, seconds, shares[0], shares[1], shares[2], *paid)
