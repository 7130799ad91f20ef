from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.made_studies import make_study
from tests.report.study.in_memory import cell_of, run_of

from straw.report.study.cells import (
    base_label,
    cells_of,
    channel_label,
    channel_of,
    follows_size,
    hand_name,
    key_of,
    order,
    said,
    told_apart,
    width,
    without,
)
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


@pytest.mark.parametrize(
    ("options", "channel", "label", "levels"),
    [
        ({"reward_type": "binary"}, "binary", "binary", 2),
        ({"reward_type": "none"}, "binary", "binary", 2),
        ({"reward_type": "none", "env_type": "multi_step"}, "dense", "dense, per turn", 1e7),
        ({"reward_type": "binary", "env_type": "multi_step"}, "binary", "binary", 2),
        ({"reward_type": "dense", "credit": "sum"}, "dense", "dense, summed", 1e7),
        ({"reward_type": "binned_log_distance", "reward_bins": 4}, "binned_log_distance", "4 bins", 4),
        ({"reward_type": "shuffled_bins", "reward_bins": 16}, "shuffled_bins", "16 bins, shuffled", 16),
        ({"reward_type": "noisy_binary"}, "noisy_binary", "noisy binary", 2),
        ({"reward_type": "random"}, "random", "random", 2),
        ({"reward_type": "higher_lower"}, "higher_lower", "higher lower", 2),
        ({"reward_type": "log_distance"}, "log_distance", "log distance", 1e6),
        ({"reward_type": "weighted"}, "weighted", "weighted", 1e8),
        ({"algorithm": "sft", "reward_type": "log_distance"}, "sft", "supervised", 1e8),
    ],
)
def test_a_reward_has_a_name_and_a_number_of_levels(
    options: dict[str, object], channel: str, label: str, levels: float
) -> None:
    run = run_of(**options)
    assert (channel_of(run), channel_label(run), width(run)) == (channel, label, levels)


def test_bins_are_eight_where_nobody_said_how_many() -> None:
    assert width(run_of(reward_type="binned_log_distance")) == 8


def test_supervised_stands_last_controls_before_it_and_rewards_by_their_levels_and_N() -> None:
    ordered = [
        cell_of(run_of(reward_type="binary", N=8)),
        cell_of(run_of(reward_type="binary", N=64)),
        cell_of(run_of(reward_type="binned_log_distance", reward_bins=4, N=4), series="4 bins"),
        cell_of(run_of(reward_type="log_distance", N=2), series="log distance"),
        cell_of(run_of(reward_type="higher_lower", N=2), series="a"),
        cell_of(run_of(reward_type="random", N=2), series="b"),
        cell_of(run_of(reward_type="shuffled_bins", reward_bins=4, N=2), series="a"),
        cell_of(run_of(algorithm="sft", N=2), series="a"),
    ]
    assert sorted(reversed(ordered), key=order) == ordered


def test_a_condition_is_what_its_first_run_is() -> None:
    runs = [run_of(N=64, secret_seed=seed, learning_rate=1e-3) for seed in (1, 2, 2)]
    cell = cell_of(*runs)
    assert (cell.N, cell.channel, cell.rate, cell.ceiling_bits, cell.num_secrets) == (64, "binary", 1e-3, 4.0, 2)
    assert not cell.is_control and cell_of(run_of(reward_type="noisy_binary")).is_control
    assert cell_of(run_of(ceiling=None, N=64)).N is None and (cell.how, list(cell.others)) == ("given", [])


def test_options_that_a_reward_does_not_read_make_no_difference() -> None:
    assert key_of(run_of(reward_bins=4, flip_probability=0.1, credit="sum", form="raw")) == key_of(run_of())
    assert key_of(run_of(reward_type="none")) == key_of(run_of())
    for reward, option in (
        ("binned_log_distance", "reward_bins"), ("shuffled_bins", "reward_bins"), ("noisy_binary", "flip_probability"),
        ("dense", "credit"), ("log_distance", "form"),
    ):  # fmt: skip
        one, other = (key_of(run_of(reward_type=reward, **{option: value})) for value in ("1", "2"))
        assert one != other and (option, "1") in one


