"""A question about a job, answered from its log alone; every line names the events that it rests on.

No model is asked: the common questions (status, cost, failures, evidence, changes, criteria, time, decisions) are
recognised by their words. What the log does not hold is said to be missing, never invented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from vulcan.application.jobs.spending import usage_in_words
from vulcan.application.ports import StoredEvent
from vulcan.domain import events as e
from vulcan.domain import evidence
from vulcan.domain.errors import VulcanError
from vulcan.domain.job import Ended, Job, Waiting, apply
from vulcan.domain.texts import shortened

NOT_IN_LOG = "not in the log"
WORDS = 600
"""Letters of an agent's words to which a reply is shortened."""

MARKS = {
    evidence.Answer.HOLDS: "passed",
    evidence.Answer.BROKEN: "failed",
    evidence.Answer.NOT_SEEN: "could not be looked at",
}
_FORGED = re.compile(r"\[(\s*(?:events?|gates?)\b[^\]\n]*|[^\]\s]+\.\w+:\d[^\]\n]*)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence, the sequence numbers of the events that it rests on, and gates or places in files."""

    text: str
    events: tuple[int, ...] = ()
    places: tuple[str, ...] = ()

    def render(self) -> str:
        """The sentence with its citations."""
        cited = ", ".join(dict.fromkeys([*(f"event {seq}" for seq in self.events), *self.places]))
        text = _FORGED.sub(r"(\1)", self.text)  # people's and models' words bring no citations of their own
        return f"{text} [{cited}]" if cited else text


@dataclass(frozen=True, slots=True)
class Answer:
    """What the log says; `known` is False where it says nothing to the question."""

    statements: tuple[Statement, ...]
    known: bool = True

    @property
    def text(self) -> str:
        """A line a statement."""
        return "\n".join(statement.render() for statement in self.statements)


Topic = Callable[[Sequence[StoredEvent], Job], list[Statement]]


def common_topic(question: str) -> bool:
    """Whether the question's words name a topic that is answered without a model."""
    return any(_words(question) & keys for keys, _ in TOPICS)


def _words(question: str) -> set[str]:
    return set(re.findall(r"[a-z]+", question.lower()))


def told(log: Sequence[StoredEvent]) -> str:
    """The log in words for a model, a line an event of weight, each with its number."""
    job = Job()
    for stored in log:
        job = apply(job, stored.event, stored.at)
    topics = (_decisions, _criteria, _failures, _changes, _evidence, _cost, _status)
    statements = dict.fromkeys(statement for topic in topics for statement in topic(log, job))
    ordered = sorted(statements, key=lambda statement: statement.events or (0,))
    return "\n".join(statement.render() for statement in ordered)


def words_at_work(log: Sequence[StoredEvent], kept: Callable[[str], str]) -> str:
    """What agents said beside their tool calls, a line a reply, each with its number; `kept` gives a recorded reply."""
    lines = []
    for stored in log:
        if isinstance(stored.event, e.ModelReplied):
            said = " ".join(_text_of(stored.event.payload, kept).split())
            if said:
                lines.append(Statement(f"{stored.event.agent}: {shortened(said, WORDS)}", (stored.seq,)))
    return "\n".join(line.render() for line in lines)


def _text_of(digest: str, kept: Callable[[str], str]) -> str:
    """The words of a recorded reply; empty where it has none, has another form or is not there any more."""
    try:
        data = json.loads(kept(digest))
    except (ValueError, VulcanError):
        return ""
    return str(data.get("text") or "") if isinstance(data, dict) else ""


def answer(
    question: str, log: Sequence[StoredEvent], places: Mapping[str, int] = MappingProxyType({})
) -> Answer:
    """Answer from the log; `places` are the first changed lines of files, to cite.

    Raises:
        VulcanError: a statement cites an event that does not exist (a bug; nothing is shown then).
    """
    job = Job()
    for stored in log:
        job = apply(job, stored.event, stored.at)
    words = _words(question)
    statements = [s for keys, topic in TOPICS if words & keys for s in topic(log, job)]
    if not statements:
        topics = "status, cost, failures, evidence, changes, criteria, time, approvals"
        missing = Statement(
            f"That is {NOT_IN_LOG} in a form that can be answered without a model. Ask about: {topics}."
        )
        return Answer((missing,), known=False)
    _check_citations(statements, log)
    return Answer(tuple(dict.fromkeys(_placed(statement, places) for statement in statements)))


def _placed(statement: Statement, places: Mapping[str, int]) -> Statement:
    """The statement with file and line of each changed file that it names."""
    named = (f"{path}:{line}" for path, line in places.items() if path in statement.text)
    return replace(statement, places=(*statement.places, *named))


def _check_citations(statements: Iterable[Statement], log: Sequence[StoredEvent]) -> None:
    existing = {stored.seq for stored in log}
    missing = {seq for statement in statements for seq in statement.events} - existing
    if missing:
        raise VulcanError(f"the answer cites events that do not exist: {sorted(missing)}")


def _of(log: Sequence[StoredEvent], *kinds: type[e.Event]) -> list[StoredEvent]:
    return [stored for stored in log if isinstance(stored.event, kinds)]


def _status(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    state = job.next_stage()
    last = log[-1].seq if log else 0
    if isinstance(state, Ended):
        return [Statement(f"The job has ended: {state.outcome.value}. {job.reason}".strip(), (last,))]
    if isinstance(state, Waiting):
        return [Statement(f"The job waits for {state.waiting_for.value}: {state.reason}", (last,))]
    return [Statement(f"The job is in {state.value}, round {job.round}.", (last,))]


def _cost(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    replies = _of(log, e.ModelReplied)
    if not replies:
        return [Statement("No model was asked, so it cost nothing.")]
    span = (replies[0].seq, replies[-1].seq)
    total = Statement(f"All agents together: {usage_in_words(job.usage)}.", span)
    by_agent = []
    for agent, usage in sorted(job.usage_by_agent.items()):
        own = [s.seq for s in replies if isinstance(s.event, e.ModelReplied) and s.event.agent == agent]
        by_agent.append(Statement(f"{agent}: {usage_in_words(usage)}.", (own[0], own[-1])))
    return [total, *by_agent]


def _failures(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
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


def _evidence(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    del job
    judged, runs = _of(log, e.EvidenceJudged), _of(log, e.TestsRun)
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


def _changes(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    del job
    found = []
    for stored in _of(log, e.CodeGenerated, e.TestsGenerated, e.BranchPushed, e.PullRequestOpened, e.Merged):
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


def _criteria(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    analyzed = _of(log, e.RequirementsAnalyzed)
    if not analyzed or job.requirement is None:
        return [Statement(f"Requirements are {NOT_IN_LOG}.")]
    seq = (analyzed[-1].seq,)
    requirement = job.requirement
    found = [Statement(f"Goal: {requirement.summary}", seq)]
    found += [Statement(f"{c.id}: {c.text}", seq) for c in requirement.criteria]
    return found + [Statement(f"{a.id} (assumed): {a.text}", seq) for a in requirement.assumptions]


def _time(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
    if not log:
        return []
    worked = job.seconds_worked(log[-1].at)
    return [
        Statement(
            f"Worked on for {worked:.1f} s, from the request to the end of the log {log[-1].at - log[0].at:.1f} s.",
            (log[0].seq, log[-1].seq),
        )
    ]


def _decisions(log: Sequence[StoredEvent], job: Job) -> list[Statement]:
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
        _status,
    ),
    (
        frozenset(
            ["cost", "costs", "price", "spent", "money", "tokens", "token", "budget", "expensive", "usage"]
        ),
        _cost,
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
        _failures,
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
        _evidence,
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
        _changes,
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
        _criteria,
    ),
    (frozenset(["long", "time", "seconds", "duration", "took", "when"]), _time),
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
        _decisions,
    ),
)
