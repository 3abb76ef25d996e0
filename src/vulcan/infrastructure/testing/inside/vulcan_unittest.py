"""Runs suites that unittest loads, or that Django's runners do, and reports each test as one JSON line.

Usage: vulcan_unittest.py unittest ARGUMENTS of `python -m unittest`, or vulcan_unittest.py SCRIPT ARGUMENTS, where SCRIPT is
manage.py or another program that asks Django for its test runner.
"""

import os
import re
import runpy
import sys
import time
import traceback
import unittest

import vulcan_common as common

FAILED_LOAD = "unittest.loader._FailedTest"
HOLDER = re.compile(r"^(setUp|tearDown)(Class|Module) \((.*)\)$")
NOTHING_RAN, SOME_FAILED = 5, 1
OVERALL = {"ran": 0, "bad": 0}


# ------------------------------------------------------------------------------------- names of tests


def module_path(name):
    """Where a module lies, as far as the import path tells; a package by its __init__."""
    module = sys.modules.get(name)
    found = getattr(module, "__file__", None)
    if found:
        return os.path.relpath(os.path.abspath(found), common.ROOT)
    for folder in [common.ROOT, *sys.path]:
        for end in (".py", os.sep + "__init__.py"):
            path = os.path.join(os.path.abspath(folder), name.replace(".", os.sep) + end)
            if path.startswith(common.ROOT + os.sep) and os.path.isfile(path):
                return os.path.relpath(path, common.ROOT)
    return name


def class_id(kind):
    return module_path(kind.__module__) + "::" + kind.__qualname__.replace(".", "::")


def node_id(test):
    """path/to/file.py::Class::test_name, as pytest would name it; a module that skips itself by its path."""
    test = getattr(test, "test_case", test)  # a subtest by its parent
    name = getattr(test, "_testMethodName", None)
    if type(test).__qualname__ == "ModuleSkipped":
        return module_path(name)
    if name is None:
        return module_path(type(test).__module__) + "::" + re.sub(r"\s+", " ", str(test))
    return class_id(type(test)) + "::" + name


def flat(suite):
    for test in suite:
        if isinstance(test, unittest.BaseTestSuite):
            yield from flat(test)
        elif test is not None:
            yield test


def failed_load(test):
    """The path of a file that can't be imported, from the stand-in that unittest makes of it; else None."""
    if type(test).__module__ + "." + type(test).__qualname__ != FAILED_LOAD:
        return None
    return module_path(test._testMethodName)  # noqa: SLF001 - where unittest puts it


def selected(suite):
    """A suite of those tests only that are asked for; what can't be loaded is said and left out."""
    kept = []
    for test in flat(suite):
        path = failed_load(test)
        if path is None:
            if common.is_wanted(node_id(test)):
                kept.append(test)
        elif is_concerned(path):
            OVERALL["bad"] += 1
            common.say(type="collect", path=path, message=load_error(test)[-common.MESSAGE :])
    return kept


def is_concerned(path):
    return not common.WANTED or any(wanted.split("::", 1)[0] == path for wanted in common.WANTED)


def load_error(test):
    try:
        getattr(test, test._testMethodName)()  # noqa: SLF001
    except Exception as error:
        return str(error)
    return "it can't be loaded"


# -------------------------------------------------------------------------------------------- results


class Result(unittest.TestResult):
    """Says each outcome as it comes; of subtests the reader takes the worst."""

    def __init__(self, planned):
        super().__init__()
        self.planned, self.said, self.last = planned, set(), None
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        OVERALL["ran"] += 1
        common.RAN[0] = False
        common.say(type="start", id=node_id(test))
        self.started, self.last = time.perf_counter(), node_id(test)
        common.start_clock()

    def stopTest(self, test):
        common.stop_clock()
        super().stopTest(test)

    def report(self, test_id, outcome, message="", **more):
        self.said.add(test_id)
        if outcome in ("failed", "error"):
            OVERALL["bad"] += 1
        if common.MEASURED:
            more["ran"] = common.ran()
        duration = time.perf_counter() - self.started if self.started else 0.0
        common.say(
            type="test",
            id=test_id,
            outcome=outcome,
            duration=duration,
            message=message[-common.MESSAGE :],
            **more,
        )

    def problem(self, test, err):
        kind, error, trace = err
        test_file = sys.modules.get(type(test).__module__)
        frames = [f for f in traceback.extract_tb(trace) if not is_machinery(f.filename)]
        in_test = bool(frames) and frames[-1].filename == getattr(test_file, "__file__", "")
        is_assert = issubclass(kind, (AssertionError, getattr(test, "failureException", AssertionError)))
        message = "".join(traceback.format_exception(kind, error, trace))
        return {"exception": kind.__name__, "is_assert": is_assert, "in_test": in_test, "message": message}

    def addSuccess(self, test):
        super().addSuccess(test)
        self.report(node_id(test), "passed")

    def addFailure(self, test, err):
        self.report(node_id(test), "failed", **self.problem(test, err))

    def addError(self, test, err):
        holder = HOLDER.match(str(test))
        if holder:
            self.fixture_broke(holder[3], "".join(traceback.format_exception(*err)), err[0].__name__)
        else:
            self.report(node_id(test), "failed", **self.problem(test, err))

    def addSubTest(self, test, subtest, err):
        if err is not None:
            message = "%s\n" % subtest
            problem = self.problem(test, err)
            self.report(node_id(test), "failed", **{**problem, "message": message + problem["message"]})

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        holder = HOLDER.match(str(test))
        if holder:
            for planned in self.concerned(holder[3]):
                self.report(planned, "skipped")
        else:
            self.report(node_id(test), "skipped")

    def addExpectedFailure(self, test, err):
        self.report(node_id(test), "skipped")

    def addUnexpectedSuccess(self, test):
        self.report(node_id(test), "skipped")  # passing where a failure is expected shows nothing either

    def fixture_broke(self, place, message, exception):
        """An error outside of any test counts for all tests that it kept from running, else for the last that ran."""
        for test_id in self.concerned(place) or [self.last or place]:
            self.report(test_id, "error", message, exception=exception)

    def concerned(self, place):
        return [
            node_id(test)
            for test in self.planned
            if node_id(test) not in self.said and is_of(place, type(test))
        ]


