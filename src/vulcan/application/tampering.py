"""Changes to the product that steer how tests run instead of what the product does."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from typing import Any

from vulcan.application.diffs import added_lines
from vulcan.application.ports import Repository
from vulcan.application.testpaths import is_test_path
from vulcan.domain.evidence import Finding, Owner
from vulcan.domain.generation import ChangeKind

GATE = "tampering"
PYTEST_FILES = frozenset({"pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"})
INI_FILES = frozenset({"tox.ini", "setup.cfg"})
RUNNER_FILES = re.compile(r"\.(?:mocharc|taprc|nycrc)(?:\..+)?$|(?:jest|vitest|vite|ava|karma)\.config\.\w+$")
_CODE = re.compile(r"\.(?:py|go|[cm]?[jt]sx?)$")
PACKAGE = "package.json"
PACKAGE_KEYS = frozenset({"mocha", "jest", "vitest", "ava", "tap", "type"})
"""What steers JavaScript's test runners there, beside the test scripts."""
STARTUP = frozenset({"sitecustomize.py", "usercustomize.py"})
SHADOWS = re.compile(r"^(?:src/)?(?:pytest|_pytest|pluggy|vulcan_\w+)(?:\.py|/)")
AWARE = re.compile(
    r"PYTEST_CURRENT_TEST|PYTEST_VERSION|VULCAN_SETTINGS|vulcan_(?:common|report|unittest)|/opt/vulcan|pytest11"
    r"|['\"]_?pytest['\"]\s+(?:not\s+)?in\s+sys\.modules|sys\.modules\W+(?:get\W+)?_?pytest"
    r"|NODE_TEST_CONTEXT|JEST_WORKER_ID|VITEST_WORKER_ID|npm_lifecycle_event|\btesting\.Testing\(|['\"]test\.v['\"]"
    r"|/report/(?:printed|node\.jsonl|report\.jsonl)"
)


def find_tampering(repository: Repository, base: str, head: str) -> tuple[Finding, ...]:
    """Findings for the coder; no model can exempt a file."""
    changes = [a for a in repository.changes(base, head) if not is_test_path(a.path)]
    there = [a.path for a in changes if a.kind is not ChangeKind.DELETED]
    found = [
        _finding(
            a.path, "changes how the tests run, which the requirement does not ask for. Put that part back"
        )
        for a in changes
        if _test_settings(repository, base, a.path) != _test_settings(repository, head, a.path)
    ]
    found += [
        _finding(path, "acts on every Python process or takes the place of a test tool. Name it otherwise")
        for path in there
        if _takes_over(path) and repository.content(base, path) is None
    ]
    found += [_finding(path, text) for path, text in _aware(repository, base, head, there)]
    return tuple(found)


def _finding(path: str, text: str) -> Finding:
    return Finding(GATE, Owner.CODER, f"{path} {text}.", path=path)


def _takes_over(path: str) -> bool:
    pure = PurePosixPath(path)
    return pure.name in STARTUP or pure.suffix == ".pth" or SHADOWS.match(path) is not None


def _aware(repository: Repository, base: str, head: str, paths: Collection[str]) -> Iterator[tuple[str, str]]:
    """Code that is added and asks whether it is being tested, in files that did not ask before."""
    sources = [path for path in paths if _CODE.search(path)]
    if not sources:
        return
    for path, numbers in added_lines(repository.diff(base, head, sources)).items():
        if path not in sources or AWARE.search(_text(repository, base, path)):
            continue
        lines = _text(repository, head, path).split("\n")
        match = next((m for n in numbers if n <= len(lines) and (m := AWARE.search(lines[n - 1]))), None)
        if match:
            yield (
                path,
                f"asks whether it is being tested ({match[0]}). Code must do the same in and out of tests",
            )


def _text(repository: Repository, commit: str, path: str) -> str:
    return (repository.content(commit, path) or b"").decode(errors="replace")


def _test_settings(repository: Repository, commit: str, path: str) -> Any:
    """What a file tells the runner of the tests; None for a file that tells it nothing."""
    name = PurePosixPath(path).name
    whole = name in PYTEST_FILES or RUNNER_FILES.match(name) is not None
    if not whole and name not in INI_FILES | {"pyproject.toml", PACKAGE}:
        return None
    content = repository.content(commit, path)
    if content is None or whole:
        return content
    text = content.decode(errors="replace")
    read = {"pyproject.toml": _toml_settings, PACKAGE: _package_settings}.get(name, _ini_settings)
    try:
        return read(text) or None
    except (ValueError, configparser.Error, RecursionError):
        return text


def _package_settings(text: str) -> dict[str, Any]:
    data = json.loads(text)
    scripts = _below(data, ("scripts",))
    tests = {k: v for k, v in scripts.items() if "test" in k} if isinstance(scripts, dict) else {}
    found = {k: v for k, v in data.items() if k in PACKAGE_KEYS} if isinstance(data, dict) else {}
    return found | ({"scripts": tests} if tests else {})


def _toml_settings(text: str) -> dict[str, Any]:
    data = tomllib.loads(text)
    places = {
        "settings": ("tool", "pytest"),
        "plugins": ("project", "entry-points", "pytest11"),
        "poetry plugins": ("tool", "poetry", "plugins", "pytest11"),
    }
    return {name: found for name, keys in places.items() if (found := _below(data, keys))}


def _below(data: Any, keys: Collection[str]) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _ini_settings(text: str) -> dict[str, Any]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    found: dict[str, Any] = {name: dict(parser[name]) for name in ("pytest", "tool:pytest") if name in parser}
    points = parser.get("options.entry_points", "pytest11", fallback="")
    return found | ({"plugins": points} if points else {})
