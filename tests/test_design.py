"""docs/design.md is a map: what it points at is there."""

from __future__ import annotations

import re
from pathlib import Path

import straw

ROOT = Path(__file__).parents[1]
DESIGN = (ROOT / "docs" / "design.md").read_text()


def test_everything_that_people_look_for_is_where_the_map_says() -> None:
    rows = re.findall(r"^\| ([^|]+?) \| `([\w/]+\.py)` \|$", DESIGN, flags=re.MULTILINE)
    assert len(rows) == 35
    assert [path for _, path in rows if not (Path(straw.__file__).parent / path).is_file()] == []


def test_the_map_has_every_floor_and_room() -> None:
    house = {path.stem for path in Path(straw.__file__).parent.iterdir() if not path.name.startswith("__")}
    assert house - {word for word in re.findall(r"\w+", DESIGN)} == set()
