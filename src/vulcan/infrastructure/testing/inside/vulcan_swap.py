"""Puts other code into functions that live already: mutants, and probes that say which statements ran.

Only the top-level statement around a mutant is compiled, with its lines where they were. Functions are found among all
live objects by name and first line, so that names bound elsewhere and decorated functions are reached, too.
"""

import __future__

import ast
import builtins
import gc
import os
import types

FUNCTION = 0x1 | 0x2  # CO_OPTIMIZED | CO_NEWLOCALS: not the body of a module or class
REACHED = "__vulcan_reached__"
ADDRESS = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags", "co_argcount")


_NOTING = """
def __vulcan_reached__(path, line, _seen=set()):
    if line not in _seen:
        import os
        _seen.add(line)
        noted = os.open(%s, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        os.write(noted, ("%%d %%s\\n" %% (line, path)).encode())
        os.close(noted)
"""


class NotSwappable(Exception):
    """The live function can't take the code: its closure would not fit."""


class Module:
    """One source file, and the functions of it that live."""

    def __init__(self, path, source):
        self.path, self.source = path, source
        self.lines = source.splitlines(keepends=True)
        self.flags = _future_flags(ast.parse(source))
        self.live = {}

    def compiled(self, block, source=None):
        """The code of a top-level statement; `block` is its first and last line."""
        lines = self.lines if source is None else source.splitlines(keepends=True)
        text = b"\n" * (block[0] - 1) + b"".join(lines[block[0] - 1 : block[1]])
        return compile(text, self.path, "exec", flags=self.flags, dont_inherit=True)

    def probed(self, lines):
        """The code of the whole file with a probe before each statement that begins on one of `lines`."""
        tree = ast.parse(self.source)
        _Probes(self.path, set(lines)).visit(tree)
        return compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)

    def probed_source(self, lines, file):
        """Source of the whole file that notes in a file which of its statements ran, for processes that tests start."""
        tree = ast.parse(self.source)
        _Probes(self.path, set(lines)).visit(tree)
        places = [
            n for n, s in enumerate(tree.body) if isinstance(s, ast.ImportFrom) and s.module == "__future__"
        ]
        docstring = int(bool(tree.body) and ast.get_docstring(tree, clean=False) is not None)
        at = max([docstring, *(n + 1 for n in places)])
        tree.body[at:at] = ast.parse(_NOTING % repr(file)).body
        return ast.unparse(ast.fix_missing_locations(tree)).encode()

    def swap(self, code):
        """Give live functions their code of a compiled block."""
        for key, new in functions(code).items():
            for function in self.live.get(key, ()):
                if _shape(function.__code__) != _shape(new):
                    try:
                        function.__code__ = new
                    except ValueError as error:
                        raise NotSwappable(str(error)) from None


def find_live(modules):
    """Fill in which functions of the modules live; before `gc.freeze`, which hides them."""
    by_path = {os.path.abspath(module.path): module for module in modules}
    for thing in gc.get_objects():
        if type(thing) is types.FunctionType:
            code = thing.__code__
            module = by_path.get(code.co_filename) or by_path.get(os.path.abspath(code.co_filename))
            if module:
                module.live.setdefault(_key(code), []).append(thing)


def probe_into(reached):
    """Let probes add what they reach to a set of (path, line)."""
    setattr(builtins, REACHED, lambda path, line: reached.add((path, line)))


def functions(code):
    """Codes of functions in a compiled block, by name and first line."""
    found = {}
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            if const.co_flags & FUNCTION == FUNCTION:
                found[_key(const)] = const
            found.update(functions(const))
    return found


def is_same(one, other):
    """Whether two compiled blocks do the same, whatever their columns."""
    return _shape(one) == _shape(other)


def runs_at_import(one, other):
    """Whether two compiled blocks differ in what runs when the module is imported: its body, classes, defaults."""
    if _own(one) != _own(other):
        return True
    inner = zip(_bodies(one), _bodies(other))
    return any(runs_at_import(a, b) for a, b in inner if a.co_flags & FUNCTION != FUNCTION)


def _bodies(code):
    return [const for const in code.co_consts if isinstance(const, types.CodeType)]


def _own(code):
    """What makes up a code, without the codes in it."""
    consts = [(type(c).__name__, repr(c)) for c in code.co_consts if not isinstance(c, types.CodeType)]
    return [getattr(code, name) for name in ADDRESS] + [getattr(code, "co_exceptiontable", b""), consts]


def _shape(code):
    return [*_own(code), [_shape(body) for body in _bodies(code)]]


def _key(code):
    return getattr(code, "co_qualname", code.co_name), code.co_firstlineno


def _future_flags(tree):
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    return flags


class _Probes(ast.NodeTransformer):
    def __init__(self, path, lines):
        self.path, self.lines = path, lines

    def generic_visit(self, node):
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                setattr(node, field, self._with_probes(body))
        return node

    def _with_probes(self, body):
        new = []
        for index, statement in enumerate(body):
            text = (
                index == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            )
            future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
            if statement.lineno in self.lines and not text and not future:
                new.append(ast.copy_location(self._probe(statement.lineno), statement))
            new.append(statement)
        return new

    def _probe(self, line):
        arguments = [ast.Constant(self.path), ast.Constant(line)]
        return ast.Expr(ast.Call(ast.Name(REACHED, ast.Load()), arguments, []))
