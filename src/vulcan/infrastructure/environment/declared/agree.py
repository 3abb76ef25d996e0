"""Makes groups that were written for different environments fit into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from vulcan.infrastructure.environment.declared.requirement import name_of, parse

Pins = Mapping[str, set[Version]]


def agreeing(
    groups: Mapping[str, list[str]], locked: Iterable[str], constraints: Iterable[str]
) -> tuple[dict[str, list[str]], list[str], list[str]]:
    """Groups without pins that contradict the lock or each other, for the resolver to choose a version.

    Args:
        groups: requirements by group.
        locked: what a lock pins; it goes before a group's own pins.
        constraints: what constraints files pin; they yield to pins that contradict them.

    Returns:
        The groups, the constraints, and the names of packages whose pins had to give way.
    """
    lock = _pins(locked)
    asked = _pins([line for lines in groups.values() for line in lines if ";" not in line])
    limits = _pins(constraints)
    open_names = {name for name, versions in asked.items() if len(versions | limits.get(name, set())) > 1}
    changed: dict[str, None] = {}
    result = {
        group: [_agreed(line, lock, open_names, changed) for line in lines] for group, lines in groups.items()
    }
    kept = [line for line in constraints if name_of(line) not in open_names or name_of(line) in lock]
    return result, kept, list(changed)


def _agreed(line: str, lock: Pins, open_names: set[str], changed: dict[str, None]) -> str:
    name, parsed = name_of(line), parse(line)
    if parsed is None:
        return line
    if name in lock:
        contradicts = any(not parsed.specifier.contains(each, prereleases=True) for each in lock[name])
    else:
        contradicts = name in open_names and _pin(parsed) is not None and not parsed.marker
    if contradicts:
        changed[name] = None
        parsed.specifier = SpecifierSet()
    return str(parsed)


def _pins(lines: Iterable[str]) -> dict[str, set[Version]]:
    found: dict[str, set[Version]] = {}
    for line in lines:
        pinned = _pin(parse(line)) if "==" in line else None
        if pinned is not None:
            found.setdefault(name_of(line), set()).add(pinned)
    return found


def _pin(parsed: Requirement | None) -> Version | None:
    """The one version that a requirement allows, if it is such a pin."""
    specifiers = list(parsed.specifier) if parsed else []
    if len(specifiers) != 1 or specifiers[0].operator != "==" or "*" in specifiers[0].version:
        return None
    return Version(specifiers[0].version)
