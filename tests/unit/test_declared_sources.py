"""What each of the places says in which projects name what their tests need, and what hostile ones can't do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vulcan.infrastructure.environment.declared import Declared, fits, naming_digest, read_declared
from vulcan.infrastructure.environment.declared.poetry import specifier
from vulcan.infrastructure.environment.declared.tree import MAX_CODE, MAX_NOTES
from vulcan.infrastructure.environment.declared.yaml_text import load_yaml

STATIC = """\
[project]
name = "mine"
dependencies = ["rich"]
[project.optional-dependencies]
http = ["h2"]
all = ["mine[http]", "uvloop"]
docs = ["sphinx"]
[dependency-groups]
checks = ["trustme"]
docs = ["mkdocs"]
"""


def tree(root: Path, **contents: str) -> Path:
    for name, content in contents.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def read(root: Path, files: dict[str, str]) -> Declared:
    return read_declared(tree(root, **files))


def workflow(*runs: str, key: str = "checks", before: str = "") -> dict[str, str]:
    steps = "".join(f"      - run: |\n{indented(run)}" for run in runs)
    text = f"jobs:\n  {key}:\n    runs-on: ubuntu-latest\n{before}    steps:\n{steps}"
    return {".github/workflows/ci.yml": text}


def indented(run: str) -> str:
    return "".join(f"          {line}\n" for line in run.splitlines())


# ---------------------------------------------------------------------------------------------------------- CI


@pytest.mark.parametrize(
    ("run", "groups"),
    [
        ("uv sync --group checks\nuv run pytest", {"group checks": ("trustme",)}),
        ("uv run --group=checks pytest", {"group checks": ("trustme",)}),
        ("uv sync --extra http && uv run pytest", {"extra http": ("h2",)}),
        ("uv sync --all-groups\npytest", {"group checks": ("trustme",), "group docs": ("mkdocs",)}),
        ("pip install -e .[http]\npython -m pytest", {"extra http": ("h2",)}),
        ('python -m pip install -U -e ".[all]"\npytest', {"extra all": ("h2", "uvloop")}),
        ("pip install --group checks\ncoverage run -m pytest", {"group checks": ("trustme",)}),
        ("poetry install --with checks --extras 'http all'\npoetry run pytest", {"group checks": ("trustme",), "extra http": ("h2",), "extra all": ("h2", "uvloop")}),
        ("pdm install -G http\npdm run pytest", {"extra http": ("h2",)}),
        ("pip install trustme 'hypothesis>=6' pip tox\npytest", {"CI job checks": ("trustme", "hypothesis>=6")}),
        ("uv sync --group docs\nmkdocs build", {}),
        ("pip install -e .[docs]\nruff check .", {}),
    ],
)  # fmt: skip
def test_what_the_job_installs_that_runs_the_tests(
    tmp_path: Path, run: str, groups: dict[str, tuple[str, ...]]
) -> None:
    found = read(tmp_path, {"pyproject.toml": STATIC, **workflow(run)})
    assert found.groups == groups


def test_jobs_on_other_systems_and_of_other_repositories_do_not_count(tmp_path: Path) -> None:
    other = workflow("pip install a\npytest", key="macos_tests")[".github/workflows/ci.yml"]
    theirs = """\
jobs:
  integration:
    steps:
      - uses: actions/checkout@v4
        with: {repository: someone/else}
      - run: pip install b && pytest
"""
    found = read(tmp_path, {".github/workflows/a.yml": other, ".github/workflows/b.yml": theirs})
    assert found.groups == {}


def test_scripts_makefiles_actions_and_variables_are_followed(tmp_path: Path) -> None:
    text = """\
env: {GROUP: test-extra}
jobs:
  checks:
    strategy: {matrix: {python-version: ["3.13", "3.12"], extra: [http, all]}}
    steps:
      - uses: ./.github/actions/setup
        with: {extras: docs}
      - run: scripts/install
      - run: make install
      - run: pip install -r wants/${{ env.GROUP }}.txt
      - run: pip install ".[${{ matrix.extra }}]"
      - run: scripts/test
