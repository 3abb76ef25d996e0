"""Tools that keep their own files: pipenv, pixi and conda, as far as wheels go."""

from __future__ import annotations

import re
from typing import Any

from vulcan.infrastructure.environment.declared import poetry
from vulcan.infrastructure.environment.declared.model import Draft, is_quiet, is_test_name
from vulcan.infrastructure.environment.declared.requirement import valid_specifier
from vulcan.infrastructure.environment.declared.tree import Tree, at, inside, table, text_of, texts

CONDA_FILES = ("environment.yml", "environment.yaml", "environment-dev.yml", "environment-test.yml", "dev-environment.yml", "conda/environment.yml")  # fmt: skip
_NOT_ON_AN_INDEX = re.compile(
    r"^(?:python(?:-freethreading|-gil|_abi)?|cpython|pip|conda.*|mamba|micromamba|compilers|.*-compiler|gcc.*|gxx.*|clang.*|gfortran.*|make|nodejs|yarn|git|"
    r"openblas|.*blas.*|lapack|lib.*|openssl|zlib|hdf5|pandoc|texlive.*|r-.*|graphviz|redis-server|postgresql|"
    r"sysroot.*|llvm.*|go|rust|openjdk|pkg-config|ccache|mpich|openmpi|_.*)$"
)
_CONDA = re.compile(r"^(?:[\w-]+::)?([A-Za-z0-9][\w.-]*)\s*((?:[<>=!~].*)?)$")


def read_pipenv(draft: Draft) -> str:
    """Add Pipfile's packages to a draft; returns the Python that it asks for."""
    pipfile = draft.tree.toml("Pipfile")
    for key in ("packages", "dev-packages"):
        lines: list[str] = []
        for name, value in at(pipfile, key).items():
            found, folders = poetry.requirement_lines(name, value)
            lines += found
            for folder in folders:
                if path := inside(".", folder):
                    draft.want_editable(path, texts(table(value).get("extras")))
        if lines:
            draft.add(f"Pipfile {key}", lines)
    requires = at(pipfile, "requires")
    return text_of(requires.get("python_full_version")) or text_of(requires.get("python_version"))


def read_pixi(draft: Draft, pyproject: dict[str, Any]) -> None:
    """Add pixi's features that test environments use: PyPI's packages, and conda's that PyPI knows by the same name."""
    pixi = at(pyproject, "tool", "pixi") or draft.tree.toml("pixi.toml")
    if not pixi:
        return
    _pixi_feature(draft, "pixi", pixi)
    wanted = _pixi_features(draft, at(pixi, "environments"))
    for name, feature in at(pixi, "feature").items():
        if name in wanted or is_test_name(name):
            _pixi_feature(draft, f"pixi feature {name}", table(feature))


def _pixi_features(draft: Draft, environments: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for name, value in environments.items():
        if name in draft.environments or is_test_name(name):
            features = value if isinstance(value, list) else table(value).get("features")
            found |= {feature for feature in texts(features) if not is_quiet(feature)}
    return found


def _pixi_feature(draft: Draft, where: str, feature: dict[str, Any]) -> None:
    lines = [
        line
        for line in (
            _conda_line(name, _version(value)) for name, value in at(feature, "dependencies").items()
        )
        if line
    ]
    for name, value in at(feature, "pypi-dependencies").items():
        found, folders = poetry.requirement_lines(name, value)
        lines += found
        for folder in folders:
            if path := inside(".", folder):
                draft.want_editable(path, texts(table(value).get("extras")))
    if lines:
        draft.add(where, lines)


def _version(value: Any) -> str:
    return text_of(value) or text_of(table(value).get("version"))


def read_conda(draft: Draft) -> None:
    """Add the packages of an environment.yml that an index of wheels may know."""
    for path in CONDA_FILES:
        dependencies = draft.tree.yaml(path).get("dependencies")
        lines: list[str] = []
        for item in dependencies if isinstance(dependencies, list) else []:
            if isinstance(item, str):
                lines += _conda_text(item)
            else:
                lines += _pip_lines(draft, table(item).get("pip"))
        if lines:
            draft.add(path, lines)


def _conda_text(item: str) -> list[str]:
    match = _CONDA.match(item.partition("#")[0].strip())
    line = _conda_line(match[1], match[2]) if match else ""
    return [line] if line else []


def _pip_lines(draft: Draft, value: Any) -> list[str]:
    lines: list[str] = []
    for line in texts(value):
        option = re.match(r"^(?:-r|--requirement)[\s=]+(\S+)$", line)
        if option and (path := inside(".", option[1])):
            draft.want_file(path)
        elif not line.startswith("-") and not line.startswith("."):
            lines.append(line)
    return lines


def _conda_line(name: str, version: str) -> str:
    """A conda package as a requirement; empty if no index of wheels has it."""
    if _NOT_ON_AN_INDEX.match(name.lower()):
        return ""
    version = version.strip().split(" ")[0]
    if version in ("", "*"):
        return name
    if version.startswith("=") and not version.startswith("=="):
        version = f"=={version[1:].rstrip('.*')}.*"
    elif version[0].isdigit():
        version = f"=={version.rstrip('.*')}.*"
    return f"{name}{valid_specifier(version)}"


def asked_python(tree: Tree) -> str:
    """The Python that .python-version or .tool-versions asks for; empty if none or another kind of Python."""
    for line in (tree.text(".python-version") or "").splitlines()[:20]:
        if match := re.fullmatch(r"(?:cpython-|python-?)?(3\.\d+(?:\.\d+)?)t?", line.strip()):
            return match[1]
    match = re.search(r"^python\s+(3\.\d+(?:\.\d+)?)\s*$", tree.text(".tool-versions") or "", re.MULTILINE)
    return match[1] if match else ""
