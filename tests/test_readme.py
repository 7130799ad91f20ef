"""The studies' pages are promises: every command on them resolves to the values below it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, STUDIES
from tests.docs.pages import promises as promises_on
from tests.made_data import gsm8k_folder
from tests.sandbox.needs import reason
from tests.small_runs import Listener

from straw.cli.commands.train import source_of
from straw.config import Loaded, load_page, parse_overrides, plain
from straw.config.page import options
from straw.runs.sweeps.page import read_sweep
from straw.tasks.word_problems.options import DataOptions
from straw.training.plan import Plan
from straw.training.resolve import generators as processes
from straw.training.resolve.page_to_plan import plan_of
from straw.training.sweep import plan_sweep

PROMISES = [promise for page in STUDIES for promise in promises_on(page)]
MEMORY_STUDY = [(one.study, one.values) for one in PROMISES if one.study.startswith("python run_gsm8k.py ")]
DIFFERENCES = (ROOT / "docs" / "study-memory.md").read_text()


@pytest.fixture(autouse=True)
def with_monarch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table tells what resolves where torchmonarch is installed."""
    monkeypatch.setattr(processes, "lack_of_monarch", lambda: None)


def study_words(command: str) -> dict[str, str]:
    return parse_overrides(shlex.split(command)[2:])


def promises(command: str) -> list[tuple[str, str]]:
    rows = [(one.command, one.values) for one in PROMISES if one.command.startswith(f"straw {command} ")]
    assert len(rows) == {"train": 38, "sweep": 8}[command]
    return rows


def resolved(command: str, folder: Path) -> dict[str, str]:
    """Problems in words that come from the hub are made here instead."""
    words = shlex.split(command)[2:]
    page, first = source_of(words)
    chosen = {**first, **parse_overrides(words)}
    return values_of(plan_of(load_page(page, chosen | made_data(load_page(page, chosen), folder))))


def made_data(loaded: Loaded, folder: Path) -> dict[str, str]:
    wants_data = isinstance(loaded.page.task, DataOptions) and "path" not in loaded.named
    return {"path": str(gsm8k_folder(folder, trained=80))} if wants_data else {}


def values_of(plan: Plan) -> dict[str, str]:
    known = options(plan.page.task.kind, plan.page.algorithm.algorithm)
    sections = {option.name: option.section for option in known.values()}
    return {name: plain(getattr(getattr(plan.page, section), name)) for name, section in sections.items()}


@pytest.mark.parametrize(("command", "values"), promises("train"))
def test_every_command_of_the_table_resolves_to_its_values(command: str, values: str, tmp_path: Path) -> None:
    found = resolved(command, tmp_path)
    promised = dict(pair.split("=", 1) for pair in values.split())
    assert {name: found[name] for name in promised} == promised


@pytest.mark.parametrize(("command", "values"), MEMORY_STUDY)
def test_the_memory_study_s_own_words_resolve_to_the_values_beside_them(
    command: str, values: str, tmp_path: Path
) -> None:
    """Behind `straw train gsm8k` they stand as they are, and the recipe beside them means the same."""
    found = resolved(command.replace("python run_gsm8k.py", "straw train gsm8k"), tmp_path)
    promised = dict(pair.split("=", 1) for pair in values.split())
    assert {name: found[name] for name in promised} == promised


def test_every_command_of_the_memory_study_has_its_line() -> None:
    """Five models, each with pure RL and two memories."""
    words = [study_words(command) for command, _ in MEMORY_STUDY]
    assert {(one["model_name"].rpartition("/")[2], one["use_ir"]) for one in words} == {
        (model, use_ir)
        for model in (
            "Qwen2.5-0.5B-Instruct", "Llama-3.2-1B-Instruct", "Falcon3-1B-Instruct", "SmolLM2-1.7B-Instruct",
            "Qwen2.5-1.5B-Instruct",
        )
        for use_ir in ("no", "knn", "knn+")
    }  # fmt: skip


OF_THE_MEMORY = {  # columns of the table that tells paper, code and ours apart
    "paper": "straw train recipes/gsm8k_qwen2.5_0.5b.toml use_ir=knn+",
    "code: `write_first=true`": "straw train recipes/gsm8k_qwen2.5_0.5b.toml use_ir=knn+ write_first=true",
    "ours": "straw train countdown use_ir=knn+",
}


@pytest.mark.parametrize("column", OF_THE_MEMORY)
def test_paper_code_and_ours_resolve_to_the_values_in_their_columns(column: str, tmp_path: Path) -> None:
    _, _, table = DIFFERENCES.partition(f"| | {' | '.join(OF_THE_MEMORY)} |\n")
    cells = [row.split(" | ")[1 + list(OF_THE_MEMORY).index(column)] for row in table.split("\n\n")[0].splitlines()[1:]]
    promised = dict(re.findall(r"`(\w+)=([\w.-]+)`", " ".join(cells)))
    assert len(promised) >= 6
    found = resolved(OF_THE_MEMORY[column], tmp_path)
    assert {name: found[name] for name in promised} == promised


@pytest.mark.parametrize(("command", "values"), promises("sweep"))
def test_every_sweep_of_the_table_has_runs_of_all_its_values(command: str, values: str) -> None:
    """The values of what is varied stand side by side: N=16,64."""
    sweep = read_sweep(ROOT / shlex.split(command)[2], {})
    runs = [run for condition in sweep.conditions for run in sweep.runs(condition)]
    found = [values_of(plan_of(load_page(None, run.options))) for run in runs]
    for name, promised in (pair.split("=", 1) for pair in values.split()):
        assert {run[name] for run in found} == set(promised.split(",")), name
    assert sweep.seeds == tuple(range(len(sweep.seeds)))
    assert len(sweep.seeds) == 3 if "small" not in sweep.name else len(sweep.seeds) >= 16


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_loads_and_asks_a_question(recipe: Path, tmp_path: Path) -> None:
    if recipe.stem == "one_line" and (why := reason()):
        pytest.skip(why)
    plan = plan_of(load_page(recipe, made_data(load_page(recipe), tmp_path)))
    assert plan.page.run.question.endswith("?")


SWEEPS = sorted((ROOT / "recipes" / "sweeps").glob("*.toml"))


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_sweep_can_be_run_asks_a_question_and_has_a_twin_for_a_laptop(path: Path, tmp_path: Path) -> None:
    sweep = read_sweep(path, {}, tmp_path)
    plans = plan_sweep(sweep, Listener())
    assert sweep.question.endswith("?") and sweep.name == path.stem
    small = path.stem.endswith("-small")
    if path.stem.startswith("tinker-"):
        assert all(run.values["engine"] == "tinker" for _, judged, _ in plans for run in judged)
        path = path.with_stem(path.stem.removeprefix("tinker-"))  # the same question here
    assert all(run.values["model_name"].startswith("tiny-") == small for _, judged, _ in plans for run in judged)
    at_hand = {run.values["model_name"] for _, judged, _ in plans for run in judged} == {"smollm2"}
    assert small or at_hand or path.with_stem(f"{path.stem}-small") in SWEEPS


def test_the_house_on_the_page_of_the_design_is_the_house() -> None:
    there = [path for path in (ROOT / "src" / "straw").iterdir() if path.name[0] != "_" and path.suffix != ".typed"]
    rooms = {path.name.removesuffix(".py") for path in there}
    design = (ROOT / "docs" / "design.md").read_text()
    tree = design[design.index("src/straw/\n") :].partition("\n\n")[0]
    assert [room for room in sorted(rooms) if not re.search(rf"\b{room}\b", tree)] == []
