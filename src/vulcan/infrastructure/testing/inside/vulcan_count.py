"""Counts a project's tests in its source, and says which test files import what, inside a box; answers in JSON.

Usage: vulcan_count.py JSON, where JSON is {"do": "estimate", "head": folder, "arguments": [...]} or
{"do": "importing", "head": folder, "tests": [...], "paths": [...]} or
{"do": "called", "head": folder, "tests": [...], "paths": [...]}.
"""

import ast
import configparser
import fnmatch
import glob
import json
import os
import re
import shlex
import sys

try:
    import tomllib
except ImportError:  # the box's own Python may be older than ours
    tomllib = None

VALUED = re.compile(r"--[\w-]+|-[cknmopWr]")
"""Options whose next word is, or may be, their value."""
FLAGS = re.compile(
    r"--(no-.*|.*-?(strict|modules|branch|append|benchmark-skip)|strict-.*|showlocals|exitfirst|quiet|verbose|lf|ff|nf|sw"
    r"|last-failed|failed-first|new-first|stepwise|doctest-continue-on-failure|pyargs|full-trace|collect-only)"
)
"""Long options that take no value."""
MOST_CALLED = 200
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
SKIPPED_FOLDERS = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}")
TEST_FILES = ("test_*.py", "*_test.py", "test.py", "tests.py")
SECTIONS = {"pytest.ini": "pytest", ".pytest.ini": "pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}


def pytest_options(root):
    """The first configuration that pytest would take, option by option, each as a list of words."""
    for name in ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"):
        path = os.path.join(root, name)
        if not os.path.isfile(path) or os.path.islink(path):
            continue
        found = toml_options(path) if name == "pyproject.toml" else ini_options(path, SECTIONS[name])
        if found is not None or name == "pytest.ini":
            return {key: words(value) for key, value in (found or {}).items()}
    return {}


def toml_options(path):
    if tomllib is None:
        return None
    try:
        with open(path, "rb") as file:
            tool = tomllib.load(file).get("tool", {})
        table = tool.get("pytest", {})
        return {
            **{k: v for k, v in table.items() if k != "ini_options"},
            **table.get("ini_options", {}),
        } or None
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return None


def ini_options(path, section):
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return None
    return dict(parser.items(section)) if parser.has_section(section) else None


def words(value):
    if isinstance(value, list):
        return [str(each) for each in value]
    try:
        return shlex.split(str(value), comments=True)
    except ValueError:
        return str(value).split()


def estimate(request):
    """Test functions in the files that pytest would collect from here, and those files."""
    root = request["head"]
    options = pytest_options(root)
    given = options.get("addopts", []) + request["arguments"]
    starts = [path for path in named_paths(given) if exists_inside(root, path)]
    starts = starts or [p for p in options.get("testpaths", []) if exists_inside(root, p)]
    starts = starts or globbed(root, options) or ["."]
    rules = Rules(options, ignored(given))
    count, paths = 0, set()
    for path in test_files(root, starts, rules):
        number = 0 if path in paths else count_tests(parse(root, path), rules)
        if number:
            count += number
            paths.add(path)
    return {"tests": count, "paths": sorted(paths)}


def named_paths(given):
    """Words that may be files, folders or node ids to collect from."""
    before = ["", *given][: len(given)]
    return [
        word.split("::")[0]
        for last, word in zip(before, given, strict=True)
        if not word.startswith("-") and (FLAGS.fullmatch(last) or not VALUED.fullmatch(last))
    ]


def exists_inside(root, path):
    full = os.path.realpath(os.path.join(root, path))
    inside = full == os.path.realpath(root) or full.startswith(os.path.realpath(root) + os.sep)
    return bool(path) and inside and os.path.exists(full)


def globbed(root, options):
    patterns = [p for p in options.get("testpaths", []) if exists_inside(root, p.split("*")[0] or ".")]
    found = [p for pattern in patterns for p in glob.glob(pattern, root_dir=root, recursive=True)]
    return sorted(p for p in found if exists_inside(root, p))


def ignored(given):
    """Paths and patterns that options leave out."""
    found = {"--ignore": [], "--ignore-glob": []}
    for place, word in enumerate(given):
        name, equals, value = word.partition("=")
        if name in found:
            found[name] += [value] if equals else given[place + 1 : place + 2]
    return found["--ignore"], found["--ignore-glob"]


class Rules:
    """What pytest collects in this project."""

    def __init__(self, options, left_out):
        self.files = options.get("python_files") or TEST_FILES
        if set(self.files) == {"test_*.py", "*_test.py"}:
            self.files = TEST_FILES
        self.classes = options.get("python_classes") or ["Test"]
        self.functions = options.get("python_functions") or ["test"]
        self.folders = options.get("norecursedirs") or SKIPPED_FOLDERS
        self.paths, self.patterns = set(), set()
        self.leave_out(*left_out)

    def leave_out(self, paths, patterns):
        self.paths |= {os.path.normpath(path) for path in paths}
        self.patterns |= set(patterns)

    def leaves_out(self, path):
        """Whether options or a conftest leave a file or folder out."""
        return path in self.paths or any(fnmatch.fnmatch(path, pattern) for pattern in self.patterns)

    def is_file(self, path):
        name = os.path.basename(path)
        return name.endswith(".py") and any(
            fnmatch.fnmatch(path if "/" in pattern else name, pattern) for pattern in self.files
        )


def is_named(name, patterns):
    return any(name.startswith(p) or ("*" in p and fnmatch.fnmatch(name, p)) for p in patterns)


def test_files(root, starts, rules):
    for start in map(os.path.normpath, starts):
        if os.path.isfile(os.path.join(root, start)):
            yield start
            continue
        for folder, folders, files in os.walk(os.path.join(root, start)):
            where = os.path.normpath(os.path.relpath(folder, root))
            rules.leave_out(*left_out_by(root, where))
            folders[:] = sorted(d for d in folders if is_searched(folder, where, d, rules))
            for path in sorted(os.path.normpath(os.path.join(where, name)) for name in files):
                full = os.path.join(root, path)
                if rules.is_file(path) and not rules.leaves_out(path) and not os.path.islink(full):
                    yield path


def is_searched(folder, where, name, rules):
    path = os.path.normpath(os.path.join(where, name))
    skipped = any(fnmatch.fnmatch(name, pattern) for pattern in (*rules.folders, ".git", "node_modules"))
    full = os.path.join(folder, name)
    foreign = os.path.islink(full) or os.path.exists(os.path.join(full, "pyvenv.cfg"))
    return not (skipped or foreign or rules.leaves_out(path))


def left_out_by(root, where):
    """Paths and patterns that a conftest may leave out, whatever that depends on."""
    found = {"collect_ignore": set(), "collect_ignore_glob": set()}
    for node in ast.walk(parse(root, os.path.join(where, "conftest.py"))):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr)):
            inner = list(ast.walk(node))
            strings = [n.value for n in inner if isinstance(n, ast.Constant) and isinstance(n.value, str)]
            for name in {n.id for n in inner if isinstance(n, ast.Name)} & set(found):
                found[name] |= {os.path.normpath(os.path.join(where, text)) for text in strings}
    return found["collect_ignore"], found["collect_ignore_glob"]


