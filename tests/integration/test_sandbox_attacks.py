"""Attacks on a box, by root's and a normal user's; the same scripts without a sandbox show that they can work."""

import json
import subprocess

import pytest
from sandbox_users import STARTERS, started_by
from sandbox_world import ATTACKS

from vulcan.infrastructure.sandbox.landlock import landlock_version

pytestmark = pytest.mark.sandbox

KINDS = ("none", "bubblewrap", "landlock")
BY_ID = {attack.id: attack for attack in ATTACKS}


@pytest.fixture(scope="module", params=STARTERS)
def outcomes(request):
    """What each attack did, for each kind of sandbox."""
    with started_by(request.param) as (python, environment, state):
        runs = {
            kind: subprocess.Popen(
                [*python, "sandbox_world.py", kind], cwd=state, env=environment, stdout=subprocess.PIPE
            )
            for kind in KINDS
        }
        return {kind: json.loads(run.communicate(timeout=120)[0]) for kind, run in runs.items()}


@pytest.mark.parametrize("name", BY_ID)
def test_bubblewrap_blocks(outcomes, name):
    assert not outcomes["bubblewrap"][name]["escaped"], outcomes["bubblewrap"][name]["output"]


@pytest.mark.parametrize("name", BY_ID)
def test_landlock_blocks(outcomes, name):
    outcome = outcomes["landlock"][name]
    if landlock_version() >= BY_ID[name].abi:
        assert not outcome["escaped"], outcome["output"]
    else:
        assert outcome["escaped"], "a known gap of this kernel's Landlock is closed: lower `abi`"


@pytest.mark.parametrize("name", [attack.id for attack in ATTACKS if attack.works()])
def test_the_attack_works_without_a_sandbox(outcomes, name):
    assert outcomes["none"][name]["escaped"], outcomes["none"][name]["output"]
