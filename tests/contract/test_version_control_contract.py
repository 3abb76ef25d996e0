"""The suite of the ports VersionControl, History and SourceRepository. A new adapter is one more of `WORLDS`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from fakes.memory_vcs import File, MemorySource, MemoryUserRepository, MemoryVcs
from fakes.user_repository import UserRepository
from vulcan.application.ports import History, SourceRepository, VersionControl
from vulcan.domain.errors import EffectFailed, UserError, VulcanError
from vulcan.domain.generation import ChangeKind, CodeArtifact
from vulcan.infrastructure.git import GitRepository, GitSource

Files = Mapping[str, bytes | None]
ABSENT = "1234567890" * 4


class Repository(VersionControl, History, Protocol):
    """Both ports, as one adapter implements them."""


class World(Protocol):
    """A user's repository on branch `main`, and the host's side of it."""

    root: Path
    repository: Repository
    source: SourceRepository

    def user_commits(self, files: Files) -> str: ...
    def user_branch(self, name: str) -> str: ...
    def user_switches(self, name: str) -> None: ...


class GitWorld:
    def __init__(self, folder: Path) -> None:
        self.user = UserRepository.make(folder / "user" / "project")
        self.root = self.user.root
        git = GitRepository(folder / "host" / "project.git", diff_limit=10_000)
        self.repository = git
        self.source = GitSource(lambda _: git)

    def user_commits(self, files: Files) -> str:
        return self.user.commit(files)

    def user_branch(self, name: str) -> str:
        return self.user.git("rev-parse", "--quiet", "--verify", f"refs/heads/{name}", check=False)

    def user_switches(self, name: str) -> None:
        self.user.git("switch", "--quiet", name)


class MemoryWorld:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "user" / "project"
        self.root.mkdir(parents=True)
        self.user = MemoryUserRepository(MemoryVcs())
        self.repository = MemoryVcs({self.root: self.user}, diff_limit=10_000)
        self.source = MemorySource(self.repository)

    def user_commits(self, files: Files) -> str:
        theirs, parent = self.user.objects, self.user.branches.get(self.user.branch, "")
        tree = dict(theirs.tree(parent)) if parent else {}
        for path, content in files.items():
            tree.pop(path, None)
            if content is not None:
                tree[path] = File(content)
        commit = theirs._commit(theirs.write_tree(tree), (parent,) if parent else (), "a change", ours=False)
        self.user.branches[self.user.branch] = commit
        return commit

    def user_branch(self, name: str) -> str:
        return self.user.branches.get(name, "")

    def user_switches(self, name: str) -> None:
        self.user.branch = name


WORLDS = [GitWorld, MemoryWorld]


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made: World = request.param(tmp_path)
    return made


@pytest.fixture
def base(world: World) -> str:
    """A fetched commit with some files."""
    commit = world.user_commits(
        {
            "README.md": b"# Project\n",
            "src/app.py": b"one\ntwo\nthree\n",
            "logo.png": b"\x89PNG\0\0",
            ".gitignore": b"*.log\nbuild/\n",
        }
    )
    world.repository.fetch(world.root, commit)
    return commit


def edited(world: World, base: str, folder: Path, files: Files) -> str:
    """A tree that is `base` with files written or removed in a checkout."""
    world.repository.checkout(base, folder)
    for path, content in files.items():
        target = folder / path
        if content is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return world.repository.snapshot(folder, base)


def edited_tree(world: World, base: str, folder: Path, files: Files) -> str:
    """The same, for files that take the place of folders and the other way round."""
    world.repository.checkout(base, folder)
    for path, content in files.items():
        if content is None:
            (folder / path).unlink()
    for path, content in files.items():
        if content is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    return world.repository.snapshot(folder, base)


# ------------------------------------------------------------------------------------ source


def test_a_repository_is_found_from_a_subfolder(world: World) -> None:
    commit = world.user_commits({"src/app.py": b"x"})
    folder = world.root / "src"
    folder.mkdir(exist_ok=True)
    state = world.source.inspect(folder)
    assert (state.root, state.head, state.branch, state.dirty) == (world.root, commit, "main", 0)


def test_a_repository_without_a_commit_is_the_users_to_mend(world: World) -> None:
    with pytest.raises(UserError) as caught:
        world.source.inspect(world.root)
    assert "git commit" in caught.value.hint


def test_a_folder_that_is_no_repository_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        world.source.inspect(tmp_path)
    assert "git init" in caught.value.hint


def test_a_change_lies_between_where_it_left_its_base_and_its_end(world: World) -> None:
    first = world.user_commits({"a": b"1"})
    world.source.publish(world.root, "vulcan/work", first)
    world.user_switches("vulcan/work")
    change = world.user_commits({"b": b"1"})
    assert world.source.ends(world.root, "", "") == (world.root, first, change)
    world.user_switches("main")
    later = world.user_commits({"c": b"1"})
    assert world.source.ends(world.root, "", "vulcan/work") == (world.root, first, change)
    assert world.source.ends(world.root, "main", "vulcan/work") == (world.root, first, change)
    assert world.source.ends(world.root, first, "") == (world.root, first, later)
    assert world.source.ends(world.root, "", "") == (world.root, later, later)


@pytest.mark.parametrize("ends", [("gone", ""), ("", "gone"), ("-x", "")])
def test_an_end_that_is_not_there_is_named(world: World, ends: tuple[str, str]) -> None:
    world.user_commits({"a": b"1"})
    with pytest.raises(UserError, match="no branch, tag or commit") as caught:
        world.source.ends(world.root, *ends)
    assert "main" in caught.value.hint


def test_publish_and_withdraw_change_one_branch(world: World, base: str) -> None:
    commit = world.repository.commit(
        world.repository.overlay(base, base, ["README.md"]), base, "Work\n\nfor a test"
    )
    world.source.publish(world.root, "vulcan/work", commit)
    world.source.publish(world.root, "vulcan/work", commit)
    assert world.user_branch("vulcan/work") == commit
    assert world.user_branch("main") == base
    assert world.source.withdraw(world.root, "vulcan/work")
    assert world.user_branch("vulcan/work") == ""
    assert not world.source.withdraw(world.root, "vulcan/work")


def test_publish_moves_a_branch_even_backwards(world: World, base: str) -> None:
    newer = world.repository.commit(world.repository.overlay(base, base, []), base, "newer")
    world.source.publish(world.root, "vulcan/work", newer)
    world.source.publish(world.root, "vulcan/work", base)
    assert world.user_branch("vulcan/work") == base


@pytest.mark.parametrize(
    "name", ["main", "vulcan", "vulcan/../main", "other/x", "vulcan/", "refs/heads/x", ""]
)
def test_only_names_below_vulcan_are_touched(world: World, base: str, name: str) -> None:
    with pytest.raises(EffectFailed):
        world.source.publish(world.root, name, base)
    with pytest.raises(EffectFailed):
        world.source.withdraw(world.root, name)
    assert world.user_branch("main") == base


def test_a_branch_that_is_checked_out_stays_as_it_is(world: World, base: str) -> None:
    world.source.publish(world.root, "vulcan/work", base)
    world.user_switches("vulcan/work")
    newer = world.repository.commit(world.repository.overlay(base, base, []), base, "newer")
    with pytest.raises(EffectFailed) as caught:
        world.source.publish(world.root, "vulcan/work", newer)
    assert caught.value.hint
    with pytest.raises(EffectFailed):
        world.source.withdraw(world.root, "vulcan/work")
    world.source.publish(world.root, "vulcan/work", base)
    assert world.user_branch("vulcan/work") == base


# ---------------------------------------------------------------------------- version control


def test_a_commit_that_is_not_there_can_not_be_fetched(world: World, base: str) -> None:
    with pytest.raises(UserError):
        world.repository.fetch(world.root, ABSENT)


def test_fetching_again_brings_what_is_new(world: World, base: str) -> None:
    newer = world.user_commits({"new.txt": b"new"})
    world.repository.fetch(world.root, newer)
    world.repository.fetch(world.root, newer)
    assert world.repository.content(newer, "new.txt") == b"new"


def test_a_checkout_holds_the_files_and_nothing_else(world: World, base: str, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "checkout"
    world.repository.checkout(base, folder)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {"README.md", "src/app.py", "logo.png", ".gitignore"}
    assert (folder / "src" / "app.py").read_bytes() == b"one\ntwo\nthree\n"


def test_a_checkout_into_a_full_folder_is_refused(world: World, base: str, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(VulcanError):
        world.repository.checkout(base, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


def test_a_checkout_beside_another_holds_the_same_as_one_alone(
    world: World, base: str, tmp_path: Path
) -> None:
    files = {"src/app.py": b"changed\n", "README.md": None, "logo.png": None, "logo.png/now/a/folder": b"x"}
    world.repository.checkout(base, tmp_path / "there")
    tree = world.repository.overlay(base, edited_tree(world, base, tmp_path / "a", files), tuple(files))
    world.repository.checkout_beside(tree, tmp_path / "beside", base, tmp_path / "there")
    world.repository.checkout(tree, tmp_path / "alone")
    assert contents(tmp_path / "beside") == contents(tmp_path / "alone")
    assert contents(tmp_path / "there")["src/app.py"][0] == b"one\ntwo\nthree\n"


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes() if path.is_file() else b"", path.stat().st_mode)
        for path in folder.rglob("*")
    }


def test_a_tree_can_be_checked_out(world: World, base: str, tmp_path: Path) -> None:
    tree = edited(world, base, tmp_path / "a", {"new.py": b"new\n"})
    world.repository.checkout(tree, tmp_path / "b")
    assert (tmp_path / "b" / "new.py").read_bytes() == b"new\n"


def test_a_snapshot_of_an_untouched_checkout_is_its_tree(world: World, base: str, tmp_path: Path) -> None:
    tree = edited(world, base, tmp_path / "a", {})
    assert world.repository.changes(base, tree) == ()
    assert world.repository.snapshot(tmp_path / "a", base) == tree


def test_a_snapshot_sees_new_changed_and_removed_files(world: World, base: str, tmp_path: Path) -> None:
    tree = edited(
        world, base, tmp_path / "a", {"src/app.py": b"one\n2\n", "src/b.py": b"b\n", "README.md": None}
    )
    assert world.repository.changes(base, tree) == (
        CodeArtifact("README.md", ChangeKind.DELETED, 0, 1),
        CodeArtifact("src/app.py", ChangeKind.MODIFIED, 1, 2),
        CodeArtifact("src/b.py", ChangeKind.ADDED, 1, 0),
    )


def test_a_snapshot_leaves_ignored_files_out(world: World, base: str, tmp_path: Path) -> None:
    tree = edited(
        world, base, tmp_path / "a", {"x.log": b"x", "src/y.log": b"y", "build/out": b"o", "z.txt": b"z"}
    )
    assert set(world.repository.files(tree)) == {"README.md", "src/app.py", "logo.png", ".gitignore", "z.txt"}


def test_a_tracked_file_is_never_ignored(world: World, base: str, tmp_path: Path) -> None:
    newer = world.user_commits({"kept.log": b"old"}) if isinstance(world, MemoryWorld) else tracked_log(world)
    world.repository.fetch(world.root, newer)
    tree = edited(world, newer, tmp_path / "a", {"kept.log": b"new", "other.log": b"x"})
    assert world.repository.content(tree, "kept.log") == b"new"
    assert world.repository.content(tree, "other.log") is None


def tracked_log(world: World) -> str:
    assert isinstance(world, GitWorld)
    world.user.write({"kept.log": b"old"})
    world.user.git("add", "--force", "kept.log")
    return world.user_commits({})


def test_executable_bits_and_symlinks_survive(world: World, base: str, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    world.repository.checkout(base, folder)
    (folder / "README.md").chmod(0o755)
    (folder / "link").symlink_to("src/app.py")
    (folder / "dangling").symlink_to("/nowhere/at/all")
    tree = world.repository.snapshot(folder, base)
    world.repository.checkout(tree, tmp_path / "b")
    assert (tmp_path / "b" / "README.md").stat().st_mode & 0o111
    assert not (tmp_path / "b" / "src" / "app.py").stat().st_mode & 0o111
    assert str((tmp_path / "b" / "link").readlink()) == "src/app.py"
    assert str((tmp_path / "b" / "dangling").readlink()) == "/nowhere/at/all"
    assert world.repository.content(tree, "link") == b"src/app.py"


def test_nothing_called_git_is_recorded(world: World, base: str, tmp_path: Path) -> None:
    tree = edited(
        world, base, tmp_path / "a", {"sub/.git/HEAD": b"ref: x", "sub/file": b"f", ".git/config": b"c"}
    )
    assert {change.path for change in world.repository.changes(base, tree)} == {"sub/file"}


def test_restore_makes_tracked_files_equal(world: World, base: str, tmp_path: Path) -> None:
    files: Files = {"src/app.py": b"changed", "new.py": b"new", "README.md": None, "kept.log": b"log"}
    edited(world, base, tmp_path / "a", files)
    world.repository.restore(tmp_path / "a", base)
    assert (tmp_path / "a" / "src" / "app.py").read_bytes() == b"one\ntwo\nthree\n"
    assert (tmp_path / "a" / "README.md").exists()
    assert not (tmp_path / "a" / "new.py").exists()
    assert (tmp_path / "a" / "kept.log").read_bytes() == b"log"
    assert world.repository.changes(base, world.repository.snapshot(tmp_path / "a", base)) == ()


# ------------------------------------------------------------------------------------ history


def test_a_commit_is_its_arguments(world: World, base: str) -> None:
    tree = world.repository.overlay(base, base, [])
    first = world.repository.commit(tree, base, "Add a thing\n\nwith a body")
    assert world.repository.commit(tree, base, "Add a thing\n\nwith a body") == first
    assert world.repository.commit(tree, base, "another") != first
    assert world.repository.commit(tree, first, "Add a thing\n\nwith a body") != first
    assert set(world.repository.files(first)) == set(world.repository.files(base))


def test_a_diff_shows_text_and_names_binaries(world: World, base: str, tmp_path: Path) -> None:
    tree = edited(world, base, tmp_path / "a", {"src/app.py": b"one\n2\nthree\n", "logo.png": b"\x89PNG\0\1"})
    diff = world.repository.diff(base, tree)
    assert "--- a/src/app.py\n+++ b/src/app.py\n" in diff
    assert "-two\n+2\n" in diff
    assert "Binary files a/logo.png and b/logo.png differ" in diff
    assert world.repository.diff(base, base) == ""


def test_a_diff_can_be_limited_to_paths(world: World, base: str, tmp_path: Path) -> None:
    tree = edited(world, base, tmp_path / "a", {"src/app.py": b"x\n", "README.md": b"y\n", "*": b"star\n"})
    diff = world.repository.diff(base, tree, ["src/app.py", "absent"])
    assert "src/app.py" in diff
    assert "README" not in diff
    assert "README" not in world.repository.diff(base, tree, ["*"])


def test_a_long_diff_is_cut_and_says_so(world: World, base: str, tmp_path: Path) -> None:
    tree = edited(world, base, tmp_path / "a", {"long.txt": b"a line of text\n" * 100_000})
    diff = world.repository.diff(base, tree)
    assert len(diff) < 11_000
    assert "cut here" in diff.splitlines()[-1]


def test_binary_changes_count_no_lines(world: World, base: str, tmp_path: Path) -> None:
    tree = edited(world, base, tmp_path / "a", {"logo.png": b"\0\1\n\2\n"})
    assert world.repository.changes(base, tree) == (CodeArtifact("logo.png", ChangeKind.MODIFIED, 0, 0),)


def test_an_overlay_takes_files_of_the_other_tree(world: World, base: str, tmp_path: Path) -> None:
    tree = edited(world, base, tmp_path / "a", {"src/app.py": b"x\n", "new.py": b"n\n", "README.md": None})
    mixed = world.repository.overlay(base, tree, ["new.py", "README.md", "absent"])
    assert set(world.repository.files(mixed)) == {"src/app.py", "logo.png", ".gitignore", "new.py"}
    assert world.repository.content(mixed, "src/app.py") == b"one\ntwo\nthree\n"


@pytest.mark.parametrize(
    "path", ["absent", "src", "", "./README.md", "../README.md", "/README.md", "src/app.py/x"]
)
def test_what_is_no_file_has_no_content(world: World, base: str, path: str) -> None:
    assert world.repository.content(base, path) is None


def test_unknown_objects_are_an_error(world: World, base: str) -> None:
    with pytest.raises(VulcanError):
        world.repository.files(ABSENT)
    with pytest.raises(VulcanError):
        world.repository.files("--help")
