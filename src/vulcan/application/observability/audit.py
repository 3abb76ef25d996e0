"""The activity log: every act with who, what, when and on whose authority, in one chain over all jobs.

The store hashes each event together with the hash before it, in the transaction that appends it; an act is what an
event means. Whoever edits, removes or moves a line breaks the chain there. An export holds no contents, only their
digests, and is a chain of its own, so that it can be checked where the log is not at hand.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vulcan.application.masking import Masker
from vulcan.application.ports import Chain, StoredEvent
from vulcan.domain import events as e
from vulcan.domain.policy import MergeRule
from vulcan.domain.texts import shortened


@dataclass(frozen=True, slots=True)
class Breach:
    """A place where a chain does not hold."""

    where: str
    what: str


def seal(before: str, line: Sequence[object]) -> str:
    """The digest of a line that follows the one whose digest is `before`."""
    return hashlib.sha256(json.dumps([before, *line], separators=(",", ":")).encode()).hexdigest()


def seal_event(before: str, job: str, seq: int, at: float, name: str, version: int, content: str) -> str:
    """The digest of an event in the chain."""
    return seal(before, (job, seq, at, name, version, content))


def verify(chain: Chain) -> list[Breach]:
    """Every place where the chain does not hold; empty if it does."""
    breaches: list[Breach] = []
    before, due = "", chain.first
    if chain.older != chain.first - 1:
        breaches.append(Breach("the start", "events from before the chain were added or removed"))
    for link in chain.links:
        where = f"event {link.seq} of job {link.job} ({link.name})"
        sealed = seal_event(before, link.job, link.seq, link.at, link.name, link.version, link.content)
        if link.id != due:
            breaches.append(Breach(where, f"{link.id - due} events before it were removed"))
        elif sealed != link.digest:
            breaches.append(Breach(where, "it was edited or moved, or the one before it was"))
        before, due = link.digest, link.id + 1
    if (len(chain.links), before) != (chain.length, chain.head):
        breaches.append(
            Breach(
                "the end", f"the log should hold {chain.length} chained events, it holds {len(chain.links)}"
            )
        )
    return breaches


# ------------------------------------------------------------------------------------------------- acts


@dataclass(frozen=True, slots=True)
class Act:
    """One act: who did what when, and who allowed it."""

    job: str
    seq: int
    at: float
    who: str
    what: str
    authority: str


def acts(log: Iterable[StoredEvent]) -> Iterator[Act]:
    """The acts of one job's log, in its order."""
    order, worker, approvals, asked = "nobody", "nobody", dict[str, str](), ""
    rule = MergeRule.PERSON
    for stored in log:
        event = stored.event
        if isinstance(event, e.JobRequested):
            order, rule = event.requested_by or "a person", event.policy.merge
        elif isinstance(event, e.WorkStarted):
            worker = f"worker {event.worker.pid} on {event.worker.host}"
        elif isinstance(event, e.ApprovalRequested):
            asked = event.digest
        elif isinstance(event, e.ApprovalGranted):
            approvals[event.digest] = event.by
        authority = f"order of {order}"
        if event.ACTOR is e.Actor.PERSON:
            authority = "own"
        elif isinstance(event, e.Merged):
            by = approvals.get(asked)
            authority = f"approval of {by}" if by else f"order of {order}, merge rule: {rule.value}"
        yield Act(stored.job, stored.seq, stored.at, _who(event, worker), _what(event), authority)


def _who(event: e.Event, worker: str) -> str:
    if isinstance(event, e.ModelReplied):
        return f"{event.agent} ({event.model})"
    if isinstance(event, e.ToolCalled | e.ModelWaited):
        return event.agent
    if isinstance(event, e.JobRequested):
        return event.requested_by or "a person"
    if event.ACTOR is e.Actor.PERSON:
        return str(getattr(event, "by", "")) or "a person"
    return worker


