"""The proof of a recipe: built twice from scratch, run offline, with the same passes, and red where a fault is planted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from vulcan.application.ports import Checkout, PreparedEnvironment
from vulcan.application.services import Services
from vulcan.application.setup.faults import planted
from vulcan.application.stages.prepare import estimate_of
from vulcan.domain.baseline import sight
from vulcan.domain.environment import Recipe
from vulcan.domain.proving import Fault, Trials, proof_of
from vulcan.domain.testing import TestRun

JOB = "setup"
NAMED = 3
SHOWN = 400
Tell = Callable[[str, str], None]
"""Takes a kind of step and a line about it."""


class Grounds(Protocol):
    """Where recipes are tried: what is built there is used for nothing else and gone at the end."""

    def open(self, recipe: Recipe, *, fresh: bool) -> AbstractAsyncContextManager[Services]:
        """Services whose environments are made by a recipe, under what the user's own settings say.

        Args:
            recipe: what the repository's settings would say.
            fresh: whether nothing that was installed before may be used, downloaded files aside.
        """


@dataclass(frozen=True, slots=True)
class Proven:
    """A recipe with what was seen of it; it counts where nothing speaks against it.

    Attributes:
        recipe: as it was used, with its proof where it has one.
    """

    recipe: Recipe
    trials: Trials

    @property
    def counts(self) -> bool:
        """Whether it is proven."""
        return self.trials.proven


async def prove(grounds: Grounds, recipe: Recipe, commit: str, tell: Tell) -> Proven:
    """Build a recipe twice from scratch and plant faults; the trials end as soon as they can't prove it any more."""
    async with _built(grounds, recipe, commit) as (services, checkout):
        estimate = await estimate_of(services, checkout)
        used = checkout.environment
        trials = Trials(await _suite(services, checkout), estimate, broken=_broken(used))
    tell("proof", f"first build from scratch {sight(trials.first, estimate)}")
    if trials.lost:
        return Proven(used.recipe, trials)
    async with _built(grounds, recipe, commit) as (services, checkout):
        trials = replace(trials, second=await _suite(services, checkout))
        tell("proof", f"second build from scratch {sight(trials.second or trials.first, estimate)}")
        if not trials.lost:
            trials = await _with_faults(services, checkout, commit, trials, tell)
    return Proven(_recorded(used, trials), trials)


@asynccontextmanager
async def _built(grounds: Grounds, recipe: Recipe, commit: str) -> AsyncIterator[tuple[Services, Checkout]]:
    async with (
        grounds.open(recipe, fresh=True) as services,
        services.checkouts.clean(JOB, commit, commit) as checkout,
    ):
        yield services, checkout


def _broken(used: PreparedEnvironment) -> tuple[str, ...]:
    return tuple(" ".join(note.split())[-SHOWN:] for note in used.notes if note.startswith("setup: "))


async def _suite(services: Services, checkout: Checkout) -> TestRun:
    request = services.tests.request()
    return (await services.runner.run(checkout.path, checkout.environment, request)).run


async def _with_faults(
    services: Services, checkout: Checkout, commit: str, trials: Trials, tell: Tell
) -> Trials:
    """Plant faults until one is noticed."""
    async for fault in planted(services, checkout, JOB, commit, trials.stable, trials.first):
        trials = replace(trials, faults=(*trials.faults, fault))
        tell("fault", f"{fault.place}: {_noticed(fault)}")
        if fault.red:
            break
    return trials


def _noticed(fault: Fault) -> str:
    if not fault.red:
        return "no test turns red"
    more = f" and {len(fault.red) - NAMED} more" if len(fault.red) > NAMED else ""
    return f"red: {', '.join(fault.red[:NAMED])}{more}"


def _recorded(used: PreparedEnvironment, trials: Trials) -> Recipe:
    proof = proof_of(trials, used.naming) if trials.proven else None
    return replace(used.recipe, proof=proof)
