"""The README's table is a promise: every command in it resolves to the values beside it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.small_runs import Listener

from straw.cli.train import source_of
from straw.config import load_page, parse_overrides, plain
from straw.config.page import options
from straw.runs.sweep_page import read_sweep
from straw.training.assemble import Plan, plan_of
from straw.training.sweep import plan_sweep

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def promises(command: str) -> list[tuple[str, str]]:
    rows = re.findall(rf"^\|.*\| `(straw {command} .*?)` \| `(.*?)` \|$", README, flags=re.MULTILINE)
    assert len(rows) >= 8
    return rows


def resolved(command: str) -> dict[str, str]:
    words = shlex.split(command)[2:]
    page, first = source_of(words)
    return values_of(plan_of(load_page(page, {**first, **parse_overrides(words)})))


def values_of(plan: Plan) -> dict[str, str]:
    sections = {option.name: option.section for option in options(plan.page.task.kind).values()}
    return {name: plain(getattr(getattr(plan.page, section), name)) for name, section in sections.items()}


@pytest.mark.parametrize(("command", "values"), promises("train"))
def test_every_command_of_the_table_resolves_to_its_values(command: str, values: str):
    found = resolved(command)
    promised = dict(pair.split("=", 1) for pair in values.split())
    assert {name: found[name] for name in promised} == promised


@pytest.mark.parametrize(("command", "values"), promises("sweep"))
def test_every_sweep_of_the_table_has_runs_of_all_its_values(command: str, values: str):
    """The values of what is varied stand side by side: N=16,64."""
    sweep = read_sweep(ROOT / shlex.split(command)[2], {})
    runs = [run for condition in sweep.conditions for run in sweep.runs(condition)]
    found = [values_of(plan_of(load_page(None, run.options))) for run in runs]
    for name, promised in (pair.split("=", 1) for pair in values.split()):
        assert {run[name] for run in found} == set(promised.split(",")), name
    assert sweep.seeds == (0, 1, 2)


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_loads_and_asks_a_question(recipe: Path):
    plan = plan_of(load_page(recipe))
    assert plan.page.run.question.endswith("?")


SWEEPS = sorted((ROOT / "recipes" / "sweeps").glob("*.toml"))


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_sweep_can_be_run_asks_a_question_and_has_a_twin_for_a_laptop(path: Path, tmp_path: Path):
    sweep = read_sweep(path, {}, tmp_path)
    plans = plan_sweep(sweep, Listener())
    assert sweep.question.endswith("?") and sweep.name == path.stem
    small = path.stem.endswith("-small")
    assert all(run.values["model_name"].startswith("tiny-") == small for _, judged, _ in plans for run in judged)
    assert small or path.with_stem(f"{path.stem}-small") in SWEEPS


def test_the_house_in_the_readme_is_the_house():
    rooms = {path.name.removesuffix(".py") for path in (ROOT / "src" / "straw").iterdir() if path.name[0] != "_"}
    tree = README[README.index("src/straw/\n") :]
    assert [room for room in sorted(rooms) if not re.search(rf"\b{room}\b", tree)] == []
