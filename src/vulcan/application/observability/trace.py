"""A job's trace, derived from its log: stages, model calls and tool calls as spans, the verdict as scores.

Ids come from the job and places in its log, so that sending again, from whatever machine and after whatever
failure, never doubles anything. Every text is masked here, before anything else sees it.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import Any

from vulcan.application.jobs.status import describe
from vulcan.application.masking import Masker
from vulcan.application.observability.stats import reply_key
from vulcan.application.observability.timeline import StageRun, Step, Timeline, timeline
from vulcan.application.ports import StoredEvent
from vulcan.application.prompts import prompt_name
from vulcan.domain.budget import Usage
from vulcan.domain.codec import encode
from vulcan.domain.errors import VulcanError
from vulcan.domain.events import EvidenceJudged, ModelReplied, Stage, StageFailed, ToolCalled
from vulcan.domain.job import Ended, Job, Waiting, fold

LONGEST = 64_000
"""Characters of one input or output; more is cut, the log has it whole."""
LONGEST_TOLD = 8_000
"""Characters of a tool's result in the input of the model call that was told it; the tool's own span has more."""


class Kind(StrEnum):
    """What a span stands for."""

    JOB = "job"
    STAGE = "stage"
    AGENT = "agent"
    MODEL = "model"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of work.

    Attributes:
        final: place in the log after which it changes no more.
        id: 16 hexadecimal digits; `parent` likewise, empty for the job itself.
        input: what went in, as text or JSON; of a model call only what is new since the agent's last one.
        error: why it failed; empty if it did not.
        reasoning_tokens: those of `usage.output_tokens` that the model thought with, as far as its service tells.
        cache_write_tokens: likewise those of `usage.input_tokens` that it put into its cache.
    """

    final: int
    id: str
    parent: str
    name: str
    kind: Kind
    began: float
    ended: float
    input: str = ""
    output: str = ""
    error: str = ""
    model: str = ""
    usage: Usage = Usage()
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    prompt: str = ""
    prompt_version: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """One figure of the newest verdict; `boolean` ones are 0 or 1."""

    id: str
    name: str
    value: float
    boolean: bool
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """What there is to send of a job.

    Attributes:
        id: 32 hexadecimal digits.
        tags: words to find the trace by: its repository and model.
        session: the conversation that the job belongs to, or the job itself where it belongs to none.
        end: place in the log up to which this is everything.
    """

    id: str
    session: str
    user: str
    tags: tuple[str, ...]
    spans: tuple[Span, ...]
    scores: tuple[Score, ...]
    end: int


def trace_of(
    log: Sequence[StoredEvent],
    kept: Callable[[str], str],
    mask: Masker,
    *,
    after: int = 0,
    whole: bool = False,
) -> Trace:
    """The spans that became final above place `after`, in the order in which they did, and the newest scores.

    `kept` gives the text of a blob's digest. With `whole` also what is still going on is there, as it is now; it
    is to be sent again once it is final.
    """
    return _Deriver(log, kept, mask).trace(after, whole=whole)


