from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from straw.benchmark.games import FORMS, Cell
from straw.benchmark.reference import pace_of, reference_of

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


def test_noise_costs_the_observer_more_than_its_capacity_says(home: Path) -> None:
    """Beside right or wrong without noise, 36 episodes; 0.53 bits of a bit come through at e = 0.1."""
    cell = replace(CELL, channel="noisy", N=16)
    assert reference_of(replace(cell, channel="binary")) < reference_of(cell) < 200
    assert reference_of(cell) == reference_of(cell)  # from the cache too
    pace_of.cache_clear()
    assert reference_of(cell) > 0
