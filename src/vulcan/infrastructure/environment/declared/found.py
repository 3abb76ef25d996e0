"""What commands ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vulcan.infrastructure.environment.declared.model import Draft
from vulcan.infrastructure.environment.declared.requirement import normal

Words = Sequence[str]


@dataclass(slots=True)
class Found:
    """What some commands ask for; `tests` tells whether one of them runs tests."""

    tests: bool = False
    extras: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    all_extras: bool = False
    all_groups: bool = False
    files: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    editable: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    requirements: list[str] = field(default_factory=list)
    environments: set[str] = field(default_factory=set)

    def give(self, draft: Draft, where: str) -> None:
        """Add all this to a draft; `where` names the group of the requirements that stand in the commands."""
        for name in self.extras:
            draft.want_editable(".", [name])
        draft.wanted_groups |= {normal(name) for name in self.groups}
        draft.all_extras |= self.all_extras
        draft.all_groups |= self.all_groups
        draft.environments |= self.environments
        for folder, extras in self.editable:
            draft.want_editable(folder, extras)
        for path in self.files:
            draft.want_file(path)
        draft.constraint_files += [path for path in self.constraints if path not in draft.constraint_files]
        if self.requirements:
            draft.add(where, self.requirements)
