"""What a model is told of a conversation: data first and always, prose as far as there is room."""

from __future__ import annotations

from collections.abc import Sequence

from vulcan.application.conversation.asking import question_of
from vulcan.application.jobs.amendments import numbered_list
from vulcan.domain.conversation import Conversation
from vulcan.domain.job import Ended, Job, Waiting
from vulcan.domain.messages import Note
from vulcan.domain.texts import shortened

MAX_NOTES = 8_000
MAX_MESSAGE = 2_000
MAX_ITEMS = 20


def context_of(conversation: Conversation, job: Job | None) -> str:
    """Notes, the job as data, and what was said before the newest message: older prose as a digest, newer word for word."""
    parts = [_notes(conversation.notes)]
    if job is not None and job.request is not None:
        parts.append(_job(conversation.job, job))
    if conversation.digest:
        parts.append(f"Earlier in the conversation, in short:\n{conversation.digest}")
    if conversation.proposal is not None:
        parts.append(f"Vulcan asked this, and it waits for a yes or no: {question_of(conversation.proposal)}")
    said = "\n".join(f"{m.speaker.value}: {_clipped(m.text)}" for m in conversation.recent[:-1])
    if said:
        parts.append(f"The conversation's last messages:\n{said}")
    return "\n\n".join(part for part in parts if part)


def _clipped(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]} [...]"


def _notes(notes: Sequence[Note]) -> str:
    """All notes; where they are too many, the oldest that are no rules go first."""
    if not notes:
        return ""
    by_weight = sorted(notes, key=lambda note: (note.kind.value != "rule", -note.number))
    kept, size = set(), 0
    for note in by_weight:
        if (
            size + len(clipped := _clipped(note.text)) <= MAX_NOTES
        ):  # a long one does not crowd out the others
            size += len(clipped)
            kept.add(note.number)
    lines = [f"- {note.kind.value}: {_clipped(note.text)}" for note in notes if note.number in kept]
    return "Kept from this conversation:\n" + "\n".join(lines)


def _job(job_id: str, job: Job) -> str:
    lines = [f"The job that is talked about: {job_id}"]
    if job.request:
        lines.append(f"Instruction: {_clipped(job.request.instruction)}")
    lines.append(f"State: {state_of(job)}")
    if job.requirement:
        lines += numbered_list(job.requirement)
    if job.verdict:
        lines += [
            f"{proof.criterion}: {'shown by ' + ', '.join(proof.tests) if proof.tests else 'not shown'}"
            for proof in job.verdict.criteria
        ]
    lines += [f"Said by the person while it was under way: {_clipped(text)}" for text in job.steering]
    lines += [f"Decided: {answer}" for answer in job.answers]
    lines += [f"So far: {note}" for note in job.history[-MAX_ITEMS:]]
    lines += [f"Open: {shortened(finding.text, 300)}" for finding in job.findings[:MAX_ITEMS]]
    if job.deployment and job.deployment.pull_request:
        lines.append(f"Pull request #{job.deployment.pull_request}, branch {job.deployment.branch}")
    return "\n".join(lines)


def state_of(job: Job) -> str:
    """Where the job stands, in a few words."""
    state = job.next_stage()
    if isinstance(state, Ended):
        return f"ended: {state.outcome.value}. {job.reason}".strip()
    if isinstance(state, Waiting):
        return f"waits for {state.waiting_for.value}: {state.reason}"
    return f"in {state.value}, round {job.round}"
