"""Test environments of tox: tox.ini, setup.cfg, tox.toml and [tool.tox]."""

from __future__ import annotations

import configparser
import re
from typing import Any

from vulcan.infrastructure.environment.declared.commands import MAX_COMMAND, Reader
from vulcan.infrastructure.environment.declared.found import Found
from vulcan.infrastructure.environment.declared.installers import pip_argument
from vulcan.infrastructure.environment.declared.model import Draft, is_quiet, is_special, is_test_name
from vulcan.infrastructure.environment.declared.requirement import name_of, parse
from vulcan.infrastructure.environment.declared.tree import Tree, at, inside, table, text_of, texts

MAX_LINES = 500
MAX_REFERENCES = 60
MAX_ENVIRONMENTS = 200
_REFERENCE = re.compile(r"\{\[([^\]\s]+)\]([\w_]+)\}")
_FACTOR = re.compile(r"^([\w!.{},\s-]+?):\s+(.*)$")
_PYTHON_FACTOR = re.compile(
    r"^(?:py|python)?3?[\d.{},\s-]*$|^py$|^tests?$|^unit$|^cov(?:erage)?$|^linux$", re.IGNORECASE
)
_ROOT = re.compile(r"\{(?:toxinidir|tox_root|package_root)\}/?")
Section = dict[str, Any]


def read_tox(draft: Draft, pyproject: dict[str, Any]) -> None:
    """Add what the environments that run tests install and name to a draft."""
    for path in ("tox.ini", "setup.cfg"):
        _read_ini(draft, path)
    for data in (draft.tree.toml("tox.toml"), at(pyproject, "tool", "tox")):
        if legacy := text_of(data.get("legacy_tox_ini")):
            _environments(draft, _ini(draft.tree, "pyproject.toml", legacy))
        elif data:
            _environments(draft, _from_toml(data))


def _read_ini(draft: Draft, path: str) -> None:
    text = draft.tree.text(path)
    if text is None:
        return
    _environments(draft, _ini(draft.tree, path, text))


def _ini(tree: Tree, path: str, text: str) -> dict[str, Section]:
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="\0")
    try:
        parser.read_string(text)
    except (configparser.Error, ValueError, RecursionError) as error:
        if path == "tox.ini":
            tree.note(f"{path} can't be read: {error}")
        return {}
    return {name.removeprefix("tox:"): dict(parser.items(name)) for name in parser.sections()}


def _from_toml(data: dict[str, Any]) -> dict[str, Section]:
    base = table(data.get("env_run_base"))
    named = {f"testenv:{name}": table(env) for name, env in at(data, "env").items()}
    return {"testenv": base, **named} if base or named else {}


def _environments(draft: Draft, sections: dict[str, Section]) -> None:
    base = table(sections.get("testenv"))
    if base:
        _environment(draft, "tox", base, base, sections)
    for name, section in list(sections.items())[:MAX_ENVIRONMENTS]:
        kind, _, label = name.partition(":")
        if kind == "testenv" and label and _is_wanted(draft, label, section, base, sections):
            _environment(draft, f"tox {label}", {**base, **section}, base, sections)


def _is_wanted(
    draft: Draft, label: str, section: Section, base: Section, sections: dict[str, Section]
) -> bool:
    """Whether an environment runs tests with ordinary versions: by its commands, or because it inherits them."""
    if is_quiet(label) or is_special(label):
        return label in draft.environments and not is_special(label)
    commands = section.get("commands", base.get("commands"))
    text = "\n".join(_commands(commands, sections))
    return Reader(draft).read(text).tests or (is_test_name(label) and "commands" in section)


def _environment(
    draft: Draft, where: str, section: Section, base: Section, sections: dict[str, Section]
) -> None:
    found = Found()
    _dependencies(_lines(section.get("deps"), sections, base), found)
    if section is not base:
        found.requirements = _without_other_plugins(
            found.requirements, _lines(base.get("deps"), sections, base)
        )
    commands = [
        *_commands(section.get("commands_pre"), sections),
        *_commands(section.get("commands"), sections),
    ]
    ran = Reader(draft).read("\n".join(commands))
    if not is_quiet(where) and not (where == "tox" and commands and not ran.tests):
        ran.give(draft, where)
    found.extras |= set(_names(section.get("extras"), sections, base))
    found.groups |= set(_names(section.get("dependency_groups"), sections, base))
    found.give(draft, where)


