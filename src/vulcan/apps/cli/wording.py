"""Each event in one line for people; None for those that only matter to Vulcan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vulcan.apps.cli.safe import one_line, safe
from vulcan.domain import events as e
from vulcan.domain.evidence import DEMANDS, EXISTING_TESTS, MUTATION, Answer, Severity, Verdict
from vulcan.domain.testing import Outcome, TestRun

MARKS = {Answer.HOLDS: "✓", Answer.BROKEN: "✗", Answer.NOT_SEEN: "?"}

LONGEST = {DEMANDS: 2_000, MUTATION: 1_000, EXISTING_TESTS: 400}
"""Characters of what a gate saw, where they are not 160: which demands are not shown is never cut short."""

Words = Callable[[Any], str | None]


def in_words(event: e.Event) -> str | None:
    """The line for an event, None to stay silent."""
    words = _WORDS.get(type(event))
    line = words(event) if words else None
    return safe(line) if line else line


def _counts(run: TestRun) -> str:
    counts = run.counts
    text = ", ".join(f"{counts[o]} {o.value}" for o in Outcome if o in counts) or "none"
    return f"{text} ({one_line(run.note)})" if run.note else text


def _generated(event: e.CodeGenerated) -> str:
    files = ", ".join(f"{a.path} +{a.added} -{a.removed}" for a in event.generation.artifacts[:5])
    return f"change {event.generation.metadata.commit[:10]}: {one_line(files) or 'nothing changed'}"


def _validated(event: e.CodeValidated) -> str:
    blocking = [f for f in event.findings if f.severity is Severity.BLOCKING]
    if not event.findings:
        return f"static checks{' and review' if event.reviewed else ''}: nothing found"
    first = "".join(
        f"\n    - [{f.gate}] {one_line(f.text)} {one_line(f.place)}".rstrip() for f in event.findings[:5]
    )
    return f"static checks and review: {len(blocking)} to mend, {len(event.findings) - len(blocking)} warnings{first}"


def _tests_run(event: e.TestsRun) -> str:
    report = event.report
    proving = sum(entry.proves for entry in report.red_green)
    return (
        f"existing tests: {_counts(report.existing)}; new tests: {_counts(report.new)}; "
        f"{proving} of {len(report.red_green)} proven red without the change and green with it"
    )


def gate_lines(verdict: Verdict) -> list[str]:
    """A line for each gate: its answer and what it saw."""
    return [
        f"{MARKS[gate.answer]} {gate.gate}: {one_line(gate.detail, LONGEST.get(gate.gate, 160))}"
        for gate in verdict.gates
    ]


def _judged(event: e.EvidenceJudged) -> str:
    gates = "".join(f"\n    {line}" for line in gate_lines(event.verdict))
    return f"verdict: {'PROVEN' if event.verdict.proven else event.verdict.in_words}{gates}"


def _base_tests(event: e.BaseTestsRun) -> str:
    seen = event.baseline
    kept = " (as run before on the same files)" if seen.run.reused else ""
    return f"base: {one_line(seen.in_words, 400)}{kept}"


def _finished(event: e.JobFinished) -> str:
    if event.outcome is e.JobOutcome.NOT_STARTED and event.reason.startswith(
        "sees "
    ):  # as the line before has said
        return f"{event.outcome.value}: too little of the project's tests can be seen"
    return f"{event.outcome.value}: {one_line(event.reason, 300)}"


def _requirements(event: e.RequirementsAnalyzed) -> str:
    criteria = "".join(f"\n    {c.id} {one_line(c.text, 160)}" for c in event.requirement.criteria)
    assumed = "".join(f"\n    assumes: {one_line(a.text, 160)}" for a in event.requirement.assumptions)
    return f"goal: {one_line(event.requirement.summary)}{criteria}{assumed}"


def _tool(event: e.ToolCalled) -> str:
    return f"{event.agent}: {event.tool} {one_line(event.summary, 90)}"


_WORDS: dict[type[e.Event], Words] = {
    e.JobRequested: lambda v: (
        f"asked: {one_line(v.instruction)}" + "".join(f"\n    note: {one_line(n, 160)}" for n in v.notes)
    ),
    e.StageStarted: lambda v: f"── {v.stage.value}" + (f" (round {v.round})" if v.round > 1 else ""),
    e.StageFailed: lambda v: (
        f"stopped in {v.stage.value}: {one_line(v.reason, 400)}"
        + (f"\n    {one_line(v.hint, 300)}" if v.hint else "")
    ),
    e.JobPaused: lambda v: f"paused: {v.reason}; the work is safe",
    e.RequirementsAnalyzed: _requirements,
    e.ClarificationRequested: lambda v: "asks:" + "".join(f"\n    ? {one_line(q, 300)}" for q in v.questions),
    e.ClarificationAnswered: lambda v: f"answered: {one_line(v.answer)}",
    e.ConfirmationRequested: lambda _: "waits for your word on the requirements",
    e.RequirementsConfirmed: lambda v: f"requirements confirmed by {one_line(v.by)}",
    e.RequirementsEdited: lambda v: f"requirements edited by {one_line(v.by)}: {one_line(v.change, 300)}",
    e.RequirementsQuestioned: lambda v: f"{one_line(v.by)} says of the requirements: {one_line(v.text, 300)}",
    e.SteeringGiven: lambda v: f"{one_line(v.by)} says: {one_line(v.text, 300)}",
    e.ToolCalled: _tool,
    e.RepliesDropped: lambda v: f"{len(v.keys)} replies count no more: {one_line(v.reason, 200)}",
    e.ModelWaited: lambda v: f"{v.agent}: waits {v.seconds:.0f} s for the model: {one_line(v.reason, 200)}",
    e.EnvironmentPrepared: lambda v: (
        f"dependencies: {v.digest[:12]}" + "".join(f"\n    note: {one_line(n, 200)}" for n in v.notes)
    ),
    e.BaseTestsRun: _base_tests,
    e.CodeGenerated: _generated,
    e.CodeValidated: _validated,
    e.TestsGenerated: lambda v: (
        f"tests {v.testing.commit[:10]}: " + one_line(", ".join(c.id for c in v.testing.cases) or "none", 200)
    ),
    e.TestsRun: _tests_run,
    e.EvidenceJudged: _judged,
    e.BranchPushed: lambda v: f"branch {one_line(v.branch)} at {v.commit[:10]}",
    e.PullRequestOpened: lambda v: (
        f"pull request #{v.number}{' (draft)' if v.draft else ''}: {one_line(v.title)}"
    ),
    e.PipelineFinished: lambda v: f"pipeline: {'passed' if v.passed else 'failed'}",
    e.ApprovalRequested: lambda v: f"waits for approval: {v.action} of {v.commit[:10]}",
    e.ApprovalGranted: lambda v: f"approved by {one_line(v.by)}",
    e.ApprovalRefused: lambda v: (
        f"refused by {one_line(v.by)}" + (f": {one_line(v.reason, 300)}" if v.reason else "")
    ),
    e.Merged: lambda v: f"merged #{v.number} as {v.commit[:10]}",
    e.ReleasePublished: lambda v: f"released {v.tag}",
    e.BudgetSpent: lambda v: f"budget spent ({v.limit})",
    e.BudgetWarned: lambda v: f"budget warning: {one_line(v.words, 200)}",
    e.BudgetRaised: lambda _: "budget changed",
    e.JobCancelled: lambda _: "cancelled",
    e.JobUndone: lambda v: (
        "undone: " + (one_line(", ".join(v.removed), 400) or "there was nothing to remove")
    ),
    e.ConversationStarted: lambda v: f"conversation of {one_line(v.by)} about {one_line(v.repository)}",
    e.MessageSaid: lambda v: f"{v.speaker.value}: {one_line(v.text, 300)}",
    e.NoteKept: lambda v: f"kept as {v.kind.value}: {one_line(v.text, 300)}",
    e.NoteDropped: lambda v: f"note {v.number} dropped",
    e.JobChosen: lambda v: f"about job {one_line(v.job)}",
    e.ActProposed: lambda v: f"asks whether to go on: {v.proposal.intent.value}",
    e.ProseCompacted: lambda v: f"messages up to {v.upto} compacted",
    e.JobFinished: _finished,
}
