"""`vulcan verify`: judge anybody's change, without a model."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vulcan.apps.cli.common import blind_option, open_vulcan, overrides_from
from vulcan.apps.cli.outcomes import ExitCode
from vulcan.apps.cli.safe import one_line, safe
from vulcan.apps.cli.stopping import Stopped, until_stopped
from vulcan.apps.cli.wording import gate_lines
from vulcan.domain.errors import UserError
from vulcan.domain.events import BaseTestsRun, JobRequested
from vulcan.domain.evidence import Finding

if TYPE_CHECKING:
    from vulcan.application.verification import Proposal, Verification

MOST_FINDINGS = 12
STEPS: dict[type, str] = {
    JobRequested: "making the environment, and running the project's tests without the change",
    BaseTestsRun: "checking the change, and running the tests with it",
}


@click.command()
@click.argument("what", metavar="[PATH|BRANCH]", required=False, default=".")
@click.option("--base", default="", metavar="REF", help="What to compare with; default: the main branch.")
@click.option(
    "--instruction",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="What was asked, as a file (- for standard input): its literals must stand in the new tests.",
)
@click.option(
    "--changes-test",
    "changed_tests",
    multiple=True,
    metavar="TEST",
    help="An existing test, or a file of tests, that the change may alter.",
)
@click.option(
    "--python", help="Of the project: a version such as 3.12, or a path; default: what it asks for."
)
@click.option("--json", "as_json", is_flag=True, help="The evidence as an in-toto statement, for machines.")
@click.option("--unsafe-no-sandbox", is_flag=True, help="Only for throw-away machines: no sandbox.")
@blind_option
def verify(
    what: str,
    base: str,
    instruction: Path | None,
    changed_tests: tuple[str, ...],
    *,
    as_json: bool,
    blind: bool,
    **options: Any,
) -> None:
    """Judge anybody's change, without a model.

    What is judged is a folder with its uncommitted files, or a branch. The project's tests must still hold, new ones must fail
    without the change and pass with it, and notice small changes of it. Exit code 0 only if all holds, 3 if not.
    """
    proposal = _proposal(what, base, instruction, changed_tests, blind=blind)
    vulcan = open_vulcan(proposal.repository, overrides_from(options))
    seen = asyncio.run(until_stopped(vulcan.verifier.verify(proposal, [_Progress(quiet=as_json)])))
    if isinstance(seen, Stopped):
        click.echo("stopped; nothing is kept", err=True)
        sys.exit(seen.exit_code)
    if as_json:
        from vulcan.application.attestation import statement_of

        click.echo(json.dumps(statement_of(seen)))
    else:
        click.echo(safe("\n".join(lines_of(seen))))
    sys.exit(ExitCode.DONE if seen.verdict.proven else ExitCode.NOT_PROVEN)


def _proposal(
    what: str, base: str, instruction: Path | None, changed_tests: tuple[str, ...], *, blind: bool
) -> Proposal:
    from vulcan.application.verification import Proposal

    path = Path(what)
    folder = path.is_dir()
    text = ""
    if instruction is not None:
        try:
            text = sys.stdin.read() if str(instruction) == "-" else instruction.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"the instruction can't be read: {error}", hint="Name a text file, or - for standard input."
            ) from error
    return Proposal(path if folder else Path(), "" if folder else what, base, text, changed_tests, blind)


class _Progress:
    """Says on standard error what is being done."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def saw(self, stored: Any) -> None:
        """One line for each longer piece of work."""
        words = STEPS.get(type(stored.event))
        if words and not self._quiet:
            click.echo(f"{words} ...", err=True)


def lines_of(seen: Verification) -> list[str]:
    """What a person reads: at most about thirty lines."""
    word = "HOLDS" if seen.verdict.proven else "DOES NOT HOLD"
    lines = [
        f"{word}: {seen.kind.value}, {seen.base[:10]}..{seen.head[:10]}",
        f"before the change: {one_line(seen.baseline.in_words, 200)}",
        *gate_lines(seen.verdict),
    ]
    findings = [f for gate in seen.verdict.gates if not gate.passed for f in gate.findings]
    lines += [f"- {_finding(each)}" for each in findings[:MOST_FINDINGS]]
    if len(findings) > MOST_FINDINGS:
        lines.append(f"- and {len(findings) - MOST_FINDINGS} more, see --json")
    if any(each.path in seen.report.altered for each in findings):
        lines.append("if the change may alter existing tests, name them: --changes-test TEST")
    lines += [f"look at it: {_finding(each)}" for each in seen.protected]
    if seen.unjudged:
        lines.append(
            f"not judged: {len(seen.unjudged)} sentences of the instruction name nothing that a test can be looked through for"
        )
    return lines


def _finding(finding: Finding) -> str:
    place = f"{finding.place}: " if finding.place else ""
    return one_line(f"[{finding.gate}] {place}{finding.text}", 300)
