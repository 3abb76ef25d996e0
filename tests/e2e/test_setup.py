"""`vulcan setup`: a recipe is found, proven on builds from scratch, written; and what proves nothing is refused."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from conftest import CALC, GOOD_JOB, Cli, git, make_repository, reply
from fakes.package_index import PackageIndex, wheel

pytestmark = pytest.mark.sandbox
Recording = Callable[[Sequence[str]], str]
MAKE = "open('tests/words.json', 'w').write('[\"two\", \"three\"]')\n"
NEEDY = CALC | {
    "tools/make_words.py": MAKE,
    "tests/test_words.py": (
        "import json\nfrom pathlib import Path\n\nfrom extra_words import COUNT\n\nfrom calc import add\n\n\n"
        "def test_words():\n"
        "    words = json.loads(Path(__file__).with_name('words.json').read_text())\n"
        "    assert len(words) == COUNT - add(0, 0)\n"
    ),
    ".gitignore": "__pycache__/\nwords.json\n",
}
STEPS = ["python tools/make_words.py", "uv pip install extra-words"]
TRIED = reply("setup/1/environment_engineer/0", ("try_recipe", {"setup": STEPS}))
SUBMITTED = reply("setup/1/environment_engineer/1", ("submit_recipe", {"setup": STEPS}))
NOTHING = (reply("nothing", text="was asked"),)


def submits(number: int, **recipe: object) -> str:
    return reply(f"setup/{number}/environment_engineer/0", ("submit_recipe", recipe))


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with PackageIndex() as running:
        running.add(wheel("extra_words", "1.0", {"extra_words.py": "COUNT = 2\n"}))
        yield running


def test_what_detectors_do_not_see_is_found_proven_written_and_used(
    cli: Cli, reachable: Path, recording: Recording, index: PackageIndex
) -> None:
    project = make_repository(reachable / "needy", NEEDY)
    (project / "vulcan.toml").write_text("# ours\nchecks = []  # none yet\n")
    model = recording((TRIED, SUBMITTED, *GOOD_JOB))
    order = ["run", "Make add add", "--repo", str(project), "--model", model]
    stopped = cli(*order, code=2, UV_INDEX=index.url)
    assert "No module named 'extra_words'" in stopped
    assert "vulcan setup" in stopped

    out = cli("setup", "--repo", str(project), "--model", model, "--write", UV_INDEX=index.url)
    assert "look: sees 1 of about 2 tests, 1 of 2 test files not: tests/test_words.py" in out
    assert "try: setup: python tools/make_words.py; uv pip install extra-words" in out
    assert "proof: second build from scratch sees 2 of 2 tests" in out
    assert (
        "fault: calc.py::add emptied: red: tests/test_calc.py::test_zero, tests/test_words.py::test_words"
        in out
    )
    assert "proven: 2 tests of 2 files pass in two builds from scratch" in out
    assert "spent: 2 model calls" in out
    text = (project / "vulcan.toml").read_text()
    assert text.startswith("# ours\nchecks = []  # none yet\n")
    (table,) = tomllib.loads(text)["environment"]
    assert table["setup"] == STEPS
    assert (table["proof"]["passed"], table["proof"]["failed"], table["proof"]["files"]) == (2, 0, 2)
    assert list((reachable / "state/setup").iterdir()) == []
    assert git(project, "status", "--porcelain") == "?? vulcan.toml"

    done = cli(*order, UV_INDEX=index.url)
    assert "base: sees 2 of 2 tests\n" in done
    assert "verdict: PROVEN" in done
