"""The evidence report: markdown for people, JSON for machines; both from the job alone."""

from __future__ import annotations

import json
from collections.abc import Callable

from vulcan.application.commits import requirement_of, subject
from vulcan.application.jobs.spending import usage_in_words
from vulcan.application.markdown import code, inert
from vulcan.application.plaintext import on_one_line
from vulcan.domain.baseline import Baseline
from vulcan.domain.codec import encode
from vulcan.domain.evidence import MUTATION, Answer, Finding, Verdict
from vulcan.domain.job import Job
from vulcan.domain.requirements import Requirement
from vulcan.domain.testing import RedGreen
from vulcan.domain.texts import shortened

MARK = {True: "✅", False: "❌"}
ANSWERS = {Answer.HOLDS: MARK[True], Answer.BROKEN: MARK[False], Answer.NOT_SEEN: "❔"}


def pull_request_body(job_id: str, job: Job) -> str:
    """The body of the pull request: what was asked, what proves it, what it cost."""
    requirement = requirement_of(job)
    parts = [_headline(job), f"**Asked:** {inert(job.request.instruction if job.request else '', 500)}"]
    if job.verdict is not None and job.verdict.demands:
        parts.append(_demands(requirement, job.verdict))
    parts.append(_criteria(job))
    if job.verdict is not None:
        parts.append(_gates(job.verdict))
    if job.baseline is not None:
        parts.append(_baseline(job.baseline))
    if job.report is not None:
        parts.append(_runs(job))
    if job.generation and job.generation.metadata.summary:
        said = inert(job.generation.metadata.summary, 1_000)
        parts.append(f"### The coder's remark\nIts own words, not part of the evidence: {said}")
    if requirement.assumptions:
        lines = "\n".join(f"- {a.id}: {inert(a.text)}" for a in requirement.assumptions)
        parts.append(f"### Assumptions\n{lines}")
    if job.environment and job.environment.notes:
        lines = "\n".join(f"- {inert(note, 300)}" for note in job.environment.notes)
        parts.append(f"### Environment\n{lines}")
    if job.warnings:
        lines = "\n".join(f"- {w.gate}: {inert(w.text)}{_place(w)}" for w in job.warnings)
        parts.append(f"### Warnings\n{lines}")
    if not job.proven:
        parts.append(_tried(job))
    parts.append(f"### Cost\n{_cost(job)}")
    parts.append(f"Vulcan-Job: {job_id}")
    return "\n\n".join(parts) + "\n"


def _headline(job: Job) -> str:
    if job.proven:
        return "**Proven.** Every gate below was computed by re-running the tests in clean checkouts."
    if job.verdict is not None and job.verdict.in_part:
        return (
            f"**Proven in part.** All that is shown holds, but {_open_in(job.verdict)} Look at these by hand."
        )
    if job.verdict is not None and job.verdict.in_words != "not proven":
        unseen = "; ".join(inert(g.detail) for g in job.verdict.gates if g.answer is Answer.NOT_SEEN)
        return f"**Shown, not proven.** Nothing that was seen speaks against it, but too little was: {unseen}"
    return "**Not proven.** This is work in progress, kept so that nothing is lost; do not merge it as it is."


def _open_in(verdict: Verdict) -> str:
    """What a verdict in part leaves open, in a sentence or two."""
    hidden = [d.statement for d in verdict.demands if not d.shown]
    said = []
    if hidden:
        total = len(verdict.demands)
        said.append(
            f"{len(hidden)} of {total} demands of the instruction are not shown: {', '.join(hidden)}."
        )
    said += [f"{inert(gate.detail)}." for gate in verdict.gates if gate.gate == MUTATION and not gate.passed]
    return " ".join(said)


def _demands(requirement: Requirement, verdict: Verdict) -> str:
    """The instruction's demands, what is not shown first."""
    shown = sum(d.shown for d in verdict.demands)
    rows = ["### Demands", f"{shown} of {len(verdict.demands)} demands of the instruction shown.", ""]
    rows += ["| | Demand | Shown by |", "|--|--|--|"]
    for demand in sorted(verdict.demands, key=lambda d: d.shown):
        by = ", ".join(demand.criteria) if demand.shown else f"not shown: {inert(demand.missing)}"
        rows.append(f"| {MARK[demand.shown]} | **{demand.statement}** {inert(demand.text, 300)} | {by} |")
    rows += [
        f"| {ANSWERS[Answer.NOT_SEEN]} | {inert(s.text, 300)} | taken as no demand |"
        for s in requirement.doubtful
    ]
    return "\n".join(rows)


