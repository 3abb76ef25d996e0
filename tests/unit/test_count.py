"""The counter of tests as a program: what pytest would collect, and which test files import what."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vulcan.infrastructure.testing import inside

PROGRAM = Path(inside.__file__).parent / "vulcan_count.py"
SUITE = """\
import unittest
import pytest

def test_one(): pass
async def test_two(): pass
def helper(): pass
def check_three(): pass
if True:
    def test_four(): pass
try:
    import x
except ImportError:
    def test_five(): pass

@pytest.mark.parametrize("n", [1, 2, 3])
def test_six(n): pass

class TestSeven:
    def test_a(self): pass
    def helper(self): pass
    class TestInner:
        def test_b(self): pass

class Other:
    def test_not(self): pass

class TestWithInit:
    def __init__(self): pass
    def test_not(self): pass

class TestLeftOut:
    __test__ = False
    def test_not(self): pass

class Cases(unittest.TestCase):
    def test_c(self): pass
    def runTest(self): pass
"""
ONE = "def test_one(): pass\n"


def project(root: Path, files: dict[str, str]) -> str:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return str(root)


def ask(do: str, head: str, **more: Any) -> Any:
    argv = [sys.executable, "-I", "-S", str(PROGRAM), json.dumps({"do": do, "head": head, **more})]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def estimate(root: Path, files: dict[str, str], *arguments: str) -> dict[str, Any]:
    return ask("estimate", project(root, files), arguments=list(arguments))


def pytest_collects(root: Path) -> tuple[int, list[str]]:
    """Test functions and files that pytest itself collects; parameter sets count once."""
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    environment = {"PATH": os.environ["PATH"], "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(argv, cwd=root, env=environment, check=False, capture_output=True, text=True)
    ids = {line.split("[")[0] for line in done.stdout.splitlines() if "::" in line}
    return len(ids), sorted({test.split("::")[0] for test in ids})


def test_functions_and_methods_are_counted_as_pytest_collects_them(tmp_path: Path) -> None:
    counted = estimate(tmp_path, {"tests/test_m.py": SUITE.replace("import x", "import no_such_module_9f3a")})
    assert (counted["tests"], counted["paths"]) == pytest_collects(tmp_path) == (8, ["tests/test_m.py"])


@pytest.mark.parametrize(
    "files",
    [
        {"tests/test_a.py": ONE, "b_test.py": ONE, "helper.py": ONE, "tests/test_empty.py": "X = 1\n"},
        {"node_modules/x/test_a.py": ONE, ".hidden/test_b.py": ONE, "build/test_c.py": ONE, "test_d.py": ONE},
        {"own/pyvenv.cfg": "home = /usr\n", "own/bin/python": "", "own/test_a.py": ONE, "test_b.py": ONE},
        {"pytest.ini": "[pytest]\ntestpaths = tests\n", "tests/test_a.py": ONE, "examples/test_b.py": ONE},
        {
            "pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["a", "b"]\npython_files = ["*_spec.py"]\n',
            "a/x_spec.py": ONE,
            "b/test_x.py": ONE,
            "c/y_spec.py": ONE,
        },
        {"setup.cfg": "[tool:pytest]\naddopts = -ra --ignore=old\n", "old/test_a.py": ONE, "test_b.py": ONE},
        {"tox.ini": "[pytest]\npython_functions = check_*\n", "test_a.py": ONE + "def check_x(): pass\n"},
        {"pytest.ini": "[pytest]\npython_classes = Check\n", "test_a.py": "class CheckX:\n    def test_a(self): pass\n"},
        {"conftest.py": 'collect_ignore = ["test_a.py", "old"]\n', "test_a.py": ONE, "old/test_c.py": ONE, "test_b.py": ONE},
        {"tests/conftest.py": "import sys\ncollect_ignore = []\nif sys:\n    collect_ignore.append('test_a.py')\n", "tests/test_a.py": ONE, "test_a.py": ONE},
        {"tests/conftest.py": "collect_ignore_glob = ['old_*']\n", "tests/old_x/test_a.py": ONE, "tests/test_b.py": ONE},
        {"pytest.ini": "[pytest]\naddopts = -p no:x --strict-markers tests/unit\n", "tests/unit/test_a.py": ONE, "tests/test_b.py": ONE},
        {"pytest.ini": "[pytest]\nnorecursedirs = slow\n", "slow/test_a.py": ONE, "test_b.py": ONE},
        {"README.md": "none\n"},
    ],
)  # fmt: skip
def test_files_are_those_that_pytest_collects(tmp_path: Path, files: dict[str, str]) -> None:
    counted = estimate(tmp_path, files)
    assert (counted["tests"], counted["paths"]) == pytest_collects(tmp_path)


def test_arguments_choose_what_is_counted(tmp_path: Path) -> None:
    files = {"tests/unit/test_a.py": ONE, "tests/slow/test_b.py": ONE, "tests/test_c.py": ONE}
    assert estimate(tmp_path, files, "tests/unit")["paths"] == ["tests/unit/test_a.py"]
    assert estimate(tmp_path, files, "tests/test_c.py::test_one", "-x")["paths"] == ["tests/test_c.py"]
    left = estimate(tmp_path, files, "-k", "tests", "--ignore", "tests/slow", "--ignore-glob=*/test_c.py")
    assert left["paths"] == ["tests/unit/test_a.py"]
    assert estimate(tmp_path, files, "/etc", "../..")["tests"] == 3, "nothing outside is looked at"


def test_unittest_s_and_django_s_file_names_count(tmp_path: Path) -> None:
    case = "import unittest\n\nclass C(unittest.TestCase):\n    def test_a(self): pass\n"
    assert estimate(tmp_path, {"app/tests.py": case, "test.py": case})["paths"] == ["app/tests.py", "test.py"]


@pytest.mark.parametrize(
    "files",
    [
        {"test_a.py": "def broken(:\n", "test_b.py": ONE},
        {"test_a.py": "x = " + "(" * 500 + ")" * 500, "test_b.py": ONE},
        {"pyproject.toml": "not = [toml", "test_b.py": ONE},
        {"pyproject.toml": "tool = 3\n", "test_b.py": ONE},
        {"pyproject.toml": "[tool.pytest]\nini_options = 3\n", "test_b.py": ONE},
        {"pytest.ini": "[pytest\naddopts = 'x\n", "test_b.py": ONE},
        {"setup.cfg": "[tool:pytest]\naddopts = 'open\n", "test_b.py": ONE},
    ],
)
def test_what_can_not_be_read_is_left_out(tmp_path: Path, files: dict[str, str]) -> None:
    assert estimate(tmp_path, files)["paths"] == ["test_b.py"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    root = tmp_path / "p"
    project(root, {"test_a.py": ONE})
    project(tmp_path / "elsewhere", {"test_b.py": ONE})
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "test_c.py").symlink_to(tmp_path / "elsewhere/test_b.py")
    (root / "around").symlink_to(root)
    assert ask("estimate", str(root), arguments=[])["paths"] == ["test_a.py"]


# ------------------------------------------------------------------------------------- who imports what

SOURCE = {
    "src/shop/__init__.py": "from .cart import Cart as Cart\nfrom shop.money import *\nfrom . import web\n",
    "src/shop/cart.py": "class Cart: pass\n",
    "src/shop/money.py": "def price(): pass\n",
    "src/shop/web/__init__.py": "",
    "src/shop/web/views.py": "",
    "tool.py": "",
}
TESTS = {
    "module": "import shop.cart\n",
    "name": "from shop.cart import Cart\n",
    "child": "from shop import cart\n",
    "passed_on": "from shop import Cart\n",
    "attribute": "import shop\n\ndef test_x():\n    shop.Cart()\n",
    "renamed": "import shop as s\n\ndef test_x():\n    s.Cart()\n",
    "star": "from shop import *\n",
    "inside": "def test_x():\n    from shop.cart import Cart\n",
    "package": "import shop.web\n",
    "view": "from shop.web.views import x\n",
    "starred": "from shop import price\n",
    "tool": "import tool\n",
    "nothing": "import os\nfrom . import helper\n",
    "broken": "def x(:\n",
}


@pytest.mark.parametrize(
    ("changed", "importing"),
    [
        ("src/shop/cart.py", {"module", "name", "child", "passed_on", "attribute", "renamed", "star", "inside"}),
        ("src/shop/web/__init__.py", {"package", "view"}),
        ("src/shop/web/views.py", {"view"}),
        ("tool.py", {"tool"}),
        ("README.md", set()),
        ("src/shop/new.py", set()),
    ],
)  # fmt: skip
def test_test_files_are_found_by_what_they_import(tmp_path: Path, changed: str, importing: set[str]) -> None:
    tests = {f"tests/test_{name}.py": text for name, text in TESTS.items()}
    root = project(tmp_path, SOURCE | tests)
    found = ask("importing", root, tests=sorted(tests), paths=[changed])
    assert {Path(path).stem.removeprefix("test_") for path in found} == importing


def test_what_a_package_takes_as_a_whole_is_reached_by_any_of_its_names(tmp_path: Path) -> None:
    root = project(tmp_path, SOURCE | {"tests/test_a.py": TESTS["starred"], "tests/test_b.py": "import os\n"})
    tests = ["tests/test_a.py", "tests/test_b.py"]
    assert ask("importing", root, tests=tests, paths=["src/shop/money.py"]) == ["tests/test_a.py"]


def test_functions_that_tests_call_come_with_these_tests_and_those_of_imported_modules_first(
    tmp_path: Path,
) -> None:
    root = project(
        tmp_path,
        {
            "src/shop/__init__.py": "from shop.cart import total\n",
            "src/shop/cart.py": (
                "def total(x):\n    return x\n\n\nclass Cart:\n    def add(self, x):\n        self.x = x\n\n"
                "    def idle(self):\n        pass\n\n\ndef uncalled():\n    return 1\n"
            ),
            "src/shop/other.py": "def total(x):\n    return -x\n",
            "elsewhere.py": "def total(x):\n    return x\n",
            "tests/test_a.py": "from shop.cart import Cart, total\n\n\ndef test_a():\n    Cart().add(total(1))\n    Cart().idle()\n",
            "tests/test_b.py": "import shop\n\n\ndef test_b():\n    shop.total(1)\n",
        },
    )
    tests = ["tests/test_a.py", "tests/test_b.py"]
    paths = ["elsewhere.py", "src/shop/cart.py", "src/shop/other.py"]
    assert ask("called", root, tests=tests, paths=paths) == [
        ["src/shop/cart.py::total", tests],
        ["src/shop/cart.py::Cart.add", ["tests/test_a.py"]],
        ["src/shop/other.py::total", tests],
    ]
