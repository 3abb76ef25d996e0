"""Names in a bare repository: branches, tags and Vulcan's own refs, all changed by compare-and-swap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vulcan.domain.errors import EffectFailed, VulcanError
from vulcan.infrastructure.git.hardened import IDENTITY, HardenedGit
from vulcan.infrastructure.git.objects import checked_id

_NONE = "0" * 40


@dataclass(frozen=True, slots=True)
class Tag:
    """An annotated tag as it is stored; `at` is in seconds since the epoch."""

    name: str
    commit: str
    message: str
    at: int


class Refs:
    """Refs and annotated tags."""

    def __init__(self, git: HardenedGit) -> None:
        self._git = git

    def get(self, name: str) -> str:
        """The object that a ref points at; empty if there is no such ref."""
        return self.below(name).get(name, "")

    def below(self, prefix: str) -> dict[str, str]:
        """All refs at or below `prefix` (such as `refs/heads`) by their full names."""
        listing = self._git.run("for-each-ref", "--format=%(objectname) %(refname)", prefix.rstrip("/")).text
        return {name: oid for oid, _, name in (line.partition(" ") for line in listing.splitlines())}

    def update(self, changes: Sequence[tuple[str, str, str]]) -> bool:
        """Make all changes (name, new id, expected id) or none; an empty id stands for no ref.

        Returns:
            False if one of the refs is not what was expected.
        """
        lines = [f"{_verb(new, old)} {_ref(name)}\0{_operands(new, old)}" for name, new, old in changes]
        done = self._git.run(
            "update-ref",
            "-z",
            "--stdin",
            stdin="".join(lines).encode("utf-8", "surrogateescape"),
            accept=(0, 128),
        )
        if done.code == 0:
            return True
        if any(self.get(name) != old for name, _, old in changes):
            return False
        self._explain(changes)
        return False

    def check_name(self, name: str) -> None:
        """Raise `EffectFailed` if git does not allow such a ref."""
        if self._git.run("check-ref-format", name, accept=(0, 1)).code != 0:
            raise EffectFailed(f"git does not allow the name {name!r}", hint="Choose another name.")

    def make_tag(self, name: str, commit: str, message: str, at: int) -> str:
        """Store an annotated tag's object and return its id; a ref makes it visible."""
        head = f"object {checked_id(commit)}\ntype commit\ntag {name}\n"
        tagger = f"tagger {IDENTITY[0]} <{IDENTITY[1]}> {at} +0000\n"
        text = f"{head}{tagger}\n{message}\n".replace("\0", "\N{REPLACEMENT CHARACTER}")
        return self._git.run("mktag", stdin=text.encode("utf-8", "replace")).text

    def read_tag(self, oid: str) -> Tag | None:
        """The annotated tag `oid`, None if it is another kind of object."""
        found = self._git.run("cat-file", "tag", checked_id(oid), accept=(0, 128))
        if found.code != 0:
            return None
        head, _, message = found.stdout.decode("utf-8", "replace").partition("\n\n")
        fields = {key: value for key, _, value in (line.partition(" ") for line in head.splitlines())}
        at = fields.get("tagger", "").split(" ")[-2:-1]
        return Tag(
            name=fields.get("tag", ""),
            commit=fields.get("object", ""),
            message=message.removesuffix("\n"),
            at=int(at[0]) if at else 0,
        )

    def _explain(self, changes: Sequence[tuple[str, str, str]]) -> None:
        names = ", ".join(name for name, _, _ in changes)
        raise EffectFailed(
            f"git refused to change {names}",
            hint="A branch whose name another one starts with (a, a/b) is in the way, or a lock is left.",
        )


def _ref(name: str) -> str:
    if not name.startswith("refs/") or "\0" in name:
        raise VulcanError(f"not a full ref name: {name!r}")
    return name


def _verb(new: str, old: str) -> str:
    if new:
        return "update" if old else "create"
    return "delete" if old else "verify"


def _operands(new: str, old: str) -> str:
    ids = (checked_id(oid) for oid in (new, old) if oid)
    return "".join(f"{oid}\0" for oid in ids) or f"{_NONE}\0"
