from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.benchmark.test_check import run

from straw.benchmark.games import FORMS
from straw.benchmark.score import score_of, total_of
from straw.benchmark.words import row_of, total_words

CELL = FORMS["short"][1]  # 8 bins, at most 256 episodes


def test_a_score_by_hand() -> None:
    """Eight runs, one censored: the median lies between the 4th and the 5th, the interval from the 1st to the 7th."""
    runs = [run(n, at) for n, at in enumerate([8, 12, 16, 20, 28, 40, 60])] + [run(7, 256, known=False)]
    score = score_of(CELL, runs, 8)
    assert (score["known"], score["of"], score["median"], score["interval"]) == (7, 8, 24.0, [8.0, 60.0])
    assert (score["ratio"], score["at_least"], score["is_range"]) == (3.0, False, False)
    assert row_of(CELL, score)[1:6] == ("7 of 8", "24", "8 to 60", "8", "3.00×")


def test_where_half_did_not_come_to_know_the_ratio_is_at_least_the_cap() -> None:
    runs = [run(n, 16) for n in range(3)] + [run(n, 256, known=False) for n in range(3, 8)]
    score = score_of(CELL, runs, 8)
    assert (score["median"], score["at_least"], score["ratio"], score["interval"]) == (None, True, 32.0, [16.0, None])
    assert row_of(CELL, score)[2:6] == ("over 256", "16 to more", "8", "≥ 32.00×")


def test_few_runs_have_a_range_and_no_interval() -> None:
    score = score_of(CELL, [run(0, 8), run(1, 16)], 8)
    assert score["is_range"] and row_of(CELL, score)[3] == "(8 to 16)"


def test_the_score_over_cells_is_a_geometric_mean_and_at_least_that_where_one_is() -> None:
    total = total_of([{"ratio": 2.0, "at_least": False}, {"ratio": 8.0, "at_least": True}])
    assert total == {"ratio": 4.0, "at_least": True} and total_words(total) == "≥ 4.00×"
    assert total_words(total_of([])) == "-"


@pytest.mark.parametrize("count", [8, 32])
def test_intervals_hold(count: int) -> None:
    """Simulated runs whose true median is known, with a cap that censors a quarter."""
    chance, held, trials = np.random.default_rng(count), 0, 400
    truth = 4 * math.ceil(math.log(0.5) / math.log(1 - 1 / 20))
    for _ in range(trials):
        times = [4 * int(one) for one in chance.geometric(1 / 20, count)]
        low, high = score_of(
            replace(CELL, most_episodes=112), [run(n, min(t, 112), known=t <= 112) for n, t in enumerate(times)], 8
        )["interval"]  # fmt: skip
        held += low <= truth <= (high or math.inf)
    assert held / trials > 0.93
