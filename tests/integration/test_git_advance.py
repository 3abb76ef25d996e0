"""A person's own branch brought forward to what was merged: only where nothing of theirs is in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.user_repository import UserRepository
from vulcan.domain.errors import UserError, VulcanError
from vulcan.infrastructure.git import GitRepository, GitSource


@pytest.fixture
def user(tmp_path: Path) -> UserRepository:
    made = UserRepository.make(tmp_path / "project")
    made.commit({"a": "1\n", "gone": "x\n", "d/b": "2\n"})
    return made


@pytest.fixture
def host(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "host.git")


@pytest.fixture
def source(host: GitRepository) -> GitSource:
    return GitSource(lambda _: host)


def merged(host: GitRepository, user: UserRepository, **files: bytes) -> str:
    """What a job made of the user's commit, merged on the forge."""
    base = user.git("rev-parse", "HEAD")
    host.fetch(user.root, base)
    extra = host.write_files({"a": b"new\n", "d/new": b"made\n", **files})
    tree = host.overlay(base, extra, ["a", "d/new", "gone", *files])  # "gone" is absent there
    change = host.commit(tree, base, "Change a")
    return host.merge(base, change, "Merge it")


def state(user: UserRepository) -> tuple[str, str, dict[str, bytes]]:
    files = {str(p.relative_to(user.root)): p.read_bytes() for p in user.root.rglob("*") if p.is_file()}
    kept = {path: content for path, content in files.items() if not path.startswith(".git/objects")}
    return user.git("rev-parse", "HEAD"), user.git("status", "--porcelain"), kept


def test_a_clean_branch_that_is_behind_comes_forward_with_its_files(
    source: GitSource, host: GitRepository, user: UserRepository
) -> None:
    new, old = merged(host, user), user.git("rev-parse", "HEAD")
    (user.root / "untracked").write_text("mine")
    assert source.advance(user.root, "main", new) == old
    assert user.git("rev-parse", "HEAD") == user.git("rev-parse", "main") == new
    assert user.git("status", "--porcelain") == "?? untracked"
    assert (user.root / "a").read_text() == "new\n"
    assert (user.root / "d/new").read_text() == "made\n"
    assert not (user.root / "gone").exists()
    assert not (user.root / ".git/index.lock").exists()
    assert "Fast" not in user.git("fsck", "--strict")
    before = state(user)
    assert source.advance(user.root, "main", new) == ""
    assert source.advance(user.root, "main", old) == "", "what it has already is nothing to do"
    assert state(user) == before


def test_commits_of_the_persons_own_are_never_merged(
    source: GitSource, host: GitRepository, user: UserRepository
) -> None:
    new = merged(host, user)
    user.commit({"mine": "1"})
    before = state(user)
    with pytest.raises(UserError, match="commits of its own"):
        source.advance(user.root, "main", new)
    assert state(user) == before


@pytest.mark.parametrize("staged", [True, False])
def test_changes_that_are_not_committed_are_in_the_way(
    source: GitSource, host: GitRepository, user: UserRepository, staged: bool
) -> None:
    new = merged(host, user)
    user.write({"d/b": "mine\n"})
    if staged:
        user.git("add", "d/b")
    before = state(user)
    with pytest.raises(UserError, match="not committed"):
        source.advance(user.root, "main", new)
    assert state(user) == before


@pytest.mark.parametrize("ignored", [True, False])
def test_a_file_that_git_does_not_know_is_not_overwritten(
    source: GitSource, host: GitRepository, user: UserRepository, ignored: bool
) -> None:
    if ignored:
        user.commit({".gitignore": "new\n"})
    new = merged(host, user)
    user.write({"d/new": "mine"})
    before = state(user)
    with pytest.raises(UserError, match="in the way"):
        source.advance(user.root, "main", new)
    assert state(user) == before


@pytest.mark.parametrize("file", ["new", "d/new/own"])
def test_what_the_project_ignores_is_not_lost_to_a_folder_or_file_of_that_name(
    source: GitSource, host: GitRepository, user: UserRepository, file: str
) -> None:
    user.commit({".gitignore": "new\n"})
    new = merged(host, user, **{"new/deep": b"1"})
    user.write({file: "mine"})
    before = state(user)
    with pytest.raises(UserError, match="in the way"):
        source.advance(user.root, "main", new)
    assert state(user) == before


def test_another_branch_a_rebase_and_a_held_index_are_left_alone(
    source: GitSource, host: GitRepository, user: UserRepository
) -> None:
    new = merged(host, user)
    lock = user.root / ".git/index.lock"
    lock.touch()
    with pytest.raises(UserError, match="git is at work"):
        source.advance(user.root, "main", new)
    assert lock.exists()
    lock.unlink()
    (user.root / ".git/rebase-merge").mkdir()
    with pytest.raises(UserError, match="rebase is under way"):
        source.advance(user.root, "main", new)
    (user.root / ".git/rebase-merge").rmdir()
    user.git("switch", "--quiet", "-c", "other")
    with pytest.raises(UserError, match="not checked out"):
        source.advance(user.root, "main", new)
    assert user.git("rev-parse", "main") != new


def test_files_that_need_a_filter_and_sparse_checkouts_are_left_to_git(
    source: GitSource, host: GitRepository, user: UserRepository
) -> None:
    user.git("config", "core.sparseCheckout", "true")
    with pytest.raises(UserError, match="sparse"):
        source.advance(user.root, "main", merged(host, user))
    user.git("config", "--unset", "core.sparseCheckout")
    user.commit({".gitattributes": "*.bin filter=lfs\n"})
    before = state(user)
    with pytest.raises(UserError, match="filters"):
        source.advance(user.root, "main", merged(host, user))
    assert state(user) == before


def test_no_hook_or_filter_of_the_repository_runs(
    source: GitSource, host: GitRepository, user: UserRepository, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    hooks = user.root / ".git/hooks"
    hooks.mkdir()
    for name in ("post-merge", "post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (hooks / name).chmod(0o755)
    user.git("config", "core.fsmonitor", f"touch {ran}")
    assert source.advance(user.root, "main", merged(host, user))
    assert not ran.exists()


def test_what_is_no_commit_here_is_an_error(source: GitSource, user: UserRepository) -> None:
    with pytest.raises(VulcanError):
        source.advance(user.root, "main", "d" * 40)
