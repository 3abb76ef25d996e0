"""`vulcan schema`: the JSON Schema of each command's `--json`, made from the types that the lines are made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from vulcan.apps.cli import rows
from vulcan.domain.errors import UserError

DRAFT = "https://json-schema.org/draft/2020-12/schema"
EVENTS = "events"

ROWS: Mapping[str, tuple[type, ...]] = {
    "ask": (rows.AnswerRow,),
    "audit-verify": (rows.VerifiedRow,),
    "cancel": (rows.CancelledRow,),
    "config": (rows.SettingRow,),
    "doctor": (rows.CheckRow,),
    "dust-setup": (rows.AgentRow,),
    "gc": (rows.FreedRow,),
    "init": (rows.InitRow,),
    "jobs": (rows.JobRow,),
    "models": (rows.ModelRow,),
    "prompts": (rows.PromptRow,),
    "prompts-push": (rows.StoredPromptRow,),
    "setup": (rows.StepRow, rows.SetupRow),
    "show": (rows.EvidenceRow,),
    "traces-push": (rows.PushedRow,),
    "undo": (rows.UndoneRow,),
}
"""Commands that print rows; where several are named, a line is one of them."""
PRINT_EVENTS = ("approve", "demo", "resume", "run", "show-events")
"""Commands whose lines are the events of a job, which have one schema."""


def names() -> tuple[str, ...]:
    """All schemas."""
    return tuple(sorted((*ROWS, EVENTS, "chat", "stats", "verify")))


def schema_of(name: str) -> dict[str, Any]:
    """The schema of one line (or of the one object) that a command prints."""
    if name == EVENTS or name in PRINT_EVENTS:
        found = _events()
    elif name == "chat":
        found = _one_of([_of(each) for each in (rows.FragmentRow, rows.ReplyRow, rows.TurnRow)] + [_events()])
    elif name == "stats":
        found = _stats()
    elif name == "verify":
        from vulcan.apps.cli.statements import Statement

        found = _of(Statement)
    elif name in ROWS:
        found = _one_of([_of(each) for each in ROWS[name]])
    else:
        raise UserError(f"there is no schema {name}", hint=f"There are: {', '.join(names())}")
    return {"$schema": DRAFT, "title": f"vulcan {name.replace('-', ' ')} --json"} | found


def _of(kind: Any) -> dict[str, Any]:
    from pydantic import TypeAdapter

    # As read, not as written: inside of domain objects what has its default is left out.
    return TypeAdapter(kind).json_schema(mode="validation")


def _one_of(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    if len(schemas) == 1:
        return schemas[0]
    definitions = {name: each for schema in schemas for name, each in schema.pop("$defs", {}).items()}
    return {"anyOf": schemas} | ({"$defs": definitions} if definitions else {})


def _events() -> dict[str, Any]:
    from vulcan.domain.events import EVENT_TYPES

    return _one_of([_event(name, kind) for name, kind in sorted(EVENT_TYPES.items())])


def _event(name: str, kind: Any) -> dict[str, Any]:
    payload = _of(kind)
    definitions = payload.pop("$defs", {})
    properties = {
        "job": {"type": "string"},
        "seq": {"type": "integer"},
        "at": {"type": "number", "description": "seconds since the epoch"},
        "event": {"const": name},
        "version": {"const": kind.VERSION},
        "payload": payload,
    }
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return schema | ({"$defs": definitions} if definitions else {})


def _stats() -> dict[str, Any]:
    from vulcan.application.observability.stats import Stats

    schema = _of(Stats)
    schema["properties"]["coverage"] = {"anyOf": [{"type": "number"}, {"type": "null"}]}
    return schema


@click.command()
@click.argument("name", required=False, type=click.Choice([*names(), *PRINT_EVENTS], case_sensitive=False))
def schema(name: str | None) -> None:
    """Print the JSON Schema of a command's --json.

    Without NAME: list the schemas.
    """
    if name is None:
        click.echo("\n".join(names()))
        click.echo(f"{', '.join(PRINT_EVENTS)} print {EVENTS}", err=True)
    else:
        click.echo(as_text(schema_of(name)))


def as_text(found: Mapping[str, Any]) -> str:
    """A schema as it is published."""
    return json.dumps(found, indent=1, sort_keys=True)
