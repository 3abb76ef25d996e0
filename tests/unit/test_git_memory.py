"""Git is asked once for what can't change; answers are those of a repository that is asked anew."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from vulcan.infrastructure.git import GitRepository
from vulcan.infrastructure.git.memory import FEW

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost"]


def committed(root: Path, files: int) -> str:
    (root / "pkg").mkdir(parents=True)
    for number in range(files):
        (root / "pkg" / f"m{number}.py").write_text(f"x = {number}\n")
    (root / "a.py").write_text("a\n")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*GIT, *arguments], cwd=root, check=True)
    head = subprocess.run([*GIT, "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True)
    return head.stdout.strip()


@pytest.fixture(params=[3, FEW + 3])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, str]:
    """A host's repository with a commit, and a tree that changes, adds and removes files."""
    base = committed(tmp_path / "source", request.param)
    repository = GitRepository(tmp_path / "host.git")
    repository.fetch(tmp_path / "source", base)
    work = tmp_path / "work"
    repository.checkout(base, work)
    (work / "pkg" / "m0.py").write_text("changed\n")
    (work / "pkg" / "m1.py").unlink()
    (work / "a.py").unlink()
    (work / "a.py").mkdir()
    (work / "a.py" / "now_a_folder.py").write_text("b\n")
    return tmp_path / "host.git", base, repository.snapshot(work, base)


def test_a_repository_that_remembers_says_what_a_fresh_one_says(history: tuple[Path, str, str]) -> None:
    folder, base, tree = history
    known = GitRepository(folder)
    paths = ("pkg/m0.py", "a.py/now_a_folder.py", "absent.py")
    for _ in range(2):
        fresh = GitRepository(folder)
        assert known.overlay(base, tree, paths) == fresh.overlay(base, tree, paths)
        assert known.overlay(tree, base, ("a.py", "pkg/m1.py")) == fresh.overlay(
            tree, base, ("a.py", "pkg/m1.py")
        )
        assert known.overlay(base, base, ()) == known.overlay(base, base, ("a.py",))
        assert known.changes(base, tree) == fresh.changes(base, tree)
        assert known.diff(base, tree) == fresh.diff(base, tree)
        assert known.files(tree) == fresh.files(tree)
        for path in ("a.py", "pkg/m0.py", "pkg", "absent"):
            assert known.content(tree, path) == fresh.content(tree, path)


def test_a_tree_s_files_are_what_was_stored(history: tuple[Path, str, str]) -> None:
    folder, base, tree = history
    changed = {artifact.path: artifact.kind.value for artifact in GitRepository(folder).changes(base, tree)}
    assert changed == {
        "a.py": "deleted",
        "a.py/now_a_folder.py": "added",
        "pkg/m0.py": "modified",
        "pkg/m1.py": "deleted",
    }


def test_what_is_known_needs_no_git(history: tuple[Path, str, str], tmp_path: Path) -> None:
    folder, base, tree = history
    repository = GitRepository(folder)
    before = (
        repository.changes(base, tree),
        repository.diff(base, tree),
        repository.overlay(base, tree, ("pkg/m0.py",)),
        repository.content(base, "a.py"),
    )
    os.rename(folder, tmp_path / "gone")  # noqa: PTH104
    assert before == (
        repository.changes(base, tree),
        repository.diff(base, tree),
        repository.overlay(base, tree, ("pkg/m0.py",)),
        repository.content(base, "a.py"),
    )
