"""What our test plug-ins and runners share: settings, reporting, time limits, coverage and stand-ins.

It is loaded before any folder of the project can offer a module of the same name, and forgotten by name before
the project's code runs (`hide`).

Settings come as JSON in VULCAN_SETTINGS: report (file), ids (which test functions to keep, empty for all),
test_timeout (seconds), measure (lines by path), stub_absent (bool), root, python_path.
"""

import ast
import importlib
import json
import os
import signal
import sys
import types

SETTINGS = json.loads(os.environ.pop("VULCAN_SETTINGS"))
ROOT = SETTINGS["root"]
OUT = open(SETTINGS["report"], "a", buffering=1, encoding="utf-8")  # noqa: SIM115 - open as long as the run
WANTED = frozenset(SETTINGS["ids"])
CANARY = SETTINGS.get("canary", "")
REVERSE = SETTINGS.get("reverse", False)
MEASURED = {os.path.join(ROOT, path): set(lines) for path, lines in SETTINGS["measure"].items()}
HITS = {path: set() for path in MEASURED}
RAN = [False]
MESSAGE = 2500


class VulcanAbsent(Exception):
    """A name was used that the code under test does not have."""


class TestTimeoutError(AssertionError):
    __test__ = False


def say(**record):
    OUT.write(json.dumps(record) + "\n")


def base_id(nodeid):
    path, separator, names = nodeid.partition("::")
    return path + separator + names.split("[", 1)[0]


def is_wanted(nodeid):
    return not WANTED or base_id(nodeid) in WANTED or nodeid.split("::", 1)[0] in WANTED


def restore_path(first):
    """The import path that the project's own start would have, and no trace of our modules."""
    python_path = SETTINGS["python_path"]
    here = os.path.dirname(os.path.abspath(__file__))
    rest = [entry for entry in sys.path if os.path.abspath(entry) != here]
    sys.path[:] = [first, *filter(None, python_path.split(os.pathsep)), *rest]
    os.environ["PYTHONPATH"] = python_path
    for name in [name for name in sys.modules if name.startswith("vulcan_")]:
        del sys.modules[name]  # code under test has no business with it


def say_lines():
    """What was run of the files that are measured."""
    if MEASURED:
        say(type="lines", hits={os.path.relpath(p, ROOT): sorted(lines) for p, lines in HITS.items()})
        say(type="statements", lines={os.path.relpath(p, ROOT): statements(p) for p in MEASURED})


def ran():
    """Whether the test called anything that is measured; with another tracer it is not known, and not held against it."""
    return RAN[0] or sys.gettrace() is not _trace


# -------------------------------------------------------------------------------------- time limits


def _expired(signum, frame):
    raise TestTimeoutError("the test took longer than %s s" % SETTINGS["test_timeout"])


def start_clock():
    signal.signal(signal.SIGALRM, _expired)
    signal.setitimer(signal.ITIMER_REAL, SETTINGS["test_timeout"], 1.0)


def stop_clock():
    signal.setitimer(signal.ITIMER_REAL, 0)


# ----------------------------------------------------------------------------------------- coverage


def statements(path):
    """First lines of the statements in a file."""
    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return []
    lines = set()
    for node in ast.walk(tree):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.stmt) and not docstring:
            lines.add(node.lineno)
    return sorted(lines)


def _trace(frame, event, arg):
    path = frame.f_code.co_filename
    if path not in HITS:
        return None
    hits = HITS[path]
    if frame.f_code.co_name != "<module>":
        RAN[0] = True

    def local(frame, event, arg):
        if event == "line":
            hits.add(frame.f_lineno)
        return local

    hits.add(frame.f_lineno)
    return local


LOADERS = ("importlib", "runpy", "traceback", "warnings", "doctest")
TEST_FILES = frozenset(os.path.join(ROOT, wanted.split("::", 1)[0]) for wanted in WANTED)
READ = set()


def _audit(event, args):
    """Say which test file opens a changed file's source itself, instead of importing it."""
    if event != "open" or not isinstance(args[0], (str, bytes)):
        return
    path = os.path.abspath(os.fsdecode(args[0]))
    reader = _reader(sys._getframe(1)) if path in MEASURED else None  # noqa: SLF001 - inspect would open files itself
    if reader and (reader, path) not in READ:
        READ.add((reader, path))
        say(type="source", path=os.path.relpath(reader, ROOT), read=os.path.relpath(path, ROOT))


def _reader(frame):
    """The test file that an open comes from; None if it is the import system's, a library's or the product's."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name in TEST_FILES:
            return name
        if name.startswith(ROOT + "/") or "/site-packages/" in name:
            return None
        if any(part in name for part in LOADERS):
            return None
        frame = frame.f_back
    return None


if MEASURED:
    import threading

    sys.addaudithook(_audit)

    sys.settrace(_trace)
    threading.settrace(_trace)


# -------------------------------------------------------------------- stand-ins for what the base lacks


class _AbsentType(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise VulcanAbsent("%s.%s" % (cls.__name__, name))

    def __iter__(cls):
        raise VulcanAbsent(cls.__name__)


def _stand_in(name):
    def used(self, *args, **kwargs):
        raise VulcanAbsent(name)

    return _AbsentType(name, (Exception,), {"__init__": used, "__new__": used})


def _module(name):
    """The module, or an empty one where the code has none of that name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise
    module = types.ModuleType(name)
    module.__path__ = []
    module.__getattr__ = _stand_in_of
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(_module(parent), child, module)
    return module


def _stand_in_of(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _stand_in(name)


def _fill(path):
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                _module(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            module = _module(node.module)
            for alias in node.names:
                if alias.name != "*" and not hasattr(module, alias.name):
                    try:
                        importlib.import_module(node.module + "." + alias.name)
                    except ImportError:
                        setattr(module, alias.name, _stand_in(alias.name))


def fill_absent():
    """Stand-ins for what the wanted test files import and the code lacks; a file that defies it is said."""
    if not SETTINGS["stub_absent"]:
        return
    for path in sorted({wanted.split("::", 1)[0] for wanted in WANTED}):
        try:
            _fill(os.path.join(ROOT, path))
        except Exception as error:
            say(type="collect", path=path, message="%s: %s" % (type(error).__name__, error))
