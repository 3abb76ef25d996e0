"""`vulcan models` and `vulcan dust setup`: what can be used, and making it usable."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from vulcan.apps.cli.common import open_vulcan, overrides_from
from vulcan.apps.cli.rows import AgentRow, ModelRow, emit
from vulcan.apps.cli.safe import safe


@click.command()
@click.option("--base-url", help="OpenAI-compatible endpoint to ask, up to and with /v1.")
@click.option("--json", "as_json", is_flag=True, help="One model a line, for machines.")
def models(base_url: str | None, *, as_json: bool) -> None:
    """List the models that are reachable, and their prices.

    Prices are those of a million tokens, in US dollars.
    """
    vulcan = open_vulcan(overrides={"model.base_url": base_url} if base_url else {})
    listing = asyncio.run(vulcan.models.list())
    if as_json:
        for each in listing.models:
            emit(ModelRow(each.name, each.source, each.price, each.detail))
    else:
        width = max((len(each.name) for each in listing.models), default=0)
        for each in listing.models:
            detail = f" ({each.detail})" if each.detail else ""
            price = f"price {each.price}" if each.price in {"unknown", "by model"} else each.price
            click.echo(safe(f"{each.name:<{width}}  {each.source}: {price}{detail}"))
    for problem in listing.problems:
        click.secho(f"note: {safe(problem)}", fg="yellow", err=True)


@click.command(
    hidden=True,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.option("--model")
@click.option("--base-url")
@click.option("--repo", type=click.Path(path_type=Path), default=Path())
@click.argument("rest", nargs=-1, type=click.UNPROCESSED)
def needs(model: str | None, base_url: str | None, repo: Path, rest: tuple[str, ...]) -> None:
    """Print the extras that another command line needs and that are not installed, for scripts/run."""
    del rest
    overrides = overrides_from({"model": model, "base_url": base_url})
    click.echo(",".join(open_vulcan(repo if repo.is_dir() else None, overrides).models.missing_extras()))


@click.group()
def dust() -> None:
    """Work with a Dust workspace (DUST_WORKSPACE_ID, DUST_API_KEY)."""


@dust.command()
@click.option(
    "--model", "names", multiple=True, required=True, help="MODEL or PROVIDER/MODEL; may be repeated."
)
@click.option("--effort", default="medium", show_default=True, help="none, light, medium or high.")
@click.option("--editor", required=True, help="Email of a member of the workspace who may edit the agents.")
@click.option("--json", "as_json", is_flag=True, help="One agent a line, for machines.")
def setup(names: tuple[str, ...], effort: str, editor: str, *, as_json: bool) -> None:
    """Make a Dust agent for each model; what is there is kept.

    They have no tools, and speak Vulcan's protocol.
    """
    vulcan = open_vulcan()
    for name in names:
        made = asyncio.run(vulcan.models.set_up_dust(name, effort, editor))
        if as_json:
            emit(AgentRow(made.handle, made.sid, made.use, made.new))
            continue
        word = "made" if made.new else "there already"
        click.echo(safe(f"{word}: {made.handle} ({made.sid}). Use it with: --model dust:{made.use}"))
