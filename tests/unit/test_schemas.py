"""The published schemas are those of the code."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from jsonschema import Draft202012Validator

from vulcan.apps.cli.main import command
from vulcan.apps.cli.schemas import PRINT_EVENTS, as_text, names, schema_of

PUBLISHED = Path(__file__).parents[2] / "docs/api"
PRINTS_SCRIPTS = {"completion", "schema", "needs", "audit-export"}


@pytest.mark.parametrize("name", names())
def test_a_published_schema_is_that_of_the_code(name: str) -> None:
    found = schema_of(name)
    Draft202012Validator.check_schema(found)
    file = PUBLISHED / f"{name}.json"
    assert file.read_text() == as_text(found) + "\n", f"run: vulcan schema {name} >docs/api/{name}.json"


def test_nothing_else_is_published() -> None:
    assert {file.stem for file in PUBLISHED.glob("*.json")} == set(names())


def test_every_command_has_json_and_a_schema() -> None:
    found: dict[str, click.Command] = {}
    for name, each in command.commands.items():
        inner = each.commands if isinstance(each, click.Group) else {}
        found |= {f"{name}-{sub}": one for sub, one in inner.items()}
        if not isinstance(each, click.Group) or each.invoke_without_command:
            found[name] = each
    found = {name: each for name, each in found.items() if name not in PRINTS_SCRIPTS}
    assert [n for n, each in found.items() if not any("--json" in p.opts for p in each.params)] == []
    assert set(found) - {*names(), *PRINT_EVENTS} == set()