def _criteria(job: Job) -> str:
    """Criterion -> test -> commit."""
    requirement, verdict = requirement_of(job), job.verdict
    proofs = {p.criterion: p for p in verdict.criteria} if verdict else {}
    rows = ["### Criteria", "", "| | Criterion | Shown by | Commit |", "|--|--|--|--|"]
    for criterion in requirement.criteria:
        proof = proofs.get(criterion.id)
        tests = "<br>".join(map(code, proof.tests)) if proof and proof.tests else "-"
        mark = MARK[proof.proven] if proof else ANSWERS[Answer.NOT_SEEN]
        commit = job.newest_commit[:10]
        rows.append(f"| {mark} | **{criterion.id}** {inert(criterion.text)} | {tests} | {commit} |")
    return "\n".join(rows)


def _gates(verdict: Verdict) -> str:
    rows = ["### Gates", "", "| | Gate | What it saw |", "|--|--|--|"]
    rows += [f"| {ANSWERS[g.answer]} | {g.gate} | {inert(g.detail)} |" for g in verdict.gates]
    return "\n".join(rows)


def _baseline(seen: Baseline) -> str:
    """What was seen of the project's own tests before the work began."""
    kept = " The run is one of before, on the same files in the same environment." if seen.run.reused else ""
    return f"### Before the change\nVulcan {inert(seen.in_words)}. Command: {code(seen.command)}.{kept}"


def _runs(job: Job) -> str:
    report = job.report
    if report is None:
        return ""
    rows = ["### Red and green", "", "| | Test | Without the change | With it |", "|--|--|--|--|"]
    rows += [_red_green_row(entry) for entry in report.red_green]
    coverage = report.coverage.percent
    covered = "not measured" if coverage is None else f"{coverage:.0f} % of {report.coverage.changed} lines"
    rows += [
        "",
        f"Changed lines run by the new tests: {covered}. Sandbox: {report.sandbox}. "
        f"Environment: `{report.environment[:12]}`. Commit judged: `{report.commit}`.",
    ]
    return "\n".join(rows)


def _red_green_row(entry: RedGreen) -> str:
    kill = " and fails on emptied bodies" if entry.kills_empty_body else ""
    red = f"{entry.grade.value}: {inert(entry.red_reason, 120)}{kill}" if entry.red_reason else "passes"
    return f"| {MARK[entry.proves]} | {code(entry.test)} | {red} | {'passes' if entry.green else 'fails'} |"


def _tried(job: Job) -> str:
    lines = ["### What was tried", *(f"- {inert(note)}" for note in job.history), "", "### What is open"]
    lines += [
        f"- {f.gate} ({f.owner.value}): {inert(f.text)}{_place(f)}" for f in (job.findings or job.earlier)
    ]
    return "\n".join([*lines, "", "### What to do next", next_steps(job, inert)])


def _place(finding: Finding) -> str:
    return f" ({inert(finding.place)})" if finding.place else ""


def next_steps(job: Job, words: Callable[[str], str] = on_one_line) -> str:
    """What a person can do with a job that could not be proven."""
    branch = job.deployment.branch if job.deployment and job.deployment.branch else "the job's branch"
    points = "; ".join(words(shortened(f.text, 160)) for f in (job.findings or job.earlier)[:3])
    opened = f"Open: {points}. " if points else ""
    rounds = ", or with more rounds (`--rounds`)" if job.last_round else ""
    return (
        f"{opened}Finish the work on {branch} by hand, or run Vulcan again with an instruction "
        f"that settles them (`vulcan run`){rounds}. `vulcan undo` removes the branch."
    )


def _cost(job: Job) -> str:
    lines = [f"all agents: {usage_in_words(job.usage)}"]
    for table in (job.usage_by_agent, job.usage_by_model):
        lines += [f"{name}: {usage_in_words(usage)}" for name, usage in sorted(table.items())]
    return "\n".join(f"- {line}" for line in lines)


def merge_message(job_id: str, job: Job, number: int) -> str:
    """The merge commit's message."""
    return f"{subject(requirement_of(job))} (#{number})\n\nVulcan-Job: {job_id}\n"


def release_notes(job_id: str, job: Job, title: str) -> str:
    """Notes of a release: what changed and what shows it."""
    criteria = "\n".join(f"- {inert(c.text)}" for c in requirement_of(job).criteria)
    return f"{title}\n\n{criteria}\n\nVulcan-Job: {job_id}\n"


def machine_report(job_id: str, job: Job) -> str:
    """Everything of the evidence as JSON."""
    data = {
        "job": job_id,
        "outcome": job.outcome.value if job.outcome else None,
        "proven": job.proven,
        "requirement": encode(job.requirement) if job.requirement else None,
        "verdict": encode(job.verdict) if job.verdict else None,
        "report": encode(job.report) if job.report else None,
        "usage": encode(job.usage),
        "usage_by_agent": {name: encode(usage) for name, usage in job.usage_by_agent.items()},
        "usage_by_stage": {name: encode(usage) for name, usage in job.usage_by_stage.items()},
        "usage_by_model": {name: encode(usage) for name, usage in job.usage_by_model.items()},
        "delivery": encode(job.deployment) if job.deployment else None,
    }
    return json.dumps(data, indent=2)
