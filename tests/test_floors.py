"""The house keeps its plan: imports go down its floors, no room is a bag, nothing goes round in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import straw

HOUSE = Path(straw.__file__).parent
FLOORS = [
    {"types", "errors", "files", "cache_dir", "outside", "registry", "version", "other_words"},
    {"text", "information", "seeds", "config", "sandbox"},
    {"tasks", "rewards", "algorithms", "runs"},
    {"engines"},
    {"rollouts", "measure"},
    {"training"},
    {"report"},
    {"export"},
    {"evaluation", "benchmark", "planning"},
    {"library"},
    {"ui"},
    {"server"},
    {"cli"},
    {"__main__"},
]
GROUND = FLOORS[0]  # single files, which may know each other
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MOST_MODULES, MOST_LINES, MOST_IN_A_FUNCTION = 12, 350, 40
FILES = sorted(HOUSE.rglob("*.py"))


def modules_in(source: str) -> Iterator[str]:
    """Every module, or name in a module, that the source imports from the house, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full, so that a reader sees the floor"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("straw."))


def trespasses(room: str, source: str) -> list[str]:
    others = {name.split(".")[1] for name in modules_in(source)} - {room}
    others = {other for other in others if other in FLOOR} - (GROUND if room in GROUND else set())
    return sorted(other for other in others if FLOOR[other] >= FLOOR[room])


def imported_when_read(source: str) -> set[str]:
    """What runs as soon as the module is imported: no function's, and nothing that is for types alone."""
    wanted: list[ast.stmt] = []
    waiting: list[ast.stmt] = list(ast.parse(source).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            wanted.append(node)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        elif not isinstance(node, ast.FunctionDef):
            waiting += [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)]
    return set(modules_in("\n".join(ast.unparse(node) for node in wanted)))


def name_of(path: Path) -> str:
    return ".".join(["straw", *path.relative_to(HOUSE).with_suffix("").parts]).removesuffix(".__init__")


def graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """Which module imports which; a name in a module counts as the module."""
    return {
        name: {
            next(known for known in (one, one.rpartition(".")[0]) if known in sources)
            for one in imported_when_read(source)
            if one in sources or one.rpartition(".")[0] in sources
        }
        - {name}
        for name, source in sources.items()
    }


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules of which each is reached from each (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in edges[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in edges:
        if name not in index:
            visit(name)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_imports_go_down(path: Path) -> None:
    room = path.relative_to(HOUSE).parts[0].removesuffix(".py")
    if room != "__init__":
        assert room in FLOOR, f"{room} has no floor: give it one here and in docs/design.md"
        assert trespasses(room, path.read_text()) == []


def test_nothing_goes_round_in_a_circle() -> None:
    assert circles(graph({name_of(path): path.read_text() for path in FILES})) == []


def test_no_folder_is_a_bag() -> None:
    for folder in {path.parent for path in FILES}:
        modules = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MOST_MODULES, f"{folder.relative_to(HOUSE)} has {len(modules)} modules: divide it"


def test_files_and_functions_stay_small() -> None:
    for path in FILES:
        text = path.read_text()
        assert len(text.splitlines()) <= MOST_LINES, f"{path} is long"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = int(node.end_lineno or 0) - node.lineno + 1
                assert size <= MOST_IN_A_FUNCTION, f"{path}:{node.lineno} {node.name} has {size} lines"


def test_functions_in_tests_are_typed_as_those_of_the_house() -> None:
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                bare = [one.arg for one in arguments if one.annotation is None and one.arg not in ("self", "cls")]
                assert node.returns is not None and not bare, f"{path}:{node.lineno} {node.name} {bare}"


def test_an_import_up_or_sideways_is_caught() -> None:
    assert trespasses("tasks", "from straw.types import End\nfrom straw.tasks.base import Task") == []
    assert trespasses("tasks", "import straw.rewards.outcome") == ["rewards"]
    assert trespasses("text", "def late():\n    from straw import cli") == ["cli"]


def test_a_circle_is_caught() -> None:
    sources = {"straw.a": "from straw.b import x", "straw.b": "from straw import c", "straw.c": "import straw.a"}
    assert circles(graph(sources)) == [["straw.a", "straw.b", "straw.c"]]
    sources["straw.c"] = "def late():\n    import straw.a"
    assert circles(graph(sources)) == []
