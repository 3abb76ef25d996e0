"""Python code of the project as a syntax tree, and the plain values in it; nothing of it runs."""

from __future__ import annotations

import ast
import warnings
from typing import Any

from vulcan.infrastructure.environment.declared.tree import MAX_CODE, Tree

MAX_VALUES = 2_000
MAX_DEPTH = 8
MAX_NODES = 50_000


def parse_code(tree: Tree, path: str) -> ast.Module | None:
    """The syntax tree of a file; None if there is none, with a note if it can't be read."""
    text = tree.text(path, MAX_CODE)
    if text is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        tree.note(f"{path} can't be read: {type(error).__name__}")
        return None


class Values:
    """Values of the names that a module gives to literals."""

    def __init__(self, module: ast.Module) -> None:
        self._left = MAX_NODES
        self._known: dict[str, ast.expr] = {}
        for node in module.body:
            if (
                isinstance(node, ast.Assign)
                and len(node.targets) == 1
                and isinstance(node.targets[0], ast.Name)
            ):
                self._known.setdefault(node.targets[0].id, node.value)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                self._known.setdefault(node.target.id, node.value)

    def texts(self, node: ast.expr | None, depth: int = 0) -> list[str]:
        """The texts that an expression holds: constants, lists of them, names of such lists, `*lists`."""
        self._left -= 1
        if node is None or depth > MAX_DEPTH or self._left < 0:
            return []
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else []
        parts = self._parts(node)[:MAX_VALUES]
        return [text for part in parts for text in self.texts(part, depth + 1)][:MAX_VALUES]

    def _parts(self, node: ast.expr) -> list[ast.expr]:
        """What an expression consists of, as far as it is read: names, `*names`, sums and sequences."""
        if isinstance(node, ast.Name):
            return [self._known[node.id]] if node.id in self._known else []
        if isinstance(node, ast.Starred):
            return [node.value]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return [node.left, node.right]
        return node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else []

    def table(self, node: ast.expr | None) -> dict[str, list[str]]:
        """A literal dict of lists of texts; what is no literal in it is left out."""
        if isinstance(node, ast.Name):
            node = self._known.get(node.id)
        if not isinstance(node, ast.Dict):
            return {}
        pairs = zip(node.keys, node.values, strict=True)
        return {
            key.value: self.texts(value)
            for key, value in pairs
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }


def called(node: ast.AST) -> str:
    """The last name of what a call calls; empty for anything else."""
    function: Any = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
