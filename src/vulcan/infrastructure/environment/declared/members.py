"""Further projects of the tree: a workspace's members, and what a lock or a project names by its folder."""

from __future__ import annotations

import fnmatch
import posixpath
from typing import Any

from vulcan.infrastructure.environment.declared.model import is_project
from vulcan.infrastructure.environment.declared.tree import Tree, at, inside, texts

MAX_MEMBERS = 200


def workspace_members(tree: Tree, pyproject: dict[str, Any]) -> list[str]:
    """Folders of uv's workspace, without the root."""
    workspace = at(pyproject, "tool", "uv", "workspace")
    excluded = texts(workspace.get("exclude"))
    found: dict[str, None] = {}
    for pattern in texts(workspace.get("members")):
        path = inside(".", pattern)
        for folder in _matching(tree, path) if path else []:
            if is_project(tree, folder) and not any(
                fnmatch.fnmatchcase(folder, each.rstrip("/")) for each in excluded
            ):
                found[folder] = None
    return [folder for folder in found if folder != "."][:MAX_MEMBERS]


def _matching(tree: Tree, pattern: str) -> list[str]:
    """Folders that a pattern of path parts matches; `**` stands for one part."""
    folders = ["."]
    for part in pattern.split("/")[:8]:
        below = [
            posixpath.normpath(f"{folder}/{name}")
            for folder in folders
            for name in _names(tree, folder, part)
        ]
        folders = [folder for folder in below if tree.is_folder(folder)][:MAX_MEMBERS]
    return folders


def _names(tree: Tree, folder: str, part: str) -> list[str]:
    if not any(sign in part for sign in "*?["):
        return [part]
    return [
        name for name in tree.names(folder) if not name.startswith(".") and fnmatch.fnmatchcase(name, part)
    ]