"""
    action = "runs:\n  steps:\n    - run: pip install -e .[${{ inputs.extras }}]\n"
    script = '#!/bin/sh -e\nPIP="venv/bin/pip"\nFILE="wants/a.txt"\n"$PIP" install -r "$FILE"\n'
    make = "install: base\n\t$(PIP) install trustme\nbase:\n\t@python -m pip install respx\n"
    files = {
        ".github/workflows/ci.yml": text,
        ".github/actions/setup/action.yml": action,
        "scripts/install": script,
        "scripts/test": "#!/bin/sh\npytest\n",
        "Makefile": make,
        "wants/a.txt": "click\n",
        "wants/test-extra.txt": "idna\n",
    }
    found = read(tmp_path, files | {"pyproject.toml": STATIC})
    assert found.groups == {
        "CI job checks": ("respx", "trustme"),
        "wants/a.txt": ("click",),
        "wants/test-extra.txt": ("idna",),
        "extra http": ("h2",),
        "extra all": ("h2", "uvloop"),
        "extra docs": ("sphinx",),
    }
    assert found.requires_python == ">=3.12"


def test_versions_for_one_run_of_many_are_not_taken(tmp_path: Path) -> None:
    found = read(tmp_path, {"pyproject.toml": STATIC, **workflow("pip install 'rich<2'\npytest")})
    assert (found.required, found.groups) == (("rich",), {})


# ------------------------------------------------------------------------------------------- tox, nox, hatch


TOX = """\
[tox]
envlist = py{311,312}, docs
[common]
deps =
    pytest-mock
[testenv]
deps =
    {[common]deps}
    -r{toxinidir}/wants/tests.txt
    py311: only-old
    redis: hiredis
    !py312: not-new
extras = http
dependency_groups = checks
commands = pytest {posargs}
[testenv:docs]
deps = sphinx
commands = sphinx-build
[testenv:oldest]
deps = rich==1.0
[testenv:extra-deps]
deps =
    {[testenv]deps}
    boto3
    pytest-asyncio
"""


def test_tox(tmp_path: Path) -> None:
    found = read(tmp_path, {"pyproject.toml": STATIC, "tox.ini": TOX, "wants/tests.txt": "idna"})
    usual = ("pytest-mock", "only-old", "not-new")
    assert found.groups == {
        "tox": usual,
        "tox extra-deps": (*usual, "boto3"),
        "wants/tests.txt": ("idna",),
        "extra http": ("h2",),
        "group checks": ("trustme",),
    }


def test_tox_in_toml(tmp_path: Path) -> None:
    tables = """\
[tool.tox.env_run_base]
dependency_groups = ["checks"]
commands = [["pytest", "tests"]]
[tool.tox.env.style]
dependency_groups = ["docs"]
commands = [["pre-commit"]]
[tool.tox.env.more]
deps = ["respx"]
"""
    found = read(tmp_path, {"pyproject.toml": STATIC + tables})
    assert found.groups == {"tox more": ("respx",), "group checks": ("trustme",)}


NOX = """\
import nox
TOOLS = ["pytest", "respx"]
MORE = [*TOOLS, "trustme"]
def common(session):
    session.install("-e", ".[http]")
@nox.session(python=["3.12"])
def tests(session):
    common(session)
    session.install(*MORE)
    session.install(*nox.project.dependency_groups(pyproject, "checks"))
    session.run("pytest", *session.posargs)
@nox.session
def docs(session):
    session.install("sphinx")
    session.run("sphinx-build")
"""


def test_nox(tmp_path: Path) -> None:
    found = read(tmp_path, {"pyproject.toml": STATIC, "noxfile.py": NOX})
    assert found.groups == {
        "nox session tests": ("pytest", "respx", "trustme"),
        "extra http": ("h2",),
        "group checks": ("trustme",),
    }


def test_hatch(tmp_path: Path) -> None:
    tables = """\
