from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from tests.benchmark.test_check import run

from straw.benchmark.few import mean_ratio
from straw.benchmark.games import FORMS, GROUP, Cell
from straw.benchmark.reference import game, pace_of, reference_of
from straw.measure.observer.draws import drawn_runs
from straw.measure.observer.table import table_of

CELL = FORMS["short"][0]


@pytest.mark.parametrize(
    ("channel", "episodes"), [("binary", 36), ("bins8", 8), ("distance", 4), ("dense", 4), ("words", 12)]
)
def test_the_numbers_of_the_study_of_the_observer_in_whole_groups(home: Path, channel: str, episodes: int) -> None:
    """N = 64, groups of four, median episodes to 0.9 of the bits: 33, 5, 1, 1, and behind higher or lower 9."""
    assert reference_of(replace(CELL, channel=channel)) == episodes


def test_how_a_number_is_spelled_is_nothing_to_an_observer(home: Path) -> None:
    cells: list[Cell] = [replace(CELL, channel="bins8", spelling=one) for one in ("digits", "permuted", "one_token")]
    assert len({pace_of(cell).bits for cell in cells}) == 1


@pytest.mark.parametrize("channel", ["binary", "bins8", "distance"])
def test_an_observer_scores_1_where_games_have_few_secrets_too(home: Path, channel: str) -> None:
    """By other runs of it. Its median is 36 with right or wrong, and its geometric mean 28, since times are skewed."""
    cell = replace(CELL, channel=channel, secrets=2)
    times = drawn_runs(table_of(*game(cell)).codes, group=GROUP, runs=2000, seed=7).near_at
    runs = [run(n, int(GROUP * math.ceil(at / GROUP))) for n, at in enumerate(times)]
    assert mean_ratio(runs, reference_of(cell)) == pytest.approx(1.0, abs=0.06)
    assert reference_of(cell) <= reference_of(CELL if channel == "binary" else replace(cell, secrets=8))


def test_noise_costs_the_observer_more_than_its_capacity_says(home: Path) -> None:
    """Beside right or wrong without noise, 36 episodes; 0.53 bits of a bit come through at e = 0.1."""
    cell = replace(CELL, channel="noisy", N=16)
    assert reference_of(replace(cell, channel="binary")) < reference_of(cell) < 200
    assert reference_of(cell) == reference_of(cell)  # from the cache too
    pace_of.cache_clear()
    assert reference_of(cell) > 0
