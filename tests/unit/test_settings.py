"""Settings: precedence of the sources, what a repository may not do, and errors that say what is allowed."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

import vulcan
from vulcan.application.ports import Limits
from vulcan.application.settings import SandboxMinimum, Settings, TestSettings
from vulcan.domain.budget import Budget
from vulcan.domain.environment import Proof, Recipe, ReportForm
from vulcan.domain.errors import UserError
from vulcan.domain.policy import MergeRule, ReviewPolicy
from vulcan.infrastructure.settings import _default_state_dir, _leaves, load_settings
from vulcan.infrastructure.testing.checker_settings import mypy_table, ruff_table

Load = Callable[..., Settings]
SHIPPED = Path(vulcan.__file__).parent / "config" / "default.toml"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load with files given as text; `user` and `repo` stand for their vulcan.toml."""

    def load_with(
        *,
        user: str = "",
        repo: str = "",
        pyproject: str = "",
        environ: Mapping[str, str] | None = None,
        **overrides: object,
    ) -> Settings:
        for path, text in (
            (tmp_path / "home/.config/vulcan/vulcan.toml", user),
            (tmp_path / "repo/vulcan.toml", repo),
            (tmp_path / "repo/pyproject.toml", pyproject),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            if text:
                path.write_text(text, "utf-8")
        keys = {key.replace("__", "."): value for key, value in overrides.items()}
        return load_settings(tmp_path / "repo", {"HOME": str(tmp_path / "home"), **(environ or {})}, keys)

    return load_with


def refusal(load: Load, **sources: object) -> UserError:
    with pytest.raises(UserError) as raised:
        load(**sources)
    return raised.value


# ------------------------------------------------------------------------------------------ defaults, sources


def test_defaults_are_those_of_the_code_and_the_shipped_file_names_each(load: Load) -> None:
    settings = load()

    assert settings == Settings(settings.state_dir)
    table = tomllib.loads(SHIPPED.read_text("utf-8"))
    shipped = set(flat(table))
    assert shipped == {key for key, _ in _leaves(Settings)} - {"state_dir"}


def test_memory_of_a_box_is_a_share_of_the_machines(load: Load) -> None:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    share = max(2 * 1024**3, whole // 4)
    assert load().sandbox.limits.memory == share
    assert load(user="[sandbox.limits]\nmemory = 5").sandbox.limits.memory == 5
    again = load(user="[sandbox.limits]\nmemory = 5", environ={"VULCAN_SANDBOX_LIMITS_MEMORY": "machine"})
    assert again.sandbox.limits.memory == share


def flat(table: Mapping[str, object], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, value in table.items():
        keys += flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
    return keys


def test_a_later_source_wins(load: Load) -> None:
    user, environ = "[tests]\ntimeout = 1\ntest_timeout = 1", {"VULCAN_TESTS_TIMEOUT": "3"}

    assert load(user=user).tests.timeout == 1
    assert load(user=user, repo="[tests]\ntimeout = 2").tests.timeout == 2
    assert load(user=user, repo="[tests]\ntimeout = 2", environ=environ).tests.timeout == 3
    last = load(user=user, repo="[tests]\ntimeout = 2", environ=environ, tests__timeout=4)
    assert last.tests == TestSettings(timeout=4.0, test_timeout=1.0)


def test_every_kind_of_value(load: Load) -> None:
    settings = load(
        user="""
        checks = ["ruff check .", "mypy"]
        state_dir = "/srv/vulcan"
        [model]
        name = "openai:gpt"
        base_url = "http://localhost:8000/v1"
        [budget]
        cost = 2
        tokens = "unlimited"
        rounds = 7
        [review]
        merge = "proven"
        release = true
        [sandbox]
        minimum = "bubblewrap"
        unsafe = true
        limits = { memory = 1_000_000, disk = 5 }
        """
    )

    assert settings.checks == ("ruff check .", "mypy")
    assert settings.state_dir == Path("/srv/vulcan")
    assert (settings.model.name, settings.model.base_url) == ("openai:gpt", "http://localhost:8000/v1")
    assert settings.budget == Budget(cost=2.0, tokens=None, rounds=7)
    assert settings.review == ReviewPolicy(MergeRule.PROVEN, release=True)
    assert settings.sandbox.minimum is SandboxMinimum.BUBBLEWRAP
    assert settings.sandbox.limits == Limits(memory=1_000_000, disk=5)


def test_the_environment_gives_text(load: Load) -> None:
    environ = {
        "VULCAN_MODEL": "openai:gpt",
        "VULCAN_MODEL_NAME": "openai:other",
        "VULCAN_BUDGET_COST": "unlimited",
        "VULCAN_BUDGET_CALLS": "30",
        "VULCAN_REVIEW_MERGE": "never",
        "VULCAN_SANDBOX_UNSAFE": "1",
        "VULCAN_SANDBOX_LIMITS_MEMORY": "1000000",
        "VULCAN_TESTS_ARGUMENTS": "python -m pytest -k 'not slow'",
        "VULCAN_TESTS_TIMEOUT": "12.5",
        "VULCAN_CHECKS": "",
        "OTHER": "x",
    }
    settings = load(environ=environ)

    assert settings.model.name == "openai:gpt"
    assert settings.budget == Budget(cost=None, calls=30)
    assert settings.review.merge is MergeRule.NEVER
    assert settings.sandbox.unsafe is True
    assert settings.sandbox.limits == Limits(memory=1_000_000)
    assert settings.tests.arguments == ("python", "-m", "pytest", "-k", "not slow")
    assert settings.tests.timeout == 12.5
    assert settings.checks == ()


def test_the_command_line_gives_values_or_text_and_none_for_nothing(load: Load) -> None:
    settings = load(budget__cost=1.5, budget__calls="7", model__name=None, tests__arguments=("make", "test"))

    assert settings.budget == Budget(cost=1.5, calls=7)
    assert settings.model.name == ""
    assert settings.tests.arguments == ("make", "test")


def test_the_key_is_read_from_its_variable_and_never_shown(load: Load) -> None:
    settings = load(environ={"OPENAI_API_KEY": "sk-secret", "OPENAI_BASE_URL": "http://box/v1"})

    assert settings.model.api_key == "sk-secret"
    assert settings.model.base_url == "http://box/v1"
    assert "sk-secret" not in repr(settings)
    other = load(user='[model]\napi_key_env = "MY_KEY"', environ={"MY_KEY": "mine", "OPENAI_API_KEY": "sk"})
    assert other.model.api_key == "mine"
    assert load().model.api_key == ""


@pytest.mark.parametrize(
    "sources", [{"user": '[model]\nbase_url = "http://mine"'}, {"model__base_url": "http://mine"}]
)
def test_variables_of_others_yield_to_vulcans_own_settings(load: Load, sources: dict[str, object]) -> None:
    environ = {"OPENAI_BASE_URL": "http://box/v1", "PREFECT_API_URL": "http://prefect/api"}
    settings = load(**sources, environ=environ)

    assert settings.model.base_url == "http://mine"
    assert settings.workflow.prefect_api_url == "http://prefect/api"


def test_settings_are_frozen(load: Load) -> None:
    with pytest.raises(FrozenInstanceError):
        load().budget.cost = 3.0  # type: ignore[misc]


def test_without_a_repository(tmp_path: Path) -> None:
    assert load_settings(None, {"HOME": str(tmp_path)}, {}).notes == ()


# ------------------------------------------------------------------------------------------------- folders


@pytest.mark.parametrize(
    ("environ", "root", "expected"),
    [
        ({"HOME": "/home/ada"}, False, "/home/ada/.local/state/vulcan"),
        ({"HOME": "/home/ada", "XDG_STATE_HOME": "/state"}, False, "/state/vulcan"),
        ({"HOME": "/home/ada", "XDG_STATE_HOME": "relative"}, False, "/home/ada/.local/state/vulcan"),
        ({"HOME": "/root", "XDG_STATE_HOME": "/state"}, True, "/var/lib/vulcan"),
    ],
)
def test_where_the_state_is(environ: dict[str, str], root: bool, expected: str) -> None:
    assert _default_state_dir(environ, root=root) == Path(expected)


def test_vulcan_home_wins(load: Load) -> None:
    settings = load(
        user='state_dir = "/srv/a"', environ={"VULCAN_HOME": "/srv/b", "XDG_STATE_HOME": "/state"}
    )

    assert settings.state_dir == Path("/srv/b")
    assert "absolute path" in refusal(load, environ={"VULCAN_HOME": "here"}).hint


def test_the_users_file_is_where_xdg_says(tmp_path: Path) -> None:
    (tmp_path / "xdg/vulcan").mkdir(parents=True)
    (tmp_path / "xdg/vulcan/vulcan.toml").write_text('[model]\nname = "x"')
    environ = {"HOME": "/nowhere", "XDG_CONFIG_HOME": str(tmp_path / "xdg")}

    assert load_settings(None, environ, {}).model.name == "x"


# ---------------------------------------------------------------------------------------------- repository


def test_a_repository_says_how_it_is_tested(load: Load) -> None:
    repo = 'checks = ["make lint"]\n[tests]\narguments = ["make", "test"]\ndependencies = ["tox"]'
    settings = load(repo=repo)

    assert settings.tests == TestSettings(("make", "test"), dependencies=("tox",))
    assert settings.checks == ("make lint",)
    assert settings.notes == ()


def test_pyproject_speaks_for_a_repository_without_a_file_of_its_own(load: Load) -> None:
    pyproject = "[project]\nname = 'x'\n[tool.vulcan.tests]\ntimeout = 5"

    assert load(pyproject=pyproject).tests.timeout == 5
    assert load(pyproject=pyproject, repo="[tests]\ntest_timeout = 6").tests == TestSettings(test_timeout=6.0)


@pytest.mark.parametrize(
    "text",
    [
        '[model]\nbase_url = "http://evil"',
        '[model]\napi_key_env = "AWS_SECRET_ACCESS_KEY"',
        'state_dir = "/tmp/x"',
        "[sandbox]\nunsafe = true",
        "[sandbox.limits]\nmemory = 99_999_999_999",
        '[workflow]\nprefect_api_url = "http://evil"',
    ],
)
@pytest.mark.parametrize("where", ["repo", "pyproject"])
def test_a_repository_can_not_set_the_rest(load: Load, where: str, text: str) -> None:
    if where == "pyproject":
        table = "\n".join(line for line in text.splitlines() if not line.startswith("["))
        section = text.splitlines()[0].strip("[]") if text.startswith("[") else ""
        text = f"[tool.vulcan{'.' if section else ''}{section}]\n{table}"
    error = refusal(load, **{where: text})

    assert "a repository can't set" in error.message
    assert error.message.startswith("vulcan.toml" if where == "repo" else "pyproject.toml [tool.vulcan]")
    assert "tests.*" in error.hint
    assert ".config/vulcan/vulcan.toml" in error.hint


@pytest.mark.parametrize(
    ("user", "repo", "key"),
    [
        ("", "[budget]\ncost = 50", "budget.cost"),
        ("", '[budget]\ntokens = "unlimited"', "budget.tokens"),
        ("", "[budget]\nrounds = 5", "budget.rounds"),
        ("", '[review]\nmerge = "proven"', "review.merge"),
        ('[review]\nmerge = "never"', '[review]\nmerge = "person"', "review.merge"),
        ("", "[review]\nrelease = true", "review.release"),
        ('[sandbox]\nminimum = "bubblewrap"', '[sandbox]\nminimum = "landlock"', "sandbox.minimum"),
    ],
)
def test_what_a_repository_loosens_is_ignored_with_a_note(load: Load, user: str, repo: str, key: str) -> None:
    with_it, without = load(user=user, repo=repo), None
    assert with_it.notes == (f"vulcan.toml: {key} is looser than yours and was ignored",)

    without = load(user=user, repo="checks = []")
    for part in ("budget", "review", "sandbox", "model"):
        assert getattr(with_it, part) == getattr(without, part)


def test_what_a_repository_narrows_holds(load: Load) -> None:
    user = '[budget]\ntokens = "unlimited"\n[review]\nmerge = "proven"\nrelease = true'
    repo = """
    [budget]
    cost = 1
    tokens = 1000
    [review]
    merge = "person"
    release = false
    [sandbox]
    minimum = "bubblewrap"
    """
    settings = load(user=user, repo=repo)

    assert settings.budget == Budget(cost=1.0, tokens=1000)
    assert settings.review == ReviewPolicy(MergeRule.PERSON, release=False)
    assert settings.sandbox.minimum is SandboxMinimum.BUBBLEWRAP
    assert settings.notes == ()
    assert load(user=user, repo=repo, budget__cost=9).budget.cost == 9  # the person at the keyboard decides


def test_a_broken_pyproject_is_the_projects_trouble(load: Load) -> None:
    settings = load(pyproject="[project\nname = 1")

    assert "not TOML" in settings.notes[0]
    assert load(pyproject="tool = 3").tests == TestSettings()
    assert "not a table" in refusal(load, pyproject="[tool]\nvulcan = 3").message


def test_a_repository_can_not_make_it_hang(load: Load, tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    os.mkfifo(tmp_path / "repo" / "vulcan.toml")

    assert load().tests == TestSettings()
    (tmp_path / "repo" / "vulcan.toml").unlink()
    assert "larger than" in refusal(load, repo="#" * 1_100_000).message


def test_a_repository_s_link_leads_nowhere(load: Load, tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "elsewhere.toml").write_text("[tool.vulcan.tests]\ntimeout = 7\n")
    for target in (tmp_path / "elsewhere.toml", Path("/proc/kmsg")):
        (tmp_path / "repo" / "pyproject.toml").symlink_to(target)
        settings = load()
        assert settings.tests == TestSettings()
        assert "a link" in settings.notes[0] or "denied" in settings.notes[0]
        (tmp_path / "repo" / "pyproject.toml").unlink()
    (tmp_path / "repo" / "vulcan.toml").symlink_to(tmp_path / "elsewhere.toml")
    assert "a link, which is not followed" in refusal(load).message


def test_a_user_s_own_file_may_be_a_link(load: Load, tmp_path: Path) -> None:
    (tmp_path / "dotfiles.toml").write_text("[model]\nname = 'linked'\n")
    path = tmp_path / "home" / ".config" / "vulcan" / "vulcan.toml"
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "dotfiles.toml")
    assert load().model.name == "linked"


def test_a_project_s_pyproject_is_looked_at_without_following_or_waiting(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.mypy]\n")
    assert mypy_table(tmp_path) is not None
    assert ruff_table(tmp_path, "a/b.py") is None
    file.rename(tmp_path / "elsewhere.toml")
    file.symlink_to(tmp_path / "elsewhere.toml")
    assert mypy_table(tmp_path) is None
    file.unlink()
    os.mkfifo(file)
    assert mypy_table(tmp_path) is None


# -------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        ("[budget]\ncost = 'much'", "budget.cost", 'a number above 0, or "unlimited"'),
        ("[budget]\ncost = 0", "budget.cost", "above 0"),
        ("[budget]\ncost = nan", "budget.cost", "above 0"),
        ("[budget]\ncost = inf", "budget.cost", "above 0"),
        ("[budget]\ncost = true", "budget.cost", "above 0"),
        ("[budget]\ncalls = 1.5", "budget.calls", "whole number"),
        ("[budget]\nrounds = 'unlimited'", "budget.rounds", "whole number"),
        ("[budget]\ntokens = 1" + "0" * 400, "budget.tokens", "whole number"),
        ("[budget]\nseconds = 1" + "0" * 400, "budget.seconds", "number"),
        ("[review]\nmerge = 'always'", "review.merge", '"person", "proven", "never"'),
        ("[review]\nmerge = ['person']", "review.merge", '"person", "proven", "never"'),
        ("[review]\nrelease = 'yes'", "review.release", "true or false"),
        ("[sandbox]\nminimum = 'none'", "sandbox.minimum", '"landlock", "bubblewrap"'),
        ("[tests]\narguments = 'make test'", "tests.arguments", "a list of texts"),
        ("[tests]\narguments = ['make', 1]", "tests.arguments", "a list of texts"),
        ("[model]\nname = 3", "model.name", "a text"),
        ("state_dir = '~/x'", "state_dir", "an absolute path"),
    ],
)
def test_a_value_that_can_not_be_names_file_key_and_what_is_allowed(
    load: Load, tmp_path: Path, text: str, key: str, allowed: str
) -> None:
    error = refusal(load, user=text)

    assert error.message.startswith(f"{tmp_path}/home/.config/vulcan/vulcan.toml: {key} is ")
    assert allowed in error.hint


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("VULCAN_BUDGET_COST", "much"),
        ("VULCAN_BUDGET_COST", "-1"),
        ("VULCAN_SANDBOX_UNSAFE", "maybe"),
        ("VULCAN_REVIEW_MERGE", "always"),
        ("VULCAN_TESTS_ARGUMENTS", "echo 'unclosed"),
    ],
)
def test_a_variable_that_can_not_be_is_named(load: Load, name: str, text: str) -> None:
    error = refusal(load, environ={name: text})

    assert error.message == f"environment: {name} is {text!r}"
    assert error.hint.startswith("Allowed: ")


