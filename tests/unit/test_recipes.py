"""Recipes: what detectors see, what is named before them, and that hostile files change nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vulcan.domain.environment import Proof, Recipe, ReportForm
from vulcan.infrastructure.environment.recipes import recipes


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def root_recipe(root: Path, files: dict[str, str]) -> Recipe:
    return recipes(tree(root, files), ())[0]


def package(script: str, *, needs: str = "", **others: str) -> dict[str, str]:
    scripts = {"test": script, **others}
    return {
        "package.json": json.dumps({"scripts": scripts, "devDependencies": {needs: "*"} if needs else {}})
    }


# ---------------------------------------------------------------------------------------------- detectors


def test_a_python_project_is_run_by_pytest(tmp_path: Path) -> None:
    assert root_recipe(tmp_path / "a", {"pyproject.toml": "", "uv.lock": ""}) == Recipe(source="uv.lock")
    assert root_recipe(tmp_path / "b", {"setup.py": ""}) == Recipe(source="what the project declares")
    assert root_recipe(tmp_path / "c", {"readme": ""}) == Recipe(source="what the project declares")


def test_python_goes_before_a_package_json_beside_it(tmp_path: Path) -> None:
    assert root_recipe(tmp_path / "a", {"setup.py": "", **package("mocha")}).command == ""
    assert root_recipe(tmp_path / "b", {"tests/test_x.py": "", **package("mocha")}).command == ""


MANAGE = "from django.core.management import execute_from_command_line\n"


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"manage.py": MANAGE, "requirements.txt": "django"}, "python manage.py test"),
        ({"shop/manage.py": MANAGE, "pyproject.toml": ""}, "python shop/manage.py test shop/"),
        ({"tests/runtests.py": "from django.test.utils import get_runner"}, "python tests/runtests.py"),
        ({"manage.py": MANAGE, "pytest.ini": ""}, ""),
        ({"manage.py": MANAGE, "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-q'"}, ""),
        ({"manage.py": MANAGE, "setup.cfg": "[tool:pytest]\n"}, ""),
        ({"manage.py": "print('another')"}, ""),
        ({"tests/runtests.py": "import pytest\npytest.main()", "setup.py": ""}, ""),
    ],
)
def test_django(tmp_path: Path, files: dict[str, str], command: str) -> None:
    found = root_recipe(tmp_path, files)
    assert (found.command, found.report) == (command, ReportForm.UNITTEST if command else ReportForm.PYTEST)


def test_go(tmp_path: Path) -> None:
    found = root_recipe(tmp_path, {"go.mod": "module x", **package("prettier --check .")})
    assert (found.command, found.report) == ("go test -json ./...", ReportForm.GO)
    assert found.setup == ("go mod vendor",)
    assert root_recipe(tmp_path, {"vendor/modules.txt": ""}).setup == ()


@pytest.mark.parametrize(
    ("files", "command", "report"),
    [
        (package("mocha --reporter spec test/"), "npm test -- --reporter tap", ReportForm.TAP),
        (package("npm run lint && NODE_ENV=test nyc mocha"), "npm test -- --reporter tap", ReportForm.TAP),
        (package("mocha && npm run lint"), "npm test", ReportForm.EXIT_CODE),
        (package("./node_modules/.bin/mocha"), "npm test -- --reporter tap", ReportForm.TAP),
        (package("npm run unit", unit="mocha test"), "npm run unit -- --reporter tap", ReportForm.TAP),
        (package("npm run unit", unit="npm test"), "npm test", ReportForm.EXIT_CODE),
        (package("node --test test/"), "npm test", ReportForm.NODE),
        (package("vitest"), "npm test -- --run --reporter=tap-flat", ReportForm.TAP),
        (package("jest"), "npm test", ReportForm.EXIT_CODE),
        (package("jest", needs="jest-junit"), "npm test -- --reporters=default --reporters=jest-junit", ReportForm.JUNIT),
        (package("node test/index.js", needs="tape"), "npm test", ReportForm.TAP),
        (package("make check"), "npm test", ReportForm.EXIT_CODE),
        (package("mocha | tee log"), "npm test", ReportForm.EXIT_CODE),
    ],
)  # fmt: skip
def test_node(tmp_path: Path, files: dict[str, str], command: str, report: ReportForm) -> None:
    found = root_recipe(tmp_path, files)
    assert (found.command, found.report) == (command, report)
    assert found.source == "package.json"
    assert found.report_path == ("junit.xml" if report is ReportForm.JUNIT else "")


@pytest.mark.parametrize(
    ("lock", "setup"),
    [("package-lock.json", "npm ci"), ("yarn.lock", "yarn install --frozen-lockfile"), ("pnpm-lock.yaml", "pnpm install --frozen-lockfile"), ("none", "npm install --no-audit --no-fund")],
)  # fmt: skip
def test_what_a_package_is_installed_with(tmp_path: Path, lock: str, setup: str) -> None:
    assert root_recipe(tmp_path, {lock: "{}", **package("mocha")}).setup == (setup,)


@pytest.mark.parametrize("script", ['echo "Error: no test specified" && exit 1', "", "exit 0", "true"])
def test_npms_placeholder_is_no_test(tmp_path: Path, script: str) -> None:
    assert root_recipe(tmp_path, package(script)) == Recipe(source="what the project declares")


@pytest.mark.parametrize(
    "files",
    [
        {"package.json": "[" * 100_000},
        {"package.json": '{"scripts": {"test": ["mocha"]}}'},
        {"package.json": '{"scripts": 3, "devDependencies": 4}'},
        package("'" * 3_000),
        {"pyproject.toml": "[tool]\npytest = " + "[" * 100_000, "manage.py": "x"},
    ],
)
def test_nonsense_is_survived(tmp_path: Path, files: dict[str, str]) -> None:
    assert root_recipe(tmp_path, files).path == "."


def test_links_and_special_files_are_not_opened(tmp_path: Path) -> None:
    outside = tree(tmp_path / "outside", {"go.mod": "module x", "manage.py": MANAGE})
    root = tree(tmp_path / "root", {"readme": ""})
    (root / "go.mod").symlink_to(outside / "go.mod")
    (root / "shop").symlink_to(outside)
    os.mkfifo(root / "package.json")
    assert recipes(root, ()) == (Recipe(source="what the project declares"),)


# ------------------------------------------------------------------------------------------------- order


def test_what_is_named_first_counts_field_by_field(tmp_path: Path) -> None:
    mine = Recipe(python="3.12", source="your settings")
    theirs = Recipe(
        python="3.11", command="make check", report=ReportForm.TAP, source="vulcan.toml", by_repository=True
    )
    found = recipes(tree(tmp_path, {"go.mod": "module x"}), (mine, theirs))
    assert found == (
        Recipe(
            python="3.12", setup=("go mod vendor",), command="make check", report=ReportForm.TAP,
            source="your settings, vulcan.toml, go.mod", by_repository=True,
        ),
    )  # fmt: skip


def test_a_users_command_takes_no_report_of_another(tmp_path: Path) -> None:
    mine = Recipe(command="pytest tests", source="your settings")
    theirs = Recipe(
        command="make check", report=ReportForm.TAP, report_path="x", source="vulcan.toml", by_repository=True
    )
    (found,) = recipes(tmp_path, (mine, theirs))
    assert (found.command, found.report, found.report_path) == ("pytest tests", ReportForm.PYTEST, "")
    assert (found.source, found.by_repository) == ("your settings", False)


def test_several_projects_of_one_repository(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {"pyproject.toml": "", "web/package.json": package("vitest")["package.json"], "api/go.mod": ""},
    )
    web, api = Recipe("web", source="vulcan.toml"), Recipe("api", setup=("make deps",), source="vulcan.toml")
    found = recipes(root, (web, api))
    assert [each.path for each in found] == [".", "api", "web"]
    assert [each.report for each in found] == [ReportForm.PYTEST, ReportForm.GO, ReportForm.TAP]
    assert found[1].setup == ("make deps",)
    assert found[2].source == "vulcan.toml, package.json"


def test_members_of_a_workspace_without_a_root_project_are_each_on_their_own(tmp_path: Path) -> None:
    workspace = "[project]\nname = 'all'\n[tool.uv.workspace]\nmembers = ['*']\n"
    files = {
        "uv.lock": "",
        "pyproject.toml": workspace,
        "api/pyproject.toml": "",
        "api/tests/test_x.py": "",
        "proto/pyproject.toml": "",
    }
    assert [each.path for each in recipes(tree(tmp_path, files), ())] == [".", "api"]
    tree(tmp_path, {"pyproject.toml": f"{workspace}[build-system]\nrequires = []\n"})
    assert [each.path for each in recipes(tmp_path, ())] == ["."]


def test_a_proof_is_no_part_of_what_is_built() -> None:
    assert repr(Recipe(proof=Proof(3))) == repr(Recipe())
