"""What the command lines of package tools install, and what their `run` starts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable

from vulcan.infrastructure.environment.declared.found import Found, Words
from vulcan.infrastructure.environment.declared.model import is_special
from vulcan.infrastructure.environment.declared.requirement import normal, parse
from vulcan.infrastructure.environment.declared.tree import inside

TEST_SCRIPT = re.compile(
    r"(?:^|[/:_-])(?:run_?)?(?:unit-?)?(?:py)?tests?(?:\.\w+)?(?:$|[:_-])", re.IGNORECASE
)
_LOCAL = re.compile(r"^(?P<path>[^\[\]]*?)(?:\[(?P<extras>[^\[\]]*)\])?$")


def pip_install(words: Words, folder: str, found: Found) -> None:
    """The arguments of `pip install`."""
    queue = list(words)
    while queue:
        word = queue.pop(0)
        flag, _, value = word.partition("=") if word.startswith("--") else (word[:2], "", word[2:])
        if flag in _PIP_VALUES and word.startswith("-"):
            value = value or (queue.pop(0) if queue else "")
            _pip_option(flag, value, folder, found)
        elif not word.startswith(("-", ">", "<", "2>")):
            pip_argument(word, folder, found)


_PIP_VALUES = frozenset(
    shlex.split(
        "-r --requirement -c --constraint -e --editable --group --extra -i --index-url --extra-index-url -f --find-links "
        "-t --target --prefix --python -p --no-binary --only-binary --progress-bar --platform --python-version "
        "--config-settings -C --build-constraint --override --requirements --constraints --exclude-newer --resolution"
    )
)


def _pip_option(flag: str, value: str, folder: str, found: Found) -> None:
    path = inside(folder, value)
    if flag in ("-r", "--requirement", "--requirements") and path:
        found.files.append(path)
    elif flag in ("-c", "--constraint", "--constraints") and path:
        found.constraints.append(path)
    elif flag in ("-e", "--editable"):
        pip_argument(value, folder, found)
    elif flag == "--group":
        found.groups.add(value.rsplit(":", 1)[-1])
    elif flag == "--extra":
        found.extras.add(value)


def pip_argument(word: str, folder: str, found: Found) -> None:
    """What is installed: a project of the tree with extras, or a requirement."""
    local = local_project(word, folder)
    if local is not None:
        path, extras = local
        found.editable.append((path, extras))
        return
    if "$" in word or "{" in word:
        return
    requirement = parse(word)
    if requirement is not None and normal(requirement.name) not in _INSTALLERS:
        found.requirements.append(word)


_INSTALLERS = frozenset(
    shlex.split(
        "pip setuptools wheel build tox tox-uv tox-gh tox-gh-actions nox uv virtualenv poetry pdm hatch pipenv twine codecov "
        "coveralls pre-commit check-manifest flit"
    )
)
"""What CI brings to install and to report with, which tests don't import."""


def local_project(word: str, folder: str) -> tuple[str, tuple[str, ...]] | None:
    """The folder and extras that `.[x]`, `./sub[x]` or `-e sub` mean; None if it is no path."""
    word = word.replace("{toxinidir}", ".").replace("{tox_root}", ".").removeprefix("file:")
    match = _LOCAL.match(word)
    if match is None or "://" in word or " @" in word:
        return None
    path, extras = match["path"], match["extras"] or ""
    if not (path.startswith(".") or "/" in path or path == ""):
        return None
    if path.endswith((".whl", ".gz", ".txt", ".zip")) or "*" in path:
        return None
    clean = inside(folder, path or ".")
    return (clean, tuple(e.strip() for e in extras.split(",") if e.strip())) if clean else None


def _uv(words: Words, folder: str, found: Found) -> None:
    if not words or words[0] not in ("sync", "run", "export"):
        return
    _uv_options(words[1:], folder, found)


def _uv_options(words: Words, folder: str, found: Found) -> None:
    found.all_extras |= "--all-extras" in words
    found.all_groups |= "--all-groups" in words
    found.groups |= set(values(words, "--group", "--only-group"))
    found.extras |= set(values(words, "--extra"))
    for value in values(words, "--with"):
        for each in value.split(","):
            pip_argument(each, folder, found)
    for value in values(words, "--with-requirements"):
        if path := inside(folder, value):
            found.files.append(path)


def _uv_run(words: list[str], found: Found) -> list[str]:
    rest = words[words.index("run") + 1 :]
    inner = after_options(rest, _UV_VALUES)
    _uv_options(rest[: len(rest) - len(inner)], ".", found)
    return inner


_UV_VALUES = frozenset(
    shlex.split(
        "--group --only-group --no-group --extra --no-extra --with --with-requirements --with-editable --python -p --package "
        "--index --default-index --index-url --directory --project --env-file --resolution --exclude-newer --config-file "
        "--no-binary-package --no-build-package --link-mode --prerelease"
    )
)