[tool.hatch.envs.default]
dependencies = ["pytest"]
[tool.hatch.envs.integration]
extra-dependencies = ["respx"]
features = ["http"]
scripts = {run = "pytest {args}"}
[tool.hatch.envs.lint]
dependencies = ["ruff"]
scripts = {check = "ruff check"}
"""
    found = read(
        tmp_path,
        {
            "pyproject.toml": STATIC + tables,
            "hatch.toml": "[envs.hatch-test]\nextra-dependencies=['trustme']",
        },
    )
    assert found.groups.pop("hatch env hatch-test")[:3] == ("trustme", "coverage[toml]", "pytest")
    assert found.groups == {
        "hatch env default": ("pytest",),
        "hatch env integration": ("respx",),
        "extra http": ("h2",),
    }


# ------------------------------------------------------------------------------------------------- poetry, pdm


POETRY = """\
[tool.poetry]
name = "mine"
[tool.poetry.dependencies]
python = "^3.10"
rich = "^13.1"
h2 = {version = "~4.1", optional = true}
core = {git = "https://example.org/core.git", branch = "main"}
tomli = {version = ">=2", python = "<3.11", extras = ["x"]}
part = {path = "part", develop = true}
[tool.poetry.extras]
http = ["h2"]
[tool.poetry.group.test.dependencies]
pytest = "*"
[tool.poetry.group.typing.dependencies]
mypy = "*"
[tool.poetry.group.ci]
optional = true
[tool.poetry.group.ci.dependencies]
respx = "0.20.*"
[tool.poetry.group.helpers.dependencies]
trustme = [{version = "1.0", markers = "python_version < '3.12'"}, {version = "^1.1", python = ">=3.12"}]
"""


def test_poetry(tmp_path: Path) -> None:
    files = {"pyproject.toml": POETRY, "part/pyproject.toml": "[project]\nname='part'\ndependencies=['idna']"}
    found = read(tmp_path, {**files, **workflow("poetry install --with ci\npoetry run pytest")})
    assert found.required == ("rich<14,>=13.1", 'tomli[x]>=2; python_version < "3.11"')
    assert found.groups == {
        "dependencies by address": ("core",),
        "group test": ("pytest",),
        "group ci": ("respx==0.20.*",),
        "group helpers": (
            'trustme==1.0; python_version < "3.12"',
            'trustme<2,>=1.1; python_version >= "3.12"',
        ),
        "part: dependencies": ("idna",),
    }
    assert (found.requires_python, found.editable, found.installable) == ("<4,>=3.10", ("part",), True)
    assert any("the index's version of core is taken" in note for note in found.notes)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("^1.2.3", "<2,>=1.2.3"), ("^0.2.3", "<0.3,>=0.2.3"), ("^0.0.3", "<0.0.4,>=0.0.3"), ("^0", "<1,>=0"),
        ("~1.2.3", "<1.3,>=1.2.3"), ("~1", "<2,>=1"), ("1.2.*", "==1.2.*"), ("1.2", "==1.2"), ("*", ""),
        (">=1,<2", "<2,>=1"), (">= 1.5 < 2", "<2,>=1.5"), ("~=1.4", "~=1.4"), ("!=1.5", "!=1.5"),
        ("^1 || ^2", None), ("^" + "9" * 5000, None), ("nonsense", None),
    ],
)  # fmt: skip
def test_poetrys_versions(given: str, meant: str | None) -> None:
    assert specifier(given) == meant


def test_pdm_and_uvs_own_groups(tmp_path: Path) -> None:
    tables = '[tool.pdm.dev-dependencies]\nhelpers = ["respx"]\ndoc = ["sphinx"]\n[tool.uv]\ndev-dependencies = ["trustme"]\ndefault-groups = ["checks"]\n'
    found = read(tmp_path, {"pyproject.toml": STATIC + tables})
    assert found.groups == {
        "group checks": ("trustme",),
        "group helpers": ("respx",),
        "group dev": ("trustme",),
    }


def test_pipenv_conda_and_pixi(tmp_path: Path) -> None:
    pipfile = '[packages]\nrich = ">=13"\n[dev-packages]\npytest = "*"\n[requires]\npython_version = "3.12"\n'
    conda = "dependencies:\n  - python=3.12\n  - numpy=1.26\n  - conda-forge::scipy>=1.10\n  - gcc\n  - pip:\n    - respx==0.2\n    - -r more.txt\n"
    pixi = '[dependencies]\npandas = ">=2"\npython = ">=3.11"\n[feature.test.pypi-dependencies]\npytest-xdist = "*"\n[feature.docs.dependencies]\nsphinx = "*"\n'
    found = read(
        tmp_path, {"Pipfile": pipfile, "environment.yml": conda, "more.txt": "idna", "pixi.toml": pixi}
    )
    assert found.groups == {
        "pixi": ("pandas>=2",),
        "pixi feature test": ("pytest-xdist",),
        "environment.yml": ("numpy==1.26.*", "scipy>=1.10", "respx==0.2"),
        "Pipfile packages": ("rich>=13",),
        "Pipfile dev-packages": ("pytest",),
        "more.txt": ("idna",),
    }
    assert (found.python, found.installable) == ("3.12", False)


# ---------------------------------------------------------------------------------- setup.py, requirements


SETUP = """\
from setuptools import setup
tests = ["pytest", "respx"]
setup(
    name="mine",
    python_requires=">=3.9",
    install_requires=["click"] + ["rich"],
    extras_require={"test": tests, "docs": ["sphinx"], "dev": read("dev.txt")},
)
"""


def test_setup_py_is_read_where_it_is_literal_and_left_to_the_build_where_not(tmp_path: Path) -> None:
    found = read(tmp_path, {"setup.py": SETUP})
    assert (found.required, found.groups) == (("click", "rich"), {"extra test": ("pytest", "respx")})
    assert (found.extras, found.requires_python, found.installable) == (("dev",), ">=3.9", True)


def test_extras_of_a_setup_py_that_ci_names_are_left_to_the_build(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {"setup.py": "setup(extras_require=extras())", **workflow("pip install -e .[msgpack]\npytest")},
    )
    assert (found.extras, found.groups) == (("msgpack",), {})


def test_files_that_the_metadata_is_read_from(tmp_path: Path) -> None:
    text = """\
