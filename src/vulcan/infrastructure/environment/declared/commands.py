"""What the commands of CI, tox, nox and scripts install and run, as far as their words say it."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from vulcan.infrastructure.environment.declared.model import Draft, is_quiet, is_special
from vulcan.infrastructure.environment.declared.requirement import normal, parse
from vulcan.infrastructure.environment.declared.tree import MAX_CODE, inside

MAX_COMMAND = 4_000
MAX_DEPTH = 4
MAX_FOLLOWED = 50
UNKNOWN = "$?"
"""What stands for words that are known only when the command runs."""
Words = Sequence[str]

_QUOTING = re.compile(r"""["'\\#]""")
_ENVIRONMENT = re.compile(r"^[A-Za-z_]\w*=")
_SPLIT = re.compile(r"&&|\|\||;|(?<![>&])\||\n")
_PYTHON = re.compile(r"^(?:.*/)?python[\d.]*$|^\{envpython\}$|^py$")
_PIP = re.compile(r"^(?:.*/)?pip[\d.]*$")
_LOCAL = re.compile(r"^(?P<path>[^\[\]]*?)(?:\[(?P<extras>[^\[\]]*)\])?$")
_TESTS = re.compile(
    r"^(?:.*/)?(?:pytest|py\.test|nosetests|trial|stestr|ward|behave|green|unittest|zope-testrunner)$"
)
_TEST_SCRIPT = re.compile(
    r"(?:^|[/:_-])(?:run_?)?(?:unit-?)?(?:py)?tests?(?:\.\w+)?(?:$|[:_-])", re.IGNORECASE
)


@dataclass(slots=True)
class Found:
    """What some commands ask for; `tests` tells whether one of them runs tests."""

    tests: bool = False
    extras: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    all_extras: bool = False
    all_groups: bool = False
    files: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    editable: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    requirements: list[str] = field(default_factory=list)
    environments: set[str] = field(default_factory=set)

    def give(self, draft: Draft, where: str) -> None:
        """Add all this to a draft; `where` names the group of the requirements that stand in the commands."""
        for name in self.extras:
            draft.want_editable(".", [name])
        draft.wanted_groups |= {normal(name) for name in self.groups}
        draft.all_extras |= self.all_extras
        draft.all_groups |= self.all_groups
        draft.environments |= self.environments
        for folder, extras in self.editable:
            draft.want_editable(folder, extras)
        for path in self.files:
            draft.want_file(path)
        draft.constraint_files += [path for path in self.constraints if path not in draft.constraint_files]
        if self.requirements:
            draft.add(where, self.requirements)


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
            _pip(words[words.index("install") + 1 :], folder, found)
        elif handler := _TOOLS.get(name):
            handler(words[1:], folder, found)
        elif depth < MAX_DEPTH:
            self._follow(words, folder, found, depth)

    def _follow(self, words: list[str], folder: str, found: Found, depth: int) -> None:
        if words[0] in ("make", "gmake"):
            for target in _positional(words[1:], {"-C", "-f", "-j"}):
                self._target(folder, target, found, depth)
            return
        if words[0] in ("bash", "sh", "source", ".", "/bin/sh", "/bin/bash"):
            words = _positional(words[1:], set())
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
        elif name in _RUNNERS and "run" in words[1:4]:
            words = _RUNNERS[name](words[1:], found)
        elif name == "coverage" and words[1:2] == ["run"]:
            started = _after_options(words[2:], _COVERAGE_VALUES)
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
        return words[1:2] == ["test"] or any(_TEST_SCRIPT.search(word) for word in words[1:4])
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
        return any(_TEST_SCRIPT.search(word) for word in words[1:5] if not is_quiet(word))
    if _PYTHON.match(words[0]):
        rest = [word for word in words[1:4] if not word.startswith("-")]
        return (
            rest[:2] == ["manage.py", "test"]
            or re.search(r"(?:^|/)(?:run_?)?tests?\.py$", "".join(rest[:1])) is not None
        )
    return bool(_TEST_SCRIPT.search(words[0])) and "/" in words[0]


