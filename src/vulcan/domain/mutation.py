"""Mutation testing: small changes of the changed lines, each of which some test should notice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MutantOutcome(StrEnum):
    """What became of a mutant.

    Killed: a test failed, ran endlessly or crashed with it. Not run: no test reaches its statement. Not checked: there was
    no time for it.
    """

    KILLED = "killed"
    SURVIVED = "survived"
    NOT_RUN = "not run"
    NOT_CHECKED = "not checked"


TELLING = frozenset({"statement removed", "return value", "condition negated", "handler removed"})
"""Operators whose mutants do without a part of the code, so that one that survives says: no test needs it."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small change of a changed line; `test` is what noticed it, `told` whether its author was told of it before."""

    path: str
    line: int
    operator: str
    before: str
    after: str
    outcome: MutantOutcome
    test: str = ""
    told: bool = False

    @property
    def open(self) -> bool:
        """Whether no test notices it."""
        return self.outcome in (MutantOutcome.SURVIVED, MutantOutcome.NOT_RUN)

    @property
    def telling(self) -> bool:
        """Whether the code does without a part of itself here."""
        return self.operator in TELLING

    @property
    def change(self) -> tuple[str, str, str, str]:
        """What it changes, wherever its line has moved to."""
        return self.path, self.operator, self.before, self.after


@dataclass(frozen=True, slots=True)
class MutationRun:
    """All mutants of a change.

    Attributes:
        tests: how many tests passed without a mutant and were run against them.
        seconds: how long it took.
        note: why there are no mutants, or what speaks against what they say; empty if nothing.
    """

    mutants: tuple[Mutant, ...] = ()
    tests: int = 0
    seconds: float = 0.0
    note: str = ""

    @property
    def killed(self) -> int:
        """How many a test noticed."""
        return sum(each.outcome is MutantOutcome.KILLED for each in self.mutants)

    @property
    def open(self) -> tuple[Mutant, ...]:
        """Those that no test notices."""
        return tuple(each for each in self.mutants if each.open)

    @property
    def checked(self) -> tuple[Mutant, ...]:
        """Those there was time for."""
        return tuple(each for each in self.mutants if each.outcome is not MutantOutcome.NOT_CHECKED)
