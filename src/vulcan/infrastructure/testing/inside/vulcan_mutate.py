"""Mutation testing of changed lines: which small changes of them do the tests notice?

pytest collects once. A first fork runs all tests with probes and says which test reaches which statement. Then each
mutant is put into a fork of its own, where the tests that reach it run, the fastest first, until one fails. What runs at
import only (constants, defaults, class bodies), or ran before the first test, gets a process of its own.

Settings, beside those of vulcan_common: mutation, an object of lines (by path), most (mutants), seconds (for all of
them), and in a process for a single mutant only, an object of path and source (the file that has its source).
"""

import contextlib
import functools
import gc
import itertools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings

import pytest
import vulcan_common
import vulcan_mutants
import vulcan_report
import vulcan_swap

SETTINGS = vulcan_common.SETTINGS
ASKED = SETTINGS["mutation"]
ARGUMENTS = sys.argv[1:]
KILLED, SURVIVED, UNREACHED, UNCHECKED = "killed", "survived", "not run", "not checked"
MOST_COLD = 20
STARTS = ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system", "os.fork", "os.forkpty", "pty.spawn")
"""Events of Python's audit hooks by which a test starts a process: https://docs.python.org/3/library/audit_events.html"""
LEAST_SECONDS, TIMES = 2.0, 5.0
"""A test may take so many times as long with a mutant as without one, before it counts as noticed."""


class Selection:
    """Collects as our other runs do, and ends a test that takes too long."""

    pytest_configure = staticmethod(vulcan_report.pytest_configure)
    pytest_runtest_setup = staticmethod(vulcan_report.pytest_runtest_setup)
    pytest_runtest_call = staticmethod(vulcan_report.pytest_runtest_call)

    @staticmethod
    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(early_config):
        """No coverage by pytest-cov, which slows all down."""
        early_config.known_args_namespace.no_cov = True

    @staticmethod
    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(config):
        """No workers of pytest-xdist, since we fork ourselves."""
        for option, value in (("numprocesses", None), ("dist", "no"), ("tx", [])):
            if hasattr(config.option, option):
                setattr(config.option, option, value)

    @staticmethod
    def pytest_collection_modifyitems(items):
        items[:] = [item for item in items if vulcan_common.is_wanted(item.nodeid)]


class Watch:
    """What the reports of the test that runs say."""

    def __init__(self):
        self.failed, self.passed = "", False

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed = self.failed or report.nodeid
        elif report.when == "call" and report.passed and not hasattr(report, "wasxfail"):
            self.passed = True


# ------------------------------------------------------------------------------------- forked children


class Child:
    """A fork that does one piece of work, says one JSON line, and takes all it started along when it ends."""

    def __init__(self, tag, work, seconds):
        self.tag, self.text = tag, b""
        self.deadline = time.monotonic() + seconds
        self.pipe, write = os.pipe()
        with warnings.catch_warnings():
            # Of forks beside threads of plug-ins: the first fork shows whether all runs without them.
            warnings.simplefilter("ignore")
            self.pid = os.fork()
        if self.pid == 0:
            _work(work, write)
        os.close(write)

    def read(self):
        """Whether it has said all."""
        part = os.read(self.pipe, 1 << 16)
        self.text += part
        return not part or self.text.endswith(b"\n")

    def end(self):
        """Its answer; None if it had none."""
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(OSError):
                kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.pipe)
        return json.loads(self.text) if self.text.endswith(b"\n") else None


def _work(work, write):
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.write(write, json.dumps(work()).encode() + b"\n")
    except BaseException as error:  # a child must not go on as if it were the parent
        os.write(write, json.dumps({"error": repr(error)}).encode() + b"\n")
    finally:
        os._exit(0)


def in_children(jobs, workers):
    """Runs (tag, work, seconds) side by side; yields (tag, answer), None for what died or took too long."""
    jobs, running = iter(jobs), []
    while True:
        running += [Child(*job) for job in itertools.islice(jobs, workers - len(running))]
        if not running:
            return
        first = min(child.deadline for child in running)
        ready = select.select([c.pipe for c in running], [], [], max(0.0, first - time.monotonic()))[0]
        now = time.monotonic()
        for child in list(running):
            if (child.pipe in ready and child.read()) or child.deadline <= now:
                running.remove(child)
                yield child.tag, child.end()


