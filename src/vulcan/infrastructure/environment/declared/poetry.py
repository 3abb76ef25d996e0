"""Poetry's tables: versions in its own notation, groups and extras."""

from __future__ import annotations

import re
from typing import Any

from vulcan.infrastructure.environment.declared.requirement import normal, valid_specifier
from vulcan.infrastructure.environment.declared.tree import at, table, text_of, texts

MAX_VERSION = 200
_RELEASE = re.compile(r"^v?(\d+(?:\.\d+)*)")


def specifier(version: str) -> str | None:
    """Poetry's notation (`^1.2`, `~1.2`, `1.*`, `>=1,<2`) as PEP 440; None where it can't be said, as with `||`."""
    version = version.strip()
    if len(version) > MAX_VERSION:
        return None
    if version in ("", "*"):
        return ""
    if "|" in version:
        return None
    parts = [part.strip() for part in re.split(r",|(?<=[\w*])\s+(?=[<>=!~^])", version)]
    clean = ",".join(_one(re.sub(r"\s+", "", part)) for part in parts if part)
    return valid_specifier(clean) or None


def _one(part: str) -> str:
    match = _RELEASE.match(part.lstrip("^~=").strip())
    if part.startswith("~="):
        return part
    if part.startswith("^") and match:
        return f">={part[1:]},<{_caret(match[1])}"
    if part.startswith("~") and match:
        return f">={part[1:]},<{_tilde(match[1])}"
    if part.startswith("=") and not part.startswith("=="):
        return f"=={part[1:]}"
    return f"=={part}" if part[:1].isdigit() else part


def _caret(release: str) -> str:
    """The next version that changes the leftmost figure that is not 0."""
    figures = [int(figure) for figure in release.split(".")]
    place = next((index for index, figure in enumerate(figures) if figure), len(figures) - 1)
    return ".".join(map(str, [*figures[:place], figures[place] + 1]))


def _tilde(release: str) -> str:
    figures = [int(figure) for figure in release.split(".")]
    place = min(1, len(figures) - 1)
    return ".".join(map(str, [*figures[:place], figures[place] + 1]))


def requirement_lines(name: str, value: Any) -> tuple[list[str], list[str]]:
    """The requirements that an entry of poetry's or pipenv's tables stands for, and the folders that it names."""
    lines, folders = [], []
    for each in value if isinstance(value, list) else [value]:
        entry = table(each) or {"version": each}
        if path := text_of(entry.get("path")):
            folders.append(path)
            continue
        lines.append(_line(name, entry))
    return lines, folders


def _line(name: str, entry: dict[str, Any]) -> str:
    extras = ",".join(texts(entry.get("extras")))
    base = f"{name}[{extras}]" if extras else name
    if git := text_of(entry.get("git")) or text_of(entry.get("url")):
        return f"{base} @ {git if '://' in git else 'ssh://' + git}"
    markers = [f"({entry[key]})" for key in ("markers",) if text_of(entry.get(key))]
    markers += _python_marker(text_of(entry.get("python")))
    line = base + (specifier(text_of(entry.get("version"))) or "")
    return f"{line}; {' and '.join(markers)}" if markers else line


def _python_marker(version: str) -> list[str]:
    clauses = (specifier(version) or "").split(",") if version else []
    found = [re.match(r"^([<>=!~]+)\s*(.+)$", clause) for clause in clauses]
    return [
        f'python_full_version {m[1]} "{m[2]}"' if m[2].count(".") > 1 else f'python_version {m[1]} "{m[2]}"'
        for m in found
        if m
    ]


def groups(tool: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Poetry's groups by name, with the old `dev-dependencies` as `dev`."""
    found = {name: table(group) for name, group in at(tool, "group").items()}
    if old := at(tool, "dev-dependencies"):
        found.setdefault("dev", {"dependencies": old})
    return found


def extras(tool: dict[str, Any]) -> dict[str, list[str]]:
    """The requirements of each extra: poetry lists names, which stand among the dependencies as optional ones."""
    known = {normal(name): (name, value) for name, value in at(tool, "dependencies").items()}
    return {
        extra: [
            line
            for name in texts(names)
            for line in (requirement_lines(*known[normal(name)])[0] if normal(name) in known else [name])
        ]
        for extra, names in at(tool, "extras").items()
    }
