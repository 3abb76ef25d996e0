"""Users' repositories of every shape, looked at and given a branch; what is theirs stays as it was."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.user_repository import UserRepository
from vulcan.domain.errors import EffectFailed, UserError
from vulcan.infrastructure.git import GitRepository, GitSource


@pytest.fixture
def user(tmp_path: Path) -> UserRepository:
    return UserRepository.make(tmp_path / "user" / "project")


@pytest.fixture
def host(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "host.git")


@pytest.fixture
def source(host: GitRepository) -> GitSource:
    return GitSource(lambda _: host)


def worked_on(host: GitRepository, base: str, content: bytes = b"made by Vulcan\n") -> str:
    extra = host.write_files({"made.txt": content})
    return host.commit(host.overlay(base, extra, ["made.txt"]), base, "Add made.txt")


# -------------------------------------------------------------------------------------- shapes


def test_a_missing_path_is_said_to_be_missing(source: GitSource, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        source.inspect(tmp_path / "absent")


def test_tracked_files_are_named_also_from_a_subfolder(source: GitSource, user: UserRepository) -> None:
    user.commit({"a": "1", "b/c d": "2"})
    (user.root / "new").write_text("not tracked")
    assert source.tracked(user.root) == source.tracked(user.root / "b") == ("a", "b/c d")


def test_the_main_branch_is_found_by_the_habits_of_git(source: GitSource, user: UserRepository) -> None:
    first = user.commit({"a": "1"})
    user.git("branch", "-m", "trunk")
    with pytest.raises(UserError, match="no branch main or master") as caught:
        source.ends(user.root, "", "")
    assert "--base" in caught.value.hint
    user.git("branch", "master")
    second = user.commit({"a": "2"})
    assert source.ends(user.root / ".", "", "") == (user.root, first, second)
    user.git("update-ref", "refs/remotes/origin/main", second)
    third = user.commit({"a": "3"})
    assert source.ends(user.root, "", "") == (user.root, second, third), (
        "what is shared counts before what lies here"
    )
    user.git("checkout", "--quiet", "--detach")
    assert source.ends(user.root, "", "")[2] == third
    user.git("tag", "-a", "-m", "v1", "v1", first)
    assert source.ends(user.root, "v1", third) == (user.root, first, third)


def test_histories_with_nothing_in_common_are_compared_as_they_are(
    source: GitSource, user: UserRepository
) -> None:
    first = user.commit({"a": "1"})
    user.git("checkout", "--quiet", "--orphan", "other")
    other = user.commit({"b": "1"})
    assert source.ends(user.root, "main", "other") == (user.root, first, other)


def test_a_file_is_not_a_folder(source: GitSource, user: UserRepository) -> None:
    user.commit({"a": "1"})
    with pytest.raises(UserError, match="not a folder"):
        source.inspect(user.root / "a")


def test_a_bare_repository_is_refused_with_the_way_out(source: GitSource, user: UserRepository) -> None:
    user.commit({"a": "1"})
    user.git("clone", "--quiet", "--bare", ".", "../bare.git")
    for place in ("bare.git", "bare.git/objects", "project/.git"):
        with pytest.raises(UserError, match="bare") as caught:
            source.inspect(user.root.parent / place)
        assert "Clone" in caught.value.hint


def test_sha256_names_are_refused_with_the_way_out(source: GitSource, tmp_path: Path) -> None:
    root = tmp_path / "sha256"
    root.mkdir()
    repository = UserRepository(root)
    repository.git("init", "--quiet", "--object-format=sha256")
    repository.commit({"a": "1"})
    with pytest.raises(UserError, match="SHA-256"):
        source.inspect(root)


def test_a_detached_head_is_fine(source: GitSource, host: GitRepository, user: UserRepository) -> None:
    first = user.commit({"a": "1"})
    user.commit({"a": "2"})
    user.git("checkout", "--quiet", "--detach", first)
    loose = user.commit({"a": "on no branch"})
    user.git("checkout", "--quiet", "--detach", loose)
    state = source.inspect(user.root)
    assert (state.head, state.branch) == (loose, "")
    host.fetch(user.root, loose)
    assert host.content(loose, "a") == b"on no branch"
    assert host.is_ancestor(first, loose)


def test_a_linked_work_tree_is_a_source(source: GitSource, host: GitRepository, user: UserRepository) -> None:
    base = user.commit({"a": "1"})
    user.git("worktree", "add", "--quiet", "-b", "side", "../side")
    side = UserRepository(user.root.parent / "side")
    newer = side.commit({"a": "2"})
    (side.root / "untracked").touch()
    state = source.inspect(side.root)
    assert (state.root, state.head, state.branch, state.dirty) == (side.root, newer, "side", 1)
    host.fetch(side.root, newer)
    commit = worked_on(host, newer)
    source.publish(side.root, "vulcan/x", commit)
    assert user.git("rev-parse", "vulcan/x") == commit
    assert user.git("rev-parse", "main") == base


def test_a_branch_checked_out_in_a_linked_work_tree_stays(
    source: GitSource, host: GitRepository, user: UserRepository
) -> None:
    base = user.commit({"a": "1"})
    host.fetch(user.root, base)
    source.publish(user.root, "vulcan/x", base)
    user.git("worktree", "add", "--quiet", "../side", "vulcan/x")
    for root in (user.root, user.root.parent / "side"):
        with pytest.raises(EffectFailed, match="checked out"):
            source.withdraw(root, "vulcan/x")
        with pytest.raises(EffectFailed, match="checked out"):
            source.publish(root, "vulcan/x", worked_on(host, base))
    assert user.git("rev-parse", "vulcan/x") == base


def test_a_submodules_work_tree_is_a_source(source: GitSource, user: UserRepository) -> None:
    inner = UserRepository.make(user.root.parent / "inner")
    head = inner.commit({"i": "i"})
    user.commit({"a": "1"})
    user.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../inner", "sub")
    assert source.inspect(user.root / "sub").head == head


def test_a_hostile_core_worktree_moves_nothing(
    source: GitSource, user: UserRepository, tmp_path: Path
) -> None:
    user.commit({"a": "1"})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "secret").touch()
    user.git("config", "core.worktree", str(tmp_path / "other"))
    state = source.inspect(user.root)
    assert (state.root, state.dirty) == (user.root, 0)


def test_objects_may_lie_in_another_repository(
    source: GitSource, host: GitRepository, user: UserRepository
) -> None:
    commit = user.commit({"a": "1"})
    user.git("clone", "--quiet", "--shared", ".", "../shared")
    shared = user.root.parent / "shared"
    (shared / ".git" / "objects" / "info" / "alternates").write_text("../../../project/.git/objects\n")
    host.fetch(shared, source.inspect(shared).head)
    assert host.content(commit, "a") == b"1"
    assert not (host.git_dir / "objects" / "info" / "alternates").exists()


def test_a_shallow_clone_can_be_worked_on(
    source: GitSource, host: GitRepository, user: UserRepository
) -> None:
    for number in range(4):
        user.commit({"a": f"{number}"})
    user.git("clone", "--quiet", "--depth=2", user.root.as_uri(), "../shallow")
    shallow = UserRepository(user.root.parent / "shallow")
    state = source.inspect(shallow.root)
    assert any("shallow" in note for note in state.notes)
    host.fetch(shallow.root, state.head)
    assert len(host.git.run("rev-list", state.head).text.split()) == 2
    newer = shallow.commit({"a": "5"})
    host.fetch(shallow.root, newer)
    commit = worked_on(host, newer)
    source.publish(shallow.root, "vulcan/x", commit)
    assert len(shallow.git("rev-list", "vulcan/x").splitlines()) == 4
    assert shallow.git("fsck", "--connectivity-only") == ""


def test_packed_refs_and_packs_are_read(source: GitSource, host: GitRepository, user: UserRepository) -> None:
    base = user.commit({"a": "1"})
    host.fetch(user.root, base)
    source.publish(user.root, "vulcan/x", base)
    user.git("gc", "--quiet")
    assert not (user.root / ".git" / "refs" / "heads" / "vulcan" / "x").exists()
    assert source.inspect(user.root).head == base
    commit = worked_on(host, base)
    source.publish(user.root, "vulcan/x", commit)
    assert user.git("rev-parse", "vulcan/x") == commit
    user.git("pack-refs", "--all")
    assert source.withdraw(user.root, "vulcan/x")
    assert user.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_a_branch_called_vulcan_is_in_the_way(
    source: GitSource, host: GitRepository, user: UserRepository
) -> None:
    base = user.commit({"a": "1"})
    host.fetch(user.root, base)
    user.git("branch", "vulcan")
    with pytest.raises(EffectFailed) as caught:
        source.publish(user.root, "vulcan/x", base)
    assert "a/b" in caught.value.hint
    assert user.git("rev-parse", "vulcan") == base


# --------------------------------------------------------------------------------------- notes


def test_notes_say_what_the_job_will_not_see(source: GitSource, user: UserRepository) -> None:
    inner = UserRepository.make(user.root / "vendor")
    inner.commit({"v": "v"})
    user.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "a": "1"})
    user.write({"a": "2", "new": "n"})
    (user.root / ".git" / "MERGE_HEAD").write_text("0" * 40 + "\n")
    state = source.inspect(user.root)
    notes = "\n".join(state.notes)
    assert state.dirty == 2
    for words in ("2 uncommitted", "vendor", "LFS", "merge is under way"):
        assert words in notes


def test_a_clean_repository_has_no_notes(source: GitSource, user: UserRepository) -> None:
    user.commit({"a": "1", ".gitignore": "*.log\n"})
    user.write({"x.log": "x"})
    (user.root / ".git" / "info").mkdir(exist_ok=True)
    (user.root / ".git" / "info" / "exclude").write_text("mine\n")
    user.write({"mine": "x"})
    assert source.inspect(user.root).notes == ()


def test_staged_deleted_and_renamed_files_are_counted(source: GitSource, user: UserRepository) -> None:
    user.commit({"a": "1", "b": "2", "c": "3"})
    user.git("mv", "a", "moved")
    user.git("rm", "--quiet", "b")
    user.write({"c": "4"})
    assert source.inspect(user.root).dirty == 4


def test_line_ends_are_judged_as_the_users_git_judges_them(source: GitSource, user: UserRepository) -> None:
    user.git("config", "core.autocrlf", "true")
    user.commit({"a.txt": "one\r\ntwo\r\n"})
    (user.root / "a.txt").touch()
    assert user.git("status", "--porcelain") == ""
    assert source.inspect(user.root).dirty == 0


# ----------------------------------------------------------------------------------- untouched


def everything(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, time and bytes of all files but the object database, which may grow."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.startswith(".git/objects") or path.is_dir():
            continue
        status = path.lstat()
        content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        found[name] = (status.st_mode, status.st_mtime_ns, content)
    return found


def test_a_dirty_tree_and_its_index_stay_bit_for_bit(
    source: GitSource, host: GitRepository, user: UserRepository
) -> None:
    base = user.commit({"a": "1", "b": "2", "link": "x"})
    user.write({"staged": "s", "a": "changed", "untracked": "u"})
    user.git("add", "staged")
    (user.root / "link").unlink()
    (user.root / "link").symlink_to("/etc")
    (user.root / "b").touch()  # its entry in the index is out of date now, which plain `git status` mends
    before = everything(user.root)
    state = source.inspect(user.root)
    assert state.dirty == 4
    host.fetch(user.root, base)
    source.publish(user.root, "vulcan/x", worked_on(host, base))
    assert user.git("ls-tree", "--name-only", "vulcan/x", "made.txt") == "made.txt"
    published = everything(user.root)
    assert {name for name in published if published[name] != before.get(name)} == {
        ".git/refs/heads/vulcan/x",
        *(name for name in published if name == ".git/logs/refs/heads/vulcan/x"),
    }
    source.withdraw(user.root, "vulcan/x")
    assert everything(user.root) == before
    assert user.git("rev-parse", "HEAD") == base


def test_what_was_published_is_whole(source: GitSource, host: GitRepository, user: UserRepository) -> None:
    base = user.commit({f"d{number}/f": f"{number}" for number in range(20)})
    host.fetch(user.root, base)
    head = base
    for number in range(3):
        head = worked_on(host, head, b"%d" % number)
    source.publish(user.root, "vulcan/x", head)
    assert user.git("fsck", "--full", "--strict") == ""
    assert user.git("rev-list", "--count", f"{base}..vulcan/x") == "3"


# --------------------------------------------------------------------------- another's repository

STRANGER = 54_321


@pytest.fixture
def strangers() -> Iterator[UserRepository]:
    """A repository that belongs to another user, in a place that this user reaches."""
    if os.geteuid() != 0:
        pytest.skip("only root works on the repository of another user")
    folder = Path(tempfile.mkdtemp(prefix="vulcan-test-"))
    folder.chmod(0o755)
    try:
        user = UserRepository.make(folder / "project")
        user.commit({"a": "1"})
        for path in (user.root, *user.root.rglob("*")):
            os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
        yield user
    finally:
        shutil.rmtree(folder)


def test_what_root_publishes_belongs_to_the_owner(
    source: GitSource, host: GitRepository, strangers: UserRepository
) -> None:
    state = source.inspect(strangers.root)
    assert strangers.git("status", check=False) == ""  # plain git refuses: dubious ownership
    host.fetch(strangers.root, state.head)
    commit = worked_on(host, state.head)
    source.publish(strangers.root, "vulcan/deep/x", commit)
    owners = {path.lstat().st_uid for path in (strangers.root, *strangers.root.rglob("*"))}
    assert owners == {STRANGER}
    assert (strangers.root / ".git/refs/heads/vulcan/deep/x").read_text().strip() == commit
    assert source.withdraw(strangers.root, "vulcan/deep/x")
    owners = {path.lstat().st_uid for path in (strangers.root, *strangers.root.rglob("*"))}
    assert owners == {STRANGER}


def test_root_does_not_write_through_the_links_of_another_user(
    source: GitSource, host: GitRepository, strangers: UserRepository, tmp_path: Path
) -> None:
    state = source.inspect(strangers.root)
    host.fetch(strangers.root, state.head)
    (tmp_path / "roots").mkdir()
    (strangers.root / ".git/refs/heads/vulcan").symlink_to(tmp_path / "roots")
    with pytest.raises(EffectFailed):
        source.publish(strangers.root, "vulcan/x", state.head)
    assert list((tmp_path / "roots").iterdir()) == []


# -------------------------------------------------------------------------------------- what makes git wait


def test_a_fifo_in_place_of_a_file_of_git_is_passed_over(source: GitSource, user: UserRepository) -> None:
    user.commit({"a": "1"})
    for name in ("shallow", "packed-refs", "logs"):
        shutil.rmtree(user.root / ".git" / name, ignore_errors=True)
        os.mkfifo(user.root / ".git" / name)
    assert source.tracked(user.root) == ("a",)


LOOK = """
import sys
from pathlib import Path
from vulcan.infrastructure.git import GitRepository, GitSource
GitSource(lambda _: GitRepository(Path(sys.argv[2]))).inspect(Path(sys.argv[1]))
"""


def test_git_does_not_outlive_the_process_that_started_it(user: UserRepository, tmp_path: Path) -> None:
    user.commit({"a": "1"})
    branch = user.root / ".git/refs/heads/waiting"
    os.mkfifo(branch)
    (user.root / ".git/HEAD").write_text("ref: refs/heads/waiting\n")
    host = subprocess.Popen([sys.executable, "-c", LOOK, str(user.root), str(tmp_path / "host.git")])
    with branch.open("wb"):  # opens once git has opened the other end
        waiting = children(host.pid)
        assert waiting
        host.kill()
        host.wait()
        for git in waiting:
            assert select.select([git], [], [], 30)[0], "git is still there"
            os.close(git)


def children(pid: int) -> list[int]:
    """Descriptors of a process's children, which can be read once these have ended."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [os.pidfd_open(int(child)) for child in found]
