"""What a job may cost, and what it has cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """What model calls cost. `cost` in US dollars, None as soon as one call's price is unknown."""

    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = 0.0

    def __add__(self, other: Usage) -> Usage:
        """Sum of both; an unknown price makes the sum's price unknown."""
        cost = None if self.cost is None or other.cost is None else self.cost + other.cost
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=cost,
        )

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Budget:
    """Hard limits of one job over all its agents together; None lifts a limit.

    Attributes:
        cost: US dollars; where the price of a model is unknown, tokens are the limit that holds.
        tokens: input and output tokens.
        seconds: time in which the job was worked on, waiting for people not counted.
        calls: model calls.
        rounds: how often work may go back to the coder or the test author.
    """

    cost: float | None = 5.0
    tokens: int | None = 2_000_000
    seconds: float | None = 3600.0
    calls: int | None = 200
    rounds: int = 4

    def exceeded(self, usage: Usage, seconds: float) -> str:
        """Name the first limit that is used up, or return an empty string."""
        checks = (
            ("cost", self.cost, usage.cost, "${:.2f}"),
            ("tokens", self.tokens, usage.tokens, "{:,.0f} tokens"),
            ("calls", self.calls, usage.calls, "{:.0f} model calls"),
            ("time", self.seconds, seconds, "{:.0f} s"),
        )
        for name, limit, used, form in checks:
            if limit is not None and used is not None and used >= limit:
                return f"{name}: {form.format(used)} used of {form.format(limit)}"
        return ""
