"""What the log says to common questions: where it stands, cost, failures, evidence, changes, criteria, time, decisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vulcan.application.conversation.statements import NOT_IN_LOG, Statement
from vulcan.application.jobs.spending import usage_in_words
from vulcan.application.ports import StoredEvent
from vulcan.domain import events as e
from vulcan.domain import evidence
from vulcan.domain.job import Ended, Job, Waiting

MARKS = {
    evidence.Answer.HOLDS: "passed",
    evidence.Answer.BROKEN: "failed",
    evidence.Answer.NOT_SEEN: "could not be looked at",
}

Topic = Callable[[Sequence[StoredEvent], Job], list[Statement]]


def of_kind(log: Sequence[StoredEvent], *kinds: type[e.Event]) -> list[StoredEvent]:
    return [stored for stored in log if isinstance(stored.event, kinds)]


def about_status(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    state = job.next_stage()
    last = log[-1].seq if log else 0
    if isinstance(state, Ended):
        return [Statement(f"The job has ended: {state.outcome.value}. {job.reason}".strip(), (last,))]
    if isinstance(state, Waiting):
        return [Statement(f"The job waits for {state.waiting_for.value}: {state.reason}", (last,))]
    return [Statement(f"The job is in {state.value}, round {job.round}.", (last,))]


def about_cost(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    replies = of_kind(log, e.ModelReplied)
    if not replies:
        return [Statement("No model was asked, so it cost nothing.")]
    span = (replies[0].seq, replies[-1].seq)
    total = Statement(f"All agents together: {usage_in_words(job.usage)}.", span)
    by_agent = []
    for agent, usage in sorted(job.usage_by_agent.items()):
        own = [s.seq for s in replies if isinstance(s.event, e.ModelReplied) and s.event.agent == agent]
        by_agent.append(Statement(f"{agent}: {usage_in_words(usage)}.", (own[0], own[-1])))
    return [total, *by_agent]


def about_failures(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    del job
    found = []
    for stored in log:
        event = stored.event
        if isinstance(event, e.StageFailed):
            found.append(Statement(f"{event.stage.value} stopped: {event.reason}", (stored.seq,)))
        elif isinstance(event, e.EvidenceJudged) and not event.verdict.proven:
            failed = "; ".join(f"{g.gate}: {g.detail}" for g in event.verdict.gates if not g.passed)
            found.append(
                Statement(f"Round {event.round} was {event.verdict.in_words}: {failed}", (stored.seq,))
            )
        elif isinstance(event, e.CodeValidated) and event.findings:
            texts = "; ".join(f"{f.gate}: {f.text}" for f in event.findings[:3])
            found.append(Statement(f"Round {event.round}, static checks or review: {texts}", (stored.seq,)))
        elif isinstance(event, e.PipelineFinished) and not event.passed:
            found.append(Statement("The forge's pipeline failed.", (stored.seq,)))
        elif isinstance(event, e.BudgetSpent):
            found.append(Statement(f"The budget was spent: {event.limit}", (stored.seq,)))
        elif isinstance(event, e.BudgetWarned):
            found.append(Statement(f"A warning about the budget: {event.words}", (stored.seq,)))
    return found or [Statement("Nothing failed.")]


def about_evidence(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    del job
    judged, runs = of_kind(log, e.EvidenceJudged), of_kind(log, e.TestsRun)
    if not judged or not runs:
        return [Statement(f"There is no evidence yet: a verdict is {NOT_IN_LOG}.")]
    verdict, run = judged[-1], runs[-1]
    found: list[Statement] = []
    if isinstance(verdict.event, e.EvidenceJudged):
        word = verdict.event.verdict.in_words
        found.append(
            Statement(f"The verdict on {verdict.event.verdict.commit[:10]} is {word}.", (verdict.seq,))
        )
        for gate in verdict.event.verdict.gates:
            mark = MARKS[gate.answer]
            text = f"Gate {gate.gate} {mark}: {gate.detail}."
            found.append(Statement(text, (verdict.seq,), (f"gate {gate.gate}",)))
        for proof in verdict.event.verdict.criteria:
            tests = ", ".join(proof.tests) or "no test"
            found.append(Statement(f"{proof.criterion} is shown by {tests}.", (verdict.seq, run.seq)))
    if isinstance(run.event, e.TestsRun):
        for entry in run.event.report.red_green:
            red = entry.red_reason or "it passes"
            found.append(
                Statement(f"{entry.test}: without the change {red} (grade {entry.grade.value}).", (run.seq,))
            )
    return found


def about_changes(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    del job
    found = []
    for stored in of_kind(
        log, e.CodeGenerated, e.TestsGenerated, e.BranchPushed, e.PullRequestOpened, e.Merged
    ):
        event = stored.event
        if isinstance(event, e.CodeGenerated):
            files = (
                ", ".join(f"{a.path} (+{a.added} -{a.removed})" for a in event.generation.artifacts)
                or "nothing"
            )
            words = event.generation.metadata.summary
            found.append(
                Statement(
                    f"Round {event.generation.metadata.round} changed {files}. Coder: {words}", (stored.seq,)
                )
            )
        elif isinstance(event, e.TestsGenerated):
            found.append(Statement(f"Tests: {', '.join(c.id for c in event.testing.cases)}.", (stored.seq,)))
        elif isinstance(event, e.BranchPushed):
            found.append(Statement(f"Branch {event.branch} is at {event.commit[:10]}.", (stored.seq,)))
        elif isinstance(event, e.PullRequestOpened):
            found.append(Statement(f"Pull request #{event.number}: {event.title}.", (stored.seq,)))
        elif isinstance(event, e.Merged):
            found.append(Statement(f"It was merged as {event.commit[:10]}.", (stored.seq,)))
    return found or [Statement(f"A change is {NOT_IN_LOG}.")]


def about_criteria(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    analyzed = of_kind(log, e.RequirementsAnalyzed)
    if not analyzed or job.requirement is None:
        return [Statement(f"Requirements are {NOT_IN_LOG}.")]
    seq = (analyzed[-1].seq,)
    requirement = job.requirement
    found = [Statement(f"Goal: {requirement.summary}", seq)]
    found += [Statement(f"{c.id}: {c.text}", seq) for c in requirement.criteria]
    return found + [Statement(f"{a.id} (assumed): {a.text}", seq) for a in requirement.assumptions]


def about_time(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    if not log:
        return []
    worked = job.seconds_worked(log[-1].at)
    return [
        Statement(
            f"Worked on for {worked:.1f} s, from the request to the end of the log {log[-1].at - log[0].at:.1f} s.",
            (log[0].seq, log[-1].seq),
        )
    ]


def about_decisions(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    del job
    found = []
    for stored in log:
        event = stored.event
        if isinstance(event, e.JobRequested):
            found.append(
                Statement(f"{event.requested_by or 'Somebody'} asked: {event.instruction}", (stored.seq,))
            )
        elif isinstance(event, e.ApprovalRequested):
            found.append(
                Statement(f"Approval was asked for: {event.action} of {event.commit[:10]}.", (stored.seq,))
            )
        elif isinstance(event, e.ApprovalGranted):
            found.append(Statement(f"{event.by} approved.", (stored.seq,)))
        elif isinstance(event, e.ClarificationAnswered):
            found.append(Statement(f"{event.by} answered: {event.answer}", (stored.seq,)))
        elif isinstance(event, e.JobCancelled):
            found.append(Statement(f"{event.by} cancelled the job.", (stored.seq,)))
        elif words := _word_on_requirements(event):
            found.append(Statement(words, (stored.seq,)))
    return found


def _word_on_requirements(event: e.Event) -> str:
    match event:
        case e.SteeringGiven():
            return f"{event.by} said while it was under way: {event.text}"
        case e.RequirementsConfirmed():
            return f"{event.by} agreed to the requirements."
        case e.RequirementsEdited():
            return f"{event.by} edited the requirements: {event.change}"
        case e.RequirementsQuestioned():
            return f"{event.by} said of the requirements: {event.text}"
        case e.ApprovalRefused():
            return f"{event.by} refused. {event.reason}".strip()
        case _:
            return ""


TOPICS: tuple[tuple[frozenset[str], Topic], ...] = (
    (
        frozenset(
            [
                "status",
                "state",
                "now",
                "doing",
                "done",
                "finished",
                "progress",
                "wait",
                "waits",
                "waiting",
                "stand",
            ]
        ),
        about_status,
    ),
    (
        frozenset(
            ["cost", "costs", "price", "spent", "money", "tokens", "token", "budget", "expensive", "usage"]
        ),
        about_cost,
    ),
    (
        frozenset(
            [
                "fail",
                "failed",
                "fails",
                "failure",
                "failures",
                "wrong",
                "error",
                "errors",
                "stopped",
                "problem",
                "rejected",
                "refused",
            ]
        ),
        about_failures,
    ),
    (
        frozenset(
            [
                "prove",
                "proved",
                "proven",
                "proof",
                "proves",
                "evidence",
                "verdict",
                "gate",
                "gates",
                "test",
                "tests",
                "red",
                "green",
                "sure",
            ]
        ),
        about_evidence,
    ),
    (
        frozenset(
            [
                "change",
                "changes",
                "changed",
                "diff",
                "file",
                "files",
                "commit",
                "branch",
                "pull",
                "merged",
                "merge",
                "code",
            ]
        ),
        about_changes,
    ),
    (
        frozenset(
            [
                "criteria",
                "criterion",
                "requirement",
                "requirements",
                "goal",
                "assume",
                "assumed",
                "assumption",
                "assumptions",
            ]
        ),
        about_criteria,
    ),
    (frozenset(["long", "time", "seconds", "duration", "took", "when"]), about_time),
    (
        frozenset(
            [
                "who",
                "approved",
                "approval",
                "approvals",
                "asked",
                "answered",
                "decided",
                "decision",
                "cancelled",
            ]
        ),
        about_decisions,
    ),
)