@pytest.mark.parametrize(
    ("sources", "message", "guess"),
    [
        ({"user": "[budget]\ncosts = 1"}, "unknown key budget.costs", "budget.cost"),
        ({"user": "[modle]\nname = 'x'"}, "unknown key modle", ""),
        ({"user": "model = 'x'"}, "unknown key model", "model.name"),
        ({"user": "[model]\napi_key = 'sk'"}, "unknown key model.api_key", "model.api_key_env"),
        ({"user": "notes = ['x']"}, "unknown key notes", ""),
        ({"user": "[budget.cost]\nx = 1"}, "budget.cost is {'x': 1}", ""),
        ({"repo": "[test]\ntimeout = 1"}, "vulcan.toml: unknown key test", "tests.timeout"),
        (
            {"environ": {"VULCAN_BUDGTE_COST": "1"}},
            "environment: unknown key VULCAN_BUDGTE_COST",
            "VULCAN_BUDGET_COST",
        ),
        ({"budget__costs": 1}, "command line: unknown key budget.costs", "budget.cost"),
        ({"user": "[budget"}, "not TOML", ""),
    ],
)
def test_an_unknown_key_names_its_source_and_what_is_allowed(
    load: Load, sources: dict[str, object], message: str, guess: str
) -> None:
    error = refusal(load, **sources)

    assert message in error.message
    assert guess in error.hint


