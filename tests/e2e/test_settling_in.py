"""The first minutes: `init`, `config`, `doctor`, with a stand-in for the model's service."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.langfuse_server import LangfuseServer
from fakes.model_server import serving, status, text
from fakes.terminal import ENTER, Terminal
from vulcan.domain.errors import UserError
from vulcan.infrastructure.keys import StoredKeys

KEY = "sk-stand-in-0123456789abcdef"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def surroundings(home: Path, tmp_path: Path) -> dict[str, str]:
    """An empty home; nothing of the machine's own settings and keys."""
    words = ("VULCAN", "KEY", "TOKEN", "OPENAI", "LANGFUSE", "PREFECT", "OTEL", "DUST", "XDG")
    kept = {name: value for name, value in os.environ.items() if not any(word in name for word in words)}
    return kept | {"HOME": str(tmp_path / "home"), "VULCAN_HOME": str(home), "PYTHON_KEYRING_BACKEND": ""}


@pytest.fixture
def run(surroundings: dict[str, str]) -> Run:
    def command(*arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vulcan", *arguments],
            env=surroundings | more,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    return command


def settings(run: Run, *keys: str, **more: str) -> dict[str, tuple[object, str]]:
    rows = map(json.loads, run("config", *keys, "--json", **more).stdout.splitlines())
    return {row["key"]: (row["value"], row["source"]) for row in rows}


def test_init_asks_stores_the_key_privately_and_asks_the_model(
    surroundings: dict[str, str], run: Run, home: Path
) -> None:
    file = Path(surroundings["HOME"]) / ".config/vulcan/vulcan.toml"
    file.parent.mkdir(parents=True)
    file.write_text("# mine\n[budget]\ncost = 2.0  # dear enough\n")
    with serving([text("ok")]) as server:
        absent = {name: "" for name in os.environ if name not in surroundings}
        with Terminal(home, "init", **{**absent, **surroundings}) as terminal:
            terminal.until("Provider [anthropic]:").say("url")
            terminal.until("up to and with /v1:").say(server.url)
            terminal.until("as the server calls it:").say("tiny")
            terminal.until("not shown").press(KEY + ENTER)
            assert terminal.end() == 0
            assert "it answers: " in terminal.all
    assert KEY.encode() not in terminal.raw
    assert file.read_text().startswith("# mine\n[budget]\ncost = 2.0  # dear enough\n")
    keys = file.with_name("keys.toml")
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    assert KEY in keys.read_text()

    found = settings(run)
    assert found["model.name"] == ("tiny", str(file))
    assert found["budget.cost"] == (2.0, str(file))
    assert found["budget.calls"] == (200, "default")
    assert found["key OPENAI_API_KEY"] == ("stored", str(keys))
    assert KEY not in run("config").stdout + run("config", "--json").stdout


def test_a_stored_key_is_used_and_the_environment_s_own_holds(run: Run) -> None:
    given = run("init", "--model", "anthropic:claude-x", "--key-stdin", "--no-check", stdin=f"{KEY}\n")
    assert given.returncode == 0, given.stderr
    assert run("doctor", "--offline", "--json").stdout.splitlines()[-1].count('"passed": true')
    again = run("init", "--model", "anthropic:claude-x", "--no-check", ANTHROPIC_API_KEY="other")
    assert "ANTHROPIC_API_KEY is set" in again.stderr


def test_a_key_that_is_refused_is_said_and_all_is_stored(run: Run) -> None:
    with serving([status(401)]) as server:
        done = run("init", "--model", "tiny", "--base-url", server.url, "--key-stdin", stdin=f"{KEY}\n")
    assert done.returncode == 1
    assert "tiny does not answer" in done.stderr
    assert "vulcan doctor" in done.stderr
    assert settings(run, "model.name")["model.name"][0] == "tiny"


def test_config_says_which_source_won(run: Run, project: Path) -> None:
    (project / "vulcan.toml").write_text("[budget]\ncost = 1.0\ncalls = 900\n")
    more = {"VULCAN_MODEL": "recorded:demo", "OPENAI_BASE_URL": "http://user:secret-word@host/v1"}
    found = settings(run, "--repo", str(project), **more)
    assert found["budget.cost"] == (1.0, "the repository")
    assert found["budget.calls"] == (200, "default")
    assert found["model.name"] == ("recorded:demo", "environment: VULCAN_MODEL")
    assert found["model.base_url"] == ("http://[secret]@host/v1", "environment: OPENAI_BASE_URL")
    assert run("config", "no.such").returncode == 2


class Ring:
    """A keyring that keeps what it is given."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, name: str, key: str) -> None:
        self.kept[service, name] = key

    def get_password(self, service: str, name: str) -> str | None:
        return self.kept.get((service, name))


def test_with_a_keyring_no_file_holds_the_key(tmp_path: Path) -> None:
    keys = StoredKeys(tmp_path, Ring())
    assert "keyring" in keys.store("OPENAI_API_KEY", KEY)
    assert KEY not in (tmp_path / "keys.toml").read_text()
    assert (keys.read(), keys.places()) == ({"OPENAI_API_KEY": KEY}, {"OPENAI_API_KEY": "keyring"})


def test_keys_that_others_can_read_are_refused_and_only_keys_are_kept(tmp_path: Path) -> None:
    keys = StoredKeys(tmp_path)
    with pytest.raises(UserError):
        keys.store("PATH", "/tmp")
    keys.store("OPENAI_API_KEY", KEY)
    (tmp_path / "keys.toml").chmod(0o644)
    with pytest.raises(UserError, match="read by others"):
        keys.read()


def checks(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[bool, str]]:
    return {c["name"]: (c["passed"], c["detail"]) for c in map(json.loads, done.stdout.splitlines())}


@pytest.mark.sandbox
def test_doctor_asks_the_model_and_the_services(run: Run) -> None:
    with serving([text("ok")]) as model, LangfuseServer() as langfuse:
        more = {"VULCAN_MODEL": "tiny", "OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": KEY}
        more |= {
            "LANGFUSE_PUBLIC_KEY": "pk",
            "LANGFUSE_SECRET_KEY": "sk-secret",
            "LANGFUSE_BASE_URL": langfuse.url,
        }
        more |= {"PREFECT_API_URL": "http://localhost:9/api"}
        done = run("doctor", "--json", **more)
        found = checks(done)
        assert found["model"][0], found["model"]
        assert len(model.requests) == 1
        assert found["Langfuse"] == (True, langfuse.url)
        assert not found["Prefect"][0]
        assert done.returncode == 0, "what watches jobs is not needed for them"
    gone = run("doctor", "--json", **more)
    assert gone.returncode == 1
    assert not checks(gone)["model"][0]


def test_doctor_shows_broken_settings_as_one_check(run: Run, surroundings: dict[str, str]) -> None:
    file = Path(surroundings["HOME"]) / ".config/vulcan/vulcan.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[budget\n")
    done = run("doctor")
    assert done.returncode == 1
    assert done.stdout.startswith("FAIL settings: ")
