"""Whatever ends the host process, and whenever, nothing of its boxes stays alive."""

import json
import subprocess

import pytest
from sandbox_users import STARTERS, started_by

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module", params=STARTERS)
def starter(request):
    with started_by(request.param) as given:
        yield given


@pytest.mark.parametrize("kind", ["bubblewrap", "landlock", "none"])
@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_nothing_outlives_the_host(starter, kind, signal):
    python, environment, state = starter
    command = [*python, "sandbox_killer.py", kind, signal, "16" if signal == "KILL" else "4"]
    done = subprocess.run(
        command, cwd=state, env=environment, stdout=subprocess.PIPE, timeout=120, check=True
    )
    report = json.loads(done.stdout)
    assert report["left"] == []
    # The control: the kills came both while boxes started and while commands ran.
    assert report["early"] > 0
    assert report["late"] > 0
