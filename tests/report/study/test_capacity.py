from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.made_studies import make_study
from tests.report.study.in_memory import cell_of, run_of

from straw.report.study.capacity import capacities_of, how_of, learner, model_of, rank_of, weights_of
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


@pytest.mark.parametrize(
    ("name", "weights"),
    [("tiny-900K", 9e5), ("Mixed-8B-of-1.5B", 1.5e9), ("net-3Bit", float("inf")), ("v1.5M", 1.5e6), ("", float("inf"))],
)
def test_weights_are_the_last_number_with_a_unit_of_its_own(name: str, weights: float) -> None:
    assert weights_of(cell_of(run_of(model_name=name))) == weights


def test_a_rank_that_is_none_or_not_said_is_all_weights() -> None:
    for options in ({}, {"lora_rank": "none"}, {"lora_rank": 0}):
        assert (rank_of(cell_of(run_of(**options))), how_of(cell_of(run_of(**options)))) == (0, "all weights")
    cell = cell_of(run_of(model_name="tiny-1M", lora_rank=16))
    assert (rank_of(cell), how_of(cell), learner(cell)) == (16, "rank 16", "tiny-1M, rank 16")
    assert model_of(cell_of(run_of())) == ""


def test_learners_are_compared_by_reward_and_N_and_controls_and_tasks_without_bits_are_not() -> None:
    def pair(**options: Any) -> list[Cell]:
        return [cell_of(run_of(model_name=name, **options)) for name in ("tiny-5M", "tiny-1M")]

    cells = [
        *pair(N=64),
        *pair(N=8, reward_type="log_distance"),
        *pair(N=64, reward_type="random"),
        *pair(ceiling=None),
    ]
    found = [(one.reward, one.N, [model_of(cell) for cell in one.cells]) for one in capacities_of(cells)]
    assert found == [("binary", 64, ["tiny-1M", "tiny-5M"]), ("log distance", 8, ["tiny-1M", "tiny-5M"])]


def test_of_equally_many_weights_the_names_and_then_the_ranks_order() -> None:
    told = [("b-1M", 4), ("b-1M", 0), ("a-1M", 8), ("nobody", 0)]
    cells = [cell_of(run_of(N=64, model_name=name, lora_rank=rank)) for name, rank in reversed(told)]
    (found,) = capacities_of(cells)
    assert [(model_of(cell), rank_of(cell)) for cell in found.cells] == [
        ("a-1M", 8), ("b-1M", 0), ("b-1M", 4), ("nobody", 0),
    ]  # fmt: skip
