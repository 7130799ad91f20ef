from __future__ import annotations

from math import log2

import numpy as np
import pytest
from tests.measure.observer.forms import (
    binary_bits,
    binary_bits_after,
    binary_episodes_to_know,
    dense_sum_bits,
    log_distance_bits,
    log_distance_bits_of_any,
)
from tests.measure.observer.reference import NAMES
from tests.measure.observer.watched import table, watch

from straw.information import binary_entropy_bits
from straw.measure.observer.greedy import partition_bits


@pytest.mark.parametrize("N", [2, 3, 10, 16, 64, 100])
def test_binary_in_closed_form(N: int) -> None:
    found = watch(f"N={N}")
    assert found.first_bits == found.best_first_bits == pytest.approx(binary_bits(N), abs=1e-9)
    assert binary_bits(N) == pytest.approx(binary_entropy_bits(1 / N))
    for strategy in ("greedy", "thompson"):
        pace = found.paces[strategy]
        assert pace.to_know == pytest.approx(binary_episodes_to_know(N), abs=1e-7)
        for episode, bits in zip(pace.episodes, pace.bits, strict=True):
            assert bits == pytest.approx(binary_bits_after(N, episode), abs=1e-9)


@pytest.mark.parametrize("N", [16, 33, 64, 1000])
def test_log_distance_in_closed_form(N: int) -> None:
    found = table(f"N={N} reward_type=log_distance")
    bits = partition_bits(found.codes, np.arange(N), found.num_codes)
    assert bits == pytest.approx([log_distance_bits(N, guess) for guess in range(N)], abs=1e-9)
    assert bits.mean() == pytest.approx(log_distance_bits_of_any(N), abs=1e-9)
    if N % 2 == 0:
        assert log_distance_bits_of_any(N) == pytest.approx(log2(N) - (N - 2) / (2 * N), abs=1e-9)


@pytest.mark.parametrize(("bits", "expected"), [(4, 2.03), (6, 2.33), (8, 2.54), (10, 2.71), (12, 2.84)])
def test_a_sum_of_hits_in_closed_form(bits: int, expected: float) -> None:
    assert dense_sum_bits(bits) == pytest.approx(expected, abs=5e-3)
    if bits < 12:
        assert watch(f"N={2**bits} {NAMES['dense_sum']}", runs=20).first_bits == pytest.approx(dense_sum_bits(bits))
