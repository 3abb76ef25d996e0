"""When a recipe counts: what two builds of it from scratch showed, and whether faults turn its tests red."""

from __future__ import annotations

from dataclasses import dataclass

from vulcan.domain.baseline import ENOUGH, TestEstimate, sight, too_little
from vulcan.domain.environment import Proof
from vulcan.domain.testing import Outcome, TestRun

HALF = 2
"""Where a report names no files, so many times as many tests may be estimated as are seen: the estimate is rough."""
NAMED = 10


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault planted in the product: where, and which tests that passed twice before don't pass with it."""

    place: str
    red: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trials:
    """What was seen of one recipe.

    Attributes:
        first: the whole suite, offline, on a build from scratch.
        second: the same on another build; None where the first showed too little already.
        faults: what was planted on the second build, in this order, until tests turned red.
        broken: setup commands that failed, with what they said.
    """

    first: TestRun
    estimate: TestEstimate
    second: TestRun | None = None
    faults: tuple[Fault, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def stable(self) -> frozenset[str]:
        """Tests that pass in both builds."""
        return passing(self.first) & passing(self.second) if self.second else frozenset()

    @property
    def unstable(self) -> tuple[str, ...]:
        """Tests that pass in one build only: no part of the proof."""
        return tuple(sorted(passing(self.first) ^ passing(self.second))) if self.second else ()

    @property
    def lost(self) -> bool:
        """Whether no further trial can prove the recipe."""
        runs = [self.first, self.second] if self.second else [self.first]
        return bool(self.broken or self._flaky()) or any(_trouble(run, self.estimate) for run in runs)

    @property
    def proven(self) -> bool:
        """Whether nothing speaks against the recipe."""
        return not self.objections

    @property
    def objections(self) -> tuple[str, ...]:
        """Why the recipe does not count, in the order in which it shows; none if it does."""
        if self.broken:
            return tuple(f"a command fails: {each}" for each in self.broken)
        for which, run in (("first", self.first), ("second", self.second)):
            if run is not None and (trouble := _trouble(run, self.estimate)):
                return (f"the {which} build from scratch {trouble}",)
        if self.second is None:
            return ("it was built once only",)
        if trouble := self._flaky():
            return (trouble,)
        if not any(fault.red for fault in self.faults):
            return (_unnoticed(self.faults),)
        return ()

    def _flaky(self) -> str:
        stable, either = len(self.stable), len(self.stable) + len(self.unstable)
        if 100 * stable >= ENOUGH * either:
            return ""
        names = ", ".join(self.unstable[:NAMED])
        return f"only {stable} of {either} tests pass in both builds from scratch; not stable: {names}"


def passing(run: TestRun) -> frozenset[str]:
    """Ids of the tests that pass."""
    return frozenset(result.id for result in run.results if result.outcome is Outcome.PASSED)


def proof_of(trials: Trials, digest: str) -> Proof:
    """The proof to record with a recipe; `digest` is that of the files that name dependencies."""
    seen = [result for result in trials.first.results if result.outcome is not Outcome.ERROR]
    failing = {r.id for r in trials.first.results if r.outcome in (Outcome.FAILED, Outcome.ERROR)}
    return Proof(
        passed=len(trials.stable),
        failed=len(failing - set(trials.unstable)),
        files=len({result.id.partition("::")[0] for result in seen if "::" in result.id} - {"", "."}),
        digest=digest,
    )


def gap(proof: Proof | None, run: TestRun, digest: str) -> str:
    """What a run shows less than a recipe's proof, in words; empty where the proof holds."""
    if proof is None:
        return ""
    passed = len(passing(run))
    if passed < proof.passed:
        return f"the recipe's proof does not hold: {passed} tests pass, {proof.passed} did when it was made"
    if proof.digest and digest and proof.digest != digest:
        return "the recipe's proof is of other dependencies than the project names now"
    return ""


def _trouble(run: TestRun, estimate: TestEstimate) -> str:
    if too_little(run, estimate):
        return sight(run, estimate)
    if Outcome.PASSED not in run.counts:
        return "sees no test that passes"
    seen = sum(result.outcome is not Outcome.ERROR for result in run.results)
    if not estimate.paths and HALF * seen < estimate.tests:
        return f"sees {seen} of about {estimate.tests} tests"
    return ""


def _unnoticed(faults: tuple[Fault, ...]) -> str:
    if not faults:
        return "no place was found where a fault could be planted that its tests would notice"
    tried = "; ".join(fault.place for fault in faults)
    return f"no test turned red although a fault was planted: {tried}"