def test_a_file_that_is_no_text_is_an_error(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "home/.config/vulcan/vulcan.toml"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe")

    assert "not TOML" in refusal(load).message


def test_a_dust_workspace_is_the_users_and_its_key_is_not_shown(load: Load) -> None:
    environ = {"DUST_WORKSPACE_ID": "w1", "DUST_API_KEY": "sk-secret"}
    dust = load(environ=environ).dust
    assert (dust.workspace, dust.api_key, dust.url) == ("w1", "sk-secret", "https://dust.tt")
    assert "sk-secret" not in repr(dust)
    assert "can't set dust.url" in refusal(load, repo='[dust]\nurl = "https://evil.example"').message


@pytest.mark.parametrize(
    "line", ["x @ https://example.org/x.whl", "../x", "-r other.txt", "https://example.org/x"]
)
def test_a_repository_names_no_address_to_install_from(load: Load, line: str) -> None:
    text = f'[tests]\ndependencies = ["pytest-mock[x]>=3; python_version > \'3\'", "{line}"]'

    assert "no requirement that an index can answer" in refusal(load, repo=text).message
    assert load(user=text, repo="checks = []").tests.dependencies[1] == line


# ---------------------------------------------------------------------------------------------- environments


ENVIRONMENT = """
[[environment]]
path = "sdk/"
python = "3.12"
setup = ["make wheels", "make docs"]
command = "python manage.py test"
report = "junit:out/report.xml"
[environment.proof]
passed = 3346
failed = 1
files = 412
digest = "sha256:00"
[[environment]]
"""


def test_environments_are_recipes_with_their_source(load: Load) -> None:
    first, second = load(repo=ENVIRONMENT).environments

    assert first == Recipe(
        path="sdk",
        python="3.12",
        setup=("make wheels", "make docs"),
        command="python manage.py test",
        report=ReportForm.JUNIT,
        report_path="out/report.xml",
        source="vulcan.toml",
        by_repository=True,
        proof=Proof(3346, 1, 412, "sha256:00"),
    )
    assert second == Recipe(source="vulcan.toml", by_repository=True)


def test_the_users_environments_come_before_the_repositorys(load: Load, tmp_path: Path) -> None:
    user = '[[environment]]\npython = "/opt/python"\nservices = ["redis", "postgres"]'
    mine, theirs = load(
        user=user, pyproject="[[tool.vulcan.environment]]\ncommand = 'make check'"
    ).environments

    source = f"{tmp_path}/home/.config/vulcan/vulcan.toml"
    assert mine == Recipe(python="/opt/python", services=("redis", "postgres"), source=source)
    assert (theirs.command, theirs.by_repository) == ("make check", True)
    assert theirs.source == "pyproject.toml [tool.vulcan]"


def test_a_python_from_the_command_line_goes_with_every_project(load: Load) -> None:
    settings = load(repo=ENVIRONMENT, python="3.13")

    assert [(each.path, each.python) for each in settings.environments] == [
        (".", "3.13"), ("sdk", "3.13"), ("sdk", "3.12"), (".", ""),
    ]  # fmt: skip
    assert not settings.environments[0].by_repository
    assert load(environ={"VULCAN_PYTHON": "/opt/python"}).environments[0].python == "/opt/python"
    assert "a version such as 3.12" in refusal(load, python="three").hint


def test_hosts_that_setup_may_reach_are_the_users(load: Load) -> None:
    text = '[setup]\nallow_hosts = ["git.example.org"]'

    assert load(user=text).setup.allow_hosts == ("git.example.org",)
    assert "a repository can't set setup.allow_hosts" in refusal(load, repo=text).message
    assert "a repository can't set python" in refusal(load, repo='python = "/opt/python"').message


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ('comand = "x"', "environment: unknown key comand", "Did you mean command?"),
        ("proof = {pased = 1}", "environment.proof: unknown key pased", "Did you mean passed?"),
        ("proof = {passed = -1}", "environment.proof is", "counts"),
        ("proof = 3", "environment.proof is", "a table"),
        ('python = "2.7"', "environment.python is '2.7'", "3.12"),
        ('python = "venv/bin/python"', "environment.python is", "absolute path"),
        ('path = "../other"', "environment.path is", "a folder of the repository"),
        ('path = "/etc"', "environment.path is", "a folder of the repository"),
        (
            'report_path = "/etc/passwd"\ncommand = "x"',
            "environment.report_path is",
            "a file of the repository",
        ),
        ('report = "junit:/etc/passwd"\ncommand = "x"', "environment.report is", '"junit:PATH"'),
        ('report = "xml"', "environment.report is 'xml'", '"exit-code"'),
        ('report = "tap:x"\ncommand = "x"', "environment.report is 'tap:x'", '"tap"'),
        ('report = "tap"', "report is 'tap', but there is no command", "command ="),
        ('setup = "make"', "environment.setup is", "a list of commands"),
        ('services = ["rm -rf /"]', "environment.services is", '"redis"'),
        ('[[environment]]\npath = "./"', "two [[environment]] have the path '.'", "a path of its own"),
    ],
)
def test_an_environment_that_can_not_be_is_named(load: Load, line: str, message: str, hint: str) -> None:
    error = refusal(load, user=f"[[environment]]\n{line}")

    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[environment]]\npython = "/opt/python"', "can't name an interpreter"),
        ('[[environment]]\nservices = ["redis"]', "can't start services"),
        ("[environment]\npath = '.'", "no array of tables"),
        ("environment = 'x'", "no array of tables"),
    ],
)
def test_what_is_outside_of_boxes_is_not_the_repositorys(load: Load, text: str, message: str) -> None:
    assert message in refusal(load, repo=text).message