# ------------------------------------------------------------------------------------------------ installers


def _pip(words: Words, folder: str, found: Found) -> None:
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
    found.groups |= set(_values(words, "--group", "--only-group"))
    found.extras |= set(_values(words, "--extra"))
    for value in _values(words, "--with"):
        for each in value.split(","):
            pip_argument(each, folder, found)
    for value in _values(words, "--with-requirements"):
        if path := inside(folder, value):
            found.files.append(path)


def _uv_run(words: list[str], found: Found) -> list[str]:
    rest = words[words.index("run") + 1 :]
    inner = _after_options(rest, _UV_VALUES)
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
    found.environments |= set(_values(before, "-e", "--env"))
    return _after_options(rest, {"-e", "--env", "-p"})


def _hatch_run(words: list[str], found: Found) -> list[str]:
    rest = _other_run(words, found)
    if rest and (match := re.match(r"^(?:\+\S+\s+)?([\w.-]+):(.*)$", rest[0])):
        found.environments.add(match[1])
        found.tests |= bool(_TEST_SCRIPT.search(match[2]))
        return [match[2], *rest[1:]]
    found.tests |= bool(rest) and bool(_TEST_SCRIPT.search(rest[0]))
    return rest


def _pixi_run(words: list[str], found: Found) -> list[str]:
    rest = words[words.index("run") + 1 :]
    found.environments |= set(_values(rest, "-e", "--environment"))
    inner = _after_options(rest, {"-e", "--environment", "--manifest-path"})
    found.tests |= bool(inner) and bool(_TEST_SCRIPT.search(inner[0]))
    return inner


_RUNNERS: dict[str, Callable[[list[str], Found], list[str]]] = {
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
    for value in _values(words, "--with", "--only"):
        found.groups |= set(_listed(value))
    for value in _values(words, "-E", "--extras"):
        found.extras |= set(_listed(value))


def _pdm(words: Words, _folder: str, found: Found) -> None:
    if words[:1] not in (["install"], ["sync"]):
        return
    for value in _values(words, "-G", "--group", "--with"):
        names = set(_listed(value))
        found.all_groups |= ":all" in names
        found.all_extras |= ":all" in names
        found.groups |= names
        found.extras |= names


def _hatch(words: Words, _folder: str, found: Found) -> None:
    found.environments |= set(_values(words, "-e", "--env"))
    if words[:1] == ["test"]:
        found.environments.add("hatch-test")


def _tox(words: Words, _folder: str, found: Found) -> None:
    found.environments |= {name for name in environments(words, "tox") if not is_special(name)}


def _nox(words: Words, _folder: str, found: Found) -> None:
    found.environments |= {name for name in environments(words, "nox") if not is_special(name)}


def _pixi(words: Words, _folder: str, found: Found) -> None:
    found.environments |= set(_values(words, "-e", "--environment", "--environments"))


def _flit(words: Words, _folder: str, found: Found) -> None:
    for value in _values(words, "--extras"):
        found.extras |= set(_listed(value))


_TOOLS: dict[str, Callable[[Words, str, Found], None]] = {
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
    return [name for value in _values(words, *flags) for name in _listed(value) if "$" not in name]


def _values(words: Words, *flags: str) -> list[str]:
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


def _after_options(words: list[str], with_value: Iterable[str]) -> list[str]:
    """The words from the first that is no option and no option's value."""
    values, index = set(with_value), 0
    while index < len(words) and words[index].startswith("-") and words[index] != "-m":
        if words[index] == "--":
            return words[index + 1 :]
        index += 2 if words[index] in values else 1
    if words[index : index + 1] == ["-m"]:
        index += 1
    return words[index:]


def _positional(words: Words, with_value: set[str]) -> list[str]:
    rest, found = list(words), []
    while rest:
        word = rest.pop(0)
        if word in with_value:
            rest = rest[1:]
        elif not word.startswith("-") and "=" not in word:
            found.append(word)
    return found


def _listed(value: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", value) if part]