class _Deriver:
    def __init__(self, log: Sequence[StoredEvent], kept: Callable[[str], str], mask: Masker) -> None:
        self._log, self._kept, self._mask = log, kept, mask
        self._job: Job = fold((stored.event, stored.at) for stored in log)
        first = log[0]
        self._seed = f"{first.job} {first.at!r}"
        self._results = _results(log)
        self._masked: dict[str, str] = {}

    def trace(self, after: int, *, whole: bool) -> Trace:
        end = self._log[-1].seq
        line = timeline(self._log)
        spans = [s for s in self._spans(line, after, whole=whole) if s.final > after]
        spans.sort(key=lambda span: span.final)
        request = self._job.request
        user = request.requested_by if request else ""
        session = (request.conversation if request else "") or self._log[0].job
        tags = (PurePath(request.repository).name, request.model) if request else ()
        return Trace(
            id=self._id("trace", 32),
            session=self._mask(session),
            user=self._mask(user),
            tags=tuple(self._mask(tag) for tag in tags if tag),
            spans=tuple(spans),
            scores=self._scores(after),
            end=end,
        )

    def _id(self, what: object, digits: int = 16) -> str:
        return hashlib.sha256(f"{self._seed} {what}".encode()).hexdigest()[:digits]

    def _text(self, text: str) -> str:
        """Masked before it is cut, since half a secret has no shape."""
        return _cut(self._clean(text), LONGEST)

    def _clean(self, text: str) -> str:
        return self._mask(text.encode(errors="replace").decode())

    def _result(self, call: ToolCalled) -> str:
        """What a tool gave, masked, which takes the most of all time here: once for the two spans that show it."""
        if call.payload not in self._masked:
            self._masked[call.payload] = self._clean(self._payload(call.payload))
        return self._masked[call.payload]

    def _payload(self, digest: str) -> str:
        try:
            return self._kept(digest)
        except VulcanError as error:
            return f"[{error.message}]"

    # --------------------------------------------------------------------------------------- spans

    def _spans(self, line: Timeline, after: int, *, whole: bool) -> Iterator[Span]:
        end = self._log[-1].seq
        root = self._id("job")
        for run in line.runs:
            parents = {agent: self._agent_id(run, agent) for agent in _agents(run)}
            yield from self._calls(run.steps, parents, after)
            if run.closed > after or (whole and not run.closed):
                yield self._stage(run, root, run.closed or end)
                yield from self._agents(run, run.closed or end)
        yield from self._calls(line.between, defaultdict(lambda: root), after)
        if whole or isinstance(self._job.next_stage(), Ended | Waiting):
            yield self._root(root, end)

    def _calls(self, steps: Sequence[Step], parents: Mapping[str, str], after: int) -> Iterator[Span]:
        for step in steps:
            if step.stored.seq <= after:
                continue
            if isinstance(step.event, ModelReplied):
                yield self._generation(step, step.event, parents[step.event.agent])
            elif isinstance(step.event, ToolCalled):
                yield self._tool(step, step.event, parents[step.event.agent])

    def _agent_id(self, run: StageRun, agent: str) -> str:
        return self._id(f"{run.seq} {agent}")

    def _agents(self, run: StageRun, final: int) -> Iterator[Span]:
        """What each agent did in a stage, around its model and tool calls."""
        for agent, steps in _agents(run).items():
            yield Span(
                final=final,
                id=self._agent_id(run, agent),
                parent=self._id(run.seq),
                name=f"agent {agent}",
                kind=Kind.AGENT,
                began=steps[0].began,
                ended=max(step.stored.at for step in steps),
                metadata={"agent": agent},
            )

    def _root(self, identity: str, end: int) -> Span:
        job, request = self._job, self._job.request
        now = job.next_stage()
        state = describe(job).label
        by_agent = {name: encode(usage) for name, usage in job.usage_by_agent.items()}
        failed = isinstance(now, Ended) and now.outcome.value == "failed"
        about = {
            "job": self._log[0].job,
            "state": state,
            "rounds": str(job.round),
            "repository": request.repository if request else "",
            "base_commit": request.base_commit if request else "",
            "commit": job.newest_commit,
            "usage": json.dumps({"tokens": job.usage.tokens, **encode(job.usage)}),
            "usage_by_agent": json.dumps(by_agent),
        }
        return Span(
            final=end,
            id=identity,
            parent="",
            name="vulcan job",
            kind=Kind.JOB,
            began=self._log[0].at,
            ended=self._log[-1].at,
            input=self._text(request.instruction if request else ""),
            output=self._text(f"{state}: {job.reason}" if job.reason else state),
            error=self._text(job.reason) if failed else "",
            metadata={key: self._mask(value) for key, value in about.items()},
        )

    def _stage(self, run: StageRun, root: str, final: int) -> Span:
        error = next((s.event.reason for s in run.steps if isinstance(s.event, StageFailed)), "")
        if run.lost:
            error = "its worker was killed"
        return Span(
            final=final,
            id=self._id(run.seq),
            parent=root,
            name=run.stage.value,
            kind=Kind.STAGE,
            began=run.began,
            ended=run.ended,
            output=self._text(_outcome(run)),
            error=self._text(error),
            metadata={"round": str(run.round)},
        )

    def _generation(self, step: Step, event: ModelReplied, parent: str) -> Span:
        reply = self._payload(event.payload)
        counts = _counts(reply)
        return Span(
            final=step.stored.seq,
            id=self._id(step.stored.seq),
            parent=parent,
            name=event.agent,
            kind=Kind.MODEL,
            began=step.began,
            ended=step.stored.at,
            input=_cut(self._new_messages(event), LONGEST),
            output=self._text(_words(reply)),
            model=self._mask(event.model),
            usage=event.usage,
            reasoning_tokens=counts.get("reasoning_tokens", 0),
            cache_write_tokens=counts.get("cache_write_tokens", 0),
            prompt=prompt_name(event.agent),
            prompt_version=event.prompt,
            metadata={"key": self._mask(event.key), **_billing(event.usage)},
        )

    def _new_messages(self, event: ModelReplied) -> str:
        """What the model was told since its last turn, masked: results of its calls, or at first the job's data."""
        turn = event.key.rpartition("/")
        before = f"{turn[0]}/{int(turn[2]) - 1}" if turn[2].isdecimal() else ""
        calls = self._results.get(before)
        if calls:
            told = [
                {"role": "tool", "name": c.tool, "content": _cut(self._result(c), LONGEST_TOLD)}
                for c in calls
            ]
            return json.dumps(told, ensure_ascii=False)
        if turn[2] != "0":
            return ""
        job = self._job
        data: dict[str, Any] = {"instruction": self._clean(job.request.instruction if job.request else "")}
        if job.requirement and not event.key.startswith(Stage.ANALYZE.value):
            data["criteria"] = {c.id: self._clean(c.text) for c in job.requirement.criteria}
        return json.dumps([{"role": "user", "content": data}], ensure_ascii=False)

    def _tool(self, step: Step, event: ToolCalled, parent: str) -> Span:
        result = self._result(event)
        failed = result.startswith(("Error:", "[exit code", "[stopped"))
        return Span(
            final=step.stored.seq,
            id=self._id(step.stored.seq),
            parent=parent,
            name=event.tool,
            kind=Kind.TOOL,
            began=step.began,
            ended=step.stored.at,
            input=self._text(event.summary),
            output=_cut(result, LONGEST),
            error=result.split("\n", 1)[0][:200] if failed else "",
            metadata={"agent": event.agent, "key": self._mask(event.key)},
        )

    # -------------------------------------------------------------------------------------- scores

    def _scores(self, after: int) -> tuple[Score, ...]:
        """Figures of the newest verdict, if it came above `after`; a newer verdict takes an older one's ids."""
        judged = [(s.seq, s.event.verdict) for s in self._log if isinstance(s.event, EvidenceJudged)]
        if not judged or judged[-1][0] <= after:
            return ()
        verdict, report = judged[-1][1], self._job.report
        figures = [("verdict", float(verdict.proven), True, "")]
        if verdict.criteria:
            met = sum(proof.proven for proof in verdict.criteria)
            words = f"{met} of {len(verdict.criteria)}"
            figures.append(("criteria_met", met / len(verdict.criteria), False, words))
        if report and report.coverage.percent is not None:
            figures.append(("coverage", report.coverage.percent, False, "percent of the changed lines"))
        figures += [(f"gate:{g.gate}", float(g.passed), True, g.detail) for g in verdict.gates]
        return tuple(
            Score(self._id(f"score {name}", 32), name, value, boolean, self._text(comment)[:500])
            for name, value, boolean, comment in figures
        )


