"""What import-linter has no contract for: the inner layers need nothing that has to be installed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vulcan

SOURCE = Path(vulcan.__file__).parent


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names of all modules that are imported anywhere in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("layer", ["domain", "application", "bootstrap"])
def test_inner_layers_and_wiring_need_the_standard_library_only(layer: str) -> None:
    files = list((SOURCE / layer).rglob("*.py"))
    assert files
    for file in files:
        foreign = set(imported(ast.parse(file.read_text()))) - sys.stdlib_module_names - {"vulcan"}
        assert not foreign, file
