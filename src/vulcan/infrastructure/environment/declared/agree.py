"""Makes groups that were written for different environments fit into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from vulcan.infrastructure.environment.declared.requirement import name_of, parse


def agreeing(
    groups: Mapping[str, list[str]], required: Iterable[str], locked: Iterable[str]
) -> tuple[dict[str, list[str]], list[str]]:
    """Groups whose pins contradict neither the lock nor each other, and the names that had to give way.

    The lock's version goes before a group's; of several pins the newest one that the project allows is taken.
    """
    known = {name_of(line): line for line in locked if ";" not in line}
    bounds = {name_of(line): line for line in required if ";" not in line}
    chosen = {name: str(version) for name, version in _newest(groups, bounds).items()}
    changed: dict[str, None] = {}
    result: dict[str, list[str]] = {}
    for group, lines in groups.items():
        result[group] = [_agreed(line, known, chosen, changed) for line in lines]
    return result, list(changed)


def _agreed(line: str, known: Mapping[str, str], chosen: Mapping[str, str], changed: dict[str, None]) -> str:
    name, parsed = name_of(line), parse(line)
    if parsed is None:
        return line
    locked = _pin(parse(known.get(name, "")))
    if locked is not None and not parsed.specifier.contains(locked, prereleases=True):
        parsed.specifier = SpecifierSet()
    elif locked is None and name in chosen and _pin(parsed) is not None and not parsed.marker:
        parsed.specifier = SpecifierSet(f"=={chosen[name]}")
    if str(parsed) != line:
        changed[name] = None
    return str(parsed)


def _newest(groups: Mapping[str, list[str]], bounds: Mapping[str, str]) -> dict[str, Version]:
    """The newest allowed version of each package that groups pin to different ones."""
    pins: dict[str, set[Version]] = {}
    for line in (line for lines in groups.values() for line in lines if "==" in line and ";" not in line):
        pinned = _pin(parse(line))
        if pinned is not None:
            pins.setdefault(name_of(line), set()).add(pinned)
    found = {}
    for name, versions in pins.items():
        bound = parse(bounds.get(name, ""))
        allowed = [v for v in versions if bound is None or bound.specifier.contains(v, prereleases=True)]
        if len(versions) > 1:
            found[name] = max(allowed or versions)
    return found


def _pin(parsed: Requirement | None) -> Version | None:
    """The one version that a requirement allows, if it is such a pin."""
    specifiers = list(parsed.specifier) if parsed else []
    if len(specifiers) != 1 or specifiers[0].operator != "==" or "*" in specifiers[0].version:
        return None
    return Version(specifiers[0].version)
