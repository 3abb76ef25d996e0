"""What projects declare to need, in all the places where they may say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vulcan.infrastructure.environment.declared import DEFAULT_BUILD, naming_digest, read_declared


def project(root: Path, **contents: str) -> Path:
    for name, content in contents.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


PYPROJECT = """\
[build-system]
requires = ["hatchling"]
[project]
name = "x"
requires-python = ">=3.11"
dependencies = ["click>=8", "rich"]
[project.optional-dependencies]
Test = ["pytest"]
docs = ["sphinx"]
[dependency-groups]
dev = ["ruff", {include-group = "lint"}, {include-group = "dev"}]
lint = ["mypy"]
"""


def test_pyproject(tmp_path: Path) -> None:
    found = read_declared(project(tmp_path, pyproject_dot_toml=PYPROJECT))
    assert (found.required, found.build) == (("click>=8", "rich"), ("hatchling",))
    assert found.groups == {"extra Test": ("pytest",), "group dev": ("ruff", "mypy")}
    assert (found.installable, found.requires_python, found.notes) == (True, ">=3.11", ())


def test_an_empty_project_needs_nothing(tmp_path: Path) -> None:
    found = read_declared(tmp_path)
    assert (found.required, found.groups, found.installable) == ((), {}, False)
    assert found.build == DEFAULT_BUILD


def test_setup_cfg(tmp_path: Path) -> None:
    text = "[options]\ninstall_requires =\n  click\n  rich; python_version<'4'\n[options.extras_require]\ntest = pytest\ndocs = sphinx\n"
    found = read_declared(project(tmp_path, setup_dot_cfg=text))
    assert found.required == ("click", 'rich; python_version < "4"')
    assert (found.groups, found.installable) == ({"extra test": ("pytest",)}, True)


def test_setup_cfg_that_names_a_file(tmp_path: Path) -> None:
    text = "[options]\ninstall_requires = file: requirements.txt\n"
    found = read_declared(project(tmp_path, setup_dot_cfg=text, requirements_dot_txt="click\n"))
    assert (found.required, found.groups) == (("click",), {"requirements.txt": ("click",)})


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("click==8.1  # pinned", "click==8.1"),
        ("click==8.1 \\", "click==8.1"),
        ("click==8.1 --hash=sha256:abc", "click==8.1"),
        ("  rich[all]>=1 ; python_version<'3.12'", 'rich[all]>=1; python_version < "3.12"'),
        ("--hash=sha256:abc", None),
        ("-r base.txt", None),
        ("-e .", None),
        ("./local", None),
        ("x @ https://example.org/x.whl", "x"),
        ("x[y] @ git+ssh://git@example.org/x.git@main", "x[y]"),
        ("git+https://example.org/x.git#egg=x", "x"),
        ("-e git+https://example.org/x.git@main#egg=x", "x"),
        ("git+https://example.org/x.git", None),
        ("https://example.org/x.whl", None),
        ("x @ file:///etc/x", None),
        ("--index-url https://example.org", None),
        ("x==1; extra == 'y'", None),
        ("x==1 --global-option=y", "x==1"),
        ("vendor/x.whl", None),
        ("# comment", None),
        ("", None),
    ],
)
def test_lines_of_requirement_files(tmp_path: Path, line: str, requirement: str | None) -> None:
    found = read_declared(project(tmp_path, requirements_dot_txt=f"{line}\n"))
    assert found.groups == ({"requirements.txt": (requirement,)} if requirement else {})


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("requirements.txt", True),
        ("requirements-dev.txt", True),
        ("dev-requirements.txt", True),
        ("test_requirements.txt", True),
        ("requirements/requirements-test.txt", True),
        ("requirements/test.txt", True),
        ("requirements/base.txt", True),
        ("dev_requirements.txt", True),
        ("requirements_dev.txt", True),
        ("requirements/default.txt", True),
        ("tests/requirements.txt", True),
        ("tests/requirements/py3.txt", True),
        ("requirements/docs.txt", False),
        ("requirements-docs.txt", False),
        ("base.txt", False),
        ("other/requirements.txt", False),
    ],
)
def test_names_of_requirement_files(tmp_path: Path, name: str, known: bool) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("click\n")
    before = naming_digest(tmp_path, "s")
    path.write_text("rich\n")
    assert (read_declared(tmp_path).groups == {name: ("rich",)}) == known
    assert (naming_digest(tmp_path, "s") != before) == known


@pytest.mark.parametrize(
    "text",
    [
        "[broken",
        "project = 3",
        "[project]\ndependencies = 'click'",
        "[dependency-groups]\ndev = 5\ntest = 'pytest'",
    ],
)
def test_nonsense_is_survived(tmp_path: Path, text: str) -> None:
    found = read_declared(project(tmp_path, pyproject_dot_toml=text, setup_dot_cfg="[broken"))
    assert found.required == ()
    assert all(items == () for items in found.groups.values())
    assert any("setup.cfg can't be read" in note for note in found.notes)


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = project(tmp_path / "outside", requirements_dot_txt="click\n", pyproject_dot_toml=PYPROJECT)
    root = tmp_path / "project"
    root.mkdir()
    for name in ("requirements.txt", "pyproject.toml"):
        (root / name).symlink_to(secret / name)
    (root / "requirements").symlink_to(secret)
    found = read_declared(root)
    assert (found.required, found.groups) == ((), {})


def test_the_digest_is_of_what_names_dependencies_and_of_the_salt(tmp_path: Path) -> None:
    project(tmp_path, pyproject_dot_toml=PYPROJECT, readme="x")
    first = naming_digest(tmp_path, "s")
    project(tmp_path, readme="y", code_dot_py="import os")
    assert naming_digest(tmp_path, "s") == first
    assert naming_digest(tmp_path, "other") != first
    project(tmp_path, uv_dot_lock="x")
    assert naming_digest(tmp_path, "s") != first
