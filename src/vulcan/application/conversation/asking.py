"""The questions that Vulcan asks before it acts."""

from __future__ import annotations

from vulcan.domain.messages import Intent, Proposal
from vulcan.domain.texts import shortened

LETTERS, LINES = 1_000, 12
"""How much of a person's words is said back to them."""


def quoted(text: str) -> str:
    """A person's words, or their beginning: they know what else they said or pasted."""
    lines = text.split("\n")
    head = shortened("\n".join(lines[:LINES]), LETTERS)
    return head if len(lines) <= LINES else f"{head}\n[{len(lines) - LINES} lines more]"


def question_of(asked: Proposal) -> str:
    """What Vulcan asks before it does something that it could only guess at."""
    text = quoted(asked.text)
    questions = {
        Intent.NEW_JOB: f"Start a job with this instruction: {text}",
        Intent.STEERING: f"Tell job {asked.job} this: {text}",
        Intent.CONFIRMATION: f"Is this your word on the requirements of job {asked.job}: {text}",
        Intent.APPROVAL: f"Approve the merge of {asked.commit[:10]} (job {asked.job})",
        Intent.REFUSAL: f"Refuse what job {asked.job} waits for, which ends it",
        Intent.CANCEL: f"End job {asked.job}",
        Intent.UNDO: f"Undo job {asked.job}: remove its branches and close its open pull request",
        Intent.RESUME: f"Go on with job {asked.job}",
    }
    return f"{questions[asked.intent]} (yes/no)"
