"""`vulcan config` and `vulcan init`: what is set, where that comes from, and setting it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vulcan.apps.cli.common import open_vulcan, say
from vulcan.apps.cli.rows import InitRow, SettingRow, emit
from vulcan.apps.cli.safe import safe
from vulcan.domain.errors import UserError, VulcanError, masked

if TYPE_CHECKING:
    from vulcan.application.api import Vulcan

SUGGESTED = {"anthropic": "claude-sonnet-5-5", "openai": "gpt-5"}
PROVIDERS = ("anthropic", "openai", "google", "groq", "mistral", "openrouter", "ollama", "dust", "url")
"""Offered by name; any other provider of Pydantic AI can be written."""
NEED_NO_KEY = ("recorded:", "ollama:")


@click.command()
@click.argument("keys", nargs=-1)
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="Repository; default: here.")
@click.option("--set", "only_set", is_flag=True, help="Only what is not at its default.")
@click.option("--json", "as_json", is_flag=True, help="One setting a line, for machines.")
def config(keys: tuple[str, ...], repo: Path, *, only_set: bool, as_json: bool) -> None:
    """Show each setting (or KEYS, such as budget) with its source.

    Of keys of services only the name and the place are shown.
    """
    vulcan = open_vulcan(repo if repo.is_dir() else None)
    rows = [
        (each.key, _plain(each.value), each.source) for each in vulcan.installation.effective_settings(repo)
    ]
    rows += [(f"key {name}", "stored", place) for name, place in vulcan.installation.keys.places().items()]
    wanted = [row for row in rows if not keys or any(row[0] == k or row[0].startswith(f"{k}.") for k in keys)]
    if keys and not wanted:
        raise UserError(f"there is no setting {', '.join(keys)}", hint="List them all with: vulcan config")
    for key, value, source in wanted:
        if only_set and source == "default":
            continue
        if as_json:
            emit(SettingRow(key, value, source))
        else:
            shown = "unset" if value is None else json.dumps(value, ensure_ascii=False)
            click.echo(safe(f"{key:<28} {shown:<24} {source}"))
    if not as_json:
        click.echo(f"\nyour own settings: {vulcan.installation.settings_file}")


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple(_plain(each) for each in value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return masked(str(value))


@click.command()
@click.option("--model", help="The model, as for run; asked for where it is not given.")
@click.option("--base-url", help="OpenAI-compatible endpoint, up to and with /v1.")
@click.option("--key-stdin", is_flag=True, help="Read the key from standard input, without asking.")
@click.option("--no-check", is_flag=True, help="Do not ask the model whether it is there.")
@click.option("--json", "as_json", is_flag=True, help="One object, for machines.")
def init(model: str | None, base_url: str | None, *, key_stdin: bool, no_check: bool, as_json: bool) -> None:
    """Set a provider, a model and its key once and for all.

    The key goes into the system's keyring where there is one (needs the package keyring), else into a file that only
    you can read; it is never shown. What the environment says later still holds.
    """
    vulcan = open_vulcan()
    name, url = (model, base_url or "") if model else _chosen(base_url)
    place = _store_key(vulcan, name, from_stdin=key_stdin)
    path = vulcan.installation.set_model({"name": name, **({"base_url": url} if url else {})})
    if not as_json:
        click.echo(f"model: {safe(name)}, in {path}" + (f"\nkey: in {place}" if place else ""))
    answers = "" if no_check else _answers(name)
    if as_json:
        emit(InitRow(name, str(path), place, answers))
    elif answers:
        click.secho(f"it answers: {safe(answers)}", fg="green")


def _store_key(vulcan: Vulcan, name: str, *, from_stdin: bool) -> str:
    """Take the key and keep it; returns where, or nothing where none was given."""
    variables = () if name.startswith(NEED_NO_KEY) else vulcan.models.key_variables(name)
    if not variables:
        return ""
    given = next((each for each in variables if vulcan.installation.has_variable(each)), "")
    if from_stdin:
        key = sys.stdin.readline().strip()
    elif given:
        say(f"{given} is set in the environment or stored already; it is not asked for")
        return ""
    else:
        what = f"{variables[0]} (not shown; empty: none, or later)"
        key = click.prompt(what, hide_input=True, default="", show_default=False, err=True).strip()
    return vulcan.installation.keys.store(variables[0], key) if key else ""


def _answers(name: str) -> str:
    """The name under which the model answers; empty for a recording, which is not asked."""
    again = open_vulcan()
    if os.environ.get("VULCAN_MODEL", name) != name:
        say("VULCAN_MODEL in the environment names another model, which holds")
    again.models.check()
    if name.startswith("recorded:"):
        return ""
    try:
        return asyncio.run(again.models.ask())
    except VulcanError as error:
        hint = f"{error.hint} All is stored; try again with: vulcan doctor".strip()
        raise VulcanError(f"{name} does not answer: {error.message}", hint=hint) from error


def _chosen(base_url: str | None) -> tuple[str, str]:
    """Provider and model, asked for."""
    if base_url:
        return click.prompt("Model, as the server calls it"), base_url
    click.echo(
        f"Providers: {', '.join(PROVIDERS)} (url: any OpenAI-compatible server), or another one of Pydantic AI's"
    )
    provider = click.prompt("Provider", default=PROVIDERS[0]).strip()
    if provider == "url":
        url = click.prompt("Address, up to and with /v1").strip()
        return click.prompt("Model, as the server calls it").strip(), url
    model = click.prompt("Model", default=SUGGESTED.get(provider)).strip()
    return (model if ":" in model else f"{provider}:{model}"), ""
