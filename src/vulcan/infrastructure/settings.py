"""Reads all settings, once, into the frozen objects of `application.settings`. No other module reads the environment.

Sources in rising precedence: the defaults below, `config/default.toml` in this package, the user's
`vulcan.toml`, the repository's `vulcan.toml` (or `[tool.vulcan]` of its pyproject.toml), `VULCAN_*` in the
environment, the command line.

A repository is not trusted: it may name a model, say how it is prepared and tested (`environment`, `tests`, `checks`) and
narrow what the user allows (`review`, `budget`, `sandbox.minimum`); of those the stricter value holds, and a looser one
is ignored with a note. Anything else in it, such as where the model is, is an error.
"""

from __future__ import annotations

import dataclasses
import errno
import math
import os
import pwd
import stat
import tomllib
import typing
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from vulcan.application.settings import (
    Effective,
    SandboxMinimum,
    Settings,
    machine_memory,
)
from vulcan.domain.budget import Budget
from vulcan.domain.environment import Recipe
from vulcan.domain.errors import UserError
from vulcan.domain.policy import MergeRule
from vulcan.infrastructure.recipe_settings import KEY, is_python, parse_recipes, unknown_key
from vulcan.infrastructure.setting_values import allowed, fit, read_text

MEMORY, OF_MACHINE = "sandbox.limits.memory", "machine"


def load_settings(
    repository: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object]
) -> Settings:
    """Read all sources.

    Args:
        repository: root of the repository to work on, if there is one.
        environ: the process's environment.
        overrides: dotted keys (`budget.cost`) with values or their text; None means not given.

    Raises:
        UserError: an unknown key or a value that can't be, with its source and what is allowed.
    """
    notes: list[str] = []
    values = {
        key: value
        for _, layer in _layers(repository, environ, overrides, notes)
        for key, value in layer.items()
    }
    for room in ("model", "dust"):
        values[f"{room}.api_key"] = environ.get(values[f"{room}.api_key_env"], "")
    values["model.base_url_said"] = bool(overrides.get("model.base_url"))
    values |= _langfuse_keys(environ, notes)
    values["monitoring.otlp_headers"] = environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")
    values["environments"] = _under_python(values)
    values["notes"] = tuple(notes)
    return typing.cast("Settings", _build(Settings, values))


def explain_settings(
    repository: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object]
) -> tuple[Effective, ...]:
    """Each setting with the source that it has its value from; keys and other secrets are none of them."""
    found: dict[str, Effective] = {}
    for source, layer in _layers(repository, environ, overrides, []):
        for key, value in layer.items():
            found[key] = Effective(key, value, _source_of(source, key, environ))
    return tuple(found[key] for key in _SCHEMA if key in found)


def user_file(environ: Mapping[str, str]) -> Path:
    """Where the user's own settings are, whether there are any or not."""
    return _folder(environ, "XDG_CONFIG_HOME", ".config") / "vulcan" / "vulcan.toml"


def _source_of(source: str, key: str, environ: Mapping[str, str]) -> str:
    if source != ENVIRONMENT:
        return source
    own = [name for name, known in _VARIABLES.items() if known == key and environ.get(name)]
    others = [name for name in _FALLBACK_VARIABLES.get(key, ()) if environ.get(name)]
    return f"{source}: {own[-1] if own else others[0]}"


def _layers(
    repository: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    notes: list[str],
) -> Iterator[tuple[str, Values]]:
    """What each source says, in rising precedence."""
    values: Values = {"state_dir": _default_state_dir(environ, root=os.geteuid() == 0)}
    values |= _checked("config/default.toml", tomllib.loads(_shipped()))
    yield DEFAULTS, dict(values)
    own = user_file(environ)
    if own.is_file():
        said = _with_recipes(str(own), _read_toml(own), by_repository=False)
        values |= said
        yield str(own), said
    if repository is not None:
        said = _from_repository(repository, values, own, notes)
        values |= said
        yield "the repository", said
    said = _from_environment(environ)
    values |= said
    yield ENVIRONMENT, said
    said = _from_command_line(overrides)
    values |= said
    yield "command line", said
    yield (
        ENVIRONMENT,
        {
            key: text
            for key, variables in _FALLBACK_VARIABLES.items()
            if not values[key] and (text := next(filter(None, map(environ.get, variables)), ""))
        },
    )


DEFAULTS = "default"
ENVIRONMENT = "environment"

# ------------------------------------------------------------------------------------------------- schema

Values = dict[str, Any]
"""Dotted key -> value of the annotated type."""


