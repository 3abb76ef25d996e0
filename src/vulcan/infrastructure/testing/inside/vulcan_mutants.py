"""Mutants of changed lines: small changes of a program, each of which some test should notice.

A mutant replaces one span of the source, so that all lines keep their numbers. The operators are those of mutation
testing tools (mutmut, cosmic-ray, PIT); left out is what rarely says anything: annotations, decorators, docstrings,
`__repr__`, logging, texts of errors and of help, blocks that run for type checkers or as a program only.
"""

import ast

REMOVED = "statement removed"
RETURNED = "return value"
NEGATED = "condition negated"
UNHANDLED = "handler removed"
COMPARED = "comparison"
JOINED = "boolean operator"
COUNTED = "arithmetic"
CONSTANT = "constant"
KEYWORD = "keyword argument removed"

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
NEGATABLE = (ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Is, ast.IsNot)
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
UNTOUCHED = ("__repr__", "__all__", "__version__", "__author__", "__slots__")
TALKING = ("log", "logger", "logging", "warnings", "_log", "_logger", "LOG", "LOGGER")
TEXTS = ("help", "description", "epilog", "msg", "message", "doc", "title", "metavar")
MOST_CONSTANTS = 4
PRAGMA = "pragma: no cover"


class Mutant:
    """One span of bytes and what stands in its place; `line` is where it begins.

    `statement` is the line of the statement around it, `hot` whether that runs when a function is called, rather than
    at import, and `block` the lines of the top-level statement around both.
    """

    def __init__(self, operator, node, start, end, text, statement, hot, block):
        self.operator, self.start, self.end, self.text = operator, start, end, text
        self.line, self.statement, self.hot, self.block = node.lineno, statement, hot, block
        self.before = self.after = ""

    def in_source(self, source):
        """The whole source with the mutant in it; as many lines as before."""
        missing = source.count(b"\n", self.start, self.end) - self.text.count("\n")
        text = self.text
        if missing > 0:
            text = text[:-1] + "\n" * missing + ")" if text.endswith(")") else text + "\n" * missing
        return source[: self.start] + text.encode() + source[self.end :]


def mutants(source, lines):
    """All mutants of what begins on one of `lines`, in the order of the source."""
    finder = _Finder(source, set(lines))
    for statement in _after_docstring(ast.parse(source).body):
        finder.block = (_first_line(statement), statement.end_lineno)
        finder.visit_statement(statement, False)
    return sorted(finder.found, key=lambda mutant: (mutant.line, mutant.start))


def _first_line(statement):
    return min([statement.lineno] + [d.lineno for d in getattr(statement, "decorator_list", ())])


def _names(node):
    """The names of `a.b.c`, or of a call of it; empty for anything else."""
    names = []
    while isinstance(node, (ast.Attribute, ast.Call)):
        if isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        else:
            node = node.func
    return names[::-1] if not isinstance(node, ast.Name) else [node.id, *names[::-1]]


def _is_talk(node):
    """Whether a call logs or warns."""
    names = _names(node)
    return bool(set(names[:-1]) & set(TALKING)) or names[-2:-1] in ([n] for n in TALKING)


def _is_text(node):
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


