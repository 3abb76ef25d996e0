"""Environments of hatch that tests run in: [tool.hatch.envs] and hatch.toml."""

from __future__ import annotations

from typing import Any

from vulcan.infrastructure.environment.declared.commands import Reader
from vulcan.infrastructure.environment.declared.model import Draft, is_quiet, is_special, is_test_name
from vulcan.infrastructure.environment.declared.tree import at, table, text_of, texts

MAX_DEPTH = 8
MAX_ENVIRONMENTS = 100
MATRIX_TEST = (
    "coverage[toml]",
    "pytest",
    "pytest-mock",
    "pytest-randomly",
    "pytest-rerunfailures",
    "pytest-xdist[psutil]",
)
"""What `hatch test` brings where the project names nothing else."""


def read_hatch(draft: Draft, pyproject: dict[str, Any]) -> None:
    """Add what hatch's test environments install to a draft."""
    envs = {**at(pyproject, "tool", "hatch", "envs"), **at(draft.tree.toml("hatch.toml"), "envs")}
    for name, env in list(envs.items())[:MAX_ENVIRONMENTS]:
        if _is_wanted(draft, name, table(env)):
            _environment(draft, name, envs, 0)
    if "hatch-test" in draft.environments | envs.keys() and "dependencies" not in at(envs, "hatch-test"):
        draft.add("hatch env hatch-test", MATRIX_TEST)


def _is_wanted(draft: Draft, name: str, env: dict[str, Any]) -> bool:
    if name in draft.environments or name == "default":
        return not is_special(name)
    if is_quiet(name) or is_special(name):
        return False
    return is_test_name(name) or name == "hatch-test" or Reader(draft).read(_scripts(env)).tests


def _scripts(env: dict[str, Any]) -> str:
    scripts = at(env, "scripts").values()
    return "\n".join("\n".join(texts(each)) if isinstance(each, list) else text_of(each) for each in scripts)


def _environment(draft: Draft, name: str, envs: dict[str, Any], depth: int) -> None:
    env = at(envs, name)
    where = f"hatch env {name}"
    for key in ("dependencies", "extra-dependencies"):
        draft.add(where, texts(env.get(key)))
    draft.want_editable(".", texts(env.get("features")))
    draft.wanted_groups.update(texts(env.get("dependency-groups")))
    template = text_of(env.get("template")) or "default"
    if template not in (name, "default") and depth < MAX_DEPTH:
        _environment(draft, template, envs, depth + 1)
