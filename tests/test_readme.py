"""The README's table is a promise: every command in it resolves to the values beside it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from straw.cli.train import source_of
from straw.config import load_page, parse_overrides, plain
from straw.config.page import options
from straw.training.assemble import plan_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def promises() -> list[tuple[str, str]]:
    rows = re.findall(r"^\|.*\| `(straw train .*?)` \| `(.*?)` \|$", README, flags=re.MULTILINE)
    assert len(rows) >= 9
    return rows


def resolved(command: str) -> dict[str, str]:
    words = shlex.split(command)[2:]
    page, first = source_of(words)
    plan = plan_of(load_page(page, {**first, **parse_overrides(words)}))
    sections = {option.name: option.section for option in options("secret").values()}
    return {name: plain(getattr(getattr(plan.page, section), name)) for name, section in sections.items()}


@pytest.mark.parametrize(("command", "values"), promises())
def test_every_command_of_the_table_resolves_to_its_values(command: str, values: str):
    found = resolved(command)
    promised = dict(pair.split("=", 1) for pair in values.split())
    assert {name: found[name] for name in promised} == promised


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").rglob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_loads_and_asks_a_question(recipe: Path):
    plan = plan_of(load_page(recipe))
    assert plan.page.run.question.endswith("?")


def test_the_house_in_the_readme_is_the_house():
    rooms = {path.name.removesuffix(".py") for path in (ROOT / "src" / "straw").iterdir() if path.name[0] != "_"}
    tree = README[README.index("src/straw/\n") :]
    assert [room for room in sorted(rooms) if not re.search(rf"\b{room}\b", tree)] == []
