"""A pytest plugin that reports each test as one JSON line, so that a killed run still tells what it knows.

Settings come as JSON in VULCAN_SETTINGS: report (file), ids (which test functions to keep, empty for all),
test_timeout (seconds), measure (lines by path), stub_absent (bool), root.
"""

import ast
import importlib
import json
import os
import signal
import sys
import types

import pytest

SETTINGS = json.loads(os.environ.pop("VULCAN_SETTINGS"))
ROOT = SETTINGS["root"]
OUT = open(SETTINGS["report"], "a", buffering=1, encoding="utf-8")  # noqa: SIM115 - open as long as the run
WANTED = frozenset(SETTINGS["ids"])
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


# ------------------------------------------------------------------------------- selection and reporting


def pytest_configure(config):
    """Collect test.py and tests.py too, which unittest projects have, unless the project says what it collects."""
    patterns = config.getini("python_files")
    if set(patterns) == {"test_*.py", "*_test.py"}:
        patterns.extend(["test.py", "tests.py"])


def base_id(nodeid):
    path, separator, names = nodeid.partition("::")
    return path + separator + names.split("[", 1)[0]


def pytest_collection_modifyitems(config, items):
    if not WANTED:
        return
    files = {wanted for wanted in WANTED if "::" not in wanted}
    keep = [i for i in items if base_id(i.nodeid) in WANTED or i.nodeid.split("::", 1)[0] in files]
    kept = set(map(id, keep))
    config.hook.pytest_deselected(items=[i for i in items if id(i) not in kept])
    items[:] = keep


def pytest_collectreport(report):
    if report.failed:
        text = str(report.longrepr or "")
        say(type="collect", path=report.nodeid, message=text[-MESSAGE:])
    elif report.skipped and not WANTED:
        say(type="test", id=report.nodeid, outcome="skipped")


DESELECTED = set()


def pytest_deselected(items):
    DESELECTED.update(item.nodeid.split("::", 1)[0] for item in items)


def pytest_collection_finish(session):
    """A file of which the project leaves out all tests was seen all the same."""
    if not WANTED:
        for path in sorted(DESELECTED - {item.nodeid.split("::", 1)[0] for item in session.items}):
            say(type="test", id=path, outcome="skipped")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if call.excinfo is None:
        return
    frames = [f for f in call.excinfo.traceback if not f.path or "/_pytest/" not in str(f.path)]
    last = str(frames[-1].path) if frames else ""
    report.vulcan = {
        "exception": call.excinfo.type.__name__,
        "is_assert": issubclass(call.excinfo.type, (AssertionError, pytest.fail.Exception)),
        "in_test": last == str(item.path),
    }


def pytest_runtest_logstart(nodeid, location):
    RAN[0] = False
    say(type="start", id=nodeid)


def pytest_runtest_logreport(report):
    if report.when != "call" and report.passed:
        return
    outcome = report.outcome
    if report.failed and report.when != "call":
        outcome = "error"
    if hasattr(report, "wasxfail"):
        outcome = "skipped"  # passing where a failure is expected shows nothing either
    message = str(report.longrepr)[-MESSAGE:] if report.longrepr and outcome != "skipped" else ""
    extra = getattr(report, "vulcan", {})
    if MEASURED:
        extra["ran"] = (
            RAN[0] or sys.gettrace() is not _trace
        )  # another tracer: not known, so nothing is held against it
    say(type="test", id=report.nodeid, outcome=outcome, duration=report.duration, message=message, **extra)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    if MEASURED:
        say(type="lines", hits={os.path.relpath(p, ROOT): sorted(lines) for p, lines in HITS.items()})
        say(type="statements", lines={os.path.relpath(p, ROOT): statements(p) for p in MEASURED})
    say(type="end", exit=int(session.exitstatus))  # as plugins have left it


# -------------------------------------------------------------------------------------- time limits


def _expired(signum, frame):
    raise TestTimeoutError("the test took longer than %s s" % SETTINGS["test_timeout"])


def _limited():
    signal.signal(signal.SIGALRM, _expired)
    signal.setitimer(signal.ITIMER_REAL, SETTINGS["test_timeout"], 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_setup(item):
    yield from _limited()


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_call(item):
    yield from _limited()


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


def pytest_sessionstart(session):
    if not SETTINGS["stub_absent"]:
        return
    for path in sorted({wanted.split("::", 1)[0] for wanted in WANTED}):
        try:
            _fill(os.path.join(ROOT, path))
        except Exception as error:
            say(type="collect", path=path, message="%s: %s" % (type(error).__name__, error))
