"""A pytest plugin that reports each test as one JSON line, so that a killed run still tells what it knows."""

import pytest
from vulcan_common import (
    CANARY,
    MEASURED,
    MESSAGE,
    RAN,
    REVERSE,
    WANTED,
    fill_absent,
    is_wanted,
    ran,
    say,
    say_lines,
    start_clock,
    stop_clock,
)

# ------------------------------------------------------------------------------- selection and reporting


def pytest_configure(config):
    """Collect test.py and tests.py too, which unittest projects have, unless the project says what it collects."""
    patterns = config.getini("python_files")
    if set(patterns) == {"test_*.py", "*_test.py"}:
        patterns.extend(["test.py", "tests.py"])


def pytest_collection_modifyitems(config, items):
    if not WANTED:
        return
    keep = [i for i in items if is_wanted(i.nodeid)]
    kept = set(map(id, keep))
    config.hook.pytest_deselected(items=[i for i in items if id(i) not in kept])
    if REVERSE:
        keep.reverse()
    items[:] = keep + (canary_beside(keep[-1]) if keep and CANARY else [])


def canary_beside(item):
    """A test that can only fail, beside a wanted test and under the same hooks and fixtures."""
    parent = item.getparent(pytest.Module) or item.parent
    return [pytest.Function.from_parent(parent, name=CANARY, callobj=must_fail)]


def must_fail():
    raise AssertionError("as it must")


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


ENDS = ("passed", "failed", "skipped")
"""How a test can end; a plugin that tries again has words of its own for tries, of which the last one counts."""


def pytest_runtest_logreport(report):
    if (report.when != "call" and report.passed) or report.outcome not in ENDS:
        return
    outcome = report.outcome
    if report.failed and report.when != "call":
        outcome = "error"
    if hasattr(report, "wasxfail"):
        outcome = "skipped"  # passing where a failure is expected shows nothing either
    message = str(report.longrepr)[-MESSAGE:] if report.longrepr and outcome != "skipped" else ""
    extra = getattr(report, "vulcan", {})
    if MEASURED:
        extra["ran"] = ran()
    say(type="test", id=report.nodeid, outcome=outcome, duration=report.duration, message=message, **extra)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    say_lines()
    say(type="end", exit=int(session.exitstatus))  # as plugins have left it


# -------------------------------------------------------------------------- time limits, stand-ins


def _limited():
    start_clock()
    try:
        yield
    finally:
        stop_clock()


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_setup(item):
    yield from _limited()


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_call(item):
    yield from _limited()


def pytest_sessionstart(session):
    fill_absent()