def _leaves(cls: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    hints = typing.get_type_hints(cls)
    for each in dataclasses.fields(cls):
        if dataclasses.is_dataclass(hints[each.name]):
            yield from _leaves(hints[each.name], f"{prefix}{each.name}.")
        elif not each.metadata.get("computed"):
            yield prefix + each.name, hints[each.name]


_SCHEMA = dict(_leaves(Settings))

_VARIABLES = {f"VULCAN_{key.upper().replace('.', '_')}": key for key in _SCHEMA if key != "state_dir"} | {
    "VULCAN_HOME": "state_dir",
    "VULCAN_MODEL": "model.name",
}

_FALLBACK_VARIABLES = {
    "model.base_url": ("OPENAI_BASE_URL",),
    "dust.workspace": ("DUST_WORKSPACE_ID",),
    "workflow.prefect_api_url": ("PREFECT_API_URL",),
    "monitoring.environment": ("LANGFUSE_TRACING_ENVIRONMENT",),
    "monitoring.langfuse_base_url": ("LANGFUSE_BASE_URL", "LANGFUSE_HOST"),
    "monitoring.otlp_endpoint": ("OTEL_EXPORTER_OTLP_ENDPOINT",),
}
"""Variables of others that are used where nothing of Vulcan's own says otherwise."""


def _langfuse_keys(environ: Mapping[str, str], notes: list[str]) -> Values:
    public, secret = environ.get("LANGFUSE_PUBLIC_KEY", ""), environ.get("LANGFUSE_SECRET_KEY", "")
    if not public or environ.get("LANGFUSE_TRACING_ENABLED", "").lower() in {"false", "0"}:
        return {}
    if not secret:
        notes.append("LANGFUSE_PUBLIC_KEY is set without LANGFUSE_SECRET_KEY; no traces are sent")
        return {}
    return {"monitoring.langfuse_public_key": public, "monitoring.langfuse_secret_key": secret}


def _build(cls: Any, values: Values, prefix: str = "") -> Any:
    hints = typing.get_type_hints(cls)
    given: Values = {}
    for each in dataclasses.fields(cls):
        key = prefix + each.name
        if dataclasses.is_dataclass(hints[each.name]):
            given[each.name] = _build(hints[each.name], values, f"{key}.")
        elif key in values:
            given[each.name] = values[key]
    return cls(**given)


# ------------------------------------------------------------------------------------------------ sources


def _shipped() -> str:
    return files("vulcan").joinpath("config", "default.toml").read_text("utf-8")


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)


def _folder(environ: Mapping[str, str], variable: str, default: str) -> Path:
    given = Path(environ.get(variable, ""))
    return given if given.is_absolute() else _home(environ) / default  # XDG: a relative one is to be ignored


def _default_state_dir(environ: Mapping[str, str], *, root: bool) -> Path:
    return Path("/var/lib/vulcan") if root else _folder(environ, "XDG_STATE_HOME", ".local/state") / "vulcan"


def _from_environment(environ: Mapping[str, str]) -> Values:
    given = {name: text for name, text in environ.items() if name.startswith("VULCAN_") and text}
    for name in given.keys() - _VARIABLES.keys():
        raise unknown_key("environment", name, _VARIABLES)
    # In the order of _VARIABLES, so that VULCAN_MODEL beats VULCAN_MODEL_NAME wherever they stand.
    return {
        key: _parsed(f"environment: {name}", key, given[name], text=True)
        for name, key in _VARIABLES.items()
        if name in given
    }


def _from_command_line(overrides: Mapping[str, object]) -> Values:
    given = {key: value for key, value in overrides.items() if value is not None}
    for key in given.keys() - _SCHEMA.keys():
        raise unknown_key("command line", key, _SCHEMA)
    return {key: _parsed(f"command line: {key}", key, value, text=True) for key, value in given.items()}


