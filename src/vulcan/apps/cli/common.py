"""What the commands share: settings, options, who is asking."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vulcan.apps.cli.safe import safe
from vulcan.domain.budget import Budget

if TYPE_CHECKING:
    from vulcan.application.api import Vulcan

LIMITS = Budget()
"""What holds unless the settings or the command line say otherwise."""

Factory = Callable[[Path | None, Mapping[str, str], Mapping[str, object]], "Vulcan"]
"""Makes the installation; the entry point puts it into the command's context."""


def open_vulcan(repository: Path | None = None, overrides: dict[str, object] | None = None) -> Vulcan:
    """The installation with its settings; says on standard error what in them was ignored."""
    factory: Factory = click.get_current_context().find_root().obj
    vulcan = factory(repository, os.environ, overrides or {})
    for note in vulcan.settings.notes:
        say(note)
    return vulcan


def say(note: str) -> None:
    """A note on standard error, if there is one."""
    if note:
        click.secho(f"note: {safe(note)}", fg="yellow", err=True)


def person() -> str:
    """Who gives orders here."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def job_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Options that every command that works on a job has."""
    for option in reversed(
        (
            click.option(
                "--model",
                help="Such as anthropic:claude-sonnet-5-5, dust:AGENT or recorded:PATH; default: as set.",
            ),
            click.option(
                "--python",
                help="Of the project: a version such as 3.12, or a path; default: what it asks for.",
            ),
            click.option("--base-url", help="OpenAI-compatible endpoint for the model, up to and with /v1."),
            click.option(
                "--max-cost", type=float, help=f"US dollars over all agents; default: {LIMITS.cost:g}."
            ),
            click.option(
                "--max-credits", type=float, help="Credits of Dust over all agents; default: unlimited."
            ),
            click.option(
                "--max-tokens", type=int, help=f"Tokens over all agents; default: {LIMITS.tokens:,}."
            ),
            click.option("--max-time", type=float, help=f"Seconds of work; default: {LIMITS.seconds:g}."),
            click.option(
                "--max-calls", type=int, help=f"Model calls over all agents; default: {LIMITS.calls}."
            ),
            click.option(
                "--rounds",
                type=int,
                help=f"How often work may go back to be mended; default: {LIMITS.rounds}.",
            ),
            click.option("--json", "as_json", is_flag=True, help="One event a line, for machines."),
            click.option("-v", "--verbose", is_flag=True, help="Plain lines, with each tool call."),
            click.option(
                "--unsafe-no-sandbox", is_flag=True, help="Only for throw-away machines: no sandbox."
            ),
        )
    ):
        function = option(function)
    return function


def _interpreter(given: str) -> str:
    """A version as it is, a path as an absolute one: relative to where the person stands."""
    return os.path.abspath(given) if "/" in given else given  # noqa: PTH100 - a link to an interpreter stays one


def blind_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option of commands that start jobs."""
    return click.option(
        "--blind",
        is_flag=True,
        help="Go on where too little of the project's tests can be seen; nothing is proven then.",
    )(function)


def overrides_from(options: dict[str, Any]) -> dict[str, object]:
    """Settings from the command line; what was not given is left out."""
    keys = {
        "model": "model.name",
        "base_url": "model.base_url",
        "max_cost": "budget.cost",
        "max_credits": "budget.credits",
        "max_tokens": "budget.tokens",
        "max_time": "budget.seconds",
        "max_calls": "budget.calls",
        "rounds": "budget.rounds",
        "merge": "review.merge",
    }
    found: dict[str, object] = {
        key: options[name] for name, key in keys.items() if options.get(name) is not None
    }
    if options.get("python"):
        found["python"] = _interpreter(options["python"])
    if options.get("model"):  # said here and now, it is for every agent
        found |= dict.fromkeys(("model.analyst", "model.coder", "model.test_author", "model.reviewer"), "")
    if options.get("release"):
        found["review.release"] = True
    if options.get("unsafe_no_sandbox"):
        found["sandbox.unsafe"] = True
    return found
