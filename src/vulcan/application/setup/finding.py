"""Finding a recipe: the one that stands where it sees enough, else one that an engineer proposes; then its proof."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from vulcan.application.conversation.log import ConversationCalls, ConversationLog
from vulcan.application.jobs.commands import new_job_id
from vulcan.application.jobs.spending import usage_in_words
from vulcan.application.overview import overview
from vulcan.application.ports import BlobStore, EnvironmentEngineer, EventStore, History, Workspace
from vulcan.application.setup.proof import JOB, Grounds, Proven, Tell, prove
from vulcan.application.stages.prepare import TIMEOUT_HINT, seen_in
from vulcan.domain.baseline import Baseline, sight
from vulcan.domain.budget import Budget
from vulcan.domain.environment import Recipe
from vulcan.domain.errors import BudgetExceeded, ToolError, UserError, VulcanError
from vulcan.domain.events import ConversationStarted, MessageSaid
from vulcan.domain.messages import Intent, Speaker
from vulcan.domain.proving import Trials
from vulcan.domain.testing import Outcome

SHOWN, TAIL, NOTE = 5, 1_200, 600
MOST_TRIES = 12
KIND = "s"
"""With which the ids of setups' logs begin, beside those of conversations."""
PROVEN, NOT_PROVEN = "proven", "not proven"
NO_MODEL_HINT = (
    'Let a model find out: vulcan setup --model NAME. Or say how its tests are run: vulcan setup --command "..." '
    '--report pytest, and --setup "..." for what must be done before.'
)


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen of a project with a recipe.

    Attributes:
        notes: what could not be installed or set up.
    """

    baseline: Baseline
    recipe: Recipe
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Engineering:
    """What an engineer works with.

    Attributes:
        engineer: made when it is first needed; raises `UserError` where its model can't be asked.
        log: begins a log of the calls, or goes on with one that was cut off.
        reading: opens the project's files for reading.
        budget: of all its calls; its rounds are how many proposals may be proven.
        seconds: how long the work has taken so far.
    """

    engineer: Callable[[], EnvironmentEngineer]
    log: Callable[[], ConversationLog]
    reading: Callable[[], AbstractAsyncContextManager[Workspace]]
    budget: Budget
    seconds: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds and proves the recipe of a commit.

    Attributes:
        standing: the recipe that the repository's own settings give; detectors fill in the rest. What is proposed is
            for the same folder.
    """

    grounds: Grounds
    history: History
    commit: str
    standing: Recipe
    tell: Tell

    async def find(self, engineering: Engineering | None) -> Proven:
        """The recipe with its proof, or the last one that was tried and what speaks against it.

        Raises:
            UserError: too little is seen, and there is no engineer to find out why, or time is what is missing.
            BudgetExceeded: a limit is used up before a recipe is proven.
        """
        seen = await self.look(self.standing)
        self.tell("look", seen.baseline.blind or sight(seen.baseline.run, seen.baseline.estimate))
        if not seen.baseline.blind:
            return await prove(self.grounds, self.standing, self.commit, self.tell)
        if engineering is None or seen.baseline.hint == TIMEOUT_HINT:
            notes = [f"note: {' '.join(note.split())[:300]}" for note in seen.notes[:3]]
            helps = TIMEOUT_HINT if seen.baseline.hint == TIMEOUT_HINT else NO_MODEL_HINT
            raise UserError(f"Vulcan {seen.baseline.blind}", hint="\n".join([*notes, helps]))
        engineer, log = engineering.engineer(), engineering.log()
        try:
            found = await self._engineered(engineering, engineer, log, seen)
        finally:
            self.tell("spent", usage_in_words(log.state.usage))
        log.append(MessageSaid(Speaker.VULCAN, Intent.COMMAND, PROVEN if found.counts else NOT_PROVEN))
        return found

    async def look(self, recipe: Recipe) -> Look:
        """What a recipe shows of the project's tests; what is installed anyway need not be installed again."""
        async with (
            self.grounds.open(recipe, fresh=False) as services,
            services.checkouts.clean(JOB, self.commit, self.commit) as checkout,
        ):
            baseline = await seen_in(services, checkout, self.commit)
            return Look(baseline, checkout.environment.recipe, checkout.environment.notes)

    async def _engineered(
        self, engineering: Engineering, engineer: EnvironmentEngineer, log: ConversationLog, seen: Look
    ) -> Proven:
        """Proposals, each proven or sent back with what speaks against it."""
        calls = SetupCalls(log, engineering.budget, engineering.seconds)
        tried: Proven | None = None
        told = self._briefing(seen)
        for number in range(1, engineering.budget.rounds + 1):
            self.tell("ask", f"asking for a recipe, round {number} of {engineering.budget.rounds}")
            async with engineering.reading() as files:
                proposed = await engineer.propose(f"{JOB}/{number}", told, files, Bench(self), calls)
            if proposed is None:
                break
            proposed = replace(proposed, path=self.standing.path)
            self.tell("proposal", in_words(proposed))
            tried = await prove(self.grounds, proposed, self.commit, self.tell)
            if tried.counts:
                return tried
            told = self._briefing(seen, tried)
        return tried or Proven(seen.recipe, Trials(seen.baseline.run, seen.baseline.estimate))

    def _briefing(self, seen: Look, failed: Proven | None = None) -> str:
        parts = [
            overview(self.history, self.commit),
            f"What Vulcan sees so far, with this recipe ({in_words(seen.recipe)}):\n{_report(seen)}",
        ]
        if failed is not None:
            objections = "\n".join(f"- {each}" for each in failed.trials.objections)
            parts.append(f"Your last proposal ({in_words(failed.recipe)}) was not proven:\n{objections}")
        return "\n\n".join(parts)