def _read_toml(path: Path, *, links: int = 0) -> dict[str, Any]:
    """A file's table; `links` is O_NOFOLLOW where somebody else laid the file, as it may lead to a device then."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | links)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UserError(f"{path}: not a regular file", hint="Put a file there, or remove it.")
            content = file.read(_LARGEST_FILE + 1) or b""
        if len(content) > _LARGEST_FILE:
            raise UserError(f"{path}: larger than {_LARGEST_FILE} bytes", hint="Settings are a few lines.")
        return tomllib.loads(content.decode())
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UserError(
                f"{path}: a link, which is not followed", hint="Put the file itself there."
            ) from error
        raise UserError(f"{path}: {error.strerror}", hint="Make the file readable, or remove it.") from error
    except ValueError as error:
        raise UserError(
            f"{path}: not TOML: {error}", hint="See https://toml.io for how to write it."
        ) from error


_LARGEST_FILE = 1024 * 1024


def _checked(source: str, table: Mapping[str, Any], prefix: str = "") -> Values:
    """The values of a TOML table, flat."""
    values: Values = {}
    for name, value in table.items():
        key = prefix + name
        if key in _SCHEMA:
            values[key] = _parsed(f"{source}: {key}", key, value)
        elif isinstance(value, Mapping) and any(known.startswith(f"{key}.") for known in _SCHEMA):
            values |= _checked(source, value, f"{key}.")
        else:
            raise unknown_key(source, key, [*_SCHEMA, KEY])
    return values


def _with_recipes(source: str, given: Mapping[str, Any], *, by_repository: bool) -> Values:
    """The values of a TOML table, flat, with its `[[environment]]` under a key of its own."""
    values = _checked(source, {key: value for key, value in given.items() if key != KEY})
    if KEY in given:
        which = "repository" if by_repository else "user"
        values[f"{KEY}.{which}"] = parse_recipes(source, given[KEY], by_repository=by_repository)
    return values


def _under_python(values: Values) -> tuple[Recipe, ...]:
    """All recipes, under the interpreter that the user named for each of them."""
    recipes = (*values.pop(f"{KEY}.user", ()), *values.pop(f"{KEY}.repository", ()))
    if not (python := values.get("python", "")):
        return recipes
    if not is_python(python):
        raise UserError(f"python is {python!r}", hint="Allowed: a version such as 3.12, or an absolute path.")
    paths = dict.fromkeys([".", *(recipe.path for recipe in recipes)])
    return (*(Recipe(path, python=python, source="your settings") for path in paths), *recipes)


# --------------------------------------------------------------------------------------------- repository


def _from_repository(repository: Path, current: Values, user_file: Path, notes: list[str]) -> Values:
    """What the repository may say, and a note for each value that is looser than the current one."""
    source, table = _repository_table(repository, notes)
    accepted: Values = {}
    for key, value in _with_recipes(source, table, by_repository=True).items():
        if key == "tests.dependencies":
            _refuse_addresses(f"{source}: {key}", value)
        if key.startswith(("tests.", f"{KEY}.")) or key in _FREE:
            accepted[key] = value
        elif key not in _NARROWS:
            allowed = (
                f"It may set {', '.join(_FREE)}, {KEY} and tests.*, and make stricter: {', '.join(_NARROWS)}."
            )
            raise UserError(f"{source}: a repository can't set {key}", hint=f"{allowed} Use {user_file}.")
        elif _NARROWS[key](value) >= _NARROWS[key](current[key]):
            accepted[key] = value
        else:
            notes.append(f"{source}: {key} is looser than yours and was ignored")
    return accepted


def _refuse_addresses(where: str, lines: tuple[str, ...]) -> None:
    """A repository may name packages of the index, nothing that makes a machine fetch an address."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - few repositories need it

    for line in lines:
        try:
            plain = Requirement(line).url is None
        except (InvalidRequirement, RecursionError):
            plain = False
        if not plain:
            raise UserError(
                f"{where} holds {line!r}, which is no requirement that an index can answer",
                hint='Write a name, extras and versions: "pytest-mock>=3". Addresses belong into your own vulcan.toml.',
            )


def _repository_table(repository: Path, notes: list[str]) -> tuple[str, Mapping[str, Any]]:
    own, project = repository / "vulcan.toml", repository / "pyproject.toml"
    if own.is_file():
        return own.name, _read_toml(own, links=os.O_NOFOLLOW)
    if not project.is_file():
        return "", {}
    try:
        tool = _read_toml(project, links=os.O_NOFOLLOW).get("tool", {})
    except UserError as error:  # the project's own trouble, perhaps what the job is to mend
        notes.append(f"[tool.vulcan] is not used. {error.message}")
        return "", {}
    table = tool.get("vulcan", {}) if isinstance(tool, Mapping) else {}
    source = "pyproject.toml [tool.vulcan]"
    if not isinstance(table, Mapping):
        raise UserError(f"{source}: not a table", hint="Write: [tool.vulcan.tests]")
    return source, table


def _lower(limit: float | None) -> float:
    return -math.inf if limit is None else -limit


_FREE = ("model.name", "checks")
"""Keys that a repository may set as it likes: where a model is, and with which key, stays the user's."""

_NARROWS: dict[str, Callable[[Any], float]] = {
    "review.merge": [MergeRule.PROVEN, MergeRule.PERSON, MergeRule.NEVER].index,
    "review.release": lambda release: not release,
    "sandbox.minimum": list(SandboxMinimum).index,
    **{f"budget.{each.name}": _lower for each in dataclasses.fields(Budget)},
}
"""Keys that a repository may make stricter, with how strict a value is."""


def _parsed(where: str, key: str, given: object, *, text: bool = False) -> Any:
    """The value of a key; with `text` it may be given as text, as the environment does."""
    kind = _SCHEMA[key]
    if key == MEMORY and given == OF_MACHINE:
        return machine_memory()
    try:
        return fit(kind, read_text(kind, given) if text and isinstance(given, str) else given)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where} is {given!r}", hint=f"Allowed: {allowed(kind)}.") from error
