"""Many games of two runs each: what one may say of them all together, tried on runs whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.benchmark.test_check import run

from straw.benchmark.entry import Entry
from straw.benchmark.few import FEW, has_few, interval_over, mean_ratio
from straw.benchmark.games import FORMS, GROUP, Cell
from straw.benchmark.score import score_of
from straw.benchmark.submission import submitted
from straw.report.study.statistics.intervals import ranks

CELL = replace(FORMS["broad"][0], most_episodes=256)


def test_a_score_of_two_runs_by_hand() -> None:
    """8 and 32 episodes, beside an observer's 4: the geometric mean is 16. One at the cap counts with it, as least."""
    score = score_of(CELL, [run(0, 8), run(1, 32)], 4)
    assert (score["ratio"], score["at_least"], score["interval"], score["is_range"]) == (4.0, False, [8, 32], True)
    capped = score_of(CELL, [run(0, 16), run(1, 256, known=False)], 4)
    assert (capped["ratio"], capped["at_least"], capped["known"]) == (16.0, True, 1)
    assert mean_ratio([run(0, 8), run(1, 32)], 4) == pytest.approx(4.0)


def test_few_are_those_whose_median_has_no_interval() -> None:
    assert ranks(FEW) is not None and ranks(FEW - 1) is None
    assert [form for form, cells in FORMS.items() if has_few(cells)] == ["broad"]


def test_the_interval_by_hand() -> None:
    """A hundred cells with logs -1 and 1: each mean has the variance 2 / 2, all together 1 / 100, t of 100 is 1.984."""
    low, high = interval_over([np.array([-1.0, 1.0])] * 100) or (0.0, 0.0)
    assert math.log(high) == pytest.approx(0.1984, abs=1e-4) and low == pytest.approx(1 / high)
    low, high = interval_over([np.array([-1.0, 1.0]), *[np.zeros(2)] * 99]) or (0.0, 0.0)  # all hangs on one pair
    assert math.log(high) == pytest.approx(12.706 / 100, rel=1e-3)
    assert interval_over([np.array([1.0])]) is None and interval_over([]) is None
    assert interval_over([np.array([0.0, 0.0])] * 2) == (1.0, 1.0)


def test_an_entry_says_how_few_its_runs_are(home: object) -> None:
    entry = Entry.begun("broad", submitted("grpo", {}))
    for cell in entry.cells:
        entry.runs[cell.name] = [run(0, 16), run(1, 64, known=cell.N == 64)]
    _, total = entry.scored()
    small = sum(cell.N == 64 for cell in entry.cells)
    assert (total["known"], total["of"], total["at_least"]) == (46 + small, 92, True)
    low, high = total["interval"]
    assert low < total["ratio"] < high


def drawn(chance: np.random.Generator, per_group: float, cell: Cell, secrets: int) -> np.ndarray:
    """Logs of a learner that comes to know with an equal chance behind every group, as one that guesses would."""
    return np.log(np.minimum(GROUP * chance.geometric(per_group, secrets), cell.most_episodes))


def true_log(per_group: float, cell: Cell) -> float:
    groups = np.arange(1, cell.most_episodes // GROUP + 1)
    shares = per_group * (1 - per_group) ** (groups - 1)
    shares[-1] += 1 - shares.sum()
    return float(shares @ np.log(groups * GROUP))


KINDS = {
    "all alike": np.full(46, 0.05), "of all kinds": np.geomspace(0.002, 0.9, 46),
    "mostly at the cap": np.full(46, 0.005), "few that vary": np.array([0.9] * 40 + [0.02] * 6),
}  # fmt: skip


@pytest.mark.parametrize("secrets", [2, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_the_interval_over_all_games_holds_in_95_of_100(kind: str, secrets: int) -> None:
    """Skewed times, a cap that some never meet and others hardly reach; the truth is that of these games."""
    chance, held, trials = np.random.default_rng(secrets), 0, 1500
    games = [*zip(KINDS[kind], FORMS["broad"], strict=True)]
    truth = math.exp(np.mean([true_log(p, cell) for p, cell in games]))
    for _ in range(trials):
        low, high = interval_over([drawn(chance, p, cell, secrets) for p, cell in games]) or (0.0, 0.0)
        held += low <= truth <= high
    assert 0.935 < held / trials < 0.98
