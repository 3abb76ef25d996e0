"""How much of real projects' own test suites Vulcan sees, before any model call: passes seen / passes by their own way.

    python benchmarks/reach.py FOLDER [OWNER/NAME ...] [--timeout 600] [--out reach.jsonl]

FOLDER holds a clone (or a bare one) of each repository as OWNER+NAME/repo, OWNER/NAME or NAME. Repositories and what
their own way gives stand in reach.toml. Each is cloned afresh, and its environment, collection and base run are made as
`vulcan run` makes them. Exits with 1 if the bar is missed: 22 of 29 at 95 % or more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from vulcan.application.stages.prepare import command_of, look
from vulcan.application.suite import suite_of
from vulcan.bootstrap import application
from vulcan.domain.baseline import Baseline
from vulcan.domain.errors import VulcanError
from vulcan.domain.testing import Outcome

HERE = Path(__file__).parent
ENOUGH, BAR = 0.95, 22


def find(folder: Path, name: str) -> Path | None:
    places = (name.replace("/", "+") + "/repo", name, name.rpartition("/")[2])
    return next((folder / place for place in places if (folder / place).is_dir()), None)


async def see(clone: Path, home: Path, timeout: float) -> dict[str, object]:
    """What the look shows of a repository."""
    overrides = {"tests.timeout": timeout}
    vulcan = application(clone, {**os.environ, "VULCAN_HOME": str(home)}, overrides)
    source = vulcan.setup.inspect(clone)
    project = vulcan.container.project(source.root)
    project.repository.fetch(source.root, source.head)
    services, started = project.services, time.monotonic()
    async with services.checkouts.clean("reach", source.head, source.head) as checkout:
        built = time.monotonic() - started
        recipe = checkout.environment.recipe
        estimate = await services.inspector.estimate_tests(checkout.path)
        run = await suite_of(services, checkout, source.head)
    baseline = Baseline(run, estimate, command_of(recipe, ()))
    seen = look(baseline, services.repository.files(source.head), recipe)
    return {
        "counts": {outcome.value: count for outcome, count in run.counts.items()},
        "passed": run.counts.get(Outcome.PASSED, 0),
        "words": seen.in_words,
        "blind": bool(seen.blind),
        "command": baseline.command,
        "environment": round(built, 1),
        "suite": round(time.monotonic() - started - built, 1),
        "notes": list(checkout.environment.notes),
    }


def measure(name: str, source: Path, home: Path, timeout: float) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="reach-") as folder:
        clone = Path(folder) / name.rpartition("/")[2]
        command = ["git", "clone", "-q", "--no-hardlinks", str(source), str(clone)]
        try:
            subprocess.run(command, check=True, capture_output=True)
            return asyncio.run(see(clone, home, timeout))
        except subprocess.CalledProcessError as error:
            return {"passed": 0, "blind": True, "words": f"not measured: {error.stderr.decode()[-200:]}"}
        except VulcanError as error:
            return {"passed": 0, "blind": True, "words": f"{error.message} {error.hint}"}


def ratio(passed: int, own: int) -> float:
    return min(passed / own, 1.0) if own else 1.0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--timeout", type=float, default=600.0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--home", type=Path, help="state folder to keep; default: a temporary one")
    options = parser.parse_args()
    known = tomllib.loads((HERE / "reach.toml").read_text())["repositories"]
    home = options.home or Path(tempfile.mkdtemp(prefix="reach-home-"))
    home.chmod(0o711)
    good = honest = 0
    for name in options.names or known:
        expected = known.get(name, {"own": 0})
        source = find(options.folder, name)
        if source is None:
            print(f"{name:38} not there")
            continue
        seen = measure(name, source, home, options.timeout)
        share = ratio(int(seen["passed"]), expected["own"])  # type: ignore[call-overload]
        cut = expected.get("about") and "took longer than" in str(seen["words"])
        reached = share >= ENOUGH and (cut or not seen["blind"] or not expected["own"])
        good += reached
        honest += not reached and bool(seen["blind"])
        print(
            f"{name:38} {share:5.0%}  {seen['passed']:>6} of {expected['own']:>6}  {seen['words']}",
            flush=True,
        )
        if options.out:
            with options.out.open("a") as out:
                out.write(json.dumps({"name": name, "share": share, **seen}) + "\n")
    if not options.home:
        shutil.rmtree(home, ignore_errors=True)
    print(f"{good} at {ENOUGH:.0%} or more, {honest} more are told before the first model call")
    return 0 if options.names or good >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
