"""Analyst, coder, test author and reviewer: Pydantic AI agents and their prompts."""
