from __future__ import annotations

import numpy as np

from straw.config import load_page, parse_overrides
from straw.measure.classes import Classes, classes_of
from straw.measure.observer import game_of


def classes(words: str) -> Classes | None:
    return classes_of(*game_of(load_page(None, parse_overrides(words.split())).page))


def test_secrets_of_one_bin_are_in_one_class():
    bins = classes("N=8 reward_type=binned_log_distance reward_bins=2")
    paid = bins.of((4,), np.arange(8))
    assert [list(np.flatnonzero(paid == one)) for one in np.unique(paid)[::-1]] == [[3, 4, 5], [0, 1, 2, 6, 7]]


def test_items_of_a_sequence_are_parts_and_so_are_bits_that_are_paid_for():
    assert classes("N=4 length=2").parts(np.array([13])).tolist() == [[3, 1]]
    assert classes("N=16 env_type=multi_step").parts(np.array([13])).tolist() == [[1, 1, 0, 1]]
    assert classes("N=16 env_type=multi_step reward_type=binary").parts(np.array([13])).tolist() == [[13]]


def test_a_sequence_with_parts_of_a_reward_is_not_sorted():
    assert classes("N=4 reward_type=weighted reward_weights=correctness=1,integer=0.5") is not None
    assert classes("N=4 length=2 reward_type=weighted reward_weights=correctness=1,integer=0.5") is None
