"""What is derived from a repository: which paths are tests, the overview, tags, and how a change is cut into commits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.memory_vcs import MemoryVcs
from fakes.sample_events import requested
from vulcan.application import commits
from vulcan.application.commits import (
    SUBJECT_LENGTH,
    code_commit,
    product_artifacts,
    request_of,
    requirement_of,
    subject,
)
from vulcan.application.overview import MAX_PATHS, MAX_RULES, list_paths, overview
from vulcan.application.testpaths import is_test_path
from vulcan.application.versions import next_tag
from vulcan.domain.errors import UserError
from vulcan.domain.events import RequirementsAnalyzed
from vulcan.domain.job import Job, fold
from vulcan.domain.requirements import AcceptanceCriterion, Requirement


@pytest.mark.parametrize(
    "path",
    [
        "tests/test_a.py",
        "test/data.json",
        "pkg/tests/helpers.py",
        "tests/fixtures/x.txt",
        "test_a.py",
        "src/a_test.py",
        "conftest.py",
        "pkg/conftest.py",
        "tests.py",
        "app/tests.py",
        "test.py",
        "calc/calc_test.go",
        "lib/words.test.js",
        "lib/words.spec.ts",
        "lib/words-test.mjs",
        "lib/test-words.cjs",
        "test.js",
        "src/__tests__/words.tsx",
    ],
)
def test_paths_that_are_tests(path: str) -> None:
    assert is_test_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "src/contest.py",
        "testing/tools.py",
        "src/latest.py",
        "attest_a.py",
        "test_data.json",
        "tests",
        "mytests/a.py",
        "src/tests.txt",
        "conftest.txt",
        "protest/a.py",
        "calc/test.go",
        "lib/latest.js",
        "lib/contest.test.json",
        "lib/spec.js",
        "lib/testing.ts",
    ],
)
def test_paths_that_are_the_product(path: str) -> None:
    assert not is_test_path(path)


@pytest.mark.parametrize(
    ("latest", "following"),
    [
        ("", "v0.1.0"),
        ("nightly", "v0.1.0"),
        ("v0.1.0", "v0.1.1"),
        ("1.9", "1.10"),
        ("release-2026.11.99", "release-2026.11.100"),
        ("v2.0.0-rc1", "v2.0.0-rc2"),
    ],
)
def test_the_next_tag(latest: str, following: str) -> None:
    assert next_tag(latest) == following


# ----------------------------------------------------------------------------------------------- overview


@given(st.lists(st.text("ab/", min_size=1, max_size=12).map(lambda p: p.strip("/") or "x"), unique=True))
def test_any_list_of_paths_is_bounded_and_short_ones_stay_whole(paths: list[str]) -> None:
    assert len(list_paths(paths)) <= MAX_PATHS + 1
    assert len(paths) > MAX_PATHS or list_paths(paths) == paths


def test_deep_folders_are_folded_first() -> None:
    deep = [f"src/app/models/v{n % 2}/deep/f{n}.py" for n in range(MAX_PATHS)]
    listed = list_paths([*deep, "README.md", "src/main.py"])
    assert listed == [
        f"src/app/models/v0/ ({MAX_PATHS // 2} files)",
        f"src/app/models/v1/ ({MAX_PATHS // 2} files)",
        "README.md",
        "src/main.py",
    ]


def test_a_flat_heap_of_files_is_cut_and_says_so() -> None:
    listed = list_paths([f"f{n}.py" for n in range(MAX_PATHS + 7)])
    assert listed[-1] == "... and 7 more"
    assert len(listed) == MAX_PATHS + 1


def test_the_overview_names_files_and_the_root_s_rules() -> None:
    vcs = MemoryVcs()
    tree = vcs.write_files({"a.py": b"", "sub/AGENTS.md": b"not these", "AGENTS.md": b"Use tabs.\xff"})
    text = overview(vcs, tree)
    assert "Files:\n" in text
    assert {"a.py", "AGENTS.md", "sub/AGENTS.md"} <= set(text.splitlines())
    assert text.endswith("Rules of the project (AGENTS.md):\nUse tabs.\N{REPLACEMENT CHARACTER}")


def test_the_overview_is_bounded_and_knows_an_empty_repository() -> None:
    vcs = MemoryVcs()
    long = overview(vcs, vcs.write_files({"AGENTS.md": b"r" * 3 * MAX_RULES}))
    assert long.count("r" * 100) == MAX_RULES // 100
    assert overview(vcs, vcs.write_files({})) == "The repository has no files."


# ------------------------------------------------------------------------------------------------ commits

REQUIREMENT = Requirement("Make  add\nadd.", (AcceptanceCriterion("AC-1", "add(2, 3) is 5"),))
BASE = {"calc.py": b"a - b\n", "tests/test_calc.py": b"old\n"}
CODER = BASE | {"calc.py": b"a + b\n", "tests/test_calc.py": b"weakened\n", "tests/test_x.py": b"mine\n"}
AUTHOR = BASE | {"calc.py": b"tampered\n", "tests/test_calc.py": b"old\nnew\n", "setup.cfg": b"x\n"}


class World:
    def __init__(self) -> None:
        self.vcs = MemoryVcs()
        self.base = self.vcs.commit(self.vcs.write_files(BASE), "", "Start")
        events = (requested(base_commit=self.base), RequirementsAnalyzed(REQUIREMENT))
        self.job = fold((event, 1.0) for event in events)

    def code(self) -> str:
        return code_commit(self.vcs, self.job, "j1", self.vcs.write_files(CODER))

    def contents(self, commit: str) -> dict[str, bytes | None]:
        return {path: self.vcs.content(commit, path) for path in self.vcs.files(commit)}


def test_the_coder_s_commit_holds_no_test() -> None:
    world = World()
    commit = world.code()

    assert world.contents(commit) == BASE | {"calc.py": b"a + b\n"}
    message = world.vcs.commits[commit].message
    assert message == "Make add add\n\nAC-1: add(2, 3) is 5\n\nVulcan-Job: j1\n"


def test_the_author_s_commit_holds_nothing_but_tests_on_top_of_the_code() -> None:
    world = World()
    code = world.code()
    commit = commits.tests_commit(world.vcs, world.job, "j1", code, world.vcs.write_files(AUTHOR))

    assert world.contents(commit) == BASE | {"calc.py": b"a + b\n", "tests/test_calc.py": b"old\nnew\n"}
    assert world.vcs.commits[commit].parents == (code,)
    assert world.vcs.commits[commit].message.startswith("Test: Make add add\n")


def test_artifacts_are_told_apart() -> None:
    world = World()
    head = world.vcs.write_files(CODER)
    assert {a.path for a in commits.test_artifacts(world.vcs, world.base, head)} == {
        "tests/test_calc.py",
        "tests/test_x.py",
    }
    assert [a.path for a in product_artifacts(world.vcs, world.base, head)] == ["calc.py"]


@given(st.text(max_size=200))
def test_a_subject_is_one_line_that_fits(summary: str) -> None:
    line = subject(Requirement(summary, ()))
    assert len(line) <= SUBJECT_LENGTH
    assert len(line.splitlines()) <= 1
    assert len(" ".join(summary.split())) <= SUBJECT_LENGTH or line.endswith("...")


def test_a_job_without_request_or_requirement_is_refused() -> None:
    for part in (request_of, requirement_of):
        with pytest.raises(UserError):
            part(Job())
