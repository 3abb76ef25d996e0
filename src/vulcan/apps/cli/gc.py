"""`vulcan gc`: bounds the state folder."""

from __future__ import annotations

import re

import click

from vulcan.apps.cli.common import open_vulcan
from vulcan.apps.cli.rows import FreedRow, RemovedRow, emit

UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


class Size(click.ParamType[int]):
    """Bytes, such as 500M or 5G."""

    name = "size"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", value.strip(), re.IGNORECASE)
        if match is None:
            self.fail(f"{value!r} is no size; write it as 500M or 5G", param, ctx)
        return int(float(match[1]) * UNITS[match[2].upper()])


@click.command()
@click.option("--keep", type=Size(), default="5G", show_default=True, help="What caches may take in all.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--json", "as_json", is_flag=True, help="One object, for machines.")
def gc(keep: int, *, dry_run: bool, as_json: bool) -> None:
    """Free space: ended jobs' folders, and caches beyond a size.

    Caches are environments, checkouts, wheels and kept test runs; the least recently used go first, and all of them are
    made again when they are needed. What was used within the hour, logs, evidence, branches and jobs that can go on stay.
    """
    vulcan = open_vulcan()
    freed = vulcan.installation.tidy(keep, dry_run=dry_run)
    kinds = freed.by_kind()
    if as_json:
        emit(
            FreedRow(
                dry_run, freed.size, freed.kept, {kind: RemovedRow(*each) for kind, each in kinds.items()}
            )
        )
        return
    for kind, (count, size) in kinds.items():
        click.echo(f"{count:>5} {kind:<22} {_in_words(size):>9}")
    word = "would be freed" if dry_run else "freed"
    click.echo(f"{_in_words(freed.size)} {word}; caches take {_in_words(freed.kept)} then")


def _in_words(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1000:  # noqa: PLR2004 - four digits are too many
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"
