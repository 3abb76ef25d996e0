"""Attacks on a box, by root's and a normal user's; the same scripts without a sandbox show that they can work."""

import json
import subprocess

import pytest
from sandbox_users import STARTERS, started_by
from sandbox_world import ATTACKS, CONTROLS

from vulcan.infrastructure.sandbox.landlock import landlock_version

pytestmark = pytest.mark.sandbox

KINDS = ("none", "bubblewrap", "landlock")
BY_ID = {attack.id: attack for attack in ATTACKS}
WORKING = {control.id: control for control in CONTROLS if control.there()}


@pytest.fixture(scope="module", params=STARTERS)
def outcomes(request):
    """What each script did, for each kind of sandbox."""
    with started_by(request.param) as (python, environment, state):
        runs = {
            kind: subprocess.Popen(
                [*python, "sandbox_world.py", kind], cwd=state, env=environment, stdout=subprocess.PIPE
            )
            for kind in KINDS
        }
        found = {kind: json.loads(run.communicate(timeout=240)[0]) for kind, run in runs.items()}
        return found | {"starter": request.param}


def known_gap(outcomes, name):
    return outcomes["starter"] in BY_ID[name].gaps


@pytest.mark.parametrize("name", BY_ID)
def test_bubblewrap_blocks(outcomes, name):
    outcome = outcomes["bubblewrap"][name]
    assert outcome["escaped"] == known_gap(outcomes, name), outcome["output"]


@pytest.mark.parametrize("name", BY_ID)
def test_landlock_blocks(outcomes, name):
    outcome = outcomes["landlock"][name]
    open_to_it = landlock_version() < BY_ID[name].abi
    assert outcome["escaped"] == (open_to_it or known_gap(outcomes, name)), outcome["output"]


@pytest.mark.parametrize("name", [attack.id for attack in ATTACKS if attack.works() and not attack.limits])
def test_the_attack_works_without_a_sandbox(outcomes, name):
    assert outcomes["none"][name]["escaped"], outcomes["none"][name]["output"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WORKING)
def test_work_goes_on(outcomes, kind, name):
    refused = kind == "landlock" and WORKING[name].sockets  # by design: it can't tell one socket from another
    assert outcomes[kind][name]["passed"] == (not refused), outcomes[kind][name]["output"]


def test_nothing_of_the_catalogue_is_missing():
    kinds = {letter: {int(one.id[1:3]) for one in ATTACKS if one.id[0] == letter} for letter in "RSWPNX"}
    assert kinds["R"] == set(range(1, 18))
    assert kinds["S"] == set(range(1, 5))
    assert kinds["W"] >= set(range(1, 22))
    assert kinds["P"] == set(range(1, 27))
    assert kinds["N"] == set(range(1, 10))
    assert kinds["X"] == set(range(1, 12))
    assert [one.id[:3] for one in CONTROLS] == [f"C{n:02}" for n in range(1, 13)]
