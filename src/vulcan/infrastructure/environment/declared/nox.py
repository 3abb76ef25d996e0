"""Sessions of nox that run tests, read from noxfile.py as a syntax tree."""

from __future__ import annotations

import ast
import shlex

from vulcan.infrastructure.environment.declared.code import Values, called, parse_code
from vulcan.infrastructure.environment.declared.commands import Reader
from vulcan.infrastructure.environment.declared.model import Draft, is_quiet, is_special

MAX_CALLS = 2_000
MAX_SESSIONS = 60
_INSTALLS = frozenset({"install", "_session_install", "conda_install"})
_RUNS = frozenset({"run", "run_always", "run_install"})


def read_nox(draft: Draft) -> None:
    """Add what sessions that run tests install to a draft."""
    module = parse_code(draft.tree, "noxfile.py")
    if module is None:
        return
    values = Values(module)
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    for name, function in list(functions.items())[:MAX_SESSIONS]:
        if function.decorator_list and not is_special(name):
            _session(draft, name, function, values, functions)


def _session(
    draft: Draft, name: str, function: ast.FunctionDef, values: Values, functions: dict[str, ast.FunctionDef]
) -> None:
    calls = _calls(function, functions)
    found = Reader(draft).read("\n".join(_command(call, values) for call in calls))
    if not found.tests or (is_quiet(name) and name not in draft.environments):
        return
    for call in calls:
        if called(call) == "dependency_groups":
            found.groups |= {text for argument in call.args[1:] for text in values.texts(argument)}
    found.give(draft, f"nox session {name}")


def _calls(function: ast.FunctionDef, functions: dict[str, ast.FunctionDef]) -> list[ast.Call]:
    """Calls in a session and in the functions of the file that it calls."""
    found: list[ast.Call] = []
    queue, seen = [function], {function.name}
    while queue and len(found) < MAX_CALLS:
        for node in ast.walk(queue.pop(0)):
            if isinstance(node, ast.Call):
                found.append(node)
                if called(node) in functions.keys() - seen:
                    seen.add(called(node))
                    queue.append(functions[called(node)])
    return found[:MAX_CALLS]


def _command(call: ast.Call, values: Values) -> str:
    name = called(call)
    if name not in _INSTALLS | _RUNS:
        return ""
    words = [text for argument in call.args for text in values.texts(argument)]
    start = ["pip", "install"] if name in _INSTALLS else []
    return shlex.join([*start, *words])