def count_tests(tree, rules):
    return sum(tests_in(node, rules) for node in statements_of(tree.body))


def statements_of(body):
    """Statements, those under `if`, `try` and `with` included."""
    for node in body:
        if isinstance(node, DEFINITIONS):
            yield node
        else:
            for field in ("body", "orelse", "finalbody", "handlers"):
                for inner in getattr(node, field, None) or []:
                    yield from statements_of([inner])


def tests_in(node, rules):
    if not isinstance(node, ast.ClassDef):
        return int(is_named(node.name, rules.functions))
    bases = [ast.unparse(base).split("[")[0].rsplit(".", 1)[-1] for base in node.bases]
    unittest = any("TestCase" in base or base.startswith("Test") or base.endswith("Test") for base in bases)
    inner = list(statements_of(node.body))
    own = any(getattr(n, "name", "") in ("__init__", "__new__") for n in inner)
    if is_no_test(node) or not (unittest or (not own and is_named(node.name, rules.classes))):
        return 0
    patterns = ["test"] if unittest else rules.functions
    methods = sum(1 for n in inner if not isinstance(n, ast.ClassDef) and is_named(n.name, patterns))
    return methods + sum(tests_in(n, rules) for n in inner if isinstance(n, ast.ClassDef))


def is_no_test(node):
    """Whether a class says `__test__ = False`."""
    return any(
        isinstance(n, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "__test__" for t in n.targets)
        and isinstance(n.value, ast.Constant)
        and n.value.value is False
        for n in node.body
    )


def parse(root, path):
    try:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            return ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


# ------------------------------------------------------------------------------- which tests import what


