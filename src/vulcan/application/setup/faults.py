"""Faults planted in the product on purpose: tests that are really run turn red."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from vulcan.application.ports import Checkout, TestRequest
from vulcan.application.services import Services
from vulcan.application.stages.prepare import SOURCES
from vulcan.application.testpaths import is_test_path
from vulcan.domain.proving import Fault, passing
from vulcan.domain.testing import Outcome, TestRun

MOST_FUNCTIONS, MOST_OF_ONE_FILE, MOST_FILES = 6, 2, 4
TESTS_OF_ONE = 5
MOST_TESTS, MOST_PATHS = 200, 60_000
"""Test files that are read, and characters of paths that are asked about at once."""
READ_TESTS, READ_CHARACTERS = 100, 100_000
KEY = "fault"
RedIn = Callable[[TestRun, Collection[str]], set[str]]
LANGUAGES = frozenset({*SOURCES, ".py", ".mjs", ".cjs"})
TOO_LONG = "took longer than"
_TEST = re.compile(
    r"(?:^|/)(?:tests?|__tests__|specs?|testdata|fixtures)/|[._-](?:test|spec)s?\.\w+$|(?:^|/)test[._-]"
)
_ASIDE = re.compile(
    r"(?:^|/)(?:examples?|docs?|benchmarks?|scripts?|tools|vendor|third_party|node_modules|dist|build)/"
)
_RELATIVE = re.compile(r"""["'`](\.\.?(?:/[\w./@-]*)?)["'`]""")
_ENTRY = frozenset({"index", "main", "lib", "mod"})


async def planted(
    services: Services, checkout: Checkout, job: str, commit: str, stable: Collection[str], base: TestRun
) -> AsyncIterator[Fault]:
    """Plant one fault after the other, each alone, and say which of the stable tests don't pass with it.

    In Python a function is emptied that tests call; elsewhere a file of the product that tests name.

    Args:
        services: of the ground on which the recipe was built.
        checkout: clean files of `commit` with the environment to run in.
        commit: what the faults are planted in.
        job: whose directories hold altered files meanwhile.
        stable: tests that passed in every run so far.
        base: a whole run, whose time bounds those with faults.
    """
    request = services.tests.request(base)
    if checkout.environment.recipe.report.is_python:
        async for fault in _emptied_functions(services, checkout, commit, stable, request):
            yield fault
    else:
        async for fault in _emptied_files(services, job, commit, stable, request):
            yield fault


async def _emptied_functions(
    services: Services, checkout: Checkout, commit: str, stable: Collection[str], request: TestRequest
) -> AsyncIterator[Fault]:
    tests = sorted({test.partition("::")[0] for test in stable})
    product = _product(services.repository.files(commit), tests, (".py",))
    found = await services.inspector.called(checkout.path, tests[:MOST_TESTS], _nearest(product, tests))
    for function, by in _spread(found):
        asked = replace(request, ids=by[:TESTS_OF_ONE], empty_bodies=(function,))
        yield Fault(f"{function} emptied", await _red(services, checkout, asked, stable, _failing))


async def _red(
    services: Services, checkout: Checkout, request: TestRequest, stable: Collection[str], red_in: RedIn
) -> tuple[str, ...]:
    """Stable tests that are red with the fault, in two runs: once may be chance."""
    red = set(stable)
    for _ in range(2):
        red &= red_in((await services.runner.run(checkout.path, checkout.environment, request)).run, red)
        if not red:
            break
    return tuple(sorted(red))


def _failing(run: TestRun, stable: Collection[str]) -> set[str]:
    """Stable tests that fail in a run of some of them; a run that does not start shows nothing."""
    bad = {r.id for r in run.results if r.outcome in (Outcome.FAILED, Outcome.ERROR)}
    return set() if run.note else bad & set(stable)


def _not_passing(run: TestRun, stable: Collection[str]) -> set[str]:
    """Stable tests that don't pass in a run of all of them; it may well not start."""
    return set() if TOO_LONG in run.note else set(stable) - passing(run)


def _spread(found: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The likeliest functions, not all of them of one file."""
    of_file: Counter[str] = Counter()
    for function, tests in found:
        path = function.partition("::")[0]
        of_file[path] += 1
        if of_file[path] <= MOST_OF_ONE_FILE and of_file.total() <= MOST_FUNCTIONS * MOST_OF_ONE_FILE:
            yield function, tests


def _product(files: Iterable[str], tests: Collection[str], suffixes: Collection[str]) -> list[str]:
    known = set(tests)
    return [
        path
        for path in files
        if PurePosixPath(path).suffix in suffixes
        and path not in known
        and not is_test_path(path)
        and not _TEST.search(path)
        and not _ASIDE.search(path)
    ]


def _nearest(product: Iterable[str], tests: Iterable[str]) -> list[str]:
    """Those files first whose names stand in names of tests, as many as can be asked about at once."""
    named = " ".join(PurePosixPath(test).stem for test in tests)
    ordered = sorted(product, key=lambda path: (PurePosixPath(path).stem not in named, path.count("/"), path))
    room, kept = MOST_PATHS, []
    for path in ordered:
        room -= len(path) + 4
        if room < 0:
            break
        kept.append(path)
    return kept


# -------------------------------------------------------------------------------------- other languages


async def _emptied_files(
    services: Services, job: str, commit: str, stable: Collection[str], request: TestRequest
) -> AsyncIterator[Fault]:
    for path in _named_by_tests(services, commit, stable)[:MOST_FILES]:
        tree = await _with_emptied(services, job, commit, path)
        async with services.checkouts.clean(job, tree, commit) as checkout:
            red = await _red(services, checkout, request, stable, _not_passing)
        yield Fault(f"{path} emptied", red)


async def _with_emptied(services: Services, job: str, commit: str, path: str) -> str:
    """The tree of a commit in which a file holds nothing but what names its package."""
    key = f"{KEY} {path}"
    async with services.checkouts.workspace(job, key, commit, "") as opened:
        content = opened.files.read(path)
        package = re.search(rb"^\s*package\s+[\w.]+;?\s*$", content, re.MULTILINE)
        opened.files.write(path, (package[0].strip() if package else b"") + b"\n")
        return opened.snapshot()


def _named_by_tests(services: Services, commit: str, stable: Collection[str]) -> list[str]:
    """Source files that tests import, then those beside them where a folder is a package, then those that they name."""
    files = services.repository.files(commit)
    shown = {test.partition("::")[0] for test in stable}
    tests = [path for path in files if path in shown or is_test_path(path) or _TEST.search(path)]
    tests = [path for path in tests if PurePosixPath(path).suffix in LANGUAGES][:READ_TESTS]
    texts = {path: _text(services, commit, path) for path in tests}
    imported = Counter(path for test, text in texts.items() for path in _imported(test, text))
    beside = Counter(str(PurePosixPath(path).parent) for path in tests)
    ranks = {
        path: _rank(path, texts.values(), imported, beside) for path in _product(files, shown, LANGUAGES)
    }
    return sorted((path for path in ranks if ranks[path][1]), key=lambda path: (*ranks[path], path))


def _rank(
    path: str, texts: Iterable[str], imported: Counter[str], beside: Counter[str]
) -> tuple[int, int, int]:
    """How sure it is that tests use a file, how many do (negative), and how deep it lies.

    What all tests go through comes after what some import by name: without it each of them may wait in vain.
    """
    pure = PurePosixPath(path)
    depth = path.count("/")
    if times := imported[str(pure.with_suffix(""))] + imported[path]:
        return (2 if pure.stem in _ENTRY else 0), -times, depth
    if times := beside[str(pure.parent)]:
        return 1, -times, depth
    if pure.stem in _ENTRY and (times := imported[str(pure.parent)]):
        return 2, -times, depth
    word = re.compile(rf"(?<![\w-]){re.escape(pure.stem)}(?![\w-])")
    return 3, -sum(word.search(text) is not None for text in texts), depth


def _imported(test: str, text: str) -> set[str]:
    """What a file names by a path relative to itself, as paths from the root."""
    folder = posixpath.dirname(test)
    return {posixpath.normpath(posixpath.join(folder, found[1])) for found in _RELATIVE.finditer(text)}


def _text(services: Services, commit: str, path: str) -> str:
    content = services.repository.content(commit, path) or b""
    return content[:READ_CHARACTERS].decode(errors="replace")
