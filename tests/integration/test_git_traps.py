"""Traps in a user's repository and in a workspace: each fires under plain git and never under Vulcan's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.user_repository import ENVIRONMENT, UserRepository
from vulcan.domain.errors import UserError
from vulcan.infrastructure.git import GitRepository, GitSource

HOOKS = (
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "pre-commit",
    "pre-push",
    "reference-transaction",
    "update",
    "post-update",
    "pre-receive",
    "post-receive",
    "fsmonitor-watchman",
)


class Canary:
    """A program that leaves a mark when it runs."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "canary-was-here"
        self.program = folder / "trap.sh"
        self.program.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{self.mark}'\ncat 2>/dev/null\nexit 0\n")
        self.program.chmod(0o755)

    @property
    def dead(self) -> bool:
        return self.mark.exists()

    def hooks(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in HOOKS:
            (folder / name).symlink_to(self.program)


@dataclass(frozen=True)
class Trap:
    """How a trap is set, and the plain git command (in a shell) that shows that it works."""

    name: str
    settings: dict[str, str] = field(default_factory=dict)
    attributes: str = ""
    arm: Callable[[UserRepository, Canary], None] = lambda user, canary: None
    fire: str = ""


def hooks(user: UserRepository, canary: Canary) -> None:
    canary.hooks(user.root / ".git" / "hooks")


def hooks_elsewhere(user: UserRepository, canary: Canary) -> None:
    canary.hooks(user.root / "ci" / "hooks")
    user.git("config", "core.hooksPath", str(user.root / "ci" / "hooks"))


def include(user: UserRepository, canary: Canary) -> None:
    (user.root / ".git" / "more").write_text(f"[core]\n\tfsmonitor = {canary.program}\n")
    user.git("config", "include.path", "more")


def alternates(user: UserRepository, canary: Canary) -> None:
    other = UserRepository.make(user.root.parent / "other")
    other.commit({"o": "o"})
    info = user.root / ".git" / "objects" / "info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_text(f"{other.root}/.git/objects\n")
    user.git("config", "core.alternateRefsCommand", str(canary.program))


def submodule(user: UserRepository, canary: Canary) -> None:
    inner = UserRepository.make(user.root / "vendor")
    inner.commit({"v": "v"})
    user.git("add", "vendor")
    user.git("commit", "--quiet", "--message", "vendor")
    inner.git("config", "core.fsmonitor", str(canary.program))
    canary.hooks(inner.root / ".git" / "hooks")


def nested(user: UserRepository, canary: Canary) -> None:
    inner = UserRepository.make(user.root / "inner")
    inner.commit({"v": "v"})
    inner.git("config", "core.fsmonitor", str(canary.program))


def signed(user: UserRepository, canary: Canary) -> None:
    user.git("config", "commit.gpgSign", "true")
    user.git("config", "tag.gpgSign", "true")


def replace_head(user: UserRepository, canary: Canary) -> None:
    """A replacement object shows other files than the commit has."""
    evil = user.git("commit-tree", user.git("mktree"), "-m", "evil")
    user.git("replace", "HEAD", evil)


PROGRAM = "{program}"
TRAPS = [
    Trap("hooks", arm=hooks, fire="git branch x"),
    Trap("hooksPath", arm=hooks_elsewhere, fire="git branch x"),
    Trap("hooks in settings", {"hook.evil.command": PROGRAM, "hook.evil.event": "reference-transaction"}),
    Trap("fsmonitor", {"core.fsmonitor": PROGRAM}, fire="git status"),
    Trap("include.path", arm=include, fire="git status"),
    Trap(
        "filter.clean",
        {"filter.evil.clean": PROGRAM, "filter.evil.smudge": PROGRAM, "filter.evil.required": "true"},
        "* filter=evil\n",
        fire="touch a.py; git status",
    ),
    Trap(
        "filter.process", {"filter.evil.process": PROGRAM}, "* filter=evil\n", fire="touch a.py; git status"
    ),
    Trap("textconv", {"diff.evil.textconv": PROGRAM}, "* diff=evil\n", fire="git diff HEAD~1 HEAD"),
    Trap("diff driver", {"diff.evil.command": PROGRAM}, "* diff=evil\n", fire="git diff HEAD~1 HEAD"),
    Trap("diff.external", {"diff.external": PROGRAM}, fire="git diff HEAD~1 HEAD"),
    Trap(
        "merge driver",
        {"merge.evil.driver": PROGRAM, "merge.evil.name": "evil"},
        "* merge=evil\n",
        fire="git checkout -q -b x HEAD~1; echo x > a.py; git commit -qam x; git merge main",
    ),
    Trap("gpg", {"gpg.program": PROGRAM}, arm=signed, fire="git commit --allow-empty -m x"),
    Trap("submodule", arm=submodule, fire="git status"),
    Trap("nested repository", arm=nested, fire="git -C inner status"),
    Trap("alternates", arm=alternates, fire="git fetch -q ../other"),
    Trap(
        "programs",
        {
            "core.pager": PROGRAM,
            "core.editor": PROGRAM,
            "core.askPass": PROGRAM,
            "core.sshCommand": PROGRAM,
            "core.gitProxy": PROGRAM,
            "credential.helper": PROGRAM,
            "sequence.editor": PROGRAM,
            "trailer.x.command": PROGRAM,
            "uploadpack.packObjectsHook": PROGRAM,
        },
    ),
    Trap("replaced objects", arm=replace_head),
]


@dataclass
class Scene:
    user: UserRepository
    canary: Canary
    repository: GitRepository
    source: GitSource
    folder: Path

    def arm(self, trap: Trap) -> None:
        if trap.attributes:
            self.user.commit({".gitattributes": trap.attributes})
        self.user.commit({"a.py": "one\n"})
        self.user.commit({"a.py": "two\n"})
        for name, value in trap.settings.items():
            self.user.git("config", name, value.replace(PROGRAM, str(self.canary.program)))
        trap.arm(self.user, self.canary)

    def everything(self) -> None:
        """All that the host ever does with a user's repository."""
        (self.user.root / "a.py").touch()
        state = self.source.inspect(self.user.root)
        self.repository.fetch(self.user.root, state.head)
        work = self.folder / "work"
        self.repository.checkout(state.head, work)
        (work / "a.py").write_text("three\n")
        head = self.repository.commit(self.repository.snapshot(work, state.head), state.head, "three")
        assert "+three" in self.repository.diff(state.head, head)
        assert self.repository.changes(state.head, head)
        self.repository.restore(work, state.head)
        assert (work / "a.py").read_text() == "two\n"
        parent = self.repository.git.run("rev-parse", f"{state.head}^").text
        side = self.repository.commit(self.repository.overlay(parent, parent, []), parent, "side")
        self.repository.merge(side, head, "merge")
        self.source.publish(self.user.root, "vulcan/x", head)
        assert self.source.withdraw(self.user.root, "vulcan/x")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    repository = GitRepository(tmp_path / "host.git")
    user = UserRepository.make(tmp_path / "user")
    return Scene(user, Canary(tmp_path), repository, GitSource(lambda _: repository), tmp_path)


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_a_trap_never_fires(scene: Scene, trap: Trap) -> None:
    scene.arm(trap)
    scene.canary.mark.unlink(missing_ok=True)
    scene.everything()
    assert not scene.canary.dead, scene.canary.mark.read_text()


@pytest.mark.parametrize("trap", [trap for trap in TRAPS if trap.fire], ids=lambda trap: trap.name)
def test_the_trap_is_real(scene: Scene, trap: Trap) -> None:
    scene.arm(trap)
    scene.canary.mark.unlink(missing_ok=True)
    subprocess.run(
        ["sh", "-c", trap.fire],
        cwd=scene.user.root,
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert scene.canary.dead


def lacking_an_object(scene: Scene) -> str:
    """A partial clone that would ask a program for what it lacks."""
    commit = scene.user.commit({"a.py": "one\n"})
    blob = scene.user.git("rev-parse", "HEAD:a.py")
    for name, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::touch {scene.canary.mark}",
        "protocol.ext.allow": "always",
    }.items():
        scene.user.git("config", name, value)
    (scene.user.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    return commit


def test_a_partial_clone_asks_nobody_for_its_objects(scene: Scene) -> None:
    commit = lacking_an_object(scene)
    assert any("partial clone" in note for note in scene.source.inspect(scene.user.root).notes)
    with pytest.raises(UserError) as caught:
        scene.repository.fetch(scene.user.root, commit)
    assert "fetch" in caught.value.hint
    assert not scene.canary.dead
    scene.user.git("cat-file", "-p", "HEAD:a.py", check=False)
    assert scene.canary.dead


# ------------------------------------------------------------------------ traps in a workspace


def evil_repository(folder: Path, canary: Canary) -> None:
    evil = UserRepository.make(folder)
    evil.commit({"plain.py": "plain\n"})
    for name in ("core.fsmonitor", "diff.external", "filter.evil.clean"):
        evil.git("config", name, str(canary.program))
    canary.hooks(folder / ".git" / "hooks")


def at_the_root(work: Path, canary: Canary) -> None:
    evil_repository(work, canary)


def below_the_root(work: Path, canary: Canary) -> None:
    evil_repository(work / "sub", canary)


def by_a_git_file(work: Path, canary: Canary) -> None:
    evil_repository(work / "elsewhere", canary)
    (work / "elsewhere" / ".git").rename(work / "store")
    (work / ".git").write_text("gitdir: store\n")
    (work / "plain.py").write_text("plain\n")


def an_embedded_bare_one(work: Path, canary: Canary) -> None:
    bare = work / "bare"
    for name in ("objects", "refs"):
        (bare / name).mkdir(parents=True)
    (bare / "HEAD").write_text("ref: refs/heads/main\n")
    (bare / "config").write_text(
        f"[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = ..\n\tfsmonitor = {canary.program}\n"
    )
    (bare / "plain.py").write_text("plain\n")


SETTERS = [at_the_root, below_the_root, by_a_git_file, an_embedded_bare_one]
PLACES = {at_the_root: ".", below_the_root: "sub", by_a_git_file: ".", an_embedded_bare_one: "bare"}


@pytest.mark.parametrize("setter", SETTERS)
def test_a_repository_in_a_workspace_is_never_consulted(
    scene: Scene, setter: Callable[[Path, Canary], None]
) -> None:
    base = scene.user.commit({"a.py": "one\n"})
    scene.repository.fetch(scene.user.root, base)
    work = scene.folder / "work"
    scene.repository.checkout(base, work)
    setter(work, scene.canary)
    (work / ".gitattributes").write_text("* filter=evil\n")
    scene.canary.mark.unlink(missing_ok=True)
    tree = scene.repository.snapshot(work, base)
    scene.repository.diff(base, tree)
    files = scene.repository.files(tree)
    scene.repository.restore(work, tree)
    assert not scene.canary.dead
    assert any(path.endswith("plain.py") for path in files)
    assert not any(".git" in path.split("/") for path in files)
    done = subprocess.run(
        ["git", "status"],
        cwd=work / PLACES[setter],
        env=ENVIRONMENT,
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert scene.canary.dead, done.stderr


def test_the_environment_of_the_person_does_not_act(scene: Scene) -> None:
    scene.arm(Trap("none"))
    evil = {"GIT_DIR": "/nowhere", "GIT_EXTERNAL_DIFF": str(scene.canary.program), "GIT_SSH_COMMAND": "false"}
    code = (
        "import sys; from pathlib import Path; from vulcan.infrastructure.git import GitRepository, GitSource\n"
        "repository = GitRepository(Path(sys.argv[2])); root = Path(sys.argv[1])\n"
        "head = GitSource(lambda _: repository).inspect(root).head; repository.fetch(root, head)\n"
        "print(repository.diff(repository.git.run('rev-parse', head + '^').text, head))\n"
    )
    done = subprocess.run(
        [os.sys.executable, "-c", code, str(scene.user.root), str(scene.folder / "second.git")],
        env={**ENVIRONMENT, **evil, "PYTHONPATH": os.pathsep.join(os.sys.path)},
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert b"+two" in done.stdout
    assert not scene.canary.dead
