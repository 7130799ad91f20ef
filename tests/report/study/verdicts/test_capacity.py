from __future__ import annotations

from math import inf
from pathlib import Path

from tests.made_runs import write_run
from tests.made_studies import make_study, never, row_at
from tests.report.study.verdicts.said import said, verdicts_at

from straw.report.study.statistics.survival import Median
from straw.report.study.verdicts.capacity import pace_of


def make_learner(
    folder: Path,
    model: str,
    hits: list[int],
    after: int,
    rank: int = 0,
    *,
    known_before: float = 0.0,
    first_seed: int = 0,
) -> None:
    """A run for each first hit; 0.9 of the bits are known `after` episodes behind it, a few perhaps before it."""
    for secret, hit in enumerate(hits):
        rows = [row_at(step, at, 64, hit, hit + after) for step, at in enumerate((0, hit - 1, hit, hit + after))]
        rows[1]["bits_known"] += known_before
        path = folder / f"{model}-{rank}-{secret}"
        folder.mkdir(exist_ok=True)
        write_run(path, rows, N=64, secret_seed=secret, seed=first_seed + secret, model_name=model, lora_rank=rank,
                  reward_type="binary", learning_rate=1e-3)  # fmt: skip


HITS = [8, 20, 30, 44, 60, 80, 120, 200]


def test_a_wait_before_which_nothing_was_learned_is_the_starts_by_construction(tmp_path: Path) -> None:
    """No test of it says anything about what learns, however different the samples are."""
    make_learner(tmp_path, "tiny-0.2M", HITS, after=60)
    make_learner(tmp_path, "tiny-5M", [3 * hit for hit in HITS], after=8)
    text = said(tmp_path, "Capacity, binary at N = 64, until the first hit")
    assert "nothing was learned before it, so the wait is that of the start's guesses, whatever learns" in text
    assert "52 to 156 episodes in the median" in text and "p =" not in text


def test_a_wait_in_which_something_was_learned_is_compared(tmp_path: Path) -> None:
    make_learner(tmp_path, "tiny-0.2M", HITS, after=60, known_before=0.5)
    make_learner(tmp_path, "tiny-5M", HITS, after=8, known_before=0.5)
    assert "not told apart (p = 1)" in said(tmp_path, "Capacity, binary at N = 64, until the first hit")


def test_an_absorption_that_luck_does_not_make_matters(tmp_path: Path) -> None:
    make_learner(tmp_path, "tiny-0.2M", HITS, after=60)
    make_learner(tmp_path, "tiny-5M", [hit + 2 for hit in HITS], after=8)
    text = said(tmp_path, "Capacity, binary at N = 64, from the first hit to 0.9 of the bits")
    assert "it matters what learns (p = 0.00" in text  # of 2^8 ways to swap within a secret, 2
    assert "): tiny-5M, all weights 8 [8, 8] and tiny-0.2M, all weights 60 [60, 60] episodes" in text
    assert text.endswith("(2 learners, tiny-0.2M or tiny-5M, all weights, reinforce, 8 runs each).")


def test_learners_of_one_pace_are_not_told_apart(tmp_path: Path) -> None:
    make_learner(tmp_path, "tiny-1M", HITS, after=20)
    make_learner(tmp_path, "tiny-1M", HITS, after=20, rank=4)
    text = said(tmp_path, "Capacity, binary at N = 64, in all")
    assert "not told apart (p = 1); " in text and "it would have been seen in four studies of five" in text


def test_learners_that_share_their_seeds_are_one_sample_of_luck_and_that_is_said(tmp_path: Path) -> None:
    make_learner(tmp_path / "shared", "tiny-1M", HITS, after=20)
    make_learner(tmp_path / "shared", "tiny-5M", HITS, after=20)
    assert "own_draws = true" in said(tmp_path / "shared", "share seeds")
    make_learner(tmp_path / "own", "tiny-1M", HITS, after=20)
    make_learner(tmp_path / "own", "tiny-5M", HITS, after=20, first_seed=100)
    assert not [one for one in verdicts_at(tmp_path / "own") if "share seeds" in one.text]


def test_who_never_gets_there_is_the_slowest(tmp_path: Path) -> None:
    make_study(tmp_path, {64: [40, 50, 60, 70, 44, 52]}, cap=500, name="large", model_name="tiny-5M")
    make_study(tmp_path, {64: [300, *[never] * 5]}, cap=500, name="small", model_name="tiny-0.2M")
    text = said(tmp_path, "Capacity", "in all: it matters what learns")
    assert "tiny-0.2M, all weights not reached by half in 500" in text


def test_one_run_against_one_is_not_asked(tmp_path: Path) -> None:
    make_learner(tmp_path, "tiny-0.2M", [40], after=60)
    make_learner(tmp_path, "tiny-5M", [400], after=8)
    assert not [one for one in verdicts_at(tmp_path) if one.text.startswith("Capacity")]


def test_one_learner_is_no_comparison(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [20, 30], 64: [40, 50]}, cap=100)
    assert not [one for one in verdicts_at(tmp_path) if "Capacity" in one.text]


def test_of_medians_that_were_not_reached_the_one_that_fewer_runs_came_to_is_slower() -> None:
    def median(value: float, happened: int, total: int = 10) -> Median:
        return Median(value=value, interval=None, happened=happened, total=total, longest=100.0)

    few, many, reached = median(inf, 2), median(inf, 4), median(64.0, 9)
    assert sorted([few, reached, many], key=pace_of) == [reached, many, few]
    assert pace_of(median(inf, 2, 4)) < pace_of(many)  # the share counts: two of four are more than four of ten