def _other_run(words: list[str], found: Found) -> list[str]:
    """What `poetry run`, `pdm run`, `pipenv run` or `hatch run` start."""
    before, rest = words[: words.index("run")], words[words.index("run") + 1 :]
    found.environments |= set(values(before, "-e", "--env"))
    return after_options(rest, {"-e", "--env", "-p"})


def _hatch_run(words: list[str], found: Found) -> list[str]:
    rest = _other_run(words, found)
    if rest and (match := re.match(r"^(?:\+\S+\s+)?([\w.-]+):(.*)$", rest[0])):
        found.environments.add(match[1])
        found.tests |= bool(TEST_SCRIPT.search(match[2]))
        return [match[2], *rest[1:]]
    found.tests |= bool(rest) and bool(TEST_SCRIPT.search(rest[0]))
    return rest


def _pixi_run(words: list[str], found: Found) -> list[str]:
    rest = words[words.index("run") + 1 :]
    found.environments |= set(values(rest, "-e", "--environment"))
    inner = after_options(rest, {"-e", "--environment", "--manifest-path"})
    found.tests |= bool(inner) and bool(TEST_SCRIPT.search(inner[0]))
    return inner


RUNNERS: dict[str, Callable[[list[str], Found], list[str]]] = {
    "uv": _uv_run,
    "poetry": _other_run,
    "pdm": _other_run,
    "pipenv": _other_run,
    "rye": _other_run,
    "hatch": _hatch_run,
    "pixi": _pixi_run,
}


def _poetry(words: Words, _folder: str, found: Found) -> None:
    if words[:1] not in (["install"], ["sync"]):
        return
    found.all_extras |= "--all-extras" in words
    found.all_groups |= "--all-groups" in words
    for value in values(words, "--with", "--only"):
        found.groups |= set(listed(value))
    for value in values(words, "-E", "--extras"):
        found.extras |= set(listed(value))


def _pdm(words: Words, _folder: str, found: Found) -> None:
    if words[:1] not in (["install"], ["sync"]):
        return
    for value in values(words, "-G", "--group", "--with"):
        names = set(listed(value))
        found.all_groups |= ":all" in names
        found.all_extras |= ":all" in names
        found.groups |= names
        found.extras |= names


def _hatch(words: Words, _folder: str, found: Found) -> None:
    found.environments |= set(values(words, "-e", "--env"))
    if words[:1] == ["test"]:
        found.environments.add("hatch-test")


def _tox(words: Words, _folder: str, found: Found) -> None:
    found.environments |= {name for name in environments(words, "tox") if not is_special(name)}


def _nox(words: Words, _folder: str, found: Found) -> None:
    found.environments |= {name for name in environments(words, "nox") if not is_special(name)}


def _pixi(words: Words, _folder: str, found: Found) -> None:
    found.environments |= set(values(words, "-e", "--environment", "--environments"))


def _flit(words: Words, _folder: str, found: Found) -> None:
    for value in values(words, "--extras"):
        found.extras |= set(listed(value))


TOOLS: dict[str, Callable[[Words, str, Found], None]] = {
    "uv": _uv,
    "poetry": _poetry,
    "pdm": _pdm,
    "hatch": _hatch,
    "tox": _tox,
    "nox": _nox,
    "pixi": _pixi,
    "flit": _flit,
}


def environments(words: Words, tool: str) -> list[str]:
    """The environments or sessions that a command line of tox or nox names."""
    flags = ("-e", "--env") if tool == "tox" else ("-s", "--session", "--sessions", "-e")
    return [name for value in values(words, *flags) for name in listed(value) if "$" not in name]


def values(words: Words, *flags: str) -> list[str]:
    """The values of an option, however it is written; what follows it, without a dash, up to the next option."""
    found: list[str] = []
    for index, word in enumerate(words):
        if word in flags:
            found += words[index + 1 : index + 2]
        for flag in flags:
            if flag.startswith("--") and word.startswith(f"{flag}="):
                found.append(word.partition("=")[2])
            elif (
                not flag.startswith("--")
                and word.startswith(flag)
                and len(word) > len(flag)
                and word[1] != "-"
            ):
                found.append(word[len(flag) :].lstrip("="))
    return [value for value in found if "$" not in value and not value.startswith("-")]


def after_options(words: list[str], with_value: Iterable[str]) -> list[str]:
    """The words from the first that is no option and no option's value."""
    values, index = set(with_value), 0
    while index < len(words) and words[index].startswith("-") and words[index] != "-m":
        if words[index] == "--":
            return words[index + 1 :]
        index += 2 if words[index] in values else 1
    if words[index : index + 1] == ["-m"]:
        index += 1
    return words[index:]


def positional(words: Words, with_value: set[str]) -> list[str]:
    rest, found = list(words), []
    while rest:
        word = rest.pop(0)
        if word in with_value:
            rest = rest[1:]
        elif not word.startswith("-") and "=" not in word:
            found.append(word)
    return found


def listed(value: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", value) if part]
