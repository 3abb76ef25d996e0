"""Reads Python source inside a box and answers in JSON.

Usage: vulcan_inspect.py JSON, where JSON is {"do": "interface" | "functions" | "tests" | "empty", "base": folder,
"head": folder, "paths": [...], "functions": [...]}.
"""

import ast
import json
import os
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
    answer = {"new": [], "altered": [], "removed": []}
    for path in request["paths"]:
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


def empty_bodies(request):
    """Rewrite the named functions of `head` so that they do nothing and return None."""
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
                body = [ast.Return(None)]
                if yields(node):
                    body.append(ast.Expr(ast.Yield(None)))
                node.body = body
                done.append(path + "::" + name)
        if found:
            with open(os.path.join(request["head"], path), "w", encoding="utf-8") as file:
                file.write(ast.unparse(ast.fix_missing_locations(tree)))
    return done


ACTIONS = {
    "interface": interface,
    "functions": changed_functions,
    "tests": compare_tests,
    "empty": empty_bodies,
}

if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    ask = json.loads(sys.argv[1])
    print(json.dumps(ACTIONS[ask["do"]](ask)))
