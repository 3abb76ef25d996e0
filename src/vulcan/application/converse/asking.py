"""The questions that Vulcan asks before it acts."""

from __future__ import annotations

from vulcan.domain.messages import Intent, Proposal


def question_of(asked: Proposal) -> str:
    """What Vulcan asks before it does something that it could only guess at."""
    questions = {
        Intent.NEW_JOB: f"Start a job with this instruction: {asked.text}",
        Intent.STEERING: f"Tell job {asked.job} this: {asked.text}",
        Intent.CONFIRMATION: f"Is this your word on the requirements of job {asked.job}: {asked.text}",
        Intent.APPROVAL: f"Approve the merge of {asked.commit[:10]} (job {asked.job})",
        Intent.REFUSAL: f"Refuse what job {asked.job} waits for, which ends it",
        Intent.CANCEL: f"End job {asked.job}",
        Intent.UNDO: f"Undo job {asked.job}: remove its branches and close its open pull request",
        Intent.RESUME: f"Go on with job {asked.job}",
    }
    return f"{questions[asked.intent]} (yes/no)"
