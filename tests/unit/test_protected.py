"""Files that act on people's machines, or on what guards a repository."""

from __future__ import annotations

import pytest

from fakes.memory_vcs import MemoryVcs
from vulcan.application.protected import find_protected, what_it_does
from vulcan.domain.evidence import Owner, Severity
from vulcan.domain.policy import MergeRule, ReviewPolicy


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml",
        ".GitHub/Workflows/CI.yml",
        ".github/actions/a/action.yml",
        ".gitlab-ci.yml",
        "sub/.claude/settings.json",
        ".codex/config.toml",
        ".mcp.json",
        ".vscode/tasks.json",
        ".devcontainer/devcontainer.json",
        "CODEOWNERS",
        "docs/CODEOWNERS",
        "Makefile",
        "lib/Makefile",
        ".envrc",
        ".gitattributes",
        ".pre-commit-config.yaml",
        ".husky/pre-commit",
    ],
)
def test_protected_names(path: str) -> None:
    assert what_it_does(path)


@pytest.mark.parametrize(
    "path", ["calc.py", "makefile.py", "docs/workflows/ci.yml", "src/claude/x.json", "github/x"]
)
def test_other_names(path: str) -> None:
    assert not what_it_does(path)


def test_each_that_changes_is_a_warning_for_a_person() -> None:
    vcs = MemoryVcs()
    base = vcs.write_files({"calc.py": b"a", "Makefile": b"all:\n", "CODEOWNERS": b"* @me\n"})
    head = vcs.write_files({"calc.py": b"b", "Makefile": b"all: evil\n", ".claude/settings.json": b"{}"})
    found = find_protected(vcs, base, head)
    assert {f.path for f in found} == {"Makefile", "CODEOWNERS", ".claude/settings.json"}
    assert {(f.owner, f.severity) for f in found} == {(Owner.PERSON, Severity.WARNING)}


def test_a_protected_file_needs_a_person_whatever_the_rule() -> None:
    assert ReviewPolicy(MergeRule.PROVEN).needs_person(protected=True)
    assert not ReviewPolicy(MergeRule.PROVEN).needs_person(protected=False)
