from __future__ import annotations

from math import isclose
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.runs.metrics import mean_of, merged, metrics_row
from straw.types import Metric


def test_micro_batches_add_up_by_their_counts() -> None:
    whole = merged({"kl": Metric(0.1, 4)}, {"kl": Metric(0.4, 2), "entropy": Metric(2.0, 2)})
    assert isclose(whole["kl"].mean, 0.2)  # (4 * 0.1 + 2 * 0.4) / 6, not 0.25
    assert whole["kl"].count == 6
    assert whole["entropy"] == Metric(2.0, 2)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.integers(0, 20))
def test_where_a_step_is_cut_does_not_matter(values: Any, cut: Any) -> None:
    parts = [{"x": mean_of(values[:cut])}, {"x": mean_of(values[cut:])}]
    assert isclose(merged(*parts)["x"].mean, mean_of(values).mean, rel_tol=1e-9, abs_tol=1e-6)


def test_what_nobody_could_compute_is_absent_and_poisons_nothing() -> None:
    whole = merged({"x": Metric(float("nan"), 0)}, {"x": Metric(1.0, 2)}, {"y": mean_of([])})
    row = metrics_row(step=3, episodes=64, time_s=1.23456, metrics=whole)
    assert row == {"step": 3, "episodes": 64, "time_s": 1.235, "x": 1.0}


def test_a_metric_may_not_take_the_place_of_the_step() -> None:
    with pytest.raises(ValueError, match="step"):
        metrics_row(step=1, episodes=1, time_s=0.0, metrics={"step": Metric(1.0)})
