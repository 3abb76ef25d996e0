"""Whole jobs with a right model and with a hurried one: is what the hurried one breaks PROVEN?

Usage: python benchmarks/hurried.py [--home STATE]

Five small tasks of our own. The hurried model works in good faith: few criteria, each for two statements, happy-path tests, code
that breaks two demands; which ones is written down here before any verdict, and hidden tests confirm it. One round. Printed
beside each verdict is what the gates of before would have said: change, static checks, existing tests, honest tests, criteria
and red-green. The tasks were written by the people who wrote the gates: small, and no measurement of models.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from vulcan.domain.statements import statements_of

BEFORE = {"change", "static checks", "existing tests", "honest tests", "criteria", "red-green"}


@dataclass
class Task:
    """One task; `tests` are of the right model, by the statement that they show, `happy` those of the hurried one."""

    module: str
    instruction: str
    right: str
    hurried: str
    broken: tuple[str, ...]
    tests: dict[str, str]
    happy: dict[str, str]


DURATION = Task(
    "duration",
    "Add `parse(text)` to duration.py, which returns seconds. `1h30m` is 5400. A plain number such as `90` is seconds. An empty "
    "text must raise `ValueError`. Units must come in descending order, so `30m1h` must raise `ValueError`. Negative values such "
    "as `-5m` must be refused with `ValueError`.",
    "import re\n\n\ndef parse(text):\n    if re.fullmatch(r'\\d+', text):\n        return int(text)\n"
    "    found = re.fullmatch(r'(?:(\\d+)h)?(?:(\\d+)m)?(?:(\\d+)s)?', text)\n    if not text or not found:\n"
    "        raise ValueError(text)\n    hours, minutes, seconds = (int(each or 0) for each in found.groups())\n"
    "    return hours * 3600 + minutes * 60 + seconds\n",
    "import re\n\nUNITS = {'h': 3600, 'm': 60, 's': 1}\n\n\ndef parse(text):\n    if text.isdigit():\n        return int(text)\n"
    "    found = re.findall(r'(\\d+)([hms])', text)\n    if not found:\n        raise ValueError(text)\n"
    "    return sum(int(count) * UNITS[unit] for count, unit in found)\n",
    ("S5", "S6"),
    {
        "S1": "assert parse('2s') == 2",
        "S2": "assert parse('1h30m') == 5400",
        "S3": "assert parse('90') == 90",
        "S4": "with pytest.raises(ValueError):\n        parse('')",
        "S5": "with pytest.raises(ValueError):\n        parse('30m1h')",
        "S6": "with pytest.raises(ValueError):\n        parse('-5m')",
    },
    {
        "S1 S2": "assert parse('1h30m') == 5400",
        "S3 S4": "assert parse('90') == 90\n    with pytest.raises(ValueError):\n        parse('')",
        "S5 S6": "with pytest.raises(ValueError):\n        parse('h')",
    },
)
SLUG = Task(
    "slug",
    "Add `make(title, limit=40)` to slug.py. Words are in small letters and joined by `-`: `Big News!` is `big-news`. The result "
    "must never be longer than `limit`. It must never end in `-`, also where it was cut. A title without letters or digits gives "
    "`untitled`.",
    "import re\n\n\ndef make(title, limit=40):\n    words = re.findall('[a-z0-9]+', title.lower())\n"
    "    return '-'.join(words)[:limit].rstrip('-') or 'untitled'\n",
    "import re\n\n\ndef make(title, limit=40):\n    words = re.findall('[a-z0-9]+', title.lower())\n"
    "    return '-'.join(words)[:limit]\n",
    ("S4", "S5"),
    {
        "S1": "assert make('a', limit=3) == 'a'",
        "S2": "assert make('Big News!') == 'big-news'\n    assert '-' in make('Big News!')",
        "S3": "assert len(make('a' * 99)) == 40\n    assert make('abcd', limit=2) == 'ab'",
        "S4": "assert make('ab cd', limit=3) == 'ab'\n    assert not make('ab cd', limit=3).endswith('-')",
        "S5": "assert make('?!') == 'untitled'",
    },
    {
        "S1 S2": "assert make('Big News!') == 'big-news'",
        "S3 S4": "assert len(make('a' * 99, limit=40)) == 40\n    assert not make('Big News!').endswith('-')",
        "S5": "assert make('A') == 'a'",
    },
)
TOTALS = Task(
    "totals",
    "Add `by(rows, key)` to totals.py: it sums the field `amount` of each row (a dict) by the value of `key`, as a list of pairs. "
    "The largest total comes first. Where totals are the same, names decide, in the order of the alphabet. Rows without the key "
    "are counted under `other`. An amount that is no number must raise `ValueError` with the row's number, from 1.",
    "def by(rows, key):\n    sums = {}\n    for number, row in enumerate(rows, 1):\n        try:\n"
    "            amount = float(row['amount'])\n        except ValueError:\n            raise ValueError(f'row {number}') from None\n"
    "        name = row.get(key, 'other')\n        sums[name] = sums.get(name, 0) + amount\n"
    "    return sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))\n",
    "def by(rows, key):\n    sums = {}\n    for number, row in enumerate(rows):\n        try:\n"
    "            amount = float(row['amount'])\n        except ValueError:\n            raise ValueError(f'row {number}') from None\n"
    "        name = row.get(key, 'other')\n        sums[name] = sums.get(name, 0) + amount\n"
    "    return sorted(sums.items(), key=lambda pair: pair[1], reverse=True)\n",
    ("S3", "S5"),
    {
        "S1": "assert by([{'amount': 1, 'key': 'a'}, {'amount': 2, 'key': 'a'}], 'key') == [('a', 3)]",
        "S2": "assert by([{'amount': 1, 'k': 'a'}, {'amount': 2, 'k': 'b'}], 'k') == [('b', 2), ('a', 1)]",
        "S3": "assert by([{'amount': 1, 'k': 'b'}, {'amount': 1, 'k': 'a'}], 'k') == [('a', 1), ('b', 1)]",
        "S4": "assert by([{'amount': 1}], 'k') == [('other', 1)]",
        "S5": "with pytest.raises(ValueError, match='row 1'):\n        by([{'amount': 'x'}], 'k')",
    },
    {
        "S1 S2": "assert by([{'amount': 1, 'key': 'a'}, {'amount': 2, 'key': 'b'}], 'key') == [('b', 2), ('a', 1)]",
        "S3 S4": "assert by([{'amount': 1}], 'k') == [('other', 1)]",
        "S5": "with pytest.raises(ValueError):\n        by([{'amount': 1}, {'amount': 'x'}], 'k')",
    },
)
RETRY = Task(
    "retry",
    "Add `call(f, times=3, on_retry=None)` to retry.py: it calls `f` until it returns, at most `times` times, and returns its "
    "value. The last failure is raised. Only `OSError` is tried again; any other exception goes through at once. With `times` "
    "below 1 it must raise `ValueError`. `on_retry` is called with the number of the attempt that failed, from 1, but never "
    "after the last one.",
    "def call(f, times=3, on_retry=None):\n    if times < 1:\n        raise ValueError(times)\n"
    "    for attempt in range(1, times + 1):\n        try:\n            return f()\n        except OSError:\n"
    "            if attempt == times:\n                raise\n            if on_retry:\n                on_retry(attempt)\n",
    "def call(f, times=3, on_retry=None):\n    if times < 1:\n        raise ValueError(times)\n"
    "    for attempt in range(1, times + 1):\n        try:\n            return f()\n        except Exception as error:\n"
    "            failed = error\n            if on_retry:\n                on_retry(attempt)\n    raise failed\n",
    ("S4", "S6"),
    {
        "S1": "tries = iter([OSError(), 5])\n    assert call(lambda: value(next(tries)), times=2) == 5",
        "S2": "with pytest.raises(OSError, match='2'):\n        tries = iter([OSError(1), OSError(2)])\n        call(lambda: value(next(tries)), times=2)",
        "S3": "tries = iter([OSError(), 5])\n    assert call(lambda: value(next(tries))) == 5",
        "S4": "tries = iter([KeyError(), OSError()])\n    with pytest.raises(KeyError):\n        call(lambda: value(next(tries)))",
        "S5": "with pytest.raises(ValueError):\n        call(lambda: 1, times=0)\n    assert call(lambda: 1, times=1) == 1",
        "S6": "seen = []\n    with pytest.raises(OSError):\n        call(lambda: value(OSError()), 3, on_retry=seen.append)\n    assert seen == [1, 2]",
    },
    {
        "S1 S2": "tries = iter([OSError(), 5])\n    assert call(lambda: value(next(tries)), times=2) == 5",
        "S3 S4": "tries = iter([OSError(), OSError(), 5])\n    assert call(lambda: value(next(tries))) == 5",
        "S5": "with pytest.raises(ValueError):\n        call(lambda: 1, times=0)",
        "S6": "seen = []\n    tries = iter([OSError(), 5])\n    call(lambda: value(next(tries)), on_retry=seen.append)\n    assert seen == [1]",
    },
)
CACHE = Task(
    "cache",
    "Add a class `Cache(size)` to cache.py with `put(key, value)` and `get(key)`; of an unknown key `get` gives `None`. Where it is "
    "full, the entry that was used least recently is dropped. Both `get` and `put` count as use. A `put` of a key that is there "
    "must not drop another one. With `size` 0 nothing is kept.",
    "from collections import OrderedDict\n\n\nclass Cache:\n    def __init__(self, size):\n        self.size, self.kept = size, OrderedDict()\n\n"
    "    def put(self, key, value):\n        self.kept[key] = value\n        self.kept.move_to_end(key)\n"
    "        if len(self.kept) > self.size:\n            self.kept.popitem(last=False)\n\n"
    "    def get(self, key):\n        if key in self.kept:\n            self.kept.move_to_end(key)\n        return self.kept.get(key)\n",
    "class Cache:\n    def __init__(self, size):\n        self.size, self.kept = size, {}\n\n"
    "    def put(self, key, value):\n        if len(self.kept) >= self.size:\n            del self.kept[next(iter(self.kept))]\n"
    "        self.kept[key] = value\n\n    def get(self, key):\n        return self.kept.get(key)\n",
    ("S4", "S5", "S6"),
    {
        "S1": "cache = Cache(size=1)\n    cache.put('key', 'value')\n    assert cache.get('key') == 'value'\n    assert cache.get('x') is None",
        "S2": "assert Cache(1).get('x') is None",
        "S3": "cache = Cache(2)\n    for key in 'abc':\n        cache.put(key, key)\n    assert (cache.get('a'), cache.get('b')) == (None, 'b')",
        "S4": "cache = Cache(2)\n    cache.put('a', 1)\n    cache.put('b', 2)\n    cache.get('a')\n    cache.put('c', 3)\n    assert (cache.get('a'), cache.get('b')) == (1, None)\n    cache.get('c')\n    cache.put('a', 5)\n    cache.put('d', 6)\n    assert (cache.get('c'), cache.get('a')) == (None, 5)",
        "S5": "cache = Cache(2)\n    cache.put('a', 1)\n    cache.put('b', 2)\n    cache.put('b', 3)\n    assert (cache.get('a'), cache.get('b')) == (1, 3)",
        "S6": "cache = Cache(size=0)\n    cache.put('a', 1)\n    assert cache.get('a') is None",
    },
    {
        "S1 S2": "assert Cache(1).get('x') is None\n    cache = Cache(1)\n    cache.put('a', 1)\n    assert cache.get('a') == 1",
        "S3 S4": "cache = Cache(2)\n    for key in 'abc':\n        cache.put(key, key)\n    assert (cache.get('a'), cache.get('b')) == (None, 'b')",
        "S5": "cache = Cache(2)\n    cache.put('a', 1)\n    cache.put('a', 2)\n    assert cache.get('a') == 2",
        "S6": "cache = Cache(size=1)\n    cache.put('a', 1)\n    assert cache.get('a') == 1",
    },
)
TASKS = (DURATION, SLUG, TOTALS, RETRY, CACHE)
NAMES = {"duration": "parse", "slug": "make", "totals": "by", "retry": "call", "cache": "Cache"}
HELP = "\n\ndef value(each):\n    if isinstance(each, Exception):\n        raise each\n    return each\n"


def reply(key: str, *calls: tuple[str, dict], text: str = "") -> str:
    made = [{"id": f"c{n}", "name": name, "arguments": given} for n, (name, given) in enumerate(calls)]
    return json.dumps(
        {"key": key} | ({"tool_calls": made} if made else {}) | ({"text": text} if text else {})
    )


def test_file(task: Task, tests: dict[str, str]) -> str:
    own = f"    from {task.module} import {NAMES[task.module]}\n\n"
    bodies = [
        f"\n\ndef test_{ids.lower().replace(' ', '_')}():\n{own}    {body}\n" for ids, body in tests.items()
    ]
    return "import pytest\n" + (HELP if task.module == "retry" else "") + "".join(bodies)


def recording(task: Task, *, hurried: bool) -> str:
    """The model's replies for one round; what is sent back once is handed in again as it was."""
    tests = task.happy if hurried else task.tests
    words = {each.id: each.text for each in statements_of(task.instruction)}
    criteria = [
        {"text": " ".join(words[s] for s in ids.split()), "kind": "new", "statements": ids.split()}
        for ids in tests
    ]
    asked = (
        "submit_requirements",
        {"summary": f"Add {NAMES[task.module]} to {task.module}.py", "criteria": criteria},
    )
    met = [{"statement": s, "met": True, "place": f"{task.module}.py:1", "tried": "fine"} for s in words]
    path = f"tests/test_{task.module}.py"
    named = [
        {"test": f"{path}::test_{ids.lower().replace(' ', '_')}", "criteria": [f"AC-{n}"]}
        for n, ids in enumerate(tests, 1)
    ]
    code = task.hurried if hurried else task.right
    submit = ("submit_tests", {"tests": named})
    return "\n".join(
        [
            *(reply(f"analyze/1/analyst/{n}", asked) for n in (0, 1)),
            reply("generate/1/coder/0", ("write", {"path": f"{task.module}.py", "content": code})),
            reply("generate/1/coder/1", text="Done."),
            *(reply(f"validate/1/reviewer/{n}", ("submit_review", {"demands": met})) for n in (0, 1)),
            reply(
                "write_tests/1/test_author/0", ("write", {"path": path, "content": test_file(task, tests)})
            ),
            *(reply(f"write_tests/1/test_author/{n}", submit) for n in (1, 2)),
        ]
    )


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True)


