"""How a project's environment is made and its tests are run: the recipe, found once and recorded."""

from __future__ import annotations

from dataclasses import dataclass
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
    """

    path: str = "."
    python: str = ""
    setup: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    command: str = ""
    report: ReportForm = ReportForm.PYTEST
    report_path: str = ""
    source: str = ""