def test_trials_are_judged_where_nothing_else_is_there() -> None:
    judged, trial = run_of(N=8, seed=1), run_of(N=8, seed=2, is_trial=True)
    (cell,) = cells_of([trial, judged])
    assert (list(cell.runs), list(cell.others)) == ([judged], [trial])
    (alone,) = cells_of([trial])
    assert (list(alone.runs), list(alone.others)) == ([trial], [])


def test_N_is_named_where_several_are_there_and_not_for_tasks_without() -> None:
    cells = cells_of([run_of(N=8), run_of(N=2048), run_of(ceiling=None, kind="gsm8k", N=8)])
    assert {cell.label for cell in cells} == {"binary, secret, N = 8", "binary, secret, N = 2,048", "binary, gsm8k"}
    assert [cell.label for cell in cells_of([run_of(N=8)])] == ["binary"]


def test_an_option_follows_the_size_where_each_N_has_one_value() -> None:
    def keys(*pairs: tuple[int, float]) -> list[frozenset[tuple[str, str]]]:
        return [frozenset({("N", str(N)), ("warmup_mass", str(mass))}) for N, mass in pairs]

    assert follows_size("warmup_mass", keys((8, 0.1), (64, 0.2), (64, 0.2)))
    assert follows_size("warmup_mass", keys((8, 0.1), (64, 0.1)))
    assert not follows_size("warmup_mass", keys((8, 0.1), (64, 0.2), (64, 0.3)))


def test_what_differs_is_named_the_model_first_and_a_warm_up_only_where_nothing_else_does() -> None:
    def key(**options: object) -> frozenset[tuple[str, str]]:
        return frozenset((name, str(value)) for name, value in options.items())

    one, other = key(baseline="ema", model_name="tiny-1M", warmup_mass=1), key(model_name="tiny-5M", warmup_mass=2)
    assert told_apart(one, [one, other]) == ", tiny-1M, baseline=ema"
    assert told_apart(other, [one, other]) == ", tiny-5M, baseline=-"
    warm, warmer = key(kl_coef=1, warmup_mass=1), key(kl_coef=1, warmup_mass=2)
    assert told_apart(warm, [warm, warmer]) == ", warmup_mass=1"
    assert told_apart(warm, [warm, warmer, key(kl_coef=2, warmup_mass=1)]) == ", kl_coef=1, warmup_mass=1"
    assert told_apart(one, [one]) == ""


def test_an_options_value_is_said_in_words_where_it_has_some() -> None:
    assert [said("lora_rank", "4"), said("lora_rank", "0")] == ["rank 4", "all weights"]
    assert [said("model_name", "tiny-1M"), said("kl_coef", "0")] == ["tiny-1M", "kl_coef=0"]


def test_the_part_of_a_name_that_a_person_wrote_is_what_has_no_value() -> None:
    assert hand_name([run_of(condition="EMA, fast, N=64"), run_of(condition="N=8, EMA, fast"), run_of()]) == "EMA, fast"
    assert hand_name([run_of(condition="EMA"), run_of(condition="other")]) == ""
    assert hand_name([run_of(condition="N=64")]) == hand_name([run_of()]) == ""
    assert hand_name([run_of(condition="mine", algorithm="surrogate")]) == "mine, surrogate"
    assert hand_name([run_of(condition="a surrogate", algorithm="surrogate")]) == "a surrogate"
    assert hand_name([run_of(algorithm="surrogate")]) == ""


def test_a_key_without_some_names_keeps_the_others() -> None:
    assert without(("N", "a"), frozenset({("N", "8"), ("b", "N"), ("a", "1")})) == frozenset({("b", "N")})