def hidden_failures(folder: Path, task: Task, code: str) -> list[str]:
    """Statements that hidden tests show to be broken: those of the right model, which the hurried one never sees."""
    folder.mkdir()
    (folder / f"{task.module}.py").write_text(code)
    (folder / "test_hidden.py").write_text(test_file(task, task.tests))
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--tb=no",
        "-rf",
        "test_hidden.py",
    ]
    out = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False).stdout
    return sorted(
        s for s in task.tests if f"::test_{s.lower()} " in out + " " or f"::test_{s.lower()}\n" in out
    )


def judged(folder: Path, home: Path, task: Task, *, hurried: bool) -> dict:
    root = folder / f"{task.module}-{hurried}"
    (root / "tests").mkdir(parents=True)
    git(root, "init", "-q")
    (root / f"{task.module}.py").write_text(f'"""{task.module}."""\n')
    (root / "conftest.py").write_text("")
    (root / "tests" / "test_old.py").write_text(
        f"import {task.module}\n\n\ndef test_old():\n    assert {task.module}\n"
    )
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Start")
    played = folder / f"{root.name}.jsonl"
    played.write_text(recording(task, hurried=hurried))
    argv = [
        sys.executable,
        "-m",
        "vulcan",
        "run",
        task.instruction,
        "--yes",
        "--rounds",
        "1",
        "--repo",
        str(root),
    ]
    variables = os.environ | {"VULCAN_HOME": str(home), "NO_COLOR": "1"}
    done = subprocess.run(
        [*argv, "--model", f"recorded:{played}"], capture_output=True, text=True, check=False, env=variables
    )
    shown = subprocess.run(
        [sys.executable, "-m", "vulcan", "show", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env=variables,
    )
    verdict = json.loads(shown.stdout)["verdict"]
    if verdict is None:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-500:])
    return verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    named = broken = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        home = given.home or folder / "home"
        home.mkdir(exist_ok=True)
        for task in TASKS:
            for hurried in (False, True):
                failing = hidden_failures(
                    folder / f"hidden-{task.module}-{hurried}", task, task.hurried if hurried else task.right
                )
                assert failing == sorted(task.broken if hurried else ()), (task.module, hurried, failing)
                verdict = judged(folder, home, task, hurried=hurried)
                failed = [gate["gate"] for gate in verdict["gates"] if not gate["passed"]]
                before = "PROVEN" if not BEFORE & set(failed) else "not proven"
                now = "PROVEN" if verdict["proven"] else "not proven: " + ", ".join(failed)
                hidden = [d["statement"] for d in verdict["demands"] if d.get("missing")]
                who = "hurried" if hurried else "right"
                print(
                    f"{task.module:9} {who:8} before: {before:11} now: {now}; not shown: {', '.join(hidden) or '-'}"
                )
                if hurried:
                    broken += len(task.broken)
                    named += len(set(task.broken) & set(hidden))
    print(f"broken demands that the gate demands names: {named} of {broken}")


if __name__ == "__main__":
    main()
