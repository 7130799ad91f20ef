"""Imports go down the floors of the house, never up, and never sideways into another room."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import straw

HOUSE = Path(straw.__file__).parent
FLOORS = [
    {"types", "errors", "files", "cache_dir", "outside", "registry"},
    {"text", "information", "seeds", "config"},
    {"tasks", "rewards", "algorithms", "runs"},
    {"engines"},
    {"rollouts", "measure"},
    {"training"},
    {"server", "report"},
    {"cli"},
    {"__main__"},
]
GROUND = FLOORS[0]  # single files, which may know each other; no circle among them either
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def imported_rooms(source: str) -> Iterator[str]:
    """Every room of the house that the source imports from, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full, so that a reader sees the floor"
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (module.split(".")[1] for module in modules if module.startswith("straw."))


def trespasses(room: str, source: str) -> list[str]:
    others = {other for other in imported_rooms(source) if other != room and other in FLOOR}
    others -= GROUND if room in GROUND else set()
    return sorted(other for other in others if FLOOR[other] >= FLOOR[room])


@pytest.mark.parametrize("path", sorted(HOUSE.rglob("*.py")), ids=lambda path: str(path.relative_to(HOUSE)))
def test_imports_go_down(path: Path) -> None:
    room = path.relative_to(HOUSE).parts[0].removesuffix(".py")
    if room != "__init__":
        assert room in FLOOR, f"{room} has no floor: give it one here and in the plan of the house"
        assert trespasses(room, path.read_text()) == []


def test_an_import_up_or_sideways_is_caught() -> None:
    assert trespasses("tasks", "from straw.types import End\nfrom straw.tasks.base import Task") == []
    assert trespasses("tasks", "import straw.rewards.outcome") == ["rewards"]
    assert trespasses("text", "def late():\n    from straw import cli") == ["cli"]