# ----------------------------------------------------------------------------------------------- tests


def run_test(item, following, watch):
    try:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
    except BaseException as error:  # SystemExit and pytest.exit end this test only
        watch.failed = watch.failed or "%s (%s)" % (item.nodeid, type(error).__name__)


def watched(session):
    watch = Watch()
    session.config.pluginmanager.register(watch)
    return watch


def seen(session, modules, lines):
    """All tests as they are, in one process: how each ends, how long it takes and which statements it reaches."""
    reached = set()
    vulcan_swap.probe_into(reached)
    for module in modules:
        module.swap(module.probed(lines[module.path]))
    watch, found, started = watched(session), [], []
    sys.addaudithook(lambda event, _: started.append(event) if event in STARTS else None)
    for item, following in _with_next(session.items):
        watch.failed, watch.passed = "", False
        reached.clear()
        started.clear()
        start = time.monotonic()
        run_test(item, following, watch)
        passed = watch.passed and not watch.failed
        found.append([passed, round(time.monotonic() - start, 4), sorted(reached), bool(started)])
    return found


def _with_next(items):
    return zip(items, [*items[1:], None])


def tried(session, items, module=None, code=None):
    """The first of the tests that fails; empty if all pass."""
    if module:
        try:
            module.swap(code)
        except vulcan_swap.NotSwappable:
            return {"fresh": True}
    watch = watched(session)
    for item, following in _with_next(items):
        run_test(item, following, watch)
        if watch.failed:
            return {"failed": watch.failed}
    return {"failed": ""}


# ------------------------------------------------------------------------------------------- the run


