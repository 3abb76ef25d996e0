"""What may leave this package as a requirement: `name[extras] specifier; marker`, never a URL, a path or an option."""

from __future__ import annotations

import re

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from vulcan.infrastructure.environment.declared.tree import Tree

MAX_LINE = 2_000
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*(?:\[[A-Za-z0-9._,\s-]*\])?)")
_AFTER = re.compile(r"(?:^|\s+)#.*$|\s+--.*$|\s*\\$", re.DOTALL)
"""What may follow a requirement: a comment, its options (hashes), or their continuation."""


def clean(tree: Tree, text: str, where: str) -> str | None:
    """A requirement as it may be installed, or None with a note that says why not."""
    short = text if len(text) <= MAX_LINE else ""
    parsed = parse(_AFTER.sub("", short.strip())) or _named_by_egg(short)
    if parsed is None:
        tree.note(f"{where}: {_shown(text)} is no requirement that an index can answer, and was left out")
        return None
    if parsed.url:
        if parsed.url.startswith("file:") or "://" not in parsed.url:
            tree.note(f"{where}: {_shown(text)} is a path, and was left out")
            return None
        tree.note(f"{where}: {_shown(text)} names an address; the index's version of {parsed.name} is taken")
        parsed.url = None
    return None if parsed.marker and "extra" in str(parsed.marker) else str(parsed)


def parse(text: str) -> Requirement | None:
    """The requirement that a text is, if it is one."""
    if len(text) > MAX_LINE:
        return None
    try:
        return Requirement(text)
    except (ValueError, RecursionError):
        return None


def name_of(text: str) -> str:
    """The normalized name of a clean requirement."""
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", text)
    return str(canonicalize_name(match[0])) if match else ""


def normal(name: str) -> str:
    """A name of a package, an extra or a group, as it is compared."""
    return str(canonicalize_name(name.strip()))


def fits(requires_python: str, version: str) -> bool:
    """Whether a Python, such as "3.12.4" or "3.12", is among those that a project allows.

    A version without a patch level stands for the newest of its line. Nonsense allows everything.
    """
    try:
        allowed = SpecifierSet(requires_python)
        if len(Version(version).release) == 2:  # noqa: PLR2004 - major and minor
            return any(allowed.contains(f"{version}.{patch}", prereleases=True) for patch in (99, 0))
        return allowed.contains(version, prereleases=True)
    except ValueError:
        return True


def valid_specifier(text: str) -> str:
    """The text if it is a version specifier, else an empty one."""
    try:
        return str(SpecifierSet(text)) if len(text) < MAX_LINE else ""
    except ValueError:
        return ""


def is_version(text: str) -> bool:
    """Whether a text is a version."""
    try:
        Version(text)
    except ValueError:
        return False
    return True


def _named_by_egg(text: str) -> Requirement | None:
    match = _EGG.search(text) if "://" in text else None
    parsed = parse(match[1]) if match else None
    if parsed is not None:
        parsed.url = text
    return parsed


def _shown(text: str) -> str:
    return repr(re.sub(r"//[^/@\s]*@", "//", text.strip())[:120])
