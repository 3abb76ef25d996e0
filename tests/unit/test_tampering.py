"""What steers how tests run, in files of several languages."""

from __future__ import annotations

import json

import pytest

from vulcan.application.tampering import AWARE, find_tampering
from vulcan.domain.generation import ChangeKind, CodeArtifact


class TwoTrees:
    """A repository that holds one file in two versions."""

    def __init__(self, path: str, before: str, after: str) -> None:
        self._path, self._trees = path, {"base": before, "head": after}

    def changes(self, base: str, head: str) -> tuple[CodeArtifact, ...]:
        return (CodeArtifact(self._path, ChangeKind.MODIFIED, 1, 1),)

    def content(self, commit: str, path: str) -> bytes:
        return self._trees[commit].encode()

    def diff(self, base: str, head: str, paths: object = ()) -> str:
        lines = self._trees["head"].splitlines()
        added = "\n".join(f"+{line}" for line in lines)
        return f"diff --git a/{self._path} b/{self._path}\n--- a/{self._path}\n+++ b/{self._path}\n@@ -0,0 +1,{len(lines)} @@\n{added}\n"


def found(path: str, before: object, after: object) -> list[str]:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in (before, after)]
    return [f.text for f in find_tampering(TwoTrees(path, *texts), "base", "head")]


PACKAGE = {"scripts": {"test": "mocha", "lint": "eslint"}, "dependencies": {}}


@pytest.mark.parametrize(
    "after",
    [
        PACKAGE | {"scripts": {"test": "true"}},
        PACKAGE | {"scripts": {**PACKAGE["scripts"], "pretest": "sh x"}},
        PACKAGE | {"mocha": {"require": "./x.js"}},
        PACKAGE | {"jest": {}},
        "not json",
    ],
)
def test_what_steers_a_javascript_runner_is_found(after: object) -> None:
    (text,) = found("package.json", PACKAGE, after)
    assert "changes how the tests run" in text


@pytest.mark.parametrize("after", [PACKAGE | {"dependencies": {"a": "1"}}, PACKAGE | {"version": "2.0.0"}])
def test_the_rest_of_a_package_may_change(after: object) -> None:
    assert found("package.json", PACKAGE, after) == []


@pytest.mark.parametrize(
    "path", [".mocharc.json", ".mocharc.cjs", "jest.config.js", "web/vitest.config.ts", ".taprc"]
)
def test_files_of_runners_are_found(path: str) -> None:
    assert len(found(path, "a", "b")) == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("lib/a.js", "if (process.env.NODE_TEST_CONTEXT) return 5;"),
        ("lib/a.ts", "const tested = process.env['JEST_WORKER_ID'];"),
        ("a.go", 'if flag.Lookup("test.v") != nil {'),
        ("a.go", "if testing.Testing() {"),
        ("lib/a.js", "fs.writeFileSync('/report/node.jsonl', '')"),
    ],
)
def test_code_that_asks_whether_it_is_tested_is_found(path: str, line: str) -> None:
    (text,) = found(path, "", line)
    assert "asks whether it is being tested" in text


@pytest.mark.parametrize(
    "line", ["report(test.verbose)", "the /report/ page", "import testing", "'test.value'"]
)
def test_other_code_is_not(line: str) -> None:
    assert not AWARE.search(line)