class Mutation:
    """The pytest plug-in that runs mutants in place of the tests."""

    def __init__(self):
        self.start = time.monotonic()
        self.modules, self.mutants = [], []
        for path in sorted(ASKED["lines"]):
            module = module_of(path)
            if module:
                self.modules.append(module)
                self.mutants += [(module, mutant) for mutant in mutants_of(module)]
        self.outcomes = {}
        self.tests = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        hits = {path: set(lines) for path, lines in vulcan_common.HITS.items()}
        sys.settrace(None)
        threading.settrace(None)
        vulcan_swap.find_live(self.modules)
        gc.freeze()
        collected = time.monotonic() - self.start
        limit = SETTINGS["test_timeout"] * len(session.items)
        work = functools.partial(seen, session, self.modules, self._lines())
        ((_, tests),) = in_children([("", work, max(1.0, min(limit, ASKED["seconds"])))], 1)
        if not isinstance(tests, list):
            told = tests["error"] if tests else "they took too long, or ended the process"
            vulcan_common.say(type="mutation", note="the tests could not run in a fork: %s" % told)
            return True
        self.tests = [(item, *test) for item, test in zip(session.items, tests)]
        self._warm(session, hits)
        self._cold(collected)
        self._started(session)
        self._control(session)
        self._say()
        return True

    def _lines(self):
        lines = {module.path: set() for module in self.modules}
        for module, mutant in self.mutants:
            lines[module.path].add(mutant.statement)
        return lines

    def _left(self):
        return ASKED["seconds"] - (time.monotonic() - self.start)

    def _warm(self, session, hits):
        """Mutants of functions, each in a fork."""
        jobs, self.cold = [], []
        for number, (module, mutant) in enumerate(self.mutants):
            original, code = module.compiled(mutant.block), compiled(module, mutant)
            if code is None or vulcan_swap.is_same(original, code):
                self.outcomes[number] = None
            elif not mutant.hot or vulcan_swap.runs_at_import(original, code):
                self.cold.append(number)
            else:
                self._prepare(session, jobs, number, code, hits)
        self._run(jobs)

    def _prepare(self, session, jobs, number, code, hits):
        module, mutant = self.mutants[number]
        place = [module.path, mutant.statement]
        tests = sorted((t for t in self.tests if t[1] and place in t[3]), key=lambda test: test[2])
        at_import = mutant.statement in hits.get(module.path, ())
        if not tests:
            self.outcomes[number] = (UNREACHED, "")
            self.cold += [number] if at_import else []
            return
        items = [test[0] for test in tests]
        seconds = LEAST_SECONDS + TIMES * sum(test[2] for test in tests)
        jobs.append(((number, at_import), lambda: tried(session, items, module, code), seconds))

    def _run(self, jobs):
        def in_time():
            for job in jobs:
                if self._left() > 0:
                    yield job
                else:
                    self.outcomes[job[0][0]] = (UNCHECKED, "")

        for (number, at_import), answer in in_children(in_time(), workers()):
            if answer is None:
                self.outcomes[number] = (KILLED, "it took too long, or ended the process")
            elif answer.get("fresh") or (at_import and answer.get("failed") == ""):
                self.cold.append(number)
            else:
                failed = answer.get("failed", answer.get("error"))
                self.outcomes[number] = (KILLED, failed) if failed else (SURVIVED, "")

    def _cold(self, collected):
        """Mutants of what runs at import, each in a process of its own, before anything of the project is loaded."""
        names = sorted({vulcan_common.base_id(test[0].nodeid) for test in self.tests if test[1]})
        longest = 5 + TIMES * (collected + sum(test[2] for test in self.tests))
        jobs = []
        for count, number in enumerate(self.cold):
            if count >= MOST_COLD or not names:
                self.outcomes.setdefault(number, (UNCHECKED, ""))
            else:
                jobs.append(((number, False), functools.partial(fresh, self.mutants[number], names), longest))
        self._run(jobs)

    def _started(self, session):
        """Mutants that only processes run which tests start: these read them from the disk, one after the other."""
        starting = [test for test in self.tests if test[1] and test[4]]
        unreached = [
            number
            for number, outcome in self.outcomes.items()
            if outcome and (outcome[0] == UNREACHED or (outcome[0] == SURVIVED and number in self.cold))
        ]
        if not starting or not unreached or self._left() <= 0:
            return
        reach = self._reach_of_processes(session, starting, unreached)
        for number in unreached:
            module, mutant = self.mutants[number]
            tests = [
                test for test in starting if (module.path, mutant.statement) in reach.get(test[0].nodeid, ())
            ]
            if not tests:
                continue
            if self._left() <= 0:
                self.outcomes[number] = (UNCHECKED, "")
                continue
            items = [test[0] for test in sorted(tests, key=lambda test: test[2])]
            seconds = LEAST_SECONDS + TIMES * sum(test[2] for test in tests)
            with on_disk({module: mutant.in_source(module.source)}):
                ((_, answer),) = in_children([("", functools.partial(tried, session, items), seconds)], 1)
            failed = "it took too long, or ended the process" if answer is None else answer.get("failed", "?")
            self.outcomes[number] = (KILLED, failed) if failed else (SURVIVED, "")

    def _reach_of_processes(self, session, starting, unreached):
        """By test the statements that run in processes which it starts."""
        lines = {}
        for number in unreached:
            module, mutant = self.mutants[number]
            lines.setdefault(module, set()).add(mutant.statement)
        with tempfile.TemporaryDirectory() as folder:
            noted = os.path.join(folder, "reached")
            with on_disk({module: module.probed_source(asked, noted) for module, asked in lines.items()}):
                reach = {}
                for item, _, seconds, _, _ in starting:
                    if self._left() <= 0:
                        break
                    work = functools.partial(tried, session, [item])
                    list(in_children([("", work, LEAST_SECONDS + TIMES * seconds)], 1))
                    reach[item.nodeid] = noted_in(noted)
        return reach

    def _control(self, session):
        """The unchanged code once more: tests that fail now have found what the runs before left."""
        items = [test[0] for test in self.tests if test[1]]
        seconds = 10 + TIMES * sum(test[2] for test in self.tests)
        ((_, answer),) = in_children([("", lambda: tried(session, items), seconds)], 1)
        failed = "all of them" if answer is None else answer.get("failed", answer.get("error"))
        if failed:
            vulcan_common.say(type="mutation", note="tests fail when they run again: %s" % failed)

    def _say(self):
        for number, (module, mutant) in enumerate(self.mutants):
            outcome = self.outcomes.get(number)
            if outcome is not None:
                vulcan_common.say(
                    type="mutant",
                    path=os.path.relpath(module.path, vulcan_common.ROOT),
                    line=mutant.line,
                    operator=mutant.operator,
                    before=" ".join(mutant.before.split())[:200],
                    after=" ".join(mutant.after.split())[:200],
                    outcome=outcome[0],
                    test=outcome[1][:300],
                )
        passed = sum(bool(test[1]) for test in self.tests)
        vulcan_common.say(type="mutation", tests=passed, seconds=round(time.monotonic() - self.start, 2))


