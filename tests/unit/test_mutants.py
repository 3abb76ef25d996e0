"""Mutants of source, and their code in functions that live already."""

from __future__ import annotations

import ast
import types
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulcan.infrastructure import testing

INSIDE = Path(next(iter(testing.__path__))) / "inside"


def load(name: str) -> Any:
    spec = util.spec_from_file_location(name, INSIDE / f"{name}.py")
    assert spec
    assert spec.loader
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


mutants, swap = load("vulcan_mutants"), load("vulcan_swap")


def made(source: str, *lines: int) -> list[tuple[int, str, str, str]]:
    numbers = lines or range(1, source.count("\n") + 2)
    return [(m.line, m.operator, m.before, m.after) for m in mutants.mutants(source.encode(), numbers)]


def changes(source: str) -> list[str]:
    return [f"{before} -> {after}" for _, _, before, after in made(source)]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("return a < b", ["a < b -> None", "a < b -> a <= b"]),
        ("return True", ["True -> False"]),
        ("return None", []),
        ("return", ["return -> pass"]),
        ("a.save()", ["a.save() -> pass"]),
        ("await a()", ["await a() -> pass"]),
        ("x = a + b", ["a + b -> a - b"]),
        ("x = 'a' + b", ["'a' -> ''"]),
        ("x = f'{a + 1}'", []),
        ("a.x = b", ["a.x = b -> pass"]),
        ("a[b] = c", ["a[b] = c -> pass"]),
        ("a += b", ["a += b -> pass"]),
        ("raise ValueError(a)", ["raise ValueError(a) -> pass"]),
        ("x = f(a, n=b)", ["f(a, n=b) -> f(a)"]),
        ("x = f(help=b)", []),
        ("x = a if b else c", ["b -> not b"]),
        ("x = not a", ["not a -> a"]),
        ("x = -a", ["-a -> a"]),
        ("x = a and b", ["a and b -> a or b"]),
        ("x = 1", ["1 -> 2"]),
        ("x = ''", ["'' -> 'mutant'"]),
        ("x: int | None = b", []),
        ("logger.info(a, n=1)", []),
        ("self.log.info('a')", []),
        ("warnings.warn('a')", []),
        ("assert a > 1", []),
        ("x = cast('T', a)", []),
        ("print('hello')", ["print('hello') -> pass"]),
        ("if a == b:\n        pass", ["a == b -> not a == b"]),
        ("if not a:\n        pass", ["not a -> not not a"]),
        ("while a < b < c:\n        break", ["a < b < c -> not a < b < c", "a < b < c -> a <= b < c"]),
        ("if a: # pragma: no cover\n        b = not a", ["not a -> a"]),
        ("try:\n        a = b\n    except OSError:\n        a = c", ["a = c -> raise"]),
        ("try:\n        a = b\n    except OSError:\n        raise", ["raise -> pass"]),
        ("x = [a for a in b if a]", ["a -> not a"]),
        ("import a", []),
    ],
)
def test_what_is_made_of_a_statement(statement: str, expected: list[str]) -> None:
    found = changes(f"async def f():\n    {statement}\n")
    assert set(expected) <= set(found)
    assert expected or not found


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("[1, 2, 3, 4, 5, a + b]", ["1 -> 2", "a + b -> a - b"]),
        ("{'a': 1, 'b': 2, 'c': 3}", ["'a' -> ''"]),
        ("(1, 2)", ["1 -> 2", "2 -> 3"]),
    ],
)
def test_of_a_table_of_constants_the_first_stands_for_all(table: str, expected: list[str]) -> None:
    assert changes(f"x = {table}\n") == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""Docs 1."""\n__version__ = "1"\n__all__ = ["a"]\n',
        'def f(a: "int" = None) -> "str":\n    """Docs."""\n',
        "class A:\n    def __repr__(self):\n        return 'A' + 1\n",
        "if TYPE_CHECKING:\n    x = 1\n",
        "if __name__ == '__main__':\n    main()\n",
        "@app.route('/x', methods=['GET'])\ndef f():\n    pass\n",
    ],
)
def test_what_no_test_is_asked_to_notice_has_no_mutants(source: str) -> None:
    assert made(source) == []


def test_only_changed_lines_have_mutants() -> None:
    source = "def f(a):\n    a += 1\n    a -= 2\n    return a\n"
    assert {line for line, *_ in made(source, 3)} == {3}


def test_what_runs_at_import_is_told_from_what_runs_when_called() -> None:
    source = b"LIMIT = 5\n\n\nclass A:\n    size = 3\n\n    def f(self, n=1):\n        return n + 7\n"
    hot = {m.before: m.hot for m in mutants.mutants(source, range(1, 9))}
    assert hot == {"5": False, "3": False, "1": False, "n + 7": True, "7": True}


SOURCES = sorted(Path(ast.__file__).parent.glob("*.py"))[::4]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_each_mutant_of_the_standard_library_is_a_program_of_as_many_lines(path: Path) -> None:
    source = path.read_bytes()
    rows = range(1, source.count(b"\n") + 2, 37)
    for mutant in mutants.mutants(source, rows):
        changed = mutant.in_source(source)
        assert changed.count(b"\n") == source.count(b"\n")
        ast.parse(changed)


@given(st.text(alphabet="äöü€𝄞\n'\"", max_size=20))
def test_what_stands_before_it_in_other_alphabets_does_not_shift_a_mutant(text: str) -> None:
    source = f"x = {text!r}; y = a + b\n"
    (found,) = [m for m in mutants.mutants(source.encode(), [1]) if m.operator == "arithmetic"]
    assert found.in_source(source.encode()).decode() == f"x = {text!r}; y = (a - b)\n"


# --------------------------------------------------------------------------------------- swapping code

LIVE = """\
from __future__ import annotations

