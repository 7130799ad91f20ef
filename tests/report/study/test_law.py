from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.made_runs import write_run

from straw.report.study.cells import Cell, cells_of
from straw.report.study.law import BROKEN, KEPT, UNTOLD, chance_of_gain, first_look, law, law_of_nothing
from straw.report.study.load_runs import gathered

NAMES = ("ledger/offered_bits", "ledger/received_bits", "ledger/absorbed_bits")


def ledgers(folder: Path, *runs: list[tuple[float, float, float]], **options: object) -> Cell:
    """Runs by what was offered, received and absorbed, measured every four episodes."""
    for secret, ledger in enumerate(runs):
        rows = [
            {"step": step, "episodes": 4 * step, "time_s": 1.0, **dict(zip(NAMES, values, strict=True))}
            | {"p_secret": 2 ** values[2] / 16, "bits_known": values[2]}
            for step, values in enumerate(ledger, 1)
        ]
        write_run(folder / f"run-{secret}", rows, N=16, secret_seed=secret, seed=secret, **options)
    return cells_of(gathered([folder]).runs)[0]


def test_it_is_a_mean_of_powers(tmp_path: Path) -> None:
    cell = ledgers(tmp_path, [(2, 1, 1)], [(2, 4, 4)])
    assert law(cell, "offered_bits").value == pytest.approx((0.5 + 4) / 2)
    assert law(cell, "received_bits").value == pytest.approx(1)


def test_it_compares_runs_after_equally_many_episodes(tmp_path: Path) -> None:
    found = law(ledgers(tmp_path, [(1, 1, 1), (2, 4, 4)], [(1, 0, -1)]), "offered_bits")
    assert (found.value, found.episodes) == (pytest.approx((1 + 0.25) / 2), 4)


def test_a_run_that_knew_enough_counts_with_all_that_it_could_know_later(tmp_path: Path) -> None:
    """The others end after 20 episodes. By then the first could know four bits, of which one was offered: 2^(4 - 1)."""
    told = [[(1, 0, 0), (1, 0, 0), (1, 4, 3.9)], [(1, 0, 0)] * 5, [(1, 0, 0)] * 5]
    found = law(ledgers(tmp_path, *told, stop_at=0.9), "offered_bits")
    assert (found.value, found.episodes) == (pytest.approx((8 + 0.5 + 0.5) / 3), 20)
    assert found.outcome(0.05) == UNTOLD


def test_runs_that_stopped_with_all_that_was_offered_keep_the_law(tmp_path: Path) -> None:
    told = [[(2, 0, 0), (5, 4, 3.9)], [(3, 0, 0), (4, 1, 0), (6, 4, 3.95)], [(2, 0, 0)] * 5]
    assert law(ledgers(tmp_path, *told, stop_at=0.9), "offered_bits").outcome(0.05) == KEPT


def test_where_runs_stopped_because_they_knew_their_secret_the_bet_is_on_the_first_measurement(tmp_path: Path) -> None:
    """The luckiest secret would decide otherwise when all are looked at: just when it is known."""
    stopped = [[(1, 0, 0), (1, 4, 4)]] * 6
    assert law(ledgers(tmp_path / "a", *stopped, stop_at=0.9), "offered_bits").outcome(0.05) == UNTOLD
    from_the_start = [[(1, 4, 4), (1, 4, 4)]] * 6
    assert law(ledgers(tmp_path / "b", *from_the_start, stop_at=0.9), "offered_bits").outcome(0.05) == BROKEN


def test_a_mean_of_at_most_one_is_kept_and_a_lucky_secret_is_not_told(tmp_path: Path) -> None:
    kept = law(ledgers(tmp_path / "a", *[[(3, 2, 1)]] * 4), "offered_bits")
    assert (kept.value, kept.outcome(0.05)) == (0.25, KEPT)
    lucky = law(ledgers(tmp_path / "b", *[[(3, 2, 1)]] * 4, [(0, 2, 8)]), "offered_bits")
    assert lucky.value > 50
    assert lucky.outcome(0.05) == UNTOLD


def test_one_secret_or_two_keep_nothing(tmp_path: Path) -> None:
    assert law(ledgers(tmp_path / "a", [(3, 2, 1)]), "offered_bits").outcome(0.05) == UNTOLD
    assert law(ledgers(tmp_path / "b", *[[(3, 2, 1)]] * 2), "offered_bits").outcome(0.05) == UNTOLD
    assert law(ledgers(tmp_path / "c", *[[(3, 2, 1)]] * 3), "offered_bits").outcome(0.05) == KEPT


def test_what_luck_cannot_make_breaks_it(tmp_path: Path) -> None:
    assert law(ledgers(tmp_path, *[[(1, 4, 4)]] * 4), "offered_bits").outcome(0.05) == BROKEN


def test_the_bet_of_four_coins_that_knew_four_bits_by_hand() -> None:
    """With half at stake 8.5 times as much after each; the mean over all stakes is the more for the bolder ones."""
    assert 8.5**4 > 5000
    assert chance_of_gain(np.full(4, 16.0)) < 1 / 5000
    assert chance_of_gain(np.array([16.0])) == pytest.approx(1 / (1 + 15 * 0.5))
    assert chance_of_gain(np.array([0.25, 0.5])) == 1


def test_a_reward_that_tells_nothing_is_held_to_knowing_nothing(tmp_path: Path) -> None:
    assert law_of_nothing(ledgers(tmp_path, *[[(1, 0, 4)]] * 4)).p < 0.001


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_luck_alone_breaks_it_less_often_than_said(bits: int) -> None:
    """The hardest case: c bits too much once in 2^c, and nothing otherwise. Its mean is 1."""
    rng = np.random.default_rng(bits)
    values = np.where(rng.random((4000, 12)) < 2.0**-bits, 2.0**bits, 0)
    assert np.mean([chance_of_gain(row) <= 0.05 for row in values]) <= 0.05


def test_the_first_look_is_the_first_behind_the_start_however_soon_it_comes() -> None:
    def measured(*episodes: float) -> SimpleNamespace:
        return SimpleNamespace(column=lambda name: SimpleNamespace(episodes=np.array(episodes)))

    assert first_look([measured(0, 1, 8)], ["bits_known"]) == 1
    assert first_look([measured(0, 1, 8), measured(0, 4)], ["bits_known"]) == 4
    assert first_look([measured(0)], ["bits_known"]) == 0
