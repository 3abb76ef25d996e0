"""What people ask of jobs: start one, answer, steer, confirm, approve, refuse, raise its budget, cancel, undo."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vulcan.application.jobs.amendments import Amendment, amend
from vulcan.application.jobs.log import JobLog
from vulcan.application.jobs.queries import JobQueries
from vulcan.application.ports import Clock, EventStore, Forge, SourceRepository
from vulcan.application.ports.project import Projects
from vulcan.domain.budget import Budget
from vulcan.domain.errors import ConcurrentAppend, UserError
from vulcan.domain.events import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    BudgetRaised,
    ClarificationAnswered,
    Event,
    JobCancelled,
    JobRequested,
    JobUndone,
    RequirementsConfirmed,
    RequirementsEdited,
    RequirementsQuestioned,
    SteeringGiven,
)
from vulcan.domain.job import Ended, Job, Waiting, WaitingFor
from vulcan.domain.policy import ReviewPolicy

MAX_INSTRUCTION = 20_000
NEW_JOB = "Start a new job for it."
DIGITS = string.digits + string.ascii_lowercase


@dataclass(frozen=True, slots=True)
class Order:
    """What a person orders with `vulcan run`."""

    instruction: str
    repository: Path
    model: str
    budget: Budget
    policy: ReviewPolicy
    by: str = ""
    ask: bool = True
    confirm: bool = False
    conversation: str = ""
    rules: tuple[str, ...] = ()
    blind: bool = False


def new_job_id(now: float) -> str:
    """A short id that sorts by time: seconds in base 36, then two random digits."""
    number, text = int(now), ""
    while number:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
    return f"{text}{secrets.choice(DIGITS)}{secrets.choice(DIGITS)}"


def need_model(name: str) -> None:
    """Raise `UserError` where no model is named, and say how to name one."""
    if not name:
        raise UserError(
            "no model is configured. Set one of these, then run again:",
            hint="  vulcan init                              asks for a provider, a model and its key, and stores them\n"
            "  --model anthropic:claude-sonnet-5-5      with ANTHROPIC_API_KEY (any Pydantic AI provider by name)\n"
            "  --model NAME --base-url http://HOST/v1   any OpenAI-compatible server, key in OPENAI_API_KEY\n"
            "  --model dust:AGENT                       an agent of a Dust workspace; see: vulcan models\n"
            '  model = "NAME" under [tool.vulcan] in pyproject.toml, VULCAN_MODEL, or see it work first: vulcan demo',
        )


class JobCommands:
    """Takes what people order and appends it to the logs of jobs.

    Args:
        queries: the jobs as they are.
        source: users' repositories.
        projects: a repository with all that is needed to work on it.
    """

    def __init__(
        self,
        store: Callable[[], EventStore],
        clock: Clock,
        queries: JobQueries,
        source: Callable[[], SourceRepository],
        projects: Projects,
    ) -> None:
        self._store, self._clock, self._queries = store, clock, queries
        self._source, self._projects = source, projects

    def request(self, order: Order) -> str:
        """Start a job; returns its id.

        Raises:
            UserError: the instruction or the repository can't be used.
        """
        need_model(order.model)
        instruction = order.instruction.strip()
        if not any(character.isalnum() for character in instruction):
            raise UserError(
                "the instruction is empty",
                hint='Say what is to change, such as: vulcan run "Add a --json flag to the list command"',
            )
        if len(instruction) > MAX_INSTRUCTION:
            raise UserError(
                f"the instruction has {len(instruction):,} characters, at most {MAX_INSTRUCTION:,} are taken",
                hint="Put details into a file of the repository and name the file in the instruction.",
            )
        state = self._source().inspect(order.repository)
        event = JobRequested(
            instruction=instruction,
            repository=str(state.root),
            base_commit=state.head,
            base_branch=state.branch or f"detached-{state.head[:10]}",
            model=order.model,
            budget=order.budget,
            policy=order.policy,
            requested_by=order.by,
            notes=state.notes,
            ask=order.ask,
            conversation=order.conversation,
            confirm=order.confirm,
            rules=order.rules,
            blind=order.blind,
        )
        while True:
            job = new_job_id(self._clock.now())
            try:
                self._store().append(job, 0, [event])
            except ConcurrentAppend:
                continue
            return job

    def answer(self, job: str, text: str, by: str) -> None:
        """Answer the job's open question."""
        log = self._queries.log(job)
        self._must_wait_for(log.job, WaitingFor.CLARIFICATION, "has no open question")
        log.append(ClarificationAnswered(text, by))

    def steer(self, job: str, text: str, by: str) -> None:
        """Tell the job something; the model hears it before its next call."""
        if not text.strip() or len(text) > MAX_INSTRUCTION:
            raise UserError(f"a message to a job has 1 to {MAX_INSTRUCTION:,} characters")

        def comes_too_late(state: Job) -> bool:
            if isinstance(end := state.next_stage(), Ended):
                raise UserError(f"job {job} has ended ({end.outcome.value})", hint=NEW_JOB)
            if state.merging or (state.deployment and state.deployment.merge_commit):
                raise UserError(f"job {job} is merged already, or is being merged", hint=NEW_JOB)
            return False

        self._queries.log(job).append(SteeringGiven(text.strip(), by), unless=comes_too_late)

    def confirm(self, job: str, by: str) -> None:
        """Agree to the requirements as they stand."""
        log = self._asked_for_requirements(job)
        log.append(RequirementsConfirmed(by))

    def amend(self, job: str, word: Amendment, by: str) -> str:
        """Edit or veto items of the requirements' list; returns in words what becomes of it.

        Raises:
            UserError: there is no such item, or no criterion would be left.
        """
        log = self._asked_for_requirements(job)
        if log.job.requirement is None:
            raise UserError(f"job {job} has no requirements yet")
        amended = amend(log.job.requirement, word)
        if amended.question:
            log.append(RequirementsQuestioned(amended.question, by))
        else:
            log.append(RequirementsEdited(amended.requirement, amended.change, by))
        return amended.change

    def _asked_for_requirements(self, job: str) -> JobLog:
        log = self._queries.log(job)
        self._must_wait_for(log.job, WaitingFor.CONFIRMATION, "does not wait for a word on its requirements")
        return log

    def approve(self, job: str, by: str, commit: str = "") -> str:
        """Approve what the job waits for, if it is still about `commit`; returns what that is."""
        log, asked = self._asked_for_approval(job, commit)
        log.append(ApprovalGranted(asked.digest, by), unless=self._another(job, asked.commit))
        return f"{asked.action} of {asked.commit[:10]}"

    def refuse(self, job: str, by: str, reason: str = "", commit: str = "") -> str:
        """Refuse what the job waits for, if it is still about `commit`; returns what was refused.

        The job ends, its pull request stays open.
        """
        log, asked = self._asked_for_approval(job, commit)
        log.append(ApprovalRefused(asked.digest, by, reason), unless=self._another(job, asked.commit))
        return f"{asked.action} of {asked.commit[:10]}"

    def _asked_for_approval(self, job: str, commit: str) -> tuple[JobLog, ApprovalRequested]:
        log = self._queries.log(job)
        self._must_wait_for(log.job, WaitingFor.APPROVAL, "does not wait for an approval")
        if log.job.approval is None:
            raise UserError(f"job {job} does not say what is to be approved")
        self._another(job, commit or log.job.approval.commit)(log.job)
        return log, log.job.approval

    def _another(self, job: str, commit: str) -> Callable[[Job], bool]:
        """Raises where the job does not wait for the approval of this commit any more."""

        def check(state: Job) -> bool:
            self._must_wait_for(state, WaitingFor.APPROVAL, "does not wait for an approval")
            if state.approval is None or state.approval.commit != commit:
                now = state.approval.commit[:10] if state.approval else "none"
                raise UserError(
                    f"job {job} waits for the approval of another commit by now ({now})",
                    hint="Look at it again, then approve.",
                )
            return False

        return check

    def raise_budget(self, job: str, budget: Budget, by: str) -> None:
        """Give the job other limits."""
        log = self._queries.log(job)
        if budget != log.job.budget:
            log.append(BudgetRaised(budget, by))

    def cancel(self, job: str, by: str) -> None:
        """End the job; a worker that is on it stops before its next step."""
        log = self._queries.log(job)
        ended = log.job.next_stage()
        if isinstance(ended, Ended):
            raise UserError(f"job {job} has ended already ({ended.outcome.value})")
        log.append(JobCancelled(by))

    async def pull(self, job: str) -> str:
        """Fast-forward the branch that a job was merged into, where the person has it checked out; says what became of it.

        Raises:
            UserError: something of the person's is in the way; nothing was changed.
        """
        request = self._queries.request(job)
        project, branch = self._projects(Path(request.repository)), request.base_branch
        target = await project.forge.branches.head(branch)
        if not target:
            raise UserError(f"the forge has no branch {branch}")
        try:
            old = project.source.advance(project.root, branch, target)
        except UserError as error:
            by_hand = f"By hand: git pull {project.pull_address} {branch}"
            raise UserError(error.message, hint=f"{error.hint} {by_hand}".strip()) from error
        if not old:
            return f"Your {branch} has it already."
        changed = project.repository.changes(old, target)
        return f"Your {branch} is brought forward from {old[:10]} to {target[:10]}: {len(changed)} files changed."

    async def undo(self, job: str, by: str) -> tuple[str, ...]:
        """Remove what the job made outside of its log: branches, the open pull request, working directories."""
        log = self._queries.log(job)
        project = self._projects(Path(self._queries.request(job).repository))
        if not isinstance(log.job.next_stage(), Ended):
            log.append(JobCancelled(by))  # first, so that no worker makes anew what is being removed
        removed = await _remove(log.job, project.source, project.forge)
        project.checkouts.remove(job)
        event: Event = JobUndone(removed, by)
        log.append(event)
        return removed

    @staticmethod
    def _must_wait_for(job: Job, what: WaitingFor, complaint: str) -> None:
        state = job.next_stage()
        if not (isinstance(state, Waiting) and state.waiting_for is what):
            raise UserError(f"the job {complaint}", hint="See what it waits for with: vulcan show")


def what_stays(job: Job) -> str:
    """What undoing a job does not take back: its merge; empty where there is none."""
    merge = job.deployment.merge_commit if job.deployment else ""
    if not merge or job.request is None:
        return ""
    return (
        f"Its merge stays: {merge[:10]} is on {job.request.base_branch} of the forge. "
        f"To take that back: git revert -m 1 {merge[:10]}"
    )


async def _remove(job: Job, source: SourceRepository, forge: Forge) -> tuple[str, ...]:
    deployment, removed = job.deployment, []
    if deployment is None or not deployment.branch or job.request is None:
        return ()
    branch = deployment.branch
    if source.withdraw(Path(job.request.repository), branch):
        removed.append(f"branch {branch} of {job.request.repository}")
    pull = await forge.pull_requests.find(branch)
    if pull is not None and pull.state == "open":
        await forge.pull_requests.update(
            pull.number, title=pull.title, body=pull.body, draft=pull.draft, closed=True
        )
        removed.append(f"pull request #{pull.number} (closed)")
    if await forge.branches.head(branch):
        await forge.branches.delete(branch)
        removed.append(f"branch {branch} of the forge")
    return tuple(removed)
