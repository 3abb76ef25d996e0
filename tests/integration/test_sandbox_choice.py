"""The canary tells a sandbox that holds from one that does not, and the choice follows it."""

import json
import subprocess

import pytest
from sandbox_users import STARTERS, started_by

from vulcan.infrastructure.sandbox import LandlockSandbox, NoSandbox, canary, choose_sandbox

pytestmark = pytest.mark.sandbox

WATCH = """
import asyncio, json, sys
from vulcan.infrastructure.sandbox import *
kinds = {"bubblewrap": BubblewrapSandbox, "landlock": LandlockSandbox, "none": NoSandbox}
checks = asyncio.run(canary(kinds[sys.argv[1]]()))
print(json.dumps([[check.name, check.passed, check.detail] for check in checks]))
"""
CHOOSE = """
import json, sys
from vulcan.domain.errors import SandboxUnavailable
from vulcan.infrastructure.sandbox import choose_sandbox
def choice(minimum):
    try:
        return choose_sandbox(minimum).name
    except SandboxUnavailable as failure:
        return [failure.message, failure.hint]
print(json.dumps([choice("bubblewrap"), choice("landlock")]))
"""
ATTACKS = {
    "host files",
    "host environment",
    "environment of process 1",
    "clean environment",
    "host loopback",
    "network route",
    "virtual machine sockets",
    "kernel settings",
    "mount",
    "new namespaces",
    "not root",
    "no new privileges",
    "process limit",
    "files not root's",
}


@pytest.fixture(params=STARTERS)
def run(request):
    with started_by(request.param) as (python, environment, state):

        def run_script(script, *arguments, around=()):
            at = len(python) - 2
            command = [*python[:at], *around, *python[at:], "-c", script, *arguments]
            done = subprocess.run(
                command, cwd=state, env=environment, stdout=subprocess.PIPE, check=True, timeout=60
            )
            return json.loads(done.stdout)

        run_script.starter = request.param
        yield run_script


def test_every_probe_of_bubblewrap_passes(run):
    checks = run(WATCH, "bubblewrap")
    assert [check for check in checks if not check[1]] == []
    controls = {"workspace", "asyncio subprocess", "unix socket", "loopback server"}
    assert {check[0] for check in checks} == ATTACKS | controls


def test_every_probe_of_landlock_passes(run):
    checks = run(WATCH, "landlock")
    assert [check for check in checks if not check[1]] == []
    assert {check[0] for check in checks} == ATTACKS | {"workspace", "asyncio subprocess"}


def test_the_probes_notice_that_there_is_no_sandbox(run):
    failed = {check[0] for check in run(WATCH, "none") if not check[1]}
    assert failed >= {"host files", "host loopback", "no new privileges"}
    assert ("host environment" in failed) == (run.starter == "user")


def test_bubblewrap_is_chosen_where_it_works(run):
    assert run(CHOOSE) == ["bubblewrap", "bubblewrap"]


def test_without_user_namespaces_landlock_is_chosen_if_allowed():
    with started_by("user") as (python, environment, state):
        # A host that refuses user namespaces, made by bubblewrap itself.
        around = ["/usr/bin/bwrap", "--dev-bind", "/", "/", "--unshare-user", "--disable-userns", "--"]
        at = len(python) - 2
        command = [*python[:at], *around, *python[at:], "-c", CHOOSE]
        done = subprocess.run(
            command, cwd=state, env=environment, stdout=subprocess.PIPE, check=True, timeout=60
        )
    (message, hint), second = json.loads(done.stdout)
    assert message.startswith("No sandbox works on this machine. The sandbox did not start: bwrap: ")
    assert "user namespaces" in hint
    assert second == "landlock"


async def test_the_choice_is_kept_and_can_be_made_in_an_event_loop():
    assert choose_sandbox("bubblewrap") is choose_sandbox("bubblewrap")


def test_no_sandbox_is_had_by_asking_only():
    assert isinstance(choose_sandbox("bubblewrap", unsafe=True), NoSandbox)


class Loose(LandlockSandbox):
    """A sandbox that lets everything through but says that it is another."""

    def open(self, spec):
        return NoSandbox().open(spec)


async def test_a_canary_is_not_told_but_tries():
    failed = {check.name for check in await canary(Loose()) if not check.passed}
    assert failed >= {"host files", "host loopback", "no new privileges"}
