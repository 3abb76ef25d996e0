"""Reads Python source inside a box and answers in JSON.

Usage: vulcan_inspect.py JSON, where JSON is {"do": "interface" | "functions" | "values" | "tests" | "empty", "base": folder,
"head": folder, "paths": [...], "functions": [...]}.
"""

import ast
import json
import os
import re
import sys

SIGNATURES = 6000
DOCSTRING = 300
REST = 1200


def parse(root, path):
    try:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            return ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def functions(tree):
    """Outermost functions by qualified name."""
    found = {}

    def visit(body, prefix):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                found[prefix + node.name] = node
            elif isinstance(node, ast.ClassDef):
                visit(node.body, prefix + node.name + ".")
            else:
                for field in ("body", "orelse", "finalbody", "handlers", "cases"):
                    visit(getattr(node, field, None) or [], prefix)

    visit(tree.body, "")
    return found


def shape(node):
    return ast.dump(node)


def changed(base, head, path):
    before = {name: shape(node) for name, node in functions(parse(base, path)).items()}
    after = functions(parse(head, path))
    return [name for name, node in after.items() if before.get(name) != shape(node)]


def changed_functions(request):
    names = []
    for path in request["paths"]:
        names += [path + "::" + name for name in changed(request["base"], request["head"], path)]
    return names


def is_test(name):
    return name.rsplit(".", 1)[-1].startswith("test")


def compare_tests(request):
    answer = {"new": [], "altered": [], "removed": [], "tricks": []}
    for path in request["paths"]:
        answer["tricks"] += [
            "%s: %s" % (path, what) for what in tricks(request["base"], request["head"], path)
        ]
        if support_altered(request["base"], request["head"], path):
            answer["altered"].append(path)
        if not path.endswith(".py"):
            continue
        before = functions(parse(request["base"], path))
        after = functions(parse(request["head"], path))
        for name in changed(request["base"], request["head"], path):
            if is_test(name):
                kind = "altered" if name in before else "new"
                answer[kind].append(path + "::" + name.replace(".", "::"))
        answer["removed"] += [
            path + "::" + name.replace(".", "::") for name in before if is_test(name) and name not in after
        ]
    return answer


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
STEERING = {"pytestmark", "pytest_plugins", "__test__", "collect_ignore", "collect_ignore_glob"}
SET_UP = re.compile(r"(?i)(set_?up|tear_?down)|pytest_|__")


def parts(body, prefix=""):
    """Statements of a module and its classes, as (place, what it binds, node, dump); tests are left out."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            head = (node.decorator_list, node.bases, node.keywords)
            yield prefix, {node.name}, node, node.name + repr([[ast.dump(n) for n in ns] for ns in head])
            yield from parts(node.body, prefix + node.name + ".")
        elif not (isinstance(node, DEFINITIONS) and is_test(node.name)):
            yield prefix, bound(node), node, shape(node)


def bound(node):
    if isinstance(node, DEFINITIONS):
        return {node.name}
    if isinstance(node, IMPORTS):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def is_harmless(node, names, known):
    """Whether a statement that is added to an existing test file leaves the tests in it as they are."""
    if names & (known | STEERING) or "autouse" in ast.dump(node):
        return False
    if isinstance(node, DEFINITIONS):
        return not SET_UP.match(node.name)
    return isinstance(node, IMPORTS) or (isinstance(node, ast.Assign) and bool(names))


def support_altered(base, head, path):
    """Whether a file that existing tests may use differs in more than added tests and their helpers."""
    old, new = os.path.join(base, path), os.path.join(head, path)
    if not os.path.lexists(old):
        return False
    if not path.endswith(".py") or os.path.islink(old) or os.path.islink(new) or not os.path.exists(new):
        return True
    before, after = list(parts(parse(base, path).body)), list(parts(parse(head, path).body))
    places = {(place, name) for place, names, _, _ in before for name in names}
    left = [(place, dump) for place, _, _, dump in before]
    for place, names, node, dump in after:
        if (place, dump) in left:
            left.remove((place, dump))
        elif not is_harmless(node, names, {name for where, name in places if where == place}):
            return True
    return bool(left)


SOURCE_READERS = {"getsource", "getsourcelines", "getsourcefile", "findsource", "__code__", "co_code"}
MACHINERY = re.compile(
    r"vulcan_(common|report|pytest|unittest|inspect)|VULCAN_SETTINGS|/opt/vulcan|report\.jsonl"
)
CONFIGURATION = {
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "tox.ini",
    "setup.cfg",
    "pyproject.toml",
}
SAID = {
    "hook": "defines the pytest hook %s, which can change results",
    "steer": "sets %s, which steers pytest",
    "source": "uses %s, which looks at the product's source",
    "machinery": "names %s, part of what reports results",
    "replace": "assigns to %s, which replaces a part of the product",
    "autouse": "patches in the autouse fixture %s, which can replace a part of the product unseen",
}


def tricks(base, head, path):
    """What in a new or changed test file could make results say what the code does not do."""
    if os.path.basename(path) in CONFIGURATION and os.path.lexists(os.path.join(head, path)):
        return ["configures pytest, which can change what is collected and how results are counted"]
    if not path.endswith(".py"):
        return []
    hidden = shadowed(base, head, path)
    if hidden:
        return ["takes the place of %s for the tests" % hidden]
    before = set(suspicious(base, parse(base, path)))
    found = [entry for entry in suspicious(head, parse(head, path)) if entry not in before]
    return [SAID[kind] % name for kind, name in dict.fromkeys(found)]


def suspicious(root, tree):
    modules = product_modules(root, tree)
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS) and node.name.startswith("pytest_"):
            yield "hook", node.name
        elif isinstance(node, DEFINITIONS) and patches_unasked(node):
            yield "autouse", node.name
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
            if node.args and isinstance(node.args[0], (ast.Call, ast.Name)):
                name = ast.unparse(node.args[0])
                if name in modules or "import" in name:
                    yield "replace", name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            if node.id in ("pytest_plugins", "collect_ignore", "collect_ignore_glob"):
                yield "steer", node.id
        elif isinstance(node, ast.Attribute):
            if (
                isinstance(node.ctx, ast.Store)
                and isinstance(node.value, ast.Name)
                and node.value.id in modules
            ):
                yield "replace", node.value.id + "." + node.attr
            elif node.attr in SOURCE_READERS:
                yield "source", node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and MACHINERY.search(node.value):
            yield "machinery", MACHINERY.search(node.value)[0]
        elif isinstance(node, IMPORTS):
            for alias in node.names:
                if alias.name in SOURCE_READERS:
                    yield "source", alias.name
                elif MACHINERY.search(alias.name):
                    yield "machinery", alias.name


def patches_unasked(node):
    decorators = " ".join(ast.dump(decorator) for decorator in node.decorator_list)
    called = {
        n.func.attr for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
    }
    named = {n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    return "autouse" in decorators and bool({"setattr", "patch"} & (called | named))


def shadowed(base, head, path):
    """The product's module that a new test file hides: pytest puts the folder above its packages first on the path."""
    folder, name = os.path.split(path)
    if os.path.lexists(os.path.join(base, path)) or name == "conftest.py" or not folder:
        return ""
    top = name[:-3]
    if os.path.isfile(os.path.join(head, folder, "__init__.py")):
        while folder and os.path.isfile(os.path.join(head, folder, "__init__.py")):
            folder, top = os.path.split(folder)
    if not folder or folder == "src":
        return ""
    return top if is_module(head, top) else ""


