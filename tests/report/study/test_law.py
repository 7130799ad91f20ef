from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.made_runs import write_run
from tests.report.study.in_memory import Measured, cell_of, run_of

from straw.report.study.cells import Cell, cells_of
from straw.report.study.law import (
    BROKEN,
    KEPT,
    UNTOLD,
    Law,
    chance_of_gain,
    end_of,
    first_look,
    last_look,
    law,
    law_of,
    law_of_nothing,
    most_at,
    power_at,
)
from straw.report.study.load_runs import Seen, gathered

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


# --- in memory ------------------------------------------------------------------------------------

BOTH = ("ledger/absorbed_bits", "ledger/offered_bits")


def kept(*ledger: tuple[float, float], step: int = 4, p_secret: float = 0.0, **options: object) -> Seen:
    """What was absorbed and offered after 0, 4, 8 ... episodes."""
    at = [place * step for place in range(len(ledger))]
    columns: dict[str, Measured] = {
        name: (at, values) for name, values in zip(BOTH, zip(*ledger, strict=True), strict=True)
    }
    return run_of(columns | {"p_secret": ([at[-1]], [p_secret])}, stop_at=0.9, **options)


def test_the_power_is_of_what_was_absorbed_less_what_was_offered_by_then() -> None:
    run = kept((0, 0), (3, 1), (5, 2))
    assert [power_at(run, BOTH, episodes) for episodes in (0, 4, 7.9, 8, 99)] == [1, 4, 4, 8, 8]
    assert power_at(run, BOTH[:1], 4) == 8


def test_the_last_look_is_where_the_shortest_of_those_ended_that_did_not_know() -> None:
    """Where all knew, the longest: a run that stops when it knows tells its secret by when it stops."""
    knew, short, long_ = kept((0, 0), (1, 1), p_secret=0.95), kept(*[(0, 0)] * 3), kept(*[(0, 0)] * 6)
    assert [end_of(run, BOTH) for run in (knew, short, long_)] == [4, 8, 20]
    assert last_look([knew, long_, short], BOTH) == 8 and last_look([knew, long_], BOTH) == 20
    assert last_look([knew, kept((0, 0), (1, 1), (2, 2), p_secret=0.9)], BOTH) == 8
    uneven = run_of({BOTH[0]: ([0, 4, 8], [0, 0, 0]), BOTH[1]: ([0, 4], [0, 0])})
    assert end_of(uneven, BOTH) == 4


def test_who_was_over_by_then_could_know_everything_and_who_was_not_what_it_did() -> None:
    """Of two secrets of four bits each eight bits; what was offered stays as it was."""
    knew = kept((0, 0), (3, 2), p_secret=0.95)
    assert (most_at(knew, BOTH, 4), most_at(knew, BOTH, 8)) == (2**1, 2 ** (4 - 2))
    assert most_at(kept((0, 0), (3, 2), p_secret=0.95, num_secrets=2), BOTH, 8) == 2 ** (8 - 2)
    assert most_at(knew, BOTH[:1], 8) == 2**4
    assert most_at(kept((0, 0), (3, 2), p_secret=0.5), BOTH, 8) == 2


def test_the_law_is_asked_of_runs_that_kept_a_ledger_and_could_know_a_secret() -> None:
    there = [kept((0, 0), (1, 2), secret_seed=seed) for seed in (0, 1, 1)]
    others = [kept((0, 0), (9, 0), ceiling=None, secret_seed=7), run_of({BOTH[0]: ([0, 4], [0, 9])}, secret_seed=8)]
    found = law(cell_of(*there, *others), "offered_bits")
    assert found is not None and (found.value, found.num_secrets, found.episodes) == (0.5, 2, 4)
    assert found.p == 1
    assert law(cell_of(*others), "offered_bits") is None and law(cell_of(*there), "received_bits") is None


def test_the_bet_is_on_the_end_where_nobody_stopped_and_on_the_first_look_where_one_did() -> None:
    going = [kept((0, 0), (0, 0), (4, 0), secret_seed=seed) for seed in range(6)]
    stopped = kept((0, 0), (0, 0), (4, 0), p_secret=0.95, secret_seed=9)
    assert law_of(cell_of(*going), *BOTH).p == pytest.approx(chance_of_gain(np.full(6, 16.0)))
    assert law_of(cell_of(*going, stopped), *BOTH).p == pytest.approx(chance_of_gain(np.full(7, 1.0))) == 1


def test_an_outcome_is_broken_at_the_level_kept_at_one_and_not_told_between() -> None:
    def outcome(value: float, p: float, num_secrets: int = 3) -> str:
        return Law(value=value, p=p, num_secrets=num_secrets, episodes=4).outcome(0.05)

    assert (outcome(9, 0.05), outcome(9, 0.051), outcome(1, 0.5)) == (BROKEN, UNTOLD, KEPT)
    assert (outcome(1.001, 0.5), outcome(1, 0.5, 2), outcome(0.5, 0.01)) == (UNTOLD, UNTOLD, BROKEN)


def test_stakes_are_spread_from_a_twentieth_to_all_but_a_twentieth() -> None:
    """By hand, for two runs that gained 4 and lost to a quarter."""
    owned = [(1 + 3 * share) * (1 - 0.75 * share) for share in np.linspace(0.05, 0.95, 19)]
    assert chance_of_gain(np.array([4.0, 0.25])) == pytest.approx(min(1, 1 / np.mean(owned)))
    assert chance_of_gain(np.zeros(40_000)) == 1  # whoever staked anything owns less than a float can tell