def is_of(place, kind):
    return place in (kind.__module__, kind.__module__ + "." + kind.__qualname__)


def is_machinery(path):
    return any(part in path for part in ("/unittest/", "/django/test/", "/asgiref/", "vulcan_"))


def run(suite):
    """Run a suite in our result; returns it."""
    tests = selected(suite)
    result = Result(tests)
    if tests:
        outer = type(suite) if isinstance(suite, unittest.TestSuite) else unittest.TestSuite
        outer(tests).run(result)
    return result


class Runner:
    """What `unittest.main` takes for a runner."""

    def run(self, suite):
        return run(suite)


# --------------------------------------------------------------------------------------------- starts


def with_our_result(base):
    """A project's Django runner that runs its suites in our result, in one process and to the end."""

    class Reporting(base):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **{**kwargs, "parallel": 1, "failfast": False})
            self.parallel, self.failfast = 1, False

        def build_suite(self, *args, **kwargs):
            common.fill_absent()
            return super().build_suite(*args, **kwargs)

        def run_suite(self, suite, **kwargs):
            return run(suite)

    Reporting.__name__, Reporting.__qualname__ = base.__name__, base.__qualname__
    return Reporting


def hook_django():
    """Django's programs ask one function for the runner: it gives the project's own, extended."""
    import django.test.utils as utils

    original = utils.get_runner
    utils.get_runner = lambda *args, **kwargs: with_our_result(original(*args, **kwargs))


def run_unittest(arguments):
    named = [word for word in arguments if not word.startswith("-")]
    more = labels("unittest") if named and named[0] != "discover" else []
    sys.argv = ["python -m unittest", *arguments, *more]
    common.fill_absent()
    unittest.main(module=None, testRunner=Runner(), exit=False)


def run_script(script, arguments):
    sys.argv = [script, *arguments]
    hook_django()
    runpy.run_path(script, run_name="__main__")


def labels(script):
    """Dotted names of the wanted files, as a script in that folder imports them."""
    folder = os.path.dirname(os.path.abspath(script))
    found = set()
    for wanted in common.WANTED:
        path = os.path.join(common.ROOT, wanted.split("::", 1)[0])
        inside = path.startswith(folder + os.sep)
        name = os.path.relpath(path, folder if inside else common.ROOT)
        found.add(re.sub(r"(\.__init__)?\.py$", "", name).replace(os.sep, "."))
    return sorted(found)


def with_labels(script, arguments):
    """The arguments, with the wanted files as labels where none is given: others would be loaded for nothing."""
    is_manage = arguments[:1] == ["test"]
    named = [word for word in arguments[1 if is_manage else 0 :] if not word.startswith("-")]
    more = ["--noinput"] if is_manage and "--noinput" not in arguments else []
    return [*arguments, *more, *([] if named else labels(script))]


def main(start, *arguments):
    script = None if start == "unittest" else os.path.abspath(start)
    common.restore_path(os.path.dirname(script) if script else os.getcwd())
    code = 0
    try:
        if script:
            run_script(script, with_labels(script, list(arguments)))
        else:
            run_unittest(list(arguments))
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    known = OVERALL["ran"] or OVERALL["bad"]
    if code and not OVERALL["bad"]:
        sys.exit(code)  # something else than a test failed: there is no end to report
    code = SOME_FAILED if OVERALL["bad"] else 0 if known else NOTHING_RAN
    common.say_lines()
    common.say(type="end", exit=code)
    sys.exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