[project]
name = "mine"
dynamic = ["dependencies", "optional-dependencies"]
[tool.setuptools.dynamic]
dependencies = {file = ["base.txt"]}
optional-dependencies.test = {file = ["more.txt"]}
"""
    found = read(tmp_path, {"pyproject.toml": text, "base.txt": "rich", "more.txt": "pytest"})
    assert (found.required, found.groups) == (("rich",), {"extra test": ("pytest",)})


def test_requirements_files_name_files_constraints_and_projects(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": STATIC,
        "requirements/test.txt": "-r ../base/all.txt\n-c pins.txt\n-e .[http]\n-e ./sub[fast]\npytest\n",
        "base/all.txt": "--requirement=deep/more.txt\nclick\n",
        "base/deep/more.txt": "-r ../all.txt\nidna # round\n-r /etc/passwd\n-r ../../../outside.txt\n",
        "requirements/pins.txt": "idna==3.1\nclick<9 ; python_version<'3.13'\n",
        "sub/setup.py": "setup(name='sub')",
    }
    found = read(tmp_path, files)
    assert found.groups == {"requirements/test.txt": ("idna", "click", "pytest"), "extra http": ("h2",)}
    assert found.constraints == ("idna==3.1", 'click<9; python_version < "3.13"')
    assert found.editable == ("sub[fast]",)
    assert len([note for note in found.notes if "no file of the project" in note]) == 2


def test_another_index_is_said_and_not_asked(tmp_path: Path) -> None:
    found = read(
        tmp_path, {"requirements.txt": "--extra-index-url https://me:secret@example.org/simple\nidna\n"}
    )
    assert found.groups == {"requirements.txt": ("idna",)}
    assert found.notes == (
        "requirements.txt names an index of its own; only the indexes of your settings are asked",
    )


def test_only_requirements_means_not_installable(tmp_path: Path) -> None:
    found = read(tmp_path, {"requirements.txt": "django\n", "manage.py": ""})
    assert (found.installable, found.groups) == (False, {"requirements.txt": ("django",)})


# ------------------------------------------------------------------------------------------ locks, workspaces


UV_LOCK = """\
version = 1
requires-python = ">=3.11"
[[package]]
name = "pytest"
version = "8.1.0"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://files.example.org/pytest.tar.gz", hash = "sha256:00", size = 1 }
wheels = [
    { url = "https://files.example.org/pytest.whl", hash = "sha256:00", size = 1 },
]
[[package]]
name = "numpy"
version = "1.26.0"
source = { registry = "https://pypi.org/simple" }
resolution-markers = ["python_full_version < '3.12'"]
[[package]]
name = "numpy"
version = "2.1.0"
source = { registry = "https://pypi.org/simple" }
resolution-markers = ["python_full_version >= '3.13'", "python_full_version == '3.12.*'"]
[[package]]
name = "twice"
version = "1"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "twice"
version = "2"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "forked"
version = "3"
source = { git = "https://example.org/forked.git#00" }
[[package]]
name = "core"
version = "0.1"
source = { editable = "packages/core" }
[[package]]
name = "root"
source = { virtual = "." }
"""
WORKSPACE = """\
[project]
name = "root"
dependencies = ["core", "rich"]
[dependency-groups]
test = ["core[fast]", "pytest>=9"]
[tool.uv.workspace]
members = ["packages/*"]
exclude = ["packages/old"]
[tool.uv.sources]
core = {workspace = true}
helper = {path = "tools/helper", editable = true}
"""


def test_uv_lock_and_workspace(tmp_path: Path) -> None:
    member = "[project]\nname = 'core'\ndependencies = ['idna', 'root']\n[project.optional-dependencies]\nfast = ['uvloop']\n[dependency-groups]\ntests = ['respx']\n"
    files = {
        "pyproject.toml": WORKSPACE,
        "uv.lock": UV_LOCK,
        "packages/core/pyproject.toml": member,
        "packages/old/pyproject.toml": "[project]\nname = 'old'\n",
        "packages/none/readme": "",
        "tools/helper/setup.py": "setup(name='helper')",
    }
    found = read(tmp_path, files)
    assert found.lock == "uv.lock"
    assert found.constraints == (
        "pytest==8.1.0",
        'numpy==1.26.0; python_full_version < "3.12"',
        'numpy==2.1.0; python_full_version >= "3.13" or python_full_version == "3.12.*"',
    )
    assert (found.required, found.editable) == (("rich",), ("packages/core", "tools/helper"))
    assert found.groups == {
        "group test": ("uvloop", "pytest"),
        "packages/core: dependencies": ("idna",),
        "packages/core: group tests": ("respx",),
    }
    assert (found.installable, found.requires_python) == (False, ">=3.11")
    assert any("forked comes from git" in note for note in found.notes)
    assert any("twice has several versions" in note for note in found.notes)
    assert any("pinned differently" in note and "pytest" in note for note in found.notes)


def test_a_member_that_needs_a_compiler_may_come_from_the_index(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[project]\nname='mine'\ndependencies=['core==2.1']\n[tool.uv.workspace]\nmembers=['core']\n",
        "core/pyproject.toml": "[project]\nname='core'\n[build-system]\nrequires=['maturin>=1']\n",
    }
    found = read(tmp_path, files)
    assert found.groups == {"members that need a compiler": ("core==2.1",)}
    assert (found.required, found.editable) == ((), ("core",))


OTHER_LOCKS = {
    "poetry.lock": """\
