"""What the commands of CI, tox, nox and scripts install and run, as far as their words say it."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator

from vulcan.infrastructure.environment.declared.found import Found, Words
from vulcan.infrastructure.environment.declared.installers import (
    RUNNERS,
    TEST_SCRIPT,
    TOOLS,
    after_options,
    environments,
    pip_install,
    positional,
)
from vulcan.infrastructure.environment.declared.model import Draft, is_quiet
from vulcan.infrastructure.environment.declared.tree import MAX_CODE, inside

MAX_COMMAND = 4_000
MAX_DEPTH = 4
MAX_FOLLOWED = 50
UNKNOWN = "$?"
"""What stands for words that are known only when the command runs."""

_QUOTING = re.compile(r"""["'\\#]""")
_ENVIRONMENT = re.compile(r"^[A-Za-z_]\w*=")
_SPLIT = re.compile(r"&&|\|\||;|(?<![>&])\||\n")
_PYTHON = re.compile(r"^(?:.*/)?python[\d.]*$|^\{envpython\}$|^py$")
_PIP = re.compile(r"^(?:.*/)?pip[\d.]*$")
_TESTS = re.compile(
    r"^(?:.*/)?(?:pytest|py\.test|nosetests|trial|stestr|ward|behave|green|unittest|zope-testrunner)$"
)


class Reader:
    """Reads commands; follows scripts and targets of a Makefile that they start."""

    def __init__(self, draft: Draft) -> None:
        self._draft, self._tree = draft, draft.tree
        self._seen: set[str] = set()

    def read(self, text: str, folder: str = ".") -> Found:
        """What the commands of a text ask for, when they are started in `folder`."""
        found = Found()
        self._seen = set()
        self._read(text, folder, found, 0)
        return found

    def _read(self, text: str, folder: str, found: Found, depth: int) -> None:
        for words in split(text):
            self._draft.commands_left -= 1
            if self._draft.commands_left < 0:
                return
            if words[0] in ("cd", "pushd") and len(words) > 1:
                folder = inside(folder, words[1]) or folder
                continue
            self._one(words, folder, found, depth)

    def _one(self, words: list[str], folder: str, found: Found, depth: int) -> None:
        words = _bare(words, found)
        if not words:
            return
        name = words[0].rsplit("/", 1)[-1]
        found.tests |= _runs_tests(words)
        if _PIP.match(words[0]) and "install" in words[:3]:
            pip_install(words[words.index("install") + 1 :], folder, found)
        elif handler := TOOLS.get(name):
            handler(words[1:], folder, found)
        elif depth < MAX_DEPTH:
            self._follow(words, folder, found, depth)

    def _follow(self, words: list[str], folder: str, found: Found, depth: int) -> None:
        if words[0] in ("make", "gmake"):
            for target in positional(words[1:], {"-C", "-f", "-j"}):
                self._target(folder, target, found, depth)
            return
        if words[0] in ("bash", "sh", "source", ".", "/bin/sh", "/bin/bash"):
            words = positional(words[1:], set())
        path = inside(folder, words[0]) if words else None
        if path is None or path in self._seen or path.endswith(".py") or not self._tree.is_file(path):
            return
        self._seen.add(path)
        text = self._tree.text(path, MAX_CODE) or ""
        first = text.split("\n", 1)[0]
        if first.startswith("#!") and "sh" not in first.rsplit("/", 1)[-1]:
            return
        self._read(_without_variables(text), folder, found, depth + 1)

    def _target(self, folder: str, target: str, found: Found, depth: int) -> None:
        path = next(
            (
                p
                for n in ("Makefile", "makefile", "GNUmakefile")
                if self._tree.is_file(p := posixpath.normpath(f"{folder}/{n}"))
            ),
            None,
        )
        key = f"{path}:{target}"
        if path is None or key in self._seen or len(self._seen) > MAX_FOLLOWED:
            return
        self._seen.add(key)
        needs, recipe = make_target(self._tree.text(path, MAX_CODE) or "", target)
        for need in needs[:20]:
            if depth < MAX_DEPTH:
                self._target(folder, need, found, depth + 1)
        self._read(recipe, folder, found, depth + 1)


