"""What a job may cost, and what it has cost."""

from __future__ import annotations

from dataclasses import dataclass

WARN_AT = 0.8
"""Share of a limit at which the person is warned."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What model calls cost.

    Attributes:
        cost: US dollars, None as soon as one call's price is unknown.
        credits: what a service that bills in credits told of its calls.
        estimated: whether tokens of any call were estimated from the text.
    """

    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = 0.0
    credits: float = 0.0
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        """Sum of both; an unknown price makes the sum's price unknown."""
        cost = None if self.cost is None or other.cost is None else self.cost + other.cost
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=cost,
            credits=self.credits + other.credits,
            estimated=self.estimated or other.estimated,
        )

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit with what is used of it; `words` names both."""

    name: str
    allowed: float
    used: float
    words: str


@dataclass(frozen=True, slots=True)
class Budget:
    """Hard limits of one job over all its agents together; None lifts a limit.

    Attributes:
        cost: US dollars; where the price of a model is unknown, the other limits are those that hold.
        tokens: input and output tokens.
        seconds: time in which the job was worked on, waiting for people not counted.
        calls: model calls.
        rounds: how often work may go back to the coder or the test author.
        credits: of a service that bills in credits.
    """

    cost: float | None = 5.0
    tokens: int | None = 2_000_000
    seconds: float | None = 3600.0
    calls: int | None = 200
    rounds: int = 4
    credits: float | None = None

    def limits(self, usage: Usage, seconds: float) -> tuple[Limit, ...]:
        """The limits that are set, as far as it is known what was used of them."""
        checks = (
            ("cost", self.cost, usage.cost, "${:.2f}"),
            ("credits", self.credits, usage.credits, "{:,.1f} credits"),
            ("tokens", self.tokens, usage.tokens, "{:,.0f} tokens"),
            ("calls", self.calls, usage.calls, "{:.0f} model calls"),
            ("time", self.seconds, seconds, "{:.0f} s"),
        )
        return tuple(
            Limit(name, allowed, used, f"{name}: {form.format(used)} used of {form.format(allowed)}")
            for name, allowed, used, form in checks
            if allowed is not None and used is not None
        )

    def exceeded(self, usage: Usage, seconds: float) -> str:
        """Name the first limit that is used up, or return an empty string."""
        spent = (limit.words for limit in self.limits(usage, seconds) if limit.used >= limit.allowed)
        return next(spent, "")

    def nearly_spent(self, usage: Usage, seconds: float) -> tuple[Limit, ...]:
        """Limits of which at least `WARN_AT` is used, but not all."""
        return tuple(
            limit
            for limit in self.limits(usage, seconds)
            if WARN_AT * limit.allowed <= limit.used < limit.allowed
        )

    def blind(self, usage: Usage) -> bool:
        """Whether a limit in money is set and can't hold, since the price of a model is unknown."""
        return self.cost is not None and usage.cost is None