[[package]]
name = "rich"
version = "13.0.0"
files = [
    {file = "rich.whl", hash = "sha256:00"},
]
[[package]]
name = "mine"
version = "1"
[package.source]
type = "git"
url = "https://example.org/mine.git"
[[package]]
name = "part"
version = "1"
[package.source]
type = "directory"
url = "part"
""",
    "pdm.lock": '[[package]]\nname = "rich"\nversion = "13.0.0"\n[[package]]\nname = "rich"\nversion = "13.0.0"\nextras = ["x"]\n[[package]]\nname = "part"\npath = "./part"\n',
    "pylock.toml": 'lock-version = "1.0"\n[[packages]]\nname = "rich"\nversion = "13.0.0"\n[[packages]]\nname = "part"\ndirectory = {path = "part", editable = true}\n[[packages]]\nname = "x"\nvcs = {type = "git", url = "https://example.org/x"}\n',
    "pylock.dev.toml": '[[packages]]\nname = "rich"\nversion = "13.0.0"\n[[packages]]\nname = "part"\ndirectory = {path = "part"}\n',
    "Pipfile.lock": '{"default": {"rich": {"version": "==13.0.0"}}, "develop": {"part": {"path": "./part", "editable": true}, "y": {"git": "https://example.org/y"}}}',
}


@pytest.mark.parametrize("name", OTHER_LOCKS)
def test_other_locks(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, {name: OTHER_LOCKS[name], "part/pyproject.toml": "[project]\nname = 'part'\n"})
    assert (found.lock, found.constraints, found.editable) == (name, ("rich==13.0.0",), ("part",))


def test_requirements_with_hashes_are_a_lock(tmp_path: Path) -> None:
    text = "rich==13.0.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\nidna==3.1 ; python_version<'4' --hash=sha256:02\n"
    found = read(tmp_path, {"requirements.txt": text})
    pins = ("rich==13.0.0", 'idna==3.1; python_version < "4"')
    assert (found.lock, found.groups) == ("requirements.txt", {"requirements.txt": pins})
    assert found.constraints == ("rich==13.0.0", "idna==3.1")


def test_pins_for_several_environments_are_left_open_where_they_contradict(tmp_path: Path) -> None:
    files = {
        "requirements-dev.txt": "idna==3.1\nrich==12\nclick==8.1",
        "requirements-test.txt": "-c pins.txt\nidna==3.4\nclick==8.1",
        "pins.txt": "click==8.0\ntrustme==1.0",
    }
    found = read(tmp_path, files)
    assert found.groups == {
        "requirements-dev.txt": ("idna", "rich==12", "click"),
        "requirements-test.txt": ("idna", "click"),
    }
    assert found.constraints == ("trustme==1.0",)


def test_a_lock_goes_before_the_pins_of_groups(tmp_path: Path) -> None:
    lock = '[[package]]\nname = "idna"\nversion = "3.1"\n[[package]]\nname = "rich"\nversion = "13"\n'
    files = {"pdm.lock": lock, "requirements-test.txt": "idna==3.4\nrich>=12 ; python_version>'3'\n"}
    found = read(tmp_path, files)
    assert found.groups == {"requirements-test.txt": ("idna", 'rich>=12; python_version > "3"')}
    assert found.constraints == ("idna==3.1", "rich==13")


# -------------------------------------------------------------------------------------------------- Pythons


def test_the_python_that_is_asked_for(tmp_path: Path) -> None:
    assert read(tmp_path, {".python-version": "# ours\n3.12.4\n3.11\n"}).python == "3.12.4"
    assert read(tmp_path, {".python-version": "pypy3.10\n"}).python == ""
    found = read(
        tmp_path,
        {".python-version": "3.9\n", "pyproject.toml": "[project]\nname='x'\nrequires-python='>=3.10'"},
    )
    assert (found.python, found.requires_python) == ("", ">=3.10")
    assert any("Python 3.9 is asked for" in note for note in found.notes)


@pytest.mark.parametrize(
    ("requires", "version", "fitting"),
    [
        (">=3.11", "3.11", True), (">=3.11", "3.10", False), (">=3.9,<3.12", "3.12", False), ("<3.13", "3.12", True),
        (">=3.11.4", "3.11", True), ("==3.11.*", "3.11.2", True), ("!=3.14.1,>=3.12", "3.14.1", False), ("", "3.13", True),
        ("~=3.10", "3.13", True), (">=3.12", "3.13.0rc1", True), ("nonsense", "3.11", True),
    ],
)  # fmt: skip
def test_pythons_fit_within_both_bounds(requires: str, version: str, fitting: bool) -> None:
    assert fits(requires, version) == fitting


# -------------------------------------------------------------------------------------------------- hostility


ADDRESS = "evil @ http://127.0.0.1:9/evil-1-py3-none-any.whl"
ADDRESSES = {
    "pyproject.toml": f"""\
