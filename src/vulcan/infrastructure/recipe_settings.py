"""`[[environment]]` of settings: how a project's environments are made and its tests are run."""

from __future__ import annotations

import difflib
import os.path
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from vulcan.domain.environment import Proof, Recipe, ReportForm
from vulcan.domain.errors import UserError

KEY = "environment"
_VERSION = re.compile(r"3\.\d+(?:\.\d+)?")


def parse_recipes(source: str, given: object, *, by_repository: bool) -> tuple[Recipe, ...]:
    """The recipes of an array of tables.

    Args:
        source: the file, for messages.
        given: the array.
        by_repository: whether a repository says so: it may not name what is outside of boxes.

    Raises:
        UserError: an unknown key or a value that can't be, with what is allowed.
    """
    if not isinstance(given, list) or not all(isinstance(each, Mapping) for each in given):
        raise UserError(f"{source}: {KEY} is no array of tables", hint=f"Write: [[{KEY}]]")
    found = [_recipe(f"{source}: {KEY}", each, by_repository=by_repository) for each in given]
    paths = [recipe.path for recipe in found]
    if twice := next((path for path in paths if paths.count(path) > 1), ""):
        raise UserError(
            f"{source}: two [[{KEY}]] have the path {twice!r}", hint="Give each a path of its own."
        )
    return tuple(found)


def unknown_key(source: str, key: str, known: Iterable[str]) -> UserError:
    """An error that guesses which key was meant."""
    known = sorted(known)
    close = difflib.get_close_matches(key, known, n=1)
    guess = f"Did you mean {close[0]}? " if close else ""
    return UserError(f"{source}: unknown key {key}", hint=f"{guess}Allowed: {', '.join(known)}")


def is_python(text: str) -> bool:
    """Whether a text names an interpreter: by its version, or by an absolute path."""
    return bool(_VERSION.fullmatch(text)) or (text.startswith("/") and "\0" not in text)


def _recipe(source: str, given: Mapping[str, Any], *, by_repository: bool) -> Recipe:
    for key in given:
        if key not in _FIELDS:
            raise unknown_key(source, key, _FIELDS)
    values = {key: _value(source, key, value, *_FIELDS[key]) for key, value in given.items()}
    if by_repository:
        _refuse_what_is_the_users(source, values)
    _complete(source, values)
    return Recipe(**values, source=source.removesuffix(f": {KEY}"), by_repository=by_repository)


def _value(source: str, key: str, given: object, allowed: str, fit: Callable[[Any], Any]) -> Any:
    try:
        return fit(given)
    except UserError as error:
        raise UserError(f"{source}.{error.message}", hint=error.hint) from error
    except (TypeError, ValueError) as error:
        raise UserError(f"{source}.{key} is {given!r}", hint=f"Allowed: {allowed}.") from error


def _refuse_what_is_the_users(source: str, values: Mapping[str, Any]) -> None:
    if values.get("python", "").startswith("/"):
        raise UserError(
            f"{source}: a repository can't name an interpreter of this machine",
            hint='It may name a version: python = "3.12". Use --python or your own vulcan.toml for a path.',
        )
    if values.get("services"):
        raise UserError(
            f"{source}: a repository can't start services",
            hint=f"Put [[{KEY}]] with services into your own vulcan.toml.",
        )


def _complete(source: str, values: dict[str, Any]) -> None:
    """`junit:PATH` is a form with its path; other forms than pytest's need a command."""
    report = values.pop("report", "")
    form, _, path = report.partition(":")
    values["report"] = ReportForm(form) if form else ReportForm.PYTEST
    if path:
        values["report_path"] = path
    if form and values["report"] is not ReportForm.PYTEST and not values.get("command"):
        raise UserError(
            f"{source}: report is {report!r}, but there is no command", hint='Add: command = "..."'
        )


def _text(given: Any) -> str:
    if not isinstance(given, str) or "\0" in given:
        raise TypeError(given)
    return given


def _texts(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise TypeError(given)
    return tuple(_text(each) for each in given)


def _folder(given: Any) -> str:
    path = os.path.normpath(_text(given) or ".")
    if path.startswith("/") or path.split("/")[0] in ("..", ".git"):
        raise ValueError(given)
    return path


def _python(given: Any) -> str:
    if not is_python(_text(given)):
        raise ValueError(given)
    return _text(given)


def _services(given: Any) -> tuple[str, ...]:
    if not all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in _texts(given)):
        raise ValueError(given)
    return _texts(given)


def _report(given: Any) -> str:
    form, _, path = _text(given).partition(":")
    if ReportForm(form) is ReportForm.JUNIT and path:
        _folder(path)
    elif path:
        raise ValueError(given)
    return _text(given)


def _proof(given: Any) -> Proof:
    if not isinstance(given, Mapping):
        raise TypeError(given)
    for key in given:
        if key not in _PROOF:
            raise unknown_key("proof", key, _PROOF)
    return Proof(**{key: _PROOF[key](value) for key, value in {"passed": 0, **given}.items()})


def _count(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < 2**31:
        raise TypeError(given)
    return given


_PROOF: dict[str, Callable[[Any], Any]] = {
    "passed": _count,
    "failed": _count,
    "files": _count,
    "digest": _text,
}
_FORMS = ", ".join(f'"{form.value}"' for form in ReportForm)
_FIELDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "path": ("a folder of the repository", _folder),
    "python": ('a version such as "3.12", or an absolute path', _python),
    "setup": ("a list of commands", _texts),
    "services": ('a list of names such as "redis"', _services),
    "command": ("a command", _text),
    "report": (f'{_FORMS}, or "junit:PATH"', _report),
    "report_path": ("a file of the repository", _folder),
    "proof": ("a table with the counts passed, failed, files and the text digest", _proof),
}