def split(text: str) -> Iterator[list[str]]:
    """The commands of a shell text as words, without comments; what can't be read is split at spaces."""
    for part in _SPLIT.split(re.sub(r"\\\r?\n", " ", text)):
        if not part.strip() or len(part) > MAX_COMMAND:
            continue
        if not _QUOTING.search(part):
            yield part.split()
            continue
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            words = part.replace('"', " ").replace("'", " ").split()
        if words:
            yield words


def make_target(text: str, target: str) -> tuple[list[str], str]:
    """What a target of a Makefile needs, and its recipe."""
    needs: list[str] = []
    recipe: list[str] = []
    within = False
    for line in text.splitlines():
        if line.startswith("\t"):
            if within:
                recipe.append(line.strip().lstrip("@-+"))
        elif match := re.match(r"^([^:=#\s][^:=#]*):(?!=)([^=#]*)", line):
            within = target in match[1].split()
            needs += match[2].split() if within else []
    return needs, _without_variables("\n".join(recipe))


def _without_variables(text: str) -> str:
    """Variables of shell and make by what they stand for in most projects: the tools of the environment."""
    text = re.sub(r"""["']?\$[{(]?(\w*PIP\w*)[)}]?["']?""", "pip", text)
    text = re.sub(r"""["']?\$[{(]?(?:PY|PYTHON\w*)[)}]?["']?""", "python", text)
    values = dict(re.findall(r"""^[ \t]*(\w+)=["']?([\w./-]+)["']?[ \t]*$""", text, re.MULTILINE))
    text = re.sub(r"\$[{(]?(\w+)[)}]?", lambda match: values.get(match[1], match[0]), text)
    return re.sub(r"\$[{(]?(?:PREFIX|BIN|VENV\w*|prefix)[)}]?/?", "", text)


def _bare(words: list[str], found: Found) -> list[str]:
    """A command without what only starts it: variables, sudo, `uv run`, `python -m`."""
    for _ in range(12):
        if not words:
            return words
        name = words[0].rsplit("/", 1)[-1]
        if _ENVIRONMENT.match(words[0]) or name in _PREFIXES:
            words = words[1:]
        elif _PYTHON.match(words[0]) and (skip := _module(words)):
            words = words[skip:]
        elif name in RUNNERS and "run" in words[1:4]:
            words = RUNNERS[name](words[1:], found)
        elif name == "coverage" and words[1:2] == ["run"]:
            started = after_options(words[2:], _COVERAGE_VALUES)
            words = started if "-m" in words[: len(words) - len(started)] else ["python", *started]
        elif name == "uv" and words[1:2] == ["pip"]:
            words = words[1:]
        elif name in ("uvx", "pipx"):
            words = [word for word in words[1:] if word != "run" and not word.startswith("-")][:50]
        else:
            return words
    return words


_PREFIXES = frozenset(
    shlex.split(
        "sudo env time command exec nice timeout then do else if ! { ( xvfb-run dbus-run-session catchsegv micromamba "
        "conda mamba @ -"
    )
)
_COVERAGE_VALUES = frozenset({"--rcfile", "--source", "--omit", "--include", "--context", "--data-file"})


def _module(words: Words) -> int:
    """How many words start a module by `python -m`; 0 if none does."""
    for index, word in enumerate(words[1:6], 1):
        if word == "-m":
            return index + 1
        if not word.startswith("-") and words[index - 1] not in ("-X", "-W"):
            return 0
    return 0


def _runs_tests(words: Words) -> bool:
    name = words[0].rsplit("/", 1)[-1]
    if _TESTS.match(words[0]):
        return True
    if name in ("tox", "nox"):
        chosen = environments(words[1:], name)
        return not chosen or any(not is_quiet(each) for each in chosen)
    if name == "hatch":
        return words[1:2] == ["test"] or any(TEST_SCRIPT.search(word) for word in words[1:4])
    if name in (
        "make",
        "gmake",
        "just",
        "task",
        "poe",
        "pixi",
        "invoke",
        "inv",
        "rake",
        "npm",
        "pdm",
        "poetry",
        "rye",
    ):
        return any(TEST_SCRIPT.search(word) for word in words[1:5] if not is_quiet(word))
    if _PYTHON.match(words[0]):
        rest = [word for word in words[1:4] if not word.startswith("-")]
        return (
            rest[:2] == ["manage.py", "test"]
            or re.search(r"(?:^|/)(?:run_?)?tests?\.py$", "".join(rest[:1])) is not None
        )
    return bool(TEST_SCRIPT.search(words[0])) and "/" in words[0]
