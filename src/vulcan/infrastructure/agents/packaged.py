"""The prompts that come with Vulcan, each with the version that its first line names."""

from __future__ import annotations

from importlib import resources

AGENTS = ("analyst", "coder", "test author", "reviewer", "interpreter", "answerer", "environment engineer")


def prompt(agent: str) -> tuple[str, str]:
    """The version of the agent's prompt, which its first line names, and the prompt."""
    name = f"{agent.replace(' ', '_')}.md"
    text = (resources.files(__package__) / "prompts" / name).read_text(encoding="utf-8")
    first, instructions = text.split("-->", 1)
    return first.partition("version:")[2].strip(), instructions.strip()