import functools


def wraps(f):
    @functools.wraps(f)
    def inner(*args: int):
        return f(*args)
    return inner


@wraps
def double(n: int) -> int:
    return n * 2


class Box:
    @staticmethod
    def half(n):
        return n / 2

    @property
    def size(self):
        return (lambda: 3)()


def adder(n):
    def add(m):
        return n + m
    return add


add_one = adder(1)
"""


def live(tmp_path: Path) -> tuple[Any, types.ModuleType]:
    path = tmp_path / "live.py"
    path.write_text(LIVE)
    project = types.ModuleType("live")
    exec(compile(LIVE, str(path), "exec"), project.__dict__)  # noqa: S102 - it is text of this file
    module = swap.Module(str(path), LIVE.encode())
    swap.find_live([module])
    return module, project


def put(module: Any, before: str) -> None:
    (found,) = [
        m for m in mutants.mutants(LIVE.encode(), range(1, 40)) if m.before == before and m.after != "None"
    ]
    module.swap(module.compiled(found.block, found.in_source(LIVE.encode())))


def test_code_gets_into_decorated_functions_methods_and_closures_that_live(tmp_path: Path) -> None:
    module, project = live(tmp_path)
    half, add_one = project.Box.half, project.add_one
    assert (project.double(4), half(4), project.Box().size, add_one(4)) == (8, 2, 3, 5)
    put(module, "n * 2")
    assert project.double(4) == 2
    put(module, "n / 2")
    assert half(4) == 8
    put(module, "3")
    assert (half(4), project.Box().size) == (2, 4), "one mutant at a time"
    put(module, "n + m")
    assert add_one(4) == -3
    assert project.adder(1)(4) == -3, "and into closures that are made later"


def test_probes_say_which_statements_ran(tmp_path: Path) -> None:
    module, project = live(tmp_path)
    reached: set[tuple[str, int]] = set()
    swap.probe_into(reached)
    module.swap(module.probed(range(1, 40)))
    assert project.double(4) == 8
    assert {line for _, line in reached} == {9, 15}


def test_a_closure_that_does_not_fit_is_said(tmp_path: Path) -> None:
    module, _ = live(tmp_path)
    other = LIVE.replace("return n + m", "return m + m").encode()
    with pytest.raises(swap.NotSwappable):
        module.swap(module.compiled((28, 31), other))


@pytest.mark.parametrize(
    ("before", "after", "at_import"),
    [
        ("return n / 2", "return n * 2", False),
        ("return (lambda: 3)()", "return (lambda: 4)()", False),
        ("def half(n):", "def half(n=1):", True),
        ("@staticmethod", "@classmethod", True),
    ],
)
def test_what_differs_at_import_is_known(tmp_path: Path, before: str, after: str, at_import: bool) -> None:
    module, _ = live(tmp_path)
    block = (18, 25)
    one, other = module.compiled(block), module.compiled(block, LIVE.replace(before, after).encode())
    assert swap.runs_at_import(one, other) is at_import
    assert not swap.is_same(one, other)


def test_the_same_code_in_other_words_is_the_same(tmp_path: Path) -> None:
    module, _ = live(tmp_path)
    block = (13, 15)
    other = LIVE.replace("return n * 2", "return (n * (1 + 1))").encode()
    assert swap.is_same(module.compiled(block), module.compiled(block, other))