@contextlib.contextmanager
def on_disk(sources):
    """Other sources in the place of modules, with times that no compiled file has."""
    try:
        for module, source in sources.items():
            write(module.path, source)
        yield
    finally:
        for module in sources:
            write(module.path, module.source)


TIMES_WRITTEN = itertools.count(int(time.time()) - 10**8)


def write(path, source):
    with open(path, "wb") as file:
        file.write(source)
    written = next(TIMES_WRITTEN)
    os.utime(path, (written, written))


def noted_in(path):
    """What probes on the disk have noted since this was asked last."""
    try:
        with open(path) as file:
            noted = {(place, int(line)) for line, place in (row.rstrip("\n").split(" ", 1) for row in file)}
        os.unlink(path)
    except FileNotFoundError:
        return set()
    return noted


def workers():
    return max(1, min(4, len(os.sched_getaffinity(0))))


def module_of(path):
    """A changed file; None if it can't be read as Python."""
    try:
        with open(os.path.join(vulcan_common.ROOT, path), "rb") as file:
            return vulcan_swap.Module(os.path.join(vulcan_common.ROOT, path), file.read())
    except (OSError, SyntaxError, ValueError):
        return None


def mutants_of(module):
    """The mutants of the file's changed lines, one of each line first, then a second of each, up to the most."""
    path = os.path.relpath(module.path, vulcan_common.ROOT)
    by_line = {}
    for mutant in vulcan_mutants.mutants(module.source, ASKED["lines"][path]):
        by_line.setdefault(mutant.line, []).append(mutant)
    rounds = max(map(len, by_line.values()), default=0)
    spread = [line[n] for n in range(rounds) for line in by_line.values() if n < len(line)]
    return spread[: max(1, ASKED["most"] // len(ASKED["lines"]))]


def compiled(module, mutant):
    """The code of the top-level statement with the mutant; None if Python takes it for no program."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return module.compiled(mutant.block, mutant.in_source(module.source))
    except (SyntaxError, ValueError):
        return None


# ------------------------------------------------------------------------------ a process for one mutant


def fresh(mutant, names):
    """How one mutant fares when the whole project is loaded with it; runs in a child, which ends it in time."""
    module, change = mutant
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "source")
        with open(source, "wb") as file:
            file.write(change.in_source(module.source))
        asked = dict(ASKED, only={"path": module.path, "source": source})
        settings = dict(
            SETTINGS, report=os.path.join(folder, "report"), ids=names, mutation=asked, measure={}
        )
        variables = dict(os.environ, VULCAN_SETTINGS=json.dumps(settings), PYTHONPATH="")
        argv = [sys.executable, os.path.abspath(__file__), *ARGUMENTS, "-x"]
        code = subprocess.call(argv, env=variables)
    return {"failed": "with the whole project loaded anew" if code else ""}


def load_with(only):
    """Let the import system load one file with its mutant."""
    from importlib import machinery

    with open(only["source"], "rb") as file:
        source = file.read()
    usual = machinery.SourceFileLoader.get_code

    def get_code(self, name):
        if os.path.abspath(self.get_filename(name)) == only["path"]:
            return compile(source, only["path"], "exec", dont_inherit=True)
        return usual(self, name)

    machinery.SourceFileLoader.get_code = get_code


if __name__ == "__main__":
    plugins = [Selection(), Mutation()]
    if "only" in ASKED:
        plugins = [Selection()]
        load_with(ASKED["only"])
    vulcan_common.restore_path(os.getcwd())
    sys.exit(pytest.main([*ARGUMENTS, "--capture=sys", "--tb=no"], plugins=plugins))
