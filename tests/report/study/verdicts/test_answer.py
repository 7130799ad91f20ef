from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.made_runs import rollout, write_run
from tests.made_studies import in_proportion, make_accuracy_run, make_study, never
from tests.report.study.verdicts.test_capacity import HITS, make_learner

from straw.report.study.analysis import studied
from straw.report.study.load_runs import gathered
from straw.report.study.verdicts import said_of


def answer_at(folder: Path) -> str:
    return said_of(studied(gathered([folder]))).answer.text


def test_of_learners_it_says_whether_it_matters_what_learns(tmp_path: Path) -> None:
    make_learner(tmp_path, "tiny-0.2M", HITS, after=60)
    make_learner(tmp_path, "tiny-5M", HITS, after=8, first_seed=100)
    text = answer_at(tmp_path)
    assert text.startswith("Capacity, binary at N = 64, from the first hit to 0.9 of the bits: it matters what learns")


def test_of_sizes_it_says_how_episodes_grow(tmp_path: Path) -> None:
    make_study(tmp_path, in_proportion([16, 64], 8))
    text = answer_at(tmp_path)
    assert text.startswith("Episodes to 0.9 of the bits grow as N^") and "not told from N (binary)" in text
    assert text.endswith(": N = 16 to 64, tiny-1M, all weights, reinforce, 8 runs each.")


def test_of_levels_it_says_which_are_faster(tmp_path: Path) -> None:
    for bins in (4, 8, 16):
        make_study(tmp_path, {64: [100, 120, 90]}, reward_type="binned_log_distance", reward_bins=bins)
    assert answer_at(tmp_path).startswith("Episodes to 0.9 of the bits at N = 64: 4 bins 100 (90 to 120); ")


def test_of_algorithms_it_says_who_knows_most(tmp_path: Path) -> None:
    make_study(tmp_path, {64: [100] * 4}, cap=400)
    make_study(tmp_path, {64: [never] * 4}, cap=400, name="bonus", entropy_coef=0.05)
    assert "entropy_coef=none with 5.82 bits in the median" in answer_at(tmp_path)


def test_of_two_rewards_or_one_run_it_says_how_long_they_took(tmp_path: Path) -> None:
    make_study(tmp_path / "two", {64: [60, 70, 90]})
    make_study(tmp_path / "two", {64: [110, 120, never]}, cap=400, reward_type="log_distance")
    assert answer_at(tmp_path / "two") == (
        "Episodes to 0.9 of the bits, in the median: binary 70 (60 to 90), 3 of 3 got there; log distance 120 (110 to "
        "more), 2 of 3 got there (N = 64, tiny-1M, all weights, reinforce, 3 runs each)."
    )
    make_study(tmp_path / "one", {64: [56]})
    assert answer_at(tmp_path / "one") == (
        "Episodes to 0.9 of the bits: binary 56, 1 of 1 got there (N = 64, tiny-1M, all weights, reinforce, 1 run)."
    )


def test_of_a_task_without_bits_it_tells_accuracy(tmp_path: Path) -> None:
    for seed, end in enumerate((0.6, 0.7, 0.8)):
        make_accuracy_run(tmp_path / str(seed), end, seed=seed)
    assert answer_at(tmp_path) == (
        "Binary: accuracy on held-out problems from 0.000 to 0.7 (0.6 to 0.8) in the median after 80 episodes "
        "(sum_digits, tiny-1M, all weights, reinforce, 3 runs)."
    )


def test_the_answer_is_not_said_twice(tmp_path: Path) -> None:
    for bins in (4, 8, 16):
        make_study(tmp_path, {64: [100, 120, 90]}, reward_type="binned_log_distance", reward_bins=bins)
    said = said_of(studied(gathered([tmp_path])))
    assert said.answer.text not in [verdict.text for verdict in said.verdicts]


@pytest.mark.parametrize("rows", [[], [{"step": 1, "episodes": 4, "time_s": 1.0, "reward": 0.0}]])
def test_runs_that_have_measured_nothing_answer_nothing(tmp_path: Path, rows: Any) -> None:
    write_run(tmp_path / "young", rows, [(1, rollout("3", 0.0))], N=16, done=False, learning_rate=1e-3)
    assert said_of(studied(gathered([tmp_path]))).answer is None


def test_every_sentence_names_the_conditions_under_which_it_is_true(tmp_path: Path) -> None:
    """N, what learns, the algorithm and the number of runs: of findings, and of what is censored."""
    make_study(tmp_path, in_proportion([16, 64], 8), cap=100)
    for bins in (4, 8):
        make_study(tmp_path, {64: [60, 80, never] * 2}, cap=400, reward_type="binned_log_distance", reward_bins=bins)
    make_study(tmp_path, {16: [never] * 4}, cap=200, reward_type="random")
    said = said_of(studied(gathered([tmp_path])))
    told = [one.text for one in (said.answer, *said.verdicts) if not one.is_warning or "did not know" in one.text]
    assert len(told) >= 8
    for text in told:
        assert all(word in text for word in ("N = ", "tiny-1M, all weights, reinforce", "runs")), text
