"""How agents' prompts are named and versioned outside of the package."""

from __future__ import annotations

FROM_LANGFUSE = "langfuse:"
"""What the version of a prompt begins with that was managed there; the number there follows."""


def prompt_name(agent: str) -> str:
    """The name of an agent's prompt in a prompt management; the slash makes a folder there."""
    return f"vulcan/{agent.replace(' ', '-')}"
