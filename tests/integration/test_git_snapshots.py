"""Snapshots of, and writing into, directories that hostile code has worked in; trees of every sort."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from fakes.user_repository import UserRepository
from vulcan.domain.errors import VulcanError
from vulcan.infrastructure.git import GitRepository
from vulcan.infrastructure.git.folder import is_dotgit, is_safe
from vulcan.infrastructure.git.objects import Entry, tree_entries

SETTLED = 0.1  # seconds after which a file's time stamp is trusted, on a file system that counts finely


@pytest.fixture
def user(tmp_path: Path) -> UserRepository:
    return UserRepository.make(tmp_path / "user")


@pytest.fixture
def host(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "host.git", settled_after=SETTLED)


@pytest.fixture
def base(user: UserRepository, host: GitRepository) -> str:
    commit = user.commit({"a.py": "one\n", "src/b.py": "two\n", ".gitignore": "*.log\n/build/\n"})
    host.fetch(user.root, commit)
    return commit


@pytest.fixture
def work(host: GitRepository, base: str, tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    host.checkout(base, folder)
    return folder


def raw_tree(host: GitRepository, name: bytes, mode: str = "100644", content: bytes = b"x") -> str:
    """A tree object as no porcelain would make it."""
    blob = host.git.run("hash-object", "-w", "--stdin", stdin=content).text
    body = mode.encode() + b" " + name + b"\0" + bytes.fromhex(blob)
    return host.git.run("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=body).text


# ----------------------------------------------------------------------------- special files


def test_special_files_are_left_out_and_nothing_hangs(host: GitRepository, base: str, work: Path) -> None:
    os.mkfifo(work / "fifo")
    (work / "sub").mkdir()
    os.mkfifo(work / "sub" / ".gitignore")
    (work / "sub" / "kept").touch()
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(work)
        server.bind("socket")
        os.chdir(here)
        tree = host.snapshot(work, base)
    assert {change.path for change in host.changes(base, tree)} == {"sub/kept"}
    host.restore(work, base)
    assert not (work / "sub" / "kept").exists()


def test_a_tracked_file_that_became_a_fifo_is_gone(host: GitRepository, base: str, work: Path) -> None:
    (work / "a.py").unlink()
    os.mkfifo(work / "a.py")
    assert "a.py" not in host.files(host.snapshot(work, base))
    host.restore(work, base)
    assert (work / "a.py").read_text() == "one\n"


def test_a_nested_repository_with_a_fifo_for_a_head_does_not_hang(
    host: GitRepository, base: str, work: Path
) -> None:
    nested = work / "pkg" / ".git"
    for name in ("objects", "refs"):
        (nested / name).mkdir(parents=True)
    os.mkfifo(nested / "HEAD")
    (work / "pkg" / "new.py").touch()
    assert "pkg/new.py" in host.files(host.snapshot(work, base))


def test_a_nested_repository_becomes_plain_files(host: GitRepository, base: str, work: Path) -> None:
    nested = UserRepository.make(work / "pkg")
    nested.commit({"deep/x.py": "x"})
    UserRepository.make(work / "empty-repository")
    tree = host.snapshot(work, base)
    assert tree_entries(host.git, tree)[b"pkg/deep/x.py"].mode == "100644"
    assert all(entry.mode != "160000" for entry in tree_entries(host.git, tree).values())


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_what_can_not_be_read_is_as_in_the_base(host: GitRepository, base: str, work: Path) -> None:
    (work / "a.py").chmod(0)
    (work / "src").chmod(0)
    (work / "new").touch(0o000)
    tree = host.snapshot(work, base)
    (work / "src").chmod(0o755)
    assert host.changes(base, tree) == ()


# ---------------------------------------------------------------------------------- symlinks


def test_symlinks_are_recorded_and_never_followed(
    host: GitRepository, base: str, work: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("FAKE-SECRET")
    (work / "to-file").symlink_to(secret / "key")
    (work / "to-folder").symlink_to(secret)
    (work / "loop").symlink_to("loop")
    (work / ".gitattributes").symlink_to(secret / "key")
    tree = host.snapshot(work, base)
    assert host.content(tree, "to-file") == os.fsencode(secret / "key")
    assert host.content(tree, "to-folder") == os.fsencode(secret)
    assert host.content(tree, "to-folder/key") is None
    assert {change.path for change in host.changes(base, tree)} == {
        "to-file", "to-folder", "loop", ".gitattributes",
    }  # fmt: skip


def test_a_tracked_folder_that_became_a_symlink_leads_nowhere(
    host: GitRepository, base: str, work: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.py").write_text("FAKE-SECRET")
    (work / "src" / "b.py").unlink()
    (work / "src").rmdir()
    (work / "src").symlink_to(outside)
    tree = host.snapshot(work, base)
    assert host.content(tree, "src/b.py") is None
    assert host.content(tree, "src") == os.fsencode(outside)
    host.restore(work, base)
    assert (outside / "b.py").read_text() == "FAKE-SECRET"
    assert not (work / "src").is_symlink()
    assert (work / "src" / "b.py").read_text() == "two\n"


def test_restore_writes_no_file_through_a_symlink(
    host: GitRepository, base: str, work: Path, tmp_path: Path
) -> None:
    (tmp_path / "victim").write_text("mine")
    (work / "a.py").unlink()
    (work / "a.py").symlink_to(tmp_path / "victim")
    host.restore(work, base)
    assert (tmp_path / "victim").read_text() == "mine"
    assert (work / "a.py").read_text() == "one\n"
    assert not (work / "a.py").is_symlink()


def test_a_checkout_keeps_a_symlink_out_of_the_tree_a_symlink(host: GitRepository, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    link = Entry(
        "120000", host.git.run("hash-object", "-w", "--stdin", stdin=os.fsencode(tmp_path / "victim")).text
    )
    line = f"{link.mode} blob {link.oid}\tdir\n".encode()
    tree = host.git.run("mktree", stdin=line).text
    host.checkout(tree, tmp_path / "out")
    assert (tmp_path / "out" / "dir").is_symlink()
    assert list((tmp_path / "victim").iterdir()) == []


# -------------------------------------------------------------------------------- bad names

DOTGITS = [
    b".git",
    b".GIT",
    b".Git",
    b"git~1",
    b".git ",
    b".git.",
    b".git::$INDEX_ALLOCATION",
    ".g\u200cit".encode(),
]


@pytest.mark.parametrize("name", DOTGITS)
def test_names_that_some_system_takes_for_git_are_left_out(
    host: GitRepository, base: str, work: Path, name: bytes
) -> None:
    folder = work / "sub" / os.fsdecode(name)
    folder.mkdir(parents=True)
    (folder / "config").write_text("[core]")
    (work / "sub" / "kept").touch()
    assert {change.path for change in host.changes(base, host.snapshot(work, base))} == {"sub/kept"}
    assert is_dotgit(name)
    assert not is_safe(b"a/" + name + b"/hooks")


@pytest.mark.parametrize("name", [b".gitignore", b".github", b"git", b".gitx", b"x.git", b"git~2"])
def test_other_names_are_kept(name: bytes) -> None:
    assert not is_dotgit(name)


@pytest.mark.parametrize("name", [b".git", b"..", b".", b"a/../../b", b".GIT"])
def test_a_hostile_tree_is_not_written(
    host: GitRepository, base: str, work: Path, tmp_path: Path, name: bytes
) -> None:
    tree = raw_tree(host, name)
    with pytest.raises(VulcanError):
        host.checkout(tree, tmp_path / "inner" / "out")
    with pytest.raises(VulcanError):
        host.restore(work, tree)
    assert not (tmp_path / "b").exists()
    assert (work / "a.py").exists()


def test_a_symlink_for_submodule_settings_is_left_out(host: GitRepository, base: str, work: Path) -> None:
    (work / ".gitmodules").symlink_to("a.py")
    assert host.changes(base, host.snapshot(work, base)) == ()


def test_names_and_content_that_are_no_text_survive(
    user: UserRepository, host: GitRepository, tmp_path: Path
) -> None:
    names = [
        b"caf\xe9.txt",
        b"line\nbreak",
        b"tab\tbed",
        b'quo"te',
        b"-dash",
        b":(top)x",
        b"*",
        "\N{SNOWMAN}".encode(),
    ]
    for name in names:
        (user.root / os.fsdecode(name)).write_bytes(b"\xff\xfe caf\xe9 " + name)
    base = user.commit({"latin.txt": b"caf\xe9\n"})
    host.fetch(user.root, base)
    host.checkout(base, tmp_path / "work")
    assert host.snapshot(tmp_path / "work", base) == host.git.run("rev-parse", f"{base}^{{tree}}").text
    assert {os.fsencode(path) for path in host.files(base)} == {*names, b"latin.txt"}
    for name in names:
        assert host.content(base, os.fsdecode(name)) == b"\xff\xfe caf\xe9 " + name
    (tmp_path / "work" / "latin.txt").write_bytes(b"na\xefve\n")
    (tmp_path / "work" / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"x")
    tree = host.snapshot(tmp_path / "work", base)
    assert {os.fsencode(change.path) for change in host.changes(base, tree)} == {b"latin.txt", b"caf\xe9.txt"}
    assert host.diff(base, tree).encode()
    assert "latin.txt" not in host.diff(base, tree, [os.fsdecode(b"caf\xe9.txt")])
    mixed = host.overlay(base, tree, [os.fsdecode(b"caf\xe9.txt")])
    assert host.content(mixed, os.fsdecode(b"caf\xe9.txt")) == b"x"


# -------------------------------------------------------------------------------- ignore rules


def test_ignore_rules_mean_what_git_means(user: UserRepository, host: GitRepository, tmp_path: Path) -> None:
    """The same folder, judged by plain git and by a snapshot."""
    user.commit(
        {
            ".gitignore": "*\n!*/\n!*.py\n!.gitignore\n/only-here/\n\\!odd.py\nsp\\ ace.py\n**/gen/**\n",
            "kept/.gitignore": "!special.txt\n[a-c]x.py\nsub/*.py\n!sub/keep.py\n# a comment\n",
            "kept/.keep.py": "",
        }
    )
    names = (
        "a.py", "a.txt", "only-here/x.py", "deep/only-here/x.py", "!odd.py", "sp ace.py", "kept/special.txt",
        "kept/ax.py", "kept/dx.py", "kept/sub/no.py", "kept/sub/keep.py", "kept/sub/deeper/yes.py",
        "x/gen/y.py", "x/gen/z/y.py", "gen/y.py", ":(top)x.py", ":!x.py",
    )  # fmt: skip
    base = user.git("rev-parse", "HEAD")
    host.fetch(user.root, base)
    work = tmp_path / "work"
    host.checkout(base, work)
    for folder in (user.root, work):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
    user.git("add", "--all")
    expected = set(user.git("-c", "core.quotePath=false", "ls-files", "-z").split("\0")) - {""}
    assert set(host.files(host.snapshot(work, base))) == expected
    assert "kept/sub/keep.py" in expected
    assert "only-here/x.py" not in expected


def test_an_ignored_folder_keeps_its_tracked_files_only(
    user: UserRepository, host: GitRepository, tmp_path: Path
) -> None:
    user.write({"build/kept.txt": "k", ".gitignore": "/build/\n"})
    user.git("add", "--force", "build/kept.txt")
    base = user.commit({})
    host.fetch(user.root, base)
    work = tmp_path / "work"
    host.checkout(base, work)
    (work / "build" / "kept.txt").write_text("changed")
    (work / "build" / "other.txt").write_text("x")
    tree = host.snapshot(work, base)
    assert [change.path for change in host.changes(base, tree)] == ["build/kept.txt"]
    host.restore(work, base)
    assert (work / "build" / "kept.txt").read_text() == "k"
    assert (work / "build" / "other.txt").read_text() == "x"


def test_rules_that_would_hide_the_change_hide_only_new_files(
    host: GitRepository, base: str, work: Path
) -> None:
    (work / ".gitignore").write_text("*\n")
    (work / "a.py").write_text("changed\n")
    (work / "new.py").write_text("new\n")
    tree = host.snapshot(work, base)
    assert {change.path for change in host.changes(base, tree)} == {".gitignore", "a.py"}


# ----------------------------------------------------------------------- conversions and drivers


def test_files_are_the_bytes_of_their_blobs(
    user: UserRepository, host: GitRepository, tmp_path: Path
) -> None:
    attributes = "*.txt text eol=crlf\n*.id ident\n*.u16 working-tree-encoding=UTF-16\n*.bin filter=lfs\n"
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    blobs = {
        "a.txt": b"x\ny\n",
        "crlf.py": b"x\r\n",
        "k.id": b"$Id$\n",
        "w.u16": b"plain\n",
        "big.bin": pointer,
    }
    extra = host.write_files({".gitattributes": attributes.encode(), **blobs})
    work = tmp_path / "work"
    host.checkout(extra, work)
    assert {name: (work / name).read_bytes() for name in blobs} == blobs
    assert host.snapshot(work, extra) == extra


def test_attributes_can_not_hide_a_change_from_the_diff(host: GitRepository, base: str, work: Path) -> None:
    (work / ".gitattributes").write_text("*.py binary -diff\n")
    (work / "a.py").write_text("evil\n")
    commit = host.commit(host.snapshot(work, base), base, "hide")
    assert "+evil" in host.diff(base, commit)


def test_submodules_stay_as_they_are(user: UserRepository, host: GitRepository, tmp_path: Path) -> None:
    inner = UserRepository.make(user.root / "vendor")
    inner.commit({"v": "v"})
    base = user.commit({"a": "1"})
    host.fetch(user.root, base)
    work = tmp_path / "work"
    host.checkout(base, work)
    assert list((work / "vendor").iterdir()) == []
    assert host.snapshot(work, base) == host.git.run("rev-parse", f"{base}^{{tree}}").text
    (work / "vendor" / "x").write_text("not recorded")
    assert host.changes(base, host.snapshot(work, base)) == ()
    assert "vendor" not in host.files(base)
    host.restore(work, base)
    assert (work / "vendor").is_dir()


def test_a_file_may_become_a_folder_and_back(host: GitRepository, base: str, work: Path) -> None:
    (work / "a.py").unlink()
    (work / "a.py").mkdir()
    (work / "a.py" / "inside").write_text("x")
    tree = host.snapshot(work, base)
    assert set(host.files(tree)) == {"a.py/inside", "src/b.py", ".gitignore"}
    assert set(host.files(host.overlay(base, tree, ["a.py/inside"]))) == set(host.files(tree))
    assert set(host.files(host.overlay(tree, base, ["a.py"]))) == set(host.files(base))
    host.restore(work, base)
    assert (work / "a.py").read_text() == "one\n"
    host.restore(work, tree)
    assert (work / "a.py" / "inside").read_text() == "x"


def test_a_huge_file_is_stored_and_its_diff_stays_small(host: GitRepository, base: str, work: Path) -> None:
    (work / "huge.txt").write_bytes(b"a line that is not very long\n" * 1_000_000)
    tree = host.snapshot(work, base)
    assert len(host.diff(base, tree)) < 500_000
    content = host.content(tree, "huge.txt")
    assert content is not None
    assert len(content) == 29_000_000


# --------------------------------------------------------------------------- many, and unchanged


def test_five_thousand_files(user: UserRepository, host: GitRepository, tmp_path: Path) -> None:
    base = user.commit({f"p{n % 20}/q{n % 300}/m{n}.py": f"value = {n}\n" for n in range(5_000)})
    host.fetch(user.root, base)
    work = tmp_path / "work"
    host.checkout(base, work)
    same = host.git.run("rev-parse", f"{base}^{{tree}}").text
    assert host.snapshot(work, base) == same
    time.sleep(2 * SETTLED)
    assert host.snapshot(work, base) == same  # fills the cache
    assert host.snapshot(work, base) == same  # is served from it
    (work / "p1/q1/m1.py").write_text("value = 2\n")
    (work / "p2/q2/m2.py").unlink()
    changed = host.snapshot(work, base)
    assert {change.path for change in host.changes(base, changed)} == {"p1/q1/m1.py", "p2/q2/m2.py"}
    host.restore(work, base)
    assert host.snapshot(work, base) == same


def test_a_change_that_hides_its_time_and_size_is_seen(host: GitRepository, base: str, work: Path) -> None:
    time.sleep(2 * SETTLED)
    host.snapshot(work, base)
    before = (work / "a.py").stat()
    (work / "a.py").write_text("0ne\n")
    os.utime(work / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert host.content(host.snapshot(work, base), "a.py") == b"0ne\n"


def test_a_change_right_after_a_snapshot_is_seen(host: GitRepository, base: str, work: Path) -> None:
    for number in range(20):
        (work / "a.py").write_text(f"{number:04}")
        assert host.content(host.snapshot(work, base), "a.py") == b"%04d" % number


def test_a_damaged_cache_only_costs_time(host: GitRepository, base: str, work: Path) -> None:
    tree = host.snapshot(work, base)
    for cache in (host.git_dir / "vulcan" / "stat").iterdir():
        cache.write_text("{ not json")
    assert host.snapshot(work, base) == tree


def test_a_snapshot_writes_nothing_into_the_directory(host: GitRepository, base: str, work: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        found = {str(path): path.lstat() for path in (work, *work.rglob("*"))}
        return {name: (status.st_mtime_ns, status.st_ctime_ns) for name, status in found.items()}

    before = state()
    host.snapshot(work, base)
    assert state() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_restores_belongs_to_the_owner_of_the_directory(
    host: GitRepository, base: str, work: Path
) -> None:
    subprocess.run(["chown", "-R", "54321:54321", str(work)], check=True)
    for name in ("a.py", "src/b.py"):
        (work / name).unlink()
    (work / "src").rmdir()
    host.restore(work, base)
    assert {path.lstat().st_uid for path in work.rglob("*")} == {54321}


def test_the_host_repository_passes_gits_own_check(host: GitRepository, base: str, work: Path) -> None:
    (work / "new.py").write_text("new\n")
    commit = host.commit(host.snapshot(work, base), base, "Add new.py")
    host.refs.update([("refs/heads/x", commit, "")])
    assert host.git.run("fsck", "--full", "--strict").text == ""


def test_a_database_that_can_not_be_written_is_an_error(host: GitRepository, base: str, work: Path) -> None:
    for number in range(200):
        (work / f"new{number}").write_text(f"{number}" * 10_000)
    (host.git_dir / "objects").rename(host.git_dir / "gone")
    (host.git_dir / "objects").mkdir()
    with pytest.raises(VulcanError):
        host.snapshot(work, base)
    (host.git_dir / "objects").rmdir()
    (host.git_dir / "gone").rename(host.git_dir / "objects")
    (host.git_dir / "objects" / "pack").rename(host.git_dir / "pack")
    (host.git_dir / "objects" / "pack").touch()
    with pytest.raises(VulcanError):
        host.snapshot(work, base)


def test_a_source_that_lost_an_object_is_an_error(user: UserRepository, host: GitRepository) -> None:
    commit = user.commit({"a": "1"})
    blob = user.git("rev-parse", "HEAD:a")
    (user.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(VulcanError, match="pack-objects"):
        host.fetch(user.root, commit)
    assert not host.has(commit)
