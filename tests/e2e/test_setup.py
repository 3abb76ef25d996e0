"""`vulcan setup`: a recipe is found, proven on builds from scratch, written; and what proves nothing is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
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

    (project / "vulcan.toml").write_text(text.replace("passed = 2", "passed = 9"))
    done = cli(*order, UV_INDEX=index.url)
    assert (
        "base: sees 2 of 2 tests; the recipe's proof does not hold: 2 tests pass, 9 did when it was made"
        in done
    )
    assert "verdict: PROVEN" in done


FORGING = (
    "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
    "    outcome = yield\n    outcome.get_result().outcome = 'passed'\n"
)
FORGED = f'python -c \'open("conftest.py", "wb").write(bytes.fromhex("{FORGING.encode().hex()}"))\''


def test_a_recipe_that_forges_passes_is_refused_and_the_next_one_is_heard(
    cli: Cli, reachable: Path, recording: Recording, index: PackageIndex
) -> None:
    project = make_repository(reachable / "needy", NEEDY)
    model = recording((submits(1, setup=[*STEPS, FORGED]), submits(2, setup=STEPS)))
    out = cli("setup", "--repo", str(project), "--model", model, "--json", UV_INDEX=index.url)
    steps_told = [json.loads(line) for line in out.splitlines()]
    faults = [each["text"] for each in steps_told if each["step"] == "fault"]
    assert faults[0] == "calc.py::add emptied: no test turns red"
    assert "round 2 of 4" in out
    assert steps_told[-1]["proven"] is True
    assert steps_told[-1]["faults"][0]["red"] == [
        "tests/test_calc.py::test_zero",
        "tests/test_words.py::test_words",
    ]
    assert "conftest.py" not in steps_told[-1]["toml"]


def test_what_is_seen_already_is_proven_without_a_model_and_only_printed(cli: Cli, project: Path) -> None:
    out = cli("setup", "--repo", str(project))
    assert "look: sees 1 of 1 tests" in out
    assert "[[environment]]" in out
    assert "[environment.proof]\npassed = 1\n" in out
    assert "vulcan setup --write" in out
    assert git(project, "status", "--porcelain") == ""


def test_without_a_model_the_person_is_told_what_to_do_or_names_it(
    cli: Cli, reachable: Path, index: PackageIndex
) -> None:
    project = make_repository(reachable / "needy", NEEDY)
    out = cli("setup", "--repo", str(project), code=2, UV_INDEX=index.url)
    assert "sees 1 of about 2 tests" in out
    assert "vulcan setup --model" in out
    assert "vulcan setup --command" in out
    steps = [word for step in STEPS for word in ("--setup", step)]
    out = cli("setup", "--repo", str(project), *steps, "--write", UV_INDEX=index.url)
    assert "vulcan.toml: made, with [[environment]] of '.'" in out
    assert tomllib.loads((project / "vulcan.toml").read_text())["environment"][0]["setup"] == STEPS


def test_a_suite_that_passes_by_chance_proves_nothing(cli: Cli, reachable: Path) -> None:
    chance = "import random\n\nfrom calc import add\n\n\n" + "\n\n".join(
        f"def test_{n}():\n    assert random.SystemRandom().random() < 0.5\n" for n in range(24)
    )
    project = make_repository(reachable / "chance", CALC | {"tests/test_chance.py": chance})
    out = cli("setup", "--repo", str(project), "--write", code=3)
    assert "not proven: only " in out
    assert "tests pass in both builds from scratch; not stable: tests/test_chance.py::test_" in out
    assert not (project / "vulcan.toml").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_setup_that_is_stopped_leaves_nothing_of_the_trials(
    home: Path, reachable: Path, number: int, code: int
) -> None:
    slow = {"tests/test_slow.py": "import time\n\n\ndef test_slow():\n    time.sleep(50)\n"}
    project = make_repository(reachable / "slow", CALC | slow)
    environment = {**os.environ, "VULCAN_HOME": str(home)}
    argv = [sys.executable, "-m", "vulcan", "setup", "--repo", str(project)]
    running = subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True)
    while not list(home.glob("setup/*/trees/*")):
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(number)
    said = running.communicate()[1]
    assert running.returncode == code, said
    assert "nothing of the trials is left" in said
    assert list((home / "setup").iterdir()) == []


def test_a_setup_that_was_cut_off_goes_on_with_the_answers_it_has_and_ends_at_its_limit(
    cli: Cli, reachable: Path, recording: Recording, index: PackageIndex
) -> None:
    project = make_repository(reachable / "needy", NEEDY)
    order = ("setup", "--repo", str(project), "--model")
    cut = cli(*order, recording((TRIED,)), code=1, UV_INDEX=index.url)
    assert "it goes on where it stopped" in cut
    assert "spent: 1 model calls" in cut
    over = cli(*order, recording((SUBMITTED,)), "--max-calls", "1", code=5, UV_INDEX=index.url)
    assert "calls: 1 model calls used of 1 model calls" in over
    assert "try: " not in over
    done = cli(*order, recording((SUBMITTED,)), UV_INDEX=index.url)
    assert "spent: 2 model calls" in done
    assert "proven: 2 tests" in done


def test_a_recipe_with_a_step_that_fails_is_refused_even_if_tests_pass(cli: Cli, project: Path) -> None:
    out = cli("setup", "--repo", str(project), "--setup", "make wheels-of-nothing", code=3)
    assert "not proven: a command fails: setup: make wheels-of-nothing" in out
    assert "Nothing was written" in out
