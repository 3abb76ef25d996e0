"""Which literals of the instruction's demands stand in the tests that are tied to them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from vulcan.domain.requirements import Requirement
from vulcan.domain.statements import is_mentioned
from vulcan.domain.testing import CodeTesting, Unmentioned

LONGEST_LINE = 1_000
_CODE = re.compile(r"\.(?:py|go|rs|java|rb|[cm]?jsx?|[cm]?tsx?)$")
_COMMENT = re.compile(r"(?:^\s*|\s)(?:#|//)(?![^'\"]*['\"]).*$")
_FUNCTION = re.compile(r"(\s*)(?:async\s+)?def\s+(\w+)")


def unmentioned(
    requirement: Requirement, testing: CodeTesting, texts: Mapping[str, str]
) -> tuple[Unmentioned, ...]:
    """Literals of demands that no test tied to them names; a comment names nothing.

    `texts` holds what the change adds to test files, and names what else it touches: a file's name is shown by a change
    of that file. Test data and helpers count for every demand, a test only for those that it is tied to.
    """
    texts = {path: _without_comments(text) if _CODE.search(path) else text for path, text in texts.items()}
    of_tests = {_file(case.id) for case in testing.cases}
    found = []
    for statement in requirement.demands:
        criteria = {criterion.id for criterion in requirement.of_statement(statement.id)}
        tests = [case.id for case in testing.cases if criteria & set(case.criteria)]
        if not tests:
            continue
        files, names = {_file(test) for test in tests}, {test.rpartition("::")[2] for test in tests}
        text = "\n".join(
            f"{path}\n{_said_for(names, text) if path in files else text}"
            for path, text in texts.items()
            if path in files or path not in of_tests
        )
        if missing := tuple(each for each in statement.literals if not is_mentioned(each, text)):
            found.append(Unmentioned(statement.id, missing))
    return tuple(found)


def _file(test: str) -> str:
    return test.split("::", 1)[0]


def _without_comments(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(_COMMENT.sub("", line) if len(line) < LONGEST_LINE else line for line in lines)


def _said_for(names: Collection[str], text: str) -> str:
    """The lines of a test file that are for tests of these names: their own, and those of no other test of Python."""
    kept: list[str] = []
    decorators: list[str] = []
    inside: tuple[int, bool] | None = None
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        match = _FUNCTION.match(line)
        if match and not (inside and indent > inside[0]):
            wanted = match[2] in names or not match[2].startswith("test")
            inside = (indent, wanted)
            kept += [*decorators, line] if wanted else []
            decorators = []
        elif inside and (not line.strip() or indent > inside[0] or line.lstrip()[0] in ")]}"):
            kept += [line] if inside[1] else []
        elif decorators or line.lstrip().startswith("@"):
            decorators.append(line)
            inside = None
        else:
            kept.append(line)
            inside = None
    return "\n".join([*kept, *decorators])
