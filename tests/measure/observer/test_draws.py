"""What is drawn is a function of the seed, and is kept under a version: other numbers want another version."""

from __future__ import annotations

import numpy as np
import pytest
from tests.measure.observer.watched import table

from straw.measure.observer.draws import PATIENCE, Runs, draw_pace, started, stuck
from straw.measure.observer.ideal import VERSION
from straw.measure.observer.noisy import noisy_pace

BINS, HIGHER = "N=16 reward_type=binned_log_distance reward_bins=4", "N=16 reward_type=higher_lower"
DRAWN = [
    # game, group, episodes, bits behind the first three, to know, error, to nine tenths
    (BINS, 1, 5, (1.632562, 2.806153, 3.666667), 3.0, 0.156347, 3.0),
    (BINS, 4, 8, (1.767081, 2.809471, 3.138943), 3.733333, 0.312457, 4.0),
    (BINS, None, 15, (1.621842, 2.199272, 2.827615), 5.7, 0.614907, 5.0),
    (HIGHER, 1, 14, (0.853297, 1.53201, 2.300562), 6.166667, 0.411186, 6.0),
    (HIGHER, 4, 22, (0.554944, 1.04928, 1.31606), 9.8, 0.76797, 9.0),
    (HIGHER, None, 74, (0.640134, 1.238377, 1.575822), 23.466667, 3.297047, 17.0),
]


@pytest.mark.parametrize(("game", "group", "episodes", "bits", "to_know", "error", "near"), DRAWN)
def test_thirty_secrets_in_numbers(
    game: str, group: int | None, episodes: int, bits: tuple[float, ...], to_know: float, error: float, near: float
) -> None:
    assert VERSION == 1
    found = draw_pace(table(game).codes, group=group, runs=30, seed=3)
    assert found.bits_at(1e9) == 4.0 and found.runs == 30
    assert next(episode for episode, one in zip(found.episodes, found.bits, strict=True) if one == 4.0) == episodes - 1
    assert found.bits[:4] == pytest.approx((0.0, *bits), abs=1e-6)
    assert (found.to_know, found.to_know_error, found.to_nine_tenths) == pytest.approx((to_know, error, near), abs=1e-6)


@pytest.mark.parametrize(
    ("group", "episodes", "bits", "last", "near"),
    [(1, 23, (0.197594, 0.303867, 0.484189), 2.875106, 8.5), (4, 21, (0.386266, 0.760109, 0.810069), 2.941154, 10.0)],
)
def test_thirty_secrets_behind_noise_in_numbers(
    group: int, episodes: int, bits: tuple[float, ...], last: float, near: float
) -> None:
    assert VERSION == 1
    found = noisy_pace(8, 0.1, group=group, runs=30, seed=3)
    assert found.episodes == tuple(range(episodes)) and found.to_know is None and found.to_nine_tenths == near
    assert found.bits[:4] == pytest.approx((0.0, *bits), abs=1e-6)
    assert found.bits[-1] == pytest.approx(last, abs=1e-6)


def test_runs_are_asked_whether_they_can_move_once_they_did_not_for_long() -> None:
    """A reward that tells 0 and 1 from 2 and 3, and these not from each other: whoever knows that much is stuck."""
    codes = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]])

    def going(*moved_at: int) -> Runs:
        fits = np.tile(np.array([2, 3, 0, 0], np.uint16), (len(moved_at), 1))
        number = np.arange(len(moved_at))
        return Runs(number, np.full(len(moved_at), 2), fits, np.full(len(moved_at), 2), np.array(moved_at))

    found = stuck(codes, going(0, 1), PATIENCE, only_fitting=True)
    assert found.tolist() == [True, False] and PATIENCE == 64
    open_ = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0]])
    assert stuck(open_, going(0), PATIENCE, only_fitting=False).tolist() == [False]
    assert stuck(open_, going(0), PATIENCE, only_fitting=True).tolist() == [False]
    blind = np.array([[1, 0, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]])
    assert stuck(blind, going(0), PATIENCE, only_fitting=True).tolist() == [True]  # 0 would tell, and does not fit
    assert stuck(blind, going(0), PATIENCE, only_fitting=False).tolist() == [False]


def test_secrets_that_no_reward_tells_apart_are_never_known() -> None:
    """Asked after 64 episodes, when all have moved since, and after 128, when none has."""
    codes = np.zeros((8, 8), np.int64)
    codes[4:, 4:] = codes[:4, :4] = 1
    for group in (1, 2, None):
        found = draw_pace(codes, group=group, runs=8, seed=0)
        assert found.to_know is found.to_know_error is found.to_nine_tenths is None
        assert found.bits_at(64) == 1.0 and found.episodes[-1] == 128


def test_each_run_keeps_the_secrets_that_would_have_been_paid_alike_in_their_order() -> None:
    codes = np.array([[0, 1, 1, 2, 1], [3, 0, 3, 3, 3], [0, 0, 0, 0, 0], [1, 1, 2, 0, 2], [1, 2, 3, 4, 0]])
    fits = np.array([[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [1, 2, 4, 0, 0], [2, 4, 0, 0, 0]], np.uint16)
    runs = Runs(np.arange(4), np.array([2, 3, 4, 2]), fits, np.array([5, 5, 3, 2]), np.array([1, 1, 1, 1]))
    runs.observe(codes, np.array([0, 0, 1, 2]), 9)
    assert runs.sizes.tolist() == [3, 1, 2, 2] and runs.moved_at.tolist() == [9, 9, 9, 1]
    assert [runs.fits[run, :size].tolist() for run, size in enumerate(runs.sizes)] == [[1, 2, 4], [3], [2, 4], [2, 4]]
    runs.observe(codes, np.array([2, 2, 2, 2]), 10)
    assert runs.sizes.tolist() == [3, 1, 2, 2] and runs.moved_at.tolist() == [9, 9, 9, 1]  # no news
    runs.keep(np.array([False, True, True, False]))
    assert (runs.place.tolist(), runs.secrets.tolist(), runs.sizes.tolist()) == ([1, 2], [3, 4], [1, 2])
    assert (runs.moved_at.tolist(), runs.fits.shape) == ([9, 9], (2, 2))
    runs.keep(np.array([False, False]))
    assert len(runs.place) == 0


def test_secrets_are_spread_evenly_over_the_runs_and_everything_fits() -> None:
    runs = started(8, 4, np.random.default_rng(0))
    assert sorted(np.diff(sorted(runs.secrets))) == [2, 2, 2] and sorted(
        started(5, 10, np.random.default_rng(0)).secrets
    ) == [one for one in range(5) for _ in range(2)]
    assert runs.sizes.tolist() == [8] * 4 and runs.moved_at.tolist() == [0] * 4 and runs.place.tolist() == [0, 1, 2, 3]
    assert (runs.fits == np.arange(8)).all()