def product_modules(root, tree):
    """Names by which a test file knows modules of the project."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {a.asname or a.name.split(".")[0] for a in node.names if is_module(root, a.name)}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {a.asname or a.name for a in node.names if is_module(root, node.module + "." + a.name)}
    return found


def is_module(root, name):
    path = name.replace(".", "/")
    ends = (path + ".py", path + "/__init__.py")
    return any(os.path.isfile(os.path.join(root, folder, end)) for folder in ("", "src") for end in ends)


def changes_values(request):
    """Whether statements outside of functions differ; imports, docstrings and empty class headers don't count."""

    def values(root, path):
        found = []
        for place, _, node, dump in parts(parse(root, path).body):
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not (docstring or isinstance(node, (*IMPORTS, ast.FunctionDef, ast.AsyncFunctionDef))):
                found.append(place + dump)
        return sorted(found)

    return any(values(request["base"], path) != values(request["head"], path) for path in request["paths"])


def signature(node, name):
    keyword = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = " -> " + ast.unparse(node.returns) if node.returns else ""
    text = "%s %s(%s)%s" % (keyword, name, ast.unparse(node.args), returns)
    docstring = ast.get_docstring(node)
    if docstring:
        text += '\n    """' + docstring.split("\n\n")[0][:DOCSTRING] + '"""'
    return text


def is_public(name):
    return all(not part.startswith("_") or part == "__init__" for part in name.split("."))


def interface(request):
    """What changed first, then the other public functions as far as there is room."""
    first, rest = [], []
    for path in request["paths"]:
        touched = set(changed(request["base"], request["head"], path))
        module = path.removeprefix("src/").removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for name, node in functions(parse(request["head"], path)).items():
            if name in touched and is_public(name):
                owner, _, short = name.rpartition(".")
                place = "module %s%s" % (module, ", class " + owner if owner else "")
                first.append("# %s (%s), changed\n%s" % (place, path, signature(node, short)))
            elif is_public(name) and "." not in name:
                rest.append("# module %s\n%s" % (module, signature(node, name).split("\n")[0]))
        if not any(is_public(name) for name in touched):
            first.append(
                "# module %s (%s): only private code changed; its public functions:" % (module, path)
            )
    text = "\n".join(first)[:SIGNATURES]
    for entry in rest:
        if len(text) + len(entry) > max(REST, len("\n".join(first)) + REST):
            break
        text += "\n" + entry
    return text


def yields(node):
    """Whether a function itself, and not one inside of it, is a generator."""
    rest = list(node.body)
    while rest:
        inner = rest.pop()
        if isinstance(inner, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            rest += ast.iter_child_nodes(inner)
    return False


def body_of(node, filled):
    """Statements that do nothing; a constructor can only return None."""
    value = ast.parse("object()", mode="eval").body if filled and node.name != "__init__" else None
    if yields(node):
        return [ast.Expr(ast.Yield(value))] if value else [ast.Return(None), ast.Expr(ast.Yield(None))]
    return [ast.Return(value)]


def empty_bodies(request):
    """Rewrite the named functions of `head` so that they do nothing and return None, or an object that equals no other."""
    done = []
    wanted = {}
    for entry in request["functions"]:
        path, name = entry.split("::", 1)
        wanted.setdefault(path, set()).add(name)
    for path, names in wanted.items():
        tree = parse(request["head"], path)
        found = [name for name in functions(tree) if name in names]
        for name, node in functions(tree).items():
            if name in found:
                node.body = body_of(node, request.get("filled"))
                done.append(path + "::" + name)
        if found:
            with open(os.path.join(request["head"], path), "w", encoding="utf-8") as file:
                file.write(ast.unparse(ast.fix_missing_locations(tree)))
    return done


ACTIONS = {
    "interface": interface,
    "functions": changed_functions,
    "values": changes_values,
    "tests": compare_tests,
    "empty": empty_bodies,
}

if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    ask = json.loads(sys.argv[1])
    print(json.dumps(ACTIONS[ask["do"]](ask)))