class _Finder:
    def __init__(self, source, lines):
        self.source, self.lines, self.found = source, lines, []
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        rows = source.splitlines()
        self.lines -= {number for number, row in enumerate(rows, 1) if PRAGMA.encode() in row}
        self.block = (0, 0)
        self.statement, self.hot = 0, False

    # ------------------------------------------------------------------------------------- positions

    def _span(self, node):
        start = self.starts[node.lineno - 1] + node.col_offset
        return start, self.starts[node.end_lineno - 1] + node.end_col_offset

    def add(self, operator, node, text, last=None, header=0):
        """A mutant of a node, or of all nodes up to the last of a body under a changed header."""
        if node.lineno not in self.lines and header not in self.lines:
            return
        start, end = self._span(node)
        if last is not None:
            end = self._span(last)[1]
        mutant = Mutant(operator, node, start, end, text, self.statement, self.hot, self.block)
        mutant.before = self.source[start:end].decode("utf-8", "replace")
        mutant.after = text
        self.found.append(mutant)

    def swap(self, operator, node, new):
        """An expression in place of another."""
        text = ast.unparse(ast.fix_missing_locations(new))
        if node.lineno in self.lines:
            self.add(operator, node, "(%s)" % text)
            self.found[-1].after = text

    # ------------------------------------------------------------------------------------ statements

    def visit_body(self, body, hot):
        for statement in body:
            self.visit_statement(statement, hot)

    def visit_statement(self, node, hot):
        if self._is_left_out(node):
            return
        self.statement, self.hot = node.lineno, hot
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
                self.visit(default)
            self.visit_body(_after_docstring(node.body), True)
            return
        if isinstance(node, ast.ClassDef):
            self.visit_body(_after_docstring(node.body), hot)
            return
        self.remove(node)
        self.parts(node)
        for field in ("body", "orelse", "finalbody"):
            self.visit_body(getattr(node, field, ()), hot)
        for handler in getattr(node, "handlers", ()):
            self.handler(handler, hot)
        for case in getattr(node, "cases", ()):
            self.statement, self.hot = node.lineno, hot
            self.condition(case.guard) if case.guard else None
            self.visit_body(case.body, hot)

    def _is_left_out(self, node):
        """What no test is asked to notice."""
        if getattr(node, "name", "") in UNTOUCHED or isinstance(node, (ast.Import, ast.ImportFrom)):
            return True
        targets = [*getattr(node, "targets", ()), getattr(node, "target", None)]
        if any(getattr(target, "id", "") in UNTOUCHED for target in targets):
            return True
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _is_talk(node.value):
            return True
        if isinstance(node, ast.If):
            told = ast.dump(node.test)
            return "TYPE_CHECKING" in told or "'__main__'" in told
        return isinstance(node, ast.Assert)

    def remove(self, node):
        """A statement whose effects nothing would miss."""
        places = (ast.Attribute, ast.Subscript)
        if (
            isinstance(node, (ast.Raise, ast.Delete, ast.AugAssign, ast.Continue, ast.Break))
            or (isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Await)))
            or (isinstance(node, ast.Assign) and all(isinstance(t, places) for t in node.targets))
            or (isinstance(node, ast.Return) and node.value is None)
        ):
            self.add(REMOVED, node, "pass")

    def handler(self, node, hot):
        first = node.body[0]
        self.statement, self.hot = first.lineno, hot
        if not isinstance(first, ast.Raise):
            self.add(UNHANDLED, first, "raise", node.body[-1], node.lineno)
        self.visit_body(node.body, hot)

    def parts(self, node):
        """The expressions of a statement itself, without those of the statements in it."""
        if isinstance(node, ast.Return):
            self.returned(node)
        elif isinstance(node, (ast.If, ast.While)):
            self.condition(node.test)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self.visit(node.iter)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                self.visit(item.context_expr)
        elif isinstance(node, ast.AugAssign):
            self.visit(node.value)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr, ast.Delete)):
            for part in [
                *getattr(node, "targets", ()),
                getattr(node, "target", None),
                getattr(node, "value", None),
            ]:
                self.visit(part)
        elif isinstance(node, getattr(ast, "Match", ())):
            self.visit(node.subject)

    def returned(self, node):
        value = node.value
        if value is None:
            return
        if isinstance(value, ast.Constant) and isinstance(value.value, bool):
            self.add(RETURNED, value, str(not value.value))
        elif isinstance(value, ast.Constant) and value.value is None:
            return
        else:
            self.swap(RETURNED, value, ast.Constant(None))
            self.visit(value)

    def condition(self, test):
        """A condition as a whole, then what is in it, but for what would be the same again."""
        self.swap(NEGATED, test, ast.UnaryOp(ast.Not(), test))
        while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test = test.operand
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], NEGATABLE):
            self.children(test)
        else:
            self.visit(test)

    # ----------------------------------------------------------------------------------- expressions

    def children(self, node):
        for child in ast.iter_child_nodes(node):
            self.visit(child)

    def visit(self, node):
        if node is None or isinstance(node, (ast.JoinedStr, ast.expr_context)):
            return
        method = getattr(self, "visit_" + type(node).__name__, None)
        if method:
            method(node)
        else:
            self.children(node)

    def visit_Compare(self, node):
        if len(node.ops) == 1:
            new = ast.Compare(node.left, [COMPARISONS[type(node.ops[0])]()], node.comparators)
            self.swap(COMPARED, node, new)
        else:
            for index, op in enumerate(node.ops):
                ops = [*node.ops[:index], COMPARISONS[type(op)](), *node.ops[index + 1 :]]
                self.swap(COMPARED, node, ast.Compare(node.left, ops, node.comparators))
        self.children(node)

    def visit_BoolOp(self, node):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        self.swap(JOINED, node, ast.BoolOp(other, node.values))
        self.children(node)

    def visit_UnaryOp(self, node):
        if isinstance(node.op, (ast.Not, ast.USub)) and not isinstance(node.operand, ast.Constant):
            self.swap(NEGATED if isinstance(node.op, ast.Not) else COUNTED, node, node.operand)
        self.children(node)

    def visit_BinOp(self, node):
        texts = _is_text(node.left) or _is_text(node.right)
        if type(node.op) in ARITHMETIC and not texts:
            self.swap(COUNTED, node, ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right))
        self.children(node)

    def visit_IfExp(self, node):
        self.condition(node.test)
        self.visit(node.body)
        self.visit(node.orelse)

    def visit_comprehension(self, node):
        self.visit(node.iter)
        for test in node.ifs:
            self.condition(test)

    def visit_Call(self, node):
        names = _names(node.func)
        if _is_talk(node) or names[-1:] in (["cast"], ["TypeVar"], ["NewType"], ["getLogger"]):
            return
        for keyword in node.keywords:
            if keyword.arg and keyword.arg not in TEXTS:
                rest = [k for k in node.keywords if k is not keyword]
                self.swap(KEYWORD, node, ast.Call(node.func, node.args, rest))
        self.visit(node.func)
        for argument in node.args:
            if not (names[-1:] == ["print"] and _is_text(argument)):
                self.visit(argument)
        for keyword in node.keywords:
            if keyword.arg not in TEXTS:
                self.visit(keyword.value)

    def visit_Constant(self, node):
        value = node.value
        if isinstance(value, bool):
            self.add(CONSTANT, node, str(not value))
        elif isinstance(value, (int, float)):
            self.swap(CONSTANT, node, ast.Constant(value + 1))
        elif isinstance(value, (str, bytes)):
            self.swap(CONSTANT, node, ast.Constant(type(value)() if value else _TEXT[type(value)]))

    def visit_display(self, node):
        """Of many constants in a row, a table of data, the first one stands for all."""
        parts = list(filter(None, ast.iter_child_nodes(node)))
        constants = [part for part in parts if isinstance(part, ast.Constant)]
        left_out = constants[1:] if len(constants) > MOST_CONSTANTS else []
        for part in parts:
            if part not in left_out:
                self.visit(part)

    visit_List = visit_Tuple = visit_Set = visit_Dict = visit_display

    def visit_Lambda(self, node):
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(default)
        self.visit(node.body)


_TEXT = {str: "mutant", bytes: b"mutant"}


def _after_docstring(body):
    first = body[0] if body else None
    is_text = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return body[1:] if is_text else body