class Bench:
    """Where an engineer tries recipes: each on a copy of its own, from the installed packages on."""

    def __init__(self, finder: Finder) -> None:
        self._finder, self._tries = finder, 0

    async def attempt(self, recipe: Recipe) -> str:
        """What a recipe shows, in words for a model; raises `ToolError` where too much was tried."""
        self._tries += 1
        if self._tries > MOST_TRIES:
            raise ToolError(f"{MOST_TRIES} recipes were tried; submit the best one.")
        try:
            seen = await self._finder.look(replace(recipe, path=self._finder.standing.path))
        except VulcanError as error:
            return f"The environment can't be made: {error.message[-TAIL:]}"
        self._finder.tell("try", f"{in_words(recipe)}: {seen.baseline.in_words}")
        return _report(seen)


def in_words(recipe: Recipe) -> str:
    """A recipe in one line."""
    parts = [f"setup: {'; '.join(recipe.setup)}" if recipe.setup else ""]
    parts.append(f"command: {recipe.command or 'pytest'}, report: {recipe.report.value}")
    parts.append(f"python {recipe.python}" if recipe.python else "")
    return ", ".join(filter(None, parts))


def _report(seen: Look) -> str:
    """Sight line, counts, notes and the ends of what failed, bounded."""
    run = seen.baseline.run
    counts = ", ".join(f"{count} {outcome.value}" for outcome, count in run.counts.items())
    lines = [sight(run, seen.baseline.estimate), f"results: {counts or 'none'}; exit code {run.exit_code}"]
    lines += [f"note: {note[-NOTE:]}" for note in seen.notes[:SHOWN]]
    if run.note:
        lines.append(f"output:\n{run.note[-TAIL:]}")
    bad = [r for r in run.results if r.outcome in (Outcome.ERROR, Outcome.FAILED)]
    lines += [f"{r.id}: {r.outcome.value}\n{r.message[-NOTE:]}" for r in bad[:SHOWN]]
    return "\n".join(lines)


class SetupCalls(ConversationCalls):
    """The journal of a setup's model calls: recorded like those of a conversation, bounded by the budget of a job."""

    def __init__(self, log: ConversationLog, budget: Budget, seconds: Callable[[], float]) -> None:
        super().__init__(log, budget)
        self._setup, self._limits, self._seconds = log, budget, seconds

    def check_budget(self) -> None:
        """Stop where a limit is used up."""
        spent = self._limits.exceeded(self._setup.state.usage, self._seconds())
        if spent:
            raise BudgetExceeded(
                f"the setup has used up its limit ({spent})",
                hint="Give it more, such as: vulcan setup --max-cost ..., or name the recipe yourself.",
            )


def log_of(
    store: EventStore, blobs: BlobStore, now: float, root: str, asked: str, by: str
) -> ConversationLog:
    """A log for a setup's model calls: that of the same setup if it was cut off, whose answers then need not be paid again."""
    for each in reversed(store.jobs()):
        if each.startswith(KIND):
            log = ConversationLog(each, store, blobs)
            messages = log.state.messages
            if log.state.started_in(root) and len(messages) == 1 and messages[0].text == asked:
                return log
            break
    log = ConversationLog(f"{KIND}{new_job_id(now)}", store, blobs)
    log.append(ConversationStarted(root, by), MessageSaid(Speaker.PERSON, Intent.COMMAND, asked))
    return log