def importing(request):
    """Test files that import a module of `paths`, or a name that a package above it takes from it."""
    root = request["head"]
    exact, within, passed = set(), set(), set()
    for path in request["paths"]:
        for name, start in module_names(root, path) if path.endswith(".py") else ():
            exact.add(name)
            within |= {name + "."} if path.endswith("/__init__.py") else set()
            for package in packages_above(name):
                names = passed_on(root, start, package, name)
                passed |= names
                within |= {package + "."} if package + ".*" in names else set()
    wanted = exact | passed, tuple(within), passed
    return [path for path in request["tests"] if meets(imports_of(parse(root, path)), *wanted)]


def meets(found, exact, within, passed):
    """Whether an import is one that is looked for, or a star import of a package that passes one on."""
    stars = tuple(name[:-1] for name in found if name.endswith(".*"))
    return bool(
        found & exact
        or (within and any(name.startswith(within) for name in found))
        or (stars and any(name.startswith(stars) for name in passed))
    )


def module_names(root, path):
    """Names under which a file can be imported, each with the folder that it is imported from."""
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    for place in range(len(parts)):
        yield ".".join(parts[place:]), "/".join(parts[:place])
        if os.path.isfile(os.path.join(root, *parts[: place + 1], "__init__.py")):
            return


def packages_above(name):
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def passed_on(root, start, package, module):
    """Names that a package takes from a module, as one can import them from the package."""
    path = os.path.join(start, package.replace(".", "/"), "__init__.py")
    found = set()
    for node in ast.walk(parse(root, path)):
        if isinstance(node, ast.ImportFrom) and origin(node, package) == module:
            found |= {package + "." + (alias.asname or alias.name) for alias in node.names}
    return found


def origin(node, package):
    """The module that an import in a package's own file takes from."""
    if not node.level:
        return node.module or ""
    above = package.split(".")
    above = above[: len(above) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)


def imports_of(tree):
    """Modules and names that a file imports, or reaches through what it imports."""
    found, known = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.add(alias.name)
                top = alias.name.split(".")[0]
                known[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found |= {node.module + "." + alias.name for alias in node.names}
    return found | {name for node in ast.walk(tree) for name in reached_by(node, known)}


def reached_by(node, known):
    """The dotted name of an attribute of an imported module."""
    if not isinstance(node, ast.Attribute):
        return
    first, *rest = ast.unparse(node).split(".")
    if first in known and all(part.isidentifier() for part in rest):
        yield ".".join([known[first], *rest])


# ---------------------------------------------------------------------------- which functions tests call


def called(request):
    """Functions of `paths` that the test files seem to call, those that most do first, each with these files."""
    root = request["head"]
    calls, imported = {}, {}
    for test in request["tests"]:
        tree = parse(root, test)
        for name in {name for node in ast.walk(tree) for name in called_name(node)}:
            calls.setdefault(name, []).append(test)
        for name in imports_of(tree):
            imported.setdefault(name.partition(".")[0], set()).add(name)
    found = []
    for path in request["paths"]:
        names = {name for name, _ in module_names(root, path)}
        if not any(name.partition(".")[0] in imported for name in names):
            continue
        exact = any(name in imported.get(name.partition(".")[0], ()) for name in names)
        for qualified, node in functions_of(parse(root, path).body):
            tests = calls.get(qualified.rpartition(".")[2], ())
            if tests and does_something(node):
                found.append((not exact, -len(tests), path, qualified, tests))
    return [[path + "::" + name, list(tests)] for _, _, path, name, tests in sorted(found)[:MOST_CALLED]]


def called_name(node):
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            yield node.func.id
        elif isinstance(node.func, ast.Attribute):
            yield node.func.attr


def functions_of(body, prefix=""):
    for node in statements_of(body):
        if isinstance(node, ast.ClassDef):
            yield from functions_of(node.body, prefix + node.name + ".")
        else:
            yield prefix + node.name, node


def does_something(node):
    """Whether a function's body is more than a docstring, `pass`, `...` or an exception."""
    return any(
        not isinstance(n, (ast.Pass, ast.Raise))
        and not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))
        and not (isinstance(n, ast.Return) and (n.value is None or ast.unparse(n.value) == "None"))
        for n in node.body
    )


ACTIONS = {"estimate": estimate, "importing": importing, "called": called}

if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    ask = json.loads(sys.argv[1])
    print(json.dumps(ACTIONS[ask["do"]](ask)))
