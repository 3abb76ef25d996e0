"""What was spent, in words: one form for every page."""

from __future__ import annotations

from vulcan.domain.budget import Usage


def usage_in_words(usage: Usage) -> str:
    """Calls, tokens (`~` where estimated), money or that its price is unknown, and credits."""
    about = "~" if usage.estimated else ""
    tokens = f"{about}{usage.input_tokens:,} tokens in, {about}{usage.output_tokens:,} out"
    return f"{usage.calls} model calls, {tokens}, {money_in_words(usage)}"


def money_in_words(usage: Usage) -> str:
    """Dollars, credits, or that the price is unknown."""
    credits_ = f"{usage.credits:,.1f} credits" if usage.credits else ""
    if usage.cost is None:
        return credits_ or "price unknown"
    return ", ".join(filter(None, [f"${usage.cost:.4f}", credits_]))


def spending_table(tables: dict[str, dict[str, Usage]]) -> list[str]:
    """A line a source and name, such as `agent coder   3 model calls, ...`."""
    rows = [
        (f"{source} {name}", usage)
        for source, table in tables.items()
        for name, usage in sorted(table.items())
    ]
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{width}}  {usage_in_words(usage)}" for name, usage in rows]
