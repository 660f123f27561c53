"""Rules of this project that no linter knows; each says what to do instead."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "keydesk"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)
FACES = ("dashboard", "console", "web", "api", "cli", "jobs")
WRITES = {"save", "create", "bulk_create", "get_or_create", "update_or_create", "delete"}
LONGEST_MODULE = 400
LONGEST_FUNCTION = 40
SECRET_NAMES = {"password", "pin", "plaintext", "grant", "pepper", "api_key", "secret", "x_api_key"}
VAGUE = {"utils", "helpers", "common", "misc", "manager", "base"}
NAMED_BY_DJANGO = {"src/keydesk/server/sqlite/base.py"}
"""Django looks for a database's backend in the module `base` of its engine."""


def shown(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0]


TREES = {path: tree_of(path) for path in MODULES}
FACE_TREES = {path: tree for path, tree in TREES.items() if room_of(path) in FACES}


def test_a_face_decides_nothing_and_writes_through_actions():
    found = [
        f"{shown(path, node)} {node.attr}"
        for path, tree in FACE_TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (node.attr == "objects" or (node.attr in WRITES and is_called(tree, node)))
    ]
    assert found == [], "call an action or a query of control"


def is_called(tree: ast.Module, attribute: ast.Attribute) -> bool:
    return any(isinstance(node, ast.Call) and node.func is attribute for node in ast.walk(tree))


def calls_of(names: set[str], within: ast.AST) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(within)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]


def test_imports_stand_at_the_top_of_their_module_outside_the_command_line():
    found = [
        shown(path, node)
        for path, tree in TREES.items()
        if room_of(path) != "cli"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert found == [], "an import in a function hides a direction; move what is shared down"


def test_no_text_for_translation_stands_in_an_f_string():
    found = [
        shown(path, node)
        for path, tree in TREES.items()
        for text in ast.walk(tree)
        if isinstance(text, ast.JoinedStr)
        for node in calls_of({"_", "gettext", "ngettext", "pgettext", "gettext_lazy"}, text)
    ]
    assert found == [], "`make messages` does not see it there: give it a name first"


def test_nothing_is_printed_by_hand():
    found = [
        shown(path, node) for path, tree in TREES.items() for node in calls_of({"print"}, tree)
    ]
    assert found == [], "log it, or typer.echo it in cli"


def test_a_module_has_one_subject_and_a_function_fits_on_a_screen():
    long_modules = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if len(path.read_text().splitlines()) > LONGEST_MODULE
    ]
    long_functions = [
        f"{shown(path, node)} {node.name}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert (long_modules, long_functions) == ([], [])


def test_no_module_has_a_name_that_says_nothing():
    named = [path.relative_to(ROOT) for path in MODULES]
    vague = {str(path) for path in named if {path.stem, *path.parts} & VAGUE}
    assert vague == NAMED_BY_DJANGO


def test_what_is_logged_is_never_a_secret():
    found = [
        shown(path, node)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"logger", "log", "logging"}
        and names_in(node) & SECRET_NAMES
    ]
    assert found == [], "secrets appear in the one response that delivers them"


def names_in(call: ast.Call) -> set[str]:
    parts = [*call.args, *(keyword.value for keyword in call.keywords)]
    nodes = [node for part in parts for node in ast.walk(part)]
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }
