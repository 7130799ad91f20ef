from __future__ import annotations

from math import comb, isclose
from random import Random

import pytest

from straw.report.golden.lost import beyond, enough_fresh, exceeded, finds, most_lost


def test_an_allowance_by_hand() -> None:
    """Of one golden run none is lost: of one fresh run it is 1/4, the mean of Beta(1/2, 3/2)."""
    assert isclose(exceeded(1, 0, 1)[0], 0.25)
    assert most_lost(96, 0, 15) == 1 and exceeded(96, 0, 15)[1] < 0.007 <= exceeded(96, 0, 15)[0]


def test_more_golden_runs_that_are_lost_allow_more_fresh_ones() -> None:
    allowed = [most_lost(96, lost, 40) for lost in range(20)]
    assert allowed == sorted(allowed) and allowed[0] == 3 and allowed[-1] > 12


@pytest.mark.parametrize(("golden", "lost", "fresh"), [(96, 0, 15), (128, 0, 15), (96, 1, 24), (64, 0, 20)])
def test_a_check_takes_as_few_runs_as_find_a_ruined_quarter_in_nine_of_ten(golden: int, lost: int, fresh: int) -> None:
    assert enough_fresh(golden, lost) == fresh
    assert finds(golden, lost, fresh) >= 0.9 > finds(golden, lost, fresh - 1) or fresh == 9


def test_the_power_by_hand() -> None:
    """96 golden runs, none lost: of 15 a quarter is ruined, and two or more of them are too many."""
    by_hand = 1 - 0.75**15 - 15 * 0.25 * 0.75**14
    assert isclose(finds(96, 0, 15), by_hand) and by_hand > 0.9


def test_too_few_golden_runs_cannot_find_it() -> None:
    assert enough_fresh(8, 0) is None and enough_fresh(16, 1) is None
    assert finds(16, 1, 9) < 0.3


@pytest.mark.parametrize("golden", [64, 96, 128])
def test_a_sound_learner_loses_too_many_in_fewer_than_one_of_a_hundred_checks_whatever_its_rate(golden: int) -> None:
    """Worked out, not drawn: over all golden files and all checks of as many runs as these files ask for."""
    rules = []
    for lost in range(golden // 3):
        fresh = enough_fresh(golden, lost) or 9
        rules.append((fresh, most_lost(golden, lost, fresh)))
    for rate in [0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.125, 0.15, 0.2]:
        failed = sum(
            comb(golden, lost) * rate**lost * (1 - rate) ** (golden - lost) * beyond(fresh, rate, most)
            for lost, (fresh, most) in enumerate(rules)
        )
        assert failed < 0.008, (rate, failed)


def test_drawn_checks_find_a_ruined_quarter_as_often_as_is_said() -> None:
    rng, lost = Random(0), 3
    fresh = enough_fresh(96, lost)
    assert fresh is not None
    share = lost / 96 + (1 - lost / 96) / 4
    found = sum(sum(rng.random() < share for _ in range(fresh)) > most_lost(96, lost, fresh) for _ in range(4000))
    assert found / 4000 == pytest.approx(finds(96, lost, fresh), abs=0.015)