def _without_other_plugins(lines: list[str], usual: list[str]) -> list[str]:
    """Requirements without plugins of pytest that the ordinary run does not have: being there, they change it."""
    known = {name_of(line) for line in usual}
    return [
        line
        for line in lines
        if not known or name_of(line) in known or not name_of(line).startswith("pytest-")
    ]


def _dependencies(lines: list[str], found: Found) -> None:
    for line in lines:
        option = re.match(r"^-(r|c)\s*(.+)$|^--(requirement|constraint)[\s=]+(.+)$", line)
        if option:
            path = inside(".", (option[2] or option[4]).strip())
            if path and "{" not in path:
                (found.files if (option[1] or option[3])[0] == "r" else found.constraints).append(path)
        elif line.startswith("-e"):
            pip_argument(line[2:].strip(), ".", found)
        elif parse(line) is not None:
            found.requirements.append(line)
        elif line.startswith("."):
            pip_argument(line, ".", found)


def _lines(
    value: Any, sections: dict[str, Section], base: Section, seen: set[str] | None = None
) -> list[str]:
    """Lines of `deps`, with those of sections that they refer to and without those for other factors."""
    given = texts(value) if isinstance(value, list) else text_of(value).splitlines()
    found: list[str] = []
    seen = set() if seen is None else seen
    for line in given[:MAX_LINES]:
        line = _ROOT.sub("", line.partition(" #")[0].strip())  # noqa: PLW2901 - the line as it counts
        reference = _REFERENCE.search(line)
        if not line or line.startswith("#") or len(line) > MAX_COMMAND or len(found) > MAX_LINES:
            continue
        if reference is None:
            found += filter(None, [_unfactored(line)])
        elif reference[0] == _unfactored(line) and reference[0] not in seen and len(seen) < MAX_REFERENCES:
            seen.add(reference[0])
            found += _lines(_referred(reference, sections, base), sections, base, seen)
    return found


def _referred(reference: re.Match[str], sections: dict[str, Section], base: Section) -> Any:
    return table(sections.get(reference[1])).get(reference[2], base.get(reference[2]))


def _unfactored(line: str) -> str:
    """A line without the factors that it is for; empty if they are not those of an ordinary test run."""
    match = _FACTOR.match(line)
    if match is None or "://" in match[1]:
        return line
    factors = [each.strip() for each in re.split(r",(?![^{]*\})", match[1])]
    fits = any(
        all(part.startswith("!") or _PYTHON_FACTOR.match(part) for part in f.split("-") if part)
        for f in factors
    )
    return match[2].strip() if fits else ""


def _commands(value: Any, sections: dict[str, Section], seen: set[str] | None = None) -> list[str]:
    """Commands as text, one a line."""
    if isinstance(value, list):
        return [" ".join(_words(command)) for command in value[:MAX_LINES] if isinstance(command, list)]
    lines: list[str] = []
    seen = set() if seen is None else seen
    for line in text_of(value).replace("\\\n", " ").splitlines()[:MAX_LINES]:
        line = line.strip()  # noqa: PLW2901 - the line as it counts
        reference = _REFERENCE.search(line) if len(line) <= MAX_COMMAND else None
        if reference and reference[0] not in seen and len(seen) < MAX_REFERENCES:
            seen.add(reference[0])
            lines += _commands(table(sections.get(reference[1])).get(reference[2]), sections, seen)
        elif match := _FACTOR.match(line[:MAX_COMMAND]):
            lines.append(_ROOT.sub("", match[2]) if _unfactored(line[:MAX_COMMAND]) else "")
        else:
            lines.append(_ROOT.sub("", line.lstrip("-@ ")))
    return lines


def _words(command: list[Any]) -> list[str]:
    return [_ROOT.sub("", word) for word in command if isinstance(word, str)]


def _names(value: Any, sections: dict[str, Section], base: Section) -> list[str]:
    """Names of extras or groups, without those for other factors."""
    given = [name for line in _lines(value, sections, base) for name in re.split(r"[,\s]+", line)]
    return [name for name in given if re.fullmatch(r"[\w.-]+", name)]
