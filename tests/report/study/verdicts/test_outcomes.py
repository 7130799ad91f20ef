from __future__ import annotations

from pathlib import Path

import pytest
from tests.made_runs import rollout, write_run
from tests.made_studies import make_accuracy_run, make_study, never, row_at
from tests.report.study.verdicts.said import said, verdicts_at


def test_a_coin_that_teaches_is_found_out(tmp_path: Path) -> None:
    make_study(tmp_path / "well", {16: [never] * 4}, cap=100, reward_type="random")
    assert "no more than luck makes of a coin" in said(tmp_path / "well", "(control)")
    make_study(tmp_path / "ill", {16: [20] * 4}, cap=100, reward_type="random")
    assert "more than a coin can tell" in said(tmp_path / "ill", "(control)")


def test_a_ledger_that_breaks_its_law_is_found_out(tmp_path: Path) -> None:
    make_study(tmp_path / "well", {16: [20] * 4}, cap=100)
    text = said(tmp_path / "well", "law of the ledger")
    assert "is kept: the largest mean is 0.25, binary (4 secrets, after 100 episodes)" in text
    for secret in range(4):
        row = row_at(1, 100, 16, 10, 20) | {"ledger/offered_bits": 1.0}
        write_run(tmp_path / "ill" / str(secret), [row], N=16, secret_seed=secret, seed=secret, learning_rate=1e-3)
    text = said(tmp_path / "ill", "absorbed − offered")
    assert "does not hold for binary (7.36 over 4 secrets, after 100 episodes)" in text


def test_a_law_that_one_lucky_secret_could_break_is_neither_kept_nor_broken(tmp_path: Path) -> None:
    """A mean of 2.07 over nine secrets, of which one knew all four bits for nothing."""
    for secret in range(9):
        row = row_at(1, 100, 16, 10, 20) | {"ledger/offered_bits": 0.0 if secret == 3 else 4.88}
        write_run(tmp_path / str(secret), [row], N=16, secret_seed=secret, seed=secret, learning_rate=1e-3)
    text = said(tmp_path, "law of the ledger")
    assert "cannot be judged by these runs; not told for binary (2.08 over 9 secrets, after 100 episodes)" in text
    assert "kept" not in text


def test_no_law_is_kept_by_one_secret(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [20]}, cap=100)
    assert "1 condition has too few secrets, below 3" in said(tmp_path, "law of the ledger")


def test_nothing_received_has_no_share(tmp_path: Path) -> None:
    for secret in range(4):
        row = row_at(1, 100, 16, never, never) | {"ledger/received_bits": 0.2}
        write_run(tmp_path / str(secret), [row], N=16, secret_seed=secret, seed=secret, learning_rate=1e-3)
    assert not [one for one in verdicts_at(tmp_path) if "absorbed in sum" in one.text]


def test_a_single_run_has_a_sentence_without_an_interval(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [50]}, cap=200)
    assert said(tmp_path, "bits known after") == (
        "Binary: 3.88 of 4 bits known after 200 episodes; 0.9 of them after 50 "
        "(N = 16, tiny-1M, all weights, reinforce, 1 run)."
    )


def test_runs_that_ended_at_different_times_are_told_from_first_to_last(tmp_path: Path) -> None:
    for seed, episodes in enumerate((40, 120)):
        row = row_at(10, episodes, 16, 10, 20)
        write_run(tmp_path / str(seed), [row], N=16, secret_seed=seed, seed=seed, learning_rate=1e-3, stop_at=0.9)
    text = said(tmp_path, "bits known after")
    assert "bits known after 40 to 120 episodes in the median" in text and text.endswith("2 runs).")


def test_other_tasks_are_told_by_accuracy(tmp_path: Path) -> None:
    for seed, end in enumerate((0.6, 0.7, 0.8)):
        make_accuracy_run(tmp_path / str(seed), end, seed=seed)
    text = said(tmp_path, "accuracy on held-out problems")
    assert "from 0.000 to 0.7 (0.6 to 0.8) in the median after 80 episodes" in text


def test_runs_that_have_measured_nothing_say_nothing(tmp_path: Path) -> None:
    write_run(tmp_path / "young", [], [(1, rollout("3", 0.0))], N=16, done=False, learning_rate=1e-3)
    assert verdicts_at(tmp_path) == []


@pytest.mark.parametrize("num_runs", [1, 2])
def test_a_median_is_said_where_there_are_two_runs_and_of_one_it_is_not(tmp_path: Path, num_runs: int) -> None:
    for seed in range(num_runs):
        make_accuracy_run(tmp_path / str(seed), 0.6, seed=seed)
    assert ("in the median" in said(tmp_path, "accuracy on held-out problems")) == (num_runs > 1)


def test_a_control_that_is_no_coin_is_told_without_a_verdict(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [20] * 4}, cap=100, reward_type="shuffled_bins", reward_bins=8)
    (text,) = [one.text for one in verdicts_at(tmp_path) if one.about == "controls"]
    assert "(control): 3.88" in text and "bits known at the end (" in text and "coin" not in text
