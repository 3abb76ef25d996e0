"""Finds the versions to install: all that a project asks for where that is possible, else all but what can't be had."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from vulcan.domain.errors import EnvironmentUnavailable
from vulcan.infrastructure.environment.declared import Declared
from vulcan.infrastructure.environment.setup_box import SetupBox

RESOLVED = "resolved.txt"
WANTED = "wanted.txt"
PINS = "pins.txt"
SHOWN = 400
_NAMED = re.compile(r"Wheels are required for `([^`]+)`|Because ([A-Za-z0-9._-]+) was not found")
"""Names in uv's messages on why there is no solution."""


@dataclass(slots=True)
class Resolution:
    """What was found.

    Attributes:
        unbuilt: requirements that no wheel satisfies, with the group that names them; they are built from source.
        notes: what could not be had, and why.
    """

    unbuilt: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Resolver:
    """Runs uv's resolver in a box, on wheels only, so that no package's code runs.

    Args:
        folder: the box's workspace as the host sees it.
        newer_than: date after which published versions are left out, where no lock pins them; empty: none is.
    """

    def __init__(self, box: SetupBox, folder: Path, declared: Declared, newer_than: str = "") -> None:
        self._box, self._folder, self._declared = box, folder, declared
        self._options: tuple[str, ...] = ()
        if newer_than and not declared.lock:
            self._options = ("--exclude-newer", newer_than)
        self._found = Resolution()

    async def resolve(self, base: Sequence[str]) -> Resolution:
        """Write the versions of everything wanted to `resolved.txt`.

        Args:
            base: what must be had in any case.

        Raises:
            EnvironmentUnavailable: not even `base` can be had.
        """
        groups: dict[str, Sequence[str]] = {
            "required": self._declared.required,
            "build": self._declared.build,
            **self._declared.groups,
        }
        if not await self._try([*base, *_all(groups)]):
            return self._found
        if self._declared.constraints and await self._try(base):
            self._found.notes.append(
                f"the versions of {self._declared.lock} can't be had; the newest are used"
            )
            write_pins(self._folder, ())
        if self._options and await self._try(base):
            self._found.notes.append(
                "the index does not say when versions were published; the newest are used"
            )
            self._options = ()
        if trouble := await self._try(base):
            raise EnvironmentUnavailable(
                f"the tools that run tests can't be installed: {trouble[-SHOWN:]}",
                hint="Check that the package index can be reached (UV_DEFAULT_INDEX, HTTPS_PROXY).",
            )
        kept = {name: list(lines) for name, lines in groups.items()}
        if not await self._without_the_named(list(base), kept):
            return self._found
        kept = await self._without_the_impossible(kept)
        if await self._try([*base, *_all(kept)]):
            await self._one_group_after_another(list(base), kept)
        return self._found

    async def _without_the_named(self, base: list[str], groups: dict[str, list[str]]) -> str:
        """Take out, one after another, what the resolver names as having no wheel; returns what is still wrong."""
        trouble = await self._try([*base, *_all(groups)])
        while trouble and (names := _named(trouble)):
            if not self._take_all_out(names, groups):
                break
            trouble = await self._try([*base, *_all(groups)])
        return trouble

    def _take_all_out(self, names: set[str], groups: dict[str, list[str]]) -> bool:
        """From every group, also where an earlier one had some."""
        taken = [self._take_out(names, group, lines) for group, lines in groups.items()]
        return any(taken)

    def _take_out(self, names: set[str], group: str, lines: list[str]) -> bool:
        """Move requirements of these names to what is built; one whose extra asks for such a name stays without it."""
        before = list(lines)
        lines.clear()
        for line in before:
            requirement = Requirement(line)
            if {canonicalize_name(requirement.name), *_names_of_extras(requirement)} & names:
                self._found.unbuilt.setdefault(line, group)
                requirement.extras = set()
                line = str(requirement)  # noqa: PLW2901 - what is left of it
                if canonicalize_name(requirement.name) in names:
                    continue
            lines.append(line)
        return lines != before

    async def _without_the_impossible(self, groups: dict[str, list[str]]) -> dict[str, list[str]]:
        """Each requirement alone: what has no wheel is built later, whatever group it is in."""
        verdicts: dict[str, bool] = {}
        for name, lines in groups.items():
            for line in lines:
                if line not in verdicts:
                    verdicts[line] = not await self._try([line])
                if not verdicts[line]:
                    self._found.unbuilt.setdefault(line, name)
        return {name: [line for line in lines if verdicts[line]] for name, lines in groups.items()}

    async def _one_group_after_another(self, kept: list[str], groups: dict[str, list[str]]) -> None:
        """What contradicts the groups before it is left out, and said."""
        for name, lines in groups.items():
            if lines and (trouble := await self._try([*kept, *lines])):
                self._found.notes.append(f"{name} contradicts the other requirements: {trouble[-SHOWN:]}")
            else:
                kept += lines
        await self._try(kept)

    async def _try(self, wanted: Sequence[str]) -> str:
        """Resolve; returns what went wrong."""
        (self._folder / WANTED).write_text("\n".join(dict.fromkeys(wanted)) + "\n")
        (self._folder / RESOLVED).unlink(missing_ok=True)
        return await self._box.uv(
            "pip", "compile", "--quiet", "--only-binary", ":all:", "--python", self._box.base_python,
            "--constraint", PINS, "--no-header", "--no-annotate", "--output-file", RESOLVED,
            *self._options, WANTED,
        )  # fmt: skip


def _named(trouble: str) -> set[str]:
    return {str(canonicalize_name(absent or unbuilt)) for unbuilt, absent in _NAMED.findall(trouble)}


def _all(groups: Mapping[str, Sequence[str]]) -> list[str]:
    return [line for lines in groups.values() for line in lines]


def _names_of_extras(requirement: Requirement) -> set[str]:
    """Packages that extras often stand for, such as psycopg-c for psycopg[c]."""
    return {canonicalize_name(f"{requirement.name}-{extra}") for extra in requirement.extras}


def write_pins(folder: Path, constraints: Sequence[str]) -> None:
    """Put the lock's versions where the resolver and the builder find them."""
    (folder / PINS).write_text("\n".join(constraints) + "\n")