def _billing(usage: Usage) -> dict[str, str]:
    """What a service told of a call beyond tokens and dollars."""
    told = {"credits": str(usage.credits) if usage.credits else ""}
    told["tokens"] = "estimated" if usage.estimated else ""
    return {name: value for name, value in told.items() if value}


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n[{len(text) - longest} characters left out]\n{text[-half:]}"


def _agents(run: StageRun) -> dict[str, list[Step]]:
    """The steps of a stage by the agent that took them."""
    agents: dict[str, list[Step]] = {}
    for step in run.steps:
        if isinstance(step.event, ModelReplied | ToolCalled):
            agents.setdefault(step.event.agent, []).append(step)
    return agents


def _counts(reply: str) -> dict[str, int]:
    """Tokens of a kind of their own that the reply's payload tells."""
    try:
        counts = json.loads(reply)["usage"]
        return {name: int(count) for name, count in counts.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


def _words(reply: str) -> str:
    """The part of a reply's payload that people read; the provider's own form of it stays in the log."""
    try:
        data = json.loads(reply)
        plain = {key: value for key, value in data.items() if key not in {"message", "version"}}
    except (AttributeError, ValueError):
        return reply
    return json.dumps(plain, ensure_ascii=False)


def _results(log: Sequence[StoredEvent]) -> dict[str, list[ToolCalled]]:
    results: dict[str, list[ToolCalled]] = {}
    for stored in log:
        if isinstance(stored.event, ToolCalled):
            results.setdefault(reply_key(stored.event.key), []).append(stored.event)
    return results


def _outcome(run: StageRun) -> str:
    names = [type(step.event).__name__ for step in run.steps]
    own = [name for name in names if name not in {"ModelReplied", "ToolCalled", "WorkspaceSnapshotted"}]
    return ", ".join(own)
