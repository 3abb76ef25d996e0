"""How a project's environment is made and its tests are run: the recipe, found once and recorded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum


class ReportForm(StrEnum):
    """In what form a test command says which tests passed."""

    PYTEST = "pytest"
    UNITTEST = "unittest"
    JUNIT = "junit"
    TAP = "tap"
    GO = "go"
    NODE = "node"
    EXIT_CODE = "exit-code"

    @property
    def is_python(self) -> bool:
        """Whether Vulcan's own program runs the tests, which knows Python: stand-ins, lines that ran, emptied bodies."""
        return self in (ReportForm.PYTEST, ReportForm.UNITTEST)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a recipe was seen to do when it was found; it is refused where it does not hold any more.

    Attributes:
        files: test files that were collected.
        digest: of all files that name dependencies.
    """

    passed: int
    failed: int = 0
    files: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One environment of a project: how it is set up, and how its tests are run.

    Attributes:
        path: folder of the (sub-)project, relative to the repository's root.
        python: version that it needs, such as "3.12", or the path of an interpreter; empty: whatever fits.
        setup: commands that are run once in the setup box, after what detectors found was installed.
        services: programs that run beside the tests, such as "redis".
        command: how the tests are started; empty: pytest, as Vulcan starts it.
        report: in what form the command reports.
        report_path: the file that it reports to, relative to `path`; empty: its output.
        source: what named the recipe, such as "uv.lock" or "vulcan.toml", for people.
        by_repository: whether the repository's own settings say any of it; such commands run in boxes only.
        proof: what was seen with it; no part of what is built.
    """

    path: str = "."
    python: str = ""
    setup: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    command: str = ""
    report: ReportForm = ReportForm.PYTEST
    report_path: str = ""
    source: str = ""
    by_repository: bool = False
    proof: Proof | None = field(default=None, repr=False)

    def over(self, other: Recipe) -> Recipe:
        """This recipe, with what it leaves open from another one; a command goes with its own form of report."""
        names = [name for name in ("python", "setup", "services") if not getattr(self, name)]
        if not self.command:
            names += ["command", "report", "report_path"]
        taken = {name: getattr(other, name) for name in names}
        used = taken != {name: getattr(Recipe(), name) for name in names}
        return replace(
            self,
            **taken,
            source=", ".join(filter(None, (self.source, other.source if used or not self.source else ""))),
            by_repository=self.by_repository or (used and other.by_repository),
            proof=self.proof,
        )
