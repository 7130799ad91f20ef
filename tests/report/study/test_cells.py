from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

from tests.made_studies import make_study

from straw.report.study.cells import base_label, cells_of
from straw.report.study.load_runs import gathered


def labels(folder: Path) -> list[str]:
    return [cell.label for cell in cells_of(gathered([folder]).runs)]


def test_runs_that_differ_in_chance_and_length_are_one_condition(tmp_path: Path) -> None:
    make_study(tmp_path, {8: [40, 50]})
    make_study(tmp_path / "longer", {8: [60]}, n_batches=500, eval_every=7, seed=9, secret_seed=9)
    (cell,) = cells_of(gathered([tmp_path]).runs)
    assert (cell.label, len(cell.runs), cell.num_secrets) == ("binary", 3, 3)


def test_rewards_and_sizes_are_told_apart_by_the_shortest_names(tmp_path: Path) -> None:
    make_study(tmp_path, {8: [40], 64: [300]})
    make_study(tmp_path, {64: [90]}, reward_type="binned_log_distance", reward_bins=4)
    make_study(tmp_path, {64: [80]}, reward_type="log_distance")
    assert labels(tmp_path) == ["binary, N = 8", "binary, N = 64", "4 bins, N = 64", "log distance, N = 64"]


def test_bins_mean_nothing_to_a_reward_without_them(tmp_path: Path) -> None:
    make_study(tmp_path / "a", {8: [40]}, reward_bins=4)
    make_study(tmp_path / "b", {8: [40]}, reward_bins=8)
    assert labels(tmp_path) == ["binary"]


def test_cells_of_one_reward_are_named_by_the_option_in_which_they_differ(tmp_path: Path) -> None:
    make_study(tmp_path, {8: [40]}, name="plain")
    make_study(tmp_path, {8: [40]}, name="bonus", entropy_coef=0.05)
    assert sorted(labels(tmp_path)) == ["binary, entropy_coef=0.05", "binary, entropy_coef=none"]


def test_names_that_a_person_wrote_are_kept(tmp_path: Path) -> None:
    rows = []
    for name, coef in (("plain", 0.0), ("with a bonus", 0.05)):
        make_study(tmp_path, {8: [40], 16: [60]}, name=name, entropy_coef=coef)
        rows += [{"run": f"{name}-N-{N}-0", "condition": f"{name}, N={N}", "is_trial": False} for N in (8, 16)]
    (tmp_path / "sweep.json").write_text(json.dumps({"runs": rows}))
    assert {cell.series for cell in cells_of(gathered([tmp_path]).runs)} == {"plain", "with a bonus"}


def test_supervised_and_dense_runs_have_names_of_their_own(tmp_path: Path) -> None:
    make_study(tmp_path, {8: [40]}, name="sft", algorithm="sft")
    for credit in ("turn", "sum"):
        make_study(tmp_path, {8: [40]}, name=credit, env_type="multi_step", reward_type="dense", credit=credit)
    assert labels(tmp_path) == ["dense, per turn", "dense, summed", "supervised"]


def test_algorithms_are_told_apart(tmp_path: Path) -> None:
    make_study(tmp_path, {8: [40]}, name="one")
    make_study(tmp_path, {8: [40]}, name="other", algorithm="grpo")
    assert sorted(labels(tmp_path)) == ["binary, algorithm=grpo", "binary, algorithm=reinforce"]


def test_a_name_of_one_sweep_serves_the_same_condition_in_another(tmp_path: Path) -> None:
    """And what nobody named has the shortest name."""
    make_study(tmp_path / "a", {8: [40]}, name="hand", entropy_coef=0.05)
    row = {"run": "hand-N-8-0", "condition": "with a bonus", "is_trial": False}
    (tmp_path / "a" / "sweep.json").write_text(json.dumps({"runs": [row]}))
    make_study(tmp_path / "b", {16: [60]}, entropy_coef=0.05)
    make_study(tmp_path / "b", {16: [60]}, name="plain", entropy_coef=0.0)
    assert labels(tmp_path) == ["binary, entropy_coef=0.0, N = 16", "with a bonus, N = 8", "with a bonus, N = 16"]


def test_what_the_size_of_the_game_chooses_makes_no_series(tmp_path: Path) -> None:
    make_study(tmp_path, {64: [30]}, warmup_distance=0.02)
    make_study(tmp_path, {4096: [90]}, warmup_distance=0.1)
    assert {cell.series for cell in cells_of(gathered([tmp_path]).runs)} == {"binary"}
    make_study(tmp_path, {64: [60]}, warmup_distance=0.1, name="far")
    labels = [cell.label for cell in cells_of(gathered([tmp_path]).runs)]
    assert len(set(labels)) == 3 and any("warmup_distance=0.02" in label for label in labels)


def test_how_a_model_was_warmed_up_is_not_said_where_the_model_is(tmp_path: Path) -> None:
    make_study(tmp_path, {64: [30]}, name="small", model_name="tiny-1M", warmup_learning_rate=3e-3)
    make_study(tmp_path, {64: [90]}, name="large", model_name="tiny-5M", warmup_learning_rate=1e-3)
    assert sorted(labels(tmp_path)) == ["binary, tiny-1M", "binary, tiny-5M"]


def test_the_task_is_named_beside_a_reward_that_others_earn_at_another_one() -> None:
    def run(kind: str, reward: str) -> SimpleNamespace:
        return SimpleNamespace(is_sft=False, options={"kind": kind, "reward_type": reward, "algorithm": "reinforce"})

    one, other, apart = run("secret", "binary"), run("countdown", "binary"), run("gsm8k", "weighted")
    assert base_label(one, [one, apart]) == "binary"
    assert base_label(one, [one, other]) == "binary, secret"
    assert base_label(apart, [one, other, apart]) == "weighted"