[build-system]
requires = ["{ADDRESS}", "git+file:///x", "--index-url=http://127.0.0.1:9"]
[project]
name = "mine"
dependencies = ["{ADDRESS}", "../outside", "/etc", "file:///etc"]
[project.optional-dependencies]
test = ["{ADDRESS}"]
[dependency-groups]
dev = ["{ADDRESS}", "-r /etc/passwd"]
[tool.hatch.envs.default]
dependencies = ["{ADDRESS}"]
[tool.tox.env_run_base]
deps = ["{ADDRESS}", "-r/etc/passwd"]
commands = [["pytest"]]
""",
    "setup.cfg": f"[options]\ninstall_requires =\n  {ADDRESS}\n",
    "setup.py": f"setup(install_requires=['{ADDRESS}', 'evil @ file:///etc'])",
    "requirements.txt": f"{ADDRESS}\n-e /etc\n-r http://127.0.0.1:9/x.txt\n-c http://127.0.0.1:9/x.txt\n",
    "noxfile.py": f"@nox.session\ndef tests(session):\n    session.install('{ADDRESS}', '/etc')\n    session.run('pytest')\n",
    "Pipfile": "[packages]\nevil = {git = 'http://127.0.0.1:9/x'}\nworse = {path = '/etc'}\nmore = {file = 'http://127.0.0.1:9/'}\n",
    "environment.yml": f"dependencies:\n  - pip:\n    - {ADDRESS}\n",
    "uv.lock": "[[package]]\nname='a'\nversion='1 @ http://127.0.0.1:9'\n[[package]]\nname='evil'\nversion='1'\nsource={url='http://127.0.0.1:9'}\n[[package]]\nname='b'\nsource={editable='../..'}\n",
    ".github/workflows/ci.yml": f"jobs:\n  test:\n    steps:\n      - run: pip install '{ADDRESS}' -e /etc -r /etc/passwd; pytest\n",
}  # fmt: skip


@pytest.mark.parametrize("name", ADDRESSES)
def test_no_address_path_or_option_leaves(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, {name: ADDRESSES[name]})
    lines = [
        *found.required,
        *found.build,
        *found.constraints,
        *(line for group in found.groups.values() for line in group),
    ]
    assert all(set(line) & set("@/:-") <= set("-") and line[0].isalnum() for line in lines)
    assert found.editable == ()
    assert "evil" in lines or name == "uv.lock"


DEEP = 200_000
HOSTILE = {
    "pyproject.toml": "[x]\na = " + "[" * DEEP,
    "setup.py": "x = " + "-" * DEEP + "1",
    "noxfile.py": "x = " + "(" * DEEP,
    "Pipfile.lock": "[" * DEEP,
    ".github/workflows/ci.yml": "a: " + "[" * DEEP,
    ".github/workflows/laughs.yml": "a: &a [x]\nb: &b [*a, *a]\njobs: {x: {steps: *b, <<: [*b, *b]}}",
    "tox.ini": "[testenv]\ndeps = {[testenv]deps}\n  {[a]deps}\n[a]\ndeps = {[testenv]deps}\ncommands = {[a]commands}\n",
    "requirements.txt": "-r requirements.txt\n"
    + " " * DEEP
    + "\\\n"
    + "a" * DEEP
    + "\n"
    + "x; "
    + "(" * 900
    + "\n",
    "uv.lock": "[[package]]\nname = 'x'\nversion = '" + "1" * 5000 + "'\n",
    "setup.cfg": "[options]\ninstall_requires = file: setup.cfg\n[options.extras_require]\ntest = "
    + "[" * 5000,
    "hatch.toml": "[envs.test]\ntemplate = 'b'\n[envs.b]\ntemplate = 'test'\n",
    "Makefile": "all: all\n\tmake all\n",
    "poetry.lock": "[[package]]\nname = 'x'\nversion = ['1']\n[package.source]\ntype = 'directory'\nurl = '..'\n",
    "pdm.lock": "package = {name = 'x'}\n",
    "environment.yml": "dependencies: [[], {pip: 3}, 4, 'a b c']\n",
    "pixi.toml": "dependencies = 3\nfeature = {test = 4}\nenvironments = {test = [1]}\n",
    "Pipfile": "packages = [1]\n[dev-packages]\nx = 4\ny = [1, {version = 3}]\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_malformed_files_end_as_notes_at_most(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, {name: HOSTILE[name]})
    assert found.required == ()
    assert found.constraints == ()


def test_all_hostile_files_together_are_read_and_bounded(tmp_path: Path) -> None:
    noisy = "\n".join(f"x @ http://127.0.0.1/{n}" for n in range(6_000))
    found = read(tmp_path, {**HOSTILE, "requirements-dev.txt": noisy})
    assert len(found.notes) <= MAX_NOTES
    assert all(len(note) <= 300 for note in found.notes)


def test_chains_end(tmp_path: Path) -> None:
    count = 2_000
    sections = "".join(
        f"[s{n}]\ndeps = {{[s{n + 1}]deps}}\ncommands = {{[s{n + 1}]commands}}\n" for n in range(count)
    )
    files = {
        "tox.ini": "[testenv]\ndeps = {[s0]deps}\ncommands = {[s0]commands}\n" + sections,
        "requirements.txt": "-r r0.txt\nidna\n",
        "pyproject.toml": "[project]\nname='root'\n[tool.uv.sources]\np0 = {path = 'p0'}\n",
    }
    for n in range(400):
        files[f"r{n}.txt"] = f"-r r{n + 1}.txt\n"
        files[f"p{n}/pyproject.toml"] = (
            f"[project]\nname='p{n}'\n[tool.uv.sources]\nx = {{path = '../p{n + 1}'}}\n"
        )
    found = read(tmp_path, files)
    assert found.groups["requirements.txt"] == ("idna",)
    assert 0 < len(found.editable) <= 200


def test_odd_names_of_folders_and_extras_do_not_leave(tmp_path: Path) -> None:
    odd = "a @ http:"
    files = {
        "setup.py": "setup()",
        "requirements.txt": f"-e .[ok,--x,@y,z z]\n-e ./{odd}\n-e ./-c\n-e ./x;y\n",
        "pyproject.toml": "[tool.uv.workspace]\nmembers = ['*']\n[dependency-groups]\n\"test\\n\\u001b[31m\" = ['idna']\n",
        f"{odd}/setup.py": "",
        "-c/setup.py": "",
        "x;y/setup.py": "",
        "fine/setup.py": "",
    }
    found = read(tmp_path, files)
    assert (found.editable, found.extras) == (("fine",), ("ok",))
    assert all("\n" not in name for name in found.groups)


@pytest.mark.parametrize("size", [20_000, 80_000])
@pytest.mark.parametrize(
    "unit", [" ", "\t\\\n", "\n", "a", "$", "[", "{", "'", "$a=${{ x || '' }}", "a: ", "&&", "-r x\n"]
)
def test_no_text_takes_more_than_its_length_s_time(tmp_path: Path, unit: str, size: int) -> None:
    text = (unit * size)[: MAX_CODE - 1_000]
    files = dict.fromkeys(
        ("tox.ini", "requirements.txt", "setup.cfg", "Makefile", "scripts/test", ".python-version"), text
    )
    run = "jobs:\n  test:\n    steps:\n      - run: make all; scripts/test\n      - run: " + repr(text)
    read(tmp_path, {**files, ".github/workflows/ci.yml": run, "tox.toml": f"legacy_tox_ini = '''\n{text}'''"})


def test_special_files_and_links_are_not_opened(tmp_path: Path) -> None:
    outside = tree(tmp_path / "outside", **{"requirements.txt": "secret", "pyproject.toml": STATIC})
    root = tmp_path / "root"
    tree(root, **{"requirements.txt": "-r linked.txt\n-r folder/requirements.txt\n-e linked\n"})
    os.mkfifo(root / "pyproject.toml")
    (root / "setup.cfg").mkdir()
    (root / "linked.txt").symlink_to(outside / "requirements.txt")
    (root / "folder").symlink_to(outside)
    (root / "linked").symlink_to(outside)
    (root / "uv.lock").symlink_to("/dev/zero")
    found = read_declared(root)
    assert (found.required, found.groups, found.editable, found.installable) == ((), {}, (), False)


def test_the_digest_covers_all_that_was_read(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": WORKSPACE,
        "uv.lock": UV_LOCK,
        "tox.ini": TOX,
        "noxfile.py": NOX,
        "wants/tests.txt": "-r deep.txt",
        "wants/deep.txt": "idna",
        "packages/core/pyproject.toml": "[project]\nname='core'",
        "tools/helper/setup.py": "setup()",
        ".python-version": "3.12",
        "environment.yml": "dependencies: []",
        "scripts/install": "#!/bin/sh\npip install x",
        **workflow("scripts/install\npytest"),
    }
    tree(tmp_path, **files)
    seen = {naming_digest(tmp_path, "s")}
    for name, text in files.items():
        tree(tmp_path, **{name: text + "\n# changed\n"})
        seen.add(naming_digest(tmp_path, "s"))
    assert len(seen) == len(files) + 1
    tree(tmp_path, **{"README.md": "x", "src/mine.py": "y"})
    assert naming_digest(tmp_path, "s") in seen


# ------------------------------------------------------------------------------------------------------ YAML


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [x, 'y', {c: yes}]\n", {"a": "1", "b": ["x", "y", {"c": "yes"}]}),
        ("on: push\n'on': &x [1]\nagain: *x", {"on": ["1"], "again": ["1"]}),
        ("? [a]\n: b\nc: d", {"c": "d"}),
        ("a: |\n  x\n  y\n--- \nb: 2", {"a": "x\ny\n"}),
        ("", None),
    ],
)
def test_yaml_is_read_as_texts(text: str, value: object) -> None:
    assert load_yaml(text) == value


@pytest.mark.parametrize(
    "text", ["[" * 200_000, "- " * 200_000, "{a: " * 100_000, "? " * 100_000, "a: [", "*x: 1\n\0"]
)
def test_yaml_that_is_none_or_too_deep_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        load_yaml(text)
