from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.made_studies import make_study

from straw.report.study.capacity import capacities_of, learner, weights_of
from straw.report.study.cells import Cell, cells_of
from straw.report.study.load_runs import gathered


def cells_at(folder: Path) -> list[Cell]:
    return cells_of(gathered([folder]).runs)


def learners(folder: Path) -> list[list[str]]:
    return [[learner(cell) for cell in one.cells] for one in capacities_of(cells_at(folder))]


def test_conditions_that_differ_in_what_learns_are_one_comparison(tmp_path: Path) -> None:
    for model in ("tiny-5M", "tiny-0.2M"):
        for rank in (4, 0):
            make_study(tmp_path, {64: [60]}, name=f"{model}-{rank}", model_name=model, lora_rank=rank)
    told = [f"tiny-{size}, {how}" for size in ("0.2M", "5M") for how in ("all weights", "rank 4")]
    assert learners(tmp_path) == [told]


def test_how_a_model_was_warmed_up_follows_from_the_model(tmp_path: Path) -> None:
    make_study(tmp_path, {64: [60]}, name="small", model_name="tiny-1M", warmup_learning_rate=3e-3)
    make_study(tmp_path, {64: [60]}, name="large", model_name="tiny-5M", warmup_learning_rate=1e-3)
    assert learners(tmp_path) == [["tiny-1M, all weights", "tiny-5M, all weights"]]


@pytest.mark.parametrize("other", [{"reward_type": "log_distance"}, {"group_size": 8}, {"model_name": "tiny-1M"}])
def test_what_differs_in_more_or_in_nothing_is_not_compared(tmp_path: Path, other: dict[str, Any]) -> None:
    make_study(tmp_path, {64: [60]}, name="one", model_name="tiny-1M")
    make_study(tmp_path, {64: [60]}, name="two", **{"model_name": "tiny-5M", **other})
    assert learners(tmp_path) == []


@pytest.mark.parametrize(
    "name, weights",
    [("tiny-0.2M", 2e5), ("Qwen2.5-0.5B-Instruct", 5e8), ("SmolLM2-135M", 1.35e8), ("smollm2", float("inf"))],
)
def test_a_models_name_tells_its_weights(tmp_path: Path, name: str, weights: Any) -> None:
    make_study(tmp_path, {64: [60]}, model_name=name)
    assert weights_of(cells_at(tmp_path)[0]) == weights


def test_cells_are_called_by_what_learns(tmp_path: Path) -> None:
    for model, rank in (("tiny-1M", 0), ("tiny-1M", 4), ("tiny-5M", 0)):
        make_study(tmp_path, {64: [60]}, name=f"{model}-{rank}", model_name=model, lora_rank=rank)
    labels = {cell.label for cell in cells_at(tmp_path)}
    assert labels == {"binary, tiny-1M, all weights", "binary, tiny-1M, rank 4", "binary, tiny-5M, all weights"}
