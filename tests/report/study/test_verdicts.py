"""Verdicts change when the data do."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.made_runs import attempt, write_run
from tests.made_studies import by_bits, in_proportion, make_accuracy_run, make_study, never, row_at

from straw.report.study.gathered import gathered
from straw.report.study.verdicts import Verdict, verdicts_of
from straw.report.study.whole import studied

SIZES = [16, 64, 256]


@pytest.fixture(autouse=True)
def own_cache(home) -> None:
    """Observers are kept there."""


def verdicts_at(folder: Path) -> list[Verdict]:
    return verdicts_of(studied(gathered([folder])))


def said(folder: Path, *words: str) -> str:
    """The one sentence with all of these words."""
    (found,) = [one.text for one in verdicts_at(folder) if all(word in one.text for word in words)]
    return found


def test_a_time_in_proportion_to_N_is_said_to_be_one(tmp_path):
    make_study(tmp_path, in_proportion(SIZES, 8, spread=0.3))
    text = said(tmp_path, "Binary: episodes to 0.9 of the bits")
    assert "scale as N^1.0" in text or "scale as N^0.9" in text
    assert "in proportion to N" in text
    assert "more for a log2 N" in text


def test_a_log_law_is_said_to_be_one(tmp_path):
    make_study(tmp_path, by_bits(SIZES, 8, spread=0.02), reward_type="binned_log_distance")
    text = said(tmp_path, "8 bins: episodes")
    assert "grow with log2 N" in text
    assert " 40" in text or " 39" in text


def test_a_square_is_faster_than_N(tmp_path):
    make_study(tmp_path, {N: [N**2, 1.1 * N**2, 0.9 * N**2] for N in SIZES})
    assert "scale as N^2.00" in said(tmp_path, "episodes to 0.9", "scale as")
    assert "faster than N" in said(tmp_path, "episodes to 0.9", "scale as")


def test_a_censored_condition_is_said_plainly(tmp_path):
    make_study(tmp_path, {16: [30, 40, 50], 64: [100, never, never]}, cap=500)
    assert "2 of 3 runs did not know 0.9 of the bits within 500 episodes" in said(tmp_path, "N = 64", "did not know")
    assert "its median is not reached" in said(tmp_path, "did not know")


def test_a_censored_run_below_the_median_changes_no_more_than_that(tmp_path):
    make_study(tmp_path, {16: [30, 40, never]}, cap=500)
    assert "the median is reached without them" in said(tmp_path, "1 of 3 runs did not know")


def test_a_reward_that_cannot_tell_enough_is_not_blamed_on_the_learner(tmp_path):
    make_study(tmp_path, {256: [never] * 2}, cap=400, reward_type="binned_log_distance", reward_bins=4)
    assert "its reward tells at most 6.4 of the 8 bits apart" in said(tmp_path, "did not know")


def test_few_secrets_behind_binary_discovery_are_warned_of_and_enough_are_not(tmp_path, monkeypatch):
    make_study(tmp_path, in_proportion([4, 16], 5), cap=1000)
    assert "5 secrets at each N" in said(tmp_path, "a matter of luck", "Take 100 or more")
    monkeypatch.setattr("straw.report.study.verdicts.ENOUGH_SECRETS", 5)
    assert not [one for one in verdicts_at(tmp_path) if "matter of luck" in one.text]


def test_discovery_and_consolidation_are_told_apart(tmp_path):
    make_study(tmp_path, {16: [30, 30, 30], 64: [120, 120, 120]})
    text = said(tmp_path, "the first hit alone")
    assert "N^1.00" in text
    assert "at N = 64: 80 [80, 80] episodes" in text


def test_more_levels_help_only_where_they_do(tmp_path):
    for bins, known in ((4, 400), (8, 100), (16, 104)):
        times = {64: [known * (1 + place / 50) for place in range(8)]}
        make_study(tmp_path, times, reward_type="binned_log_distance", reward_bins=bins)
    text = said(tmp_path, "Episodes to 0.9 of the bits at N = 64")
    assert "Beyond 8 bins, more levels are not faster" in text
    assert "8 bins 107 [103, 112]" in text


def test_bits_per_episode_are_compared_at_one_N(tmp_path):
    make_study(tmp_path, {16: [50, 50, 50]})
    make_study(tmp_path, {16: [25, 25, 25]}, reward_type="log_distance")
    text = said(tmp_path, "Bits per episode at N = 16")
    assert "binary 0.0776 [0.0776, 0.0776]; log distance 0.155" in text


def test_a_coin_that_teaches_is_found_out(tmp_path):
    make_study(tmp_path / "well", {16: [never] * 4}, cap=100, reward_type="random")
    assert "no more than a coin tells" in said(tmp_path / "well", "(control)")
    make_study(tmp_path / "ill", {16: [20] * 4}, cap=100, reward_type="random")
    assert "more than a coin can tell" in said(tmp_path / "ill", "(control)")


def test_a_ledger_that_breaks_its_law_is_found_out(tmp_path):
    make_study(tmp_path / "well", {16: [20] * 4}, cap=100)
    assert "is kept: at most 0.25, by binary" in said(tmp_path / "well", "law of the ledger")
    for secret in range(4):
        row = row_at(1, 100, 16, 10, 20) | {"ledger/offered_bits": 1.0}
        write_run(tmp_path / "ill" / str(secret), [row], N=16, secret_seed=secret, seed=secret, learning_rate=1e-3)
    assert "does not hold for binary" in said(tmp_path / "ill", "absorbed − offered")


def test_a_rate_chosen_on_the_judged_secrets_is_a_warning(tmp_path):
    for rate in (1e-4, 1e-3):
        make_study(tmp_path, {16: [30, 40]}, name=f"lr{rate}", learning_rate=rate)
    (found,) = [one for one in verdicts_at(tmp_path) if "same secrets" in one.text]
    assert found.is_warning


def test_a_single_run_has_a_sentence_without_an_interval(tmp_path):
    make_study(tmp_path, {16: [50]}, cap=200)
    assert (
        said(tmp_path, "bits known after") == "Binary: 3.88 of 4 bits known after 200 episodes; 0.9 of them after 50."
    )


def test_other_tasks_are_told_by_accuracy(tmp_path):
    for seed, end in enumerate((0.6, 0.7, 0.8)):
        make_accuracy_run(tmp_path / str(seed), end, seed=seed)
    text = said(tmp_path, "accuracy on held-out problems")
    assert "from 0.000 to 0.7 [0.6, 0.8] after 80 episodes, 3 runs" in text


def test_runs_that_have_measured_nothing_say_nothing(tmp_path):
    write_run(tmp_path / "young", [], [(1, attempt("3", 0.0))], N=16, done=False, learning_rate=1e-3)
    assert verdicts_at(tmp_path) == []