_WHAT: dict[type[e.Event], Callable[[Any], str]] = {
    e.JobRequested: lambda x: f"{x.instruction[:200]} (in {x.repository} at {x.base_commit[:10]})",
    e.StageStarted: lambda x: f"{x.stage.value}, round {x.round}",
    e.StageFailed: lambda x: f"{x.stage.value}: {shortened(x.reason, 200)}",
    e.BaseTestsRun: lambda x: x.baseline.in_words,
    e.ModelReplied: lambda x: f"{x.key}: {x.usage.tokens} tokens",
    e.RepliesDropped: lambda x: f"{len(x.keys)}: {shortened(x.reason, 200)}",
    e.ModelWaited: lambda x: f"{x.seconds:.0f} s: {shortened(x.reason, 200)}",
    e.ToolCalled: lambda x: f"{x.tool}: {x.summary}",
    e.RequirementsEdited: lambda x: shortened(x.change, 200),
    e.RequirementsQuestioned: lambda x: shortened(x.text, 200),
    e.SteeringGiven: lambda x: shortened(x.text, 200),
    e.ApprovalRefused: lambda x: shortened(x.reason, 200),
    e.BudgetWarned: lambda x: x.words,
    e.BudgetSpent: lambda x: x.limit,
    e.EvidenceJudged: lambda x: f"{x.verdict.in_words} at {x.verdict.commit[:10]}",
    e.EffectIntended: lambda x: x.what,
    e.EffectDone: lambda x: f"{x.key}: {shortened(x.result, 100)}",
    e.BranchPushed: lambda x: f"{x.branch} at {x.commit[:10]}",
    e.PullRequestOpened: lambda x: f"#{x.number} {x.title}",
    e.ApprovalRequested: lambda x: f"{x.action} of {x.commit[:10]}",
    e.Merged: lambda x: f"#{x.number} as {x.commit[:10]}",
    e.ReleasePublished: lambda x: f"{x.tag} at {x.commit[:10]}",
    e.JobPaused: lambda x: x.reason,
    e.JobUndone: lambda x: "removed " + (", ".join(x.removed) or "nothing"),
    e.JobFinished: lambda x: f"{x.outcome.value}: {shortened(x.reason, 200)}",
}


def _what(event: e.Event) -> str:
    name = re.sub(r"(?<!^)([A-Z])", r" \1", type(event).__name__).lower()
    words = _WHAT.get(type(event))
    return f"{name}: {words(event)}" if words else name


# ----------------------------------------------------------------------------------------------- export

END = "end of export"


def export(chain: Chain, logs: Mapping[str, Iterable[StoredEvent]], mask: Masker) -> Iterator[str]:
    """The chain's acts as lines of JSON, secrets masked; each line carries its digest over itself and all before it."""
    said = {(act.job, act.seq): act for log in logs.values() for act in acts(log)}
    before, number = "", 0
    for number, link in enumerate(chain.links, 1):
        act = said[link.job, link.seq]
        words = {"who": mask(act.who), "what": mask(act.what), "authority": mask(act.authority)}
        line = {"line": number, "job": link.job, "seq": link.seq, "at": link.at} | words
        line |= {"event": link.name, "version": link.version, "content": link.content, "link": link.digest}
        before = seal(before, list(line.items()))
        yield json.dumps(line | {"digest": before})
    last = {"line": number + 1, "what": END, "events": chain.length, "older": chain.older}
    yield json.dumps(last | {"digest": seal(before, list(last.items()))})


def verify_export(lines: Iterable[str], chain: Chain | None = None) -> list[Breach]:
    """Every line of an export that was edited, removed or moved; with `chain` also what differs from the log."""
    own = {(link.job, link.seq): link.digest for link in chain.links} if chain else {}
    breaches: list[Breach] = []
    before, number, record = "", 0, dict[str, Any]()
    for number, text in enumerate(lines, 1):
        record = _record(text)
        digest = record.pop("digest", "")
        where = f"line {number}"
        if record.get("line") != number or seal(before, list(record.items())) != digest:
            breaches.append(Breach(where, "it was edited or moved, or lines before it were removed"))
        elif chain and "job" in record and own.get((record["job"], record["seq"])) != record["link"]:
            breaches.append(Breach(where, "it is not what this installation's log holds"))
        before = str(digest)
    if record.get("what") != END:
        breaches.append(Breach(f"line {number + 1}", "the end of the export is missing"))
    return breaches


def _record(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
