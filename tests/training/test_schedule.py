from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.config import Optimizer
from straw.training.schedule import learning_rate_at, rising_steps, share_left


def rates(num_steps: int, **options: object) -> list[float]:
    ours = Optimizer(learning_rate=1.0, **options)
    return [learning_rate_at(ours, step, num_steps) for step in range(num_steps)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1, 1, 1, 1]),
        ("linear", [1, 0.75, 0.5, 0.25]),
        ("cosine", [1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2]),
    ],
)
def test_the_schedules_over_four_steps(schedule: str, expected: Any) -> None:
    assert rates(4, schedule=schedule) == pytest.approx(expected)


def test_the_rate_rises_before_it_falls() -> None:
    assert rates(6, schedule="linear", lr_warmup_steps=2) == pytest.approx([0.5, 1, 1, 0.75, 0.5, 0.25])


def test_a_rise_may_be_a_share_of_all_updates() -> None:
    assert rates(6, lr_warmup=0.3) == rates(6, lr_warmup_steps=2)  # 1.8, rounded up
    assert rates(467, schedule="cosine", lr_warmup=0.1)[46] == 1.0


def test_a_rise_longer_than_the_run_is_no_division_by_zero() -> None:
    assert rates(2, schedule="cosine", lr_warmup_steps=4) == [0.25, 0.5]
    assert rates(4, schedule="linear", lr_warmup_steps=4) == [0.25, 0.5, 0.75, 1]


@given(st.integers(1, 50), st.integers(0, 60), st.sampled_from(["constant", "linear", "cosine"]))
def test_every_step_moves_and_none_exceeds_the_full_rate(num_steps: Any, rise: Any, schedule: Any) -> None:
    assert all(0 < rate <= 1 for rate in rates(num_steps, schedule=schedule, lr_warmup_steps=rise))


def test_what_is_left_of_a_run() -> None:
    assert [share_left(step, 4) for step in range(4)] == [1, 0.75, 0.5, 0.25]


def test_a_page_without_a_rate_moves_nothing_and_a_rise_is_a_number_of_steps_or_a_share() -> None:
    assert learning_rate_at(Optimizer(learning_rate=None), 0, 4) == 0.0
    assert rising_steps(Optimizer(lr_warmup_steps=3), 10) == 3
    assert [rising_steps(Optimizer(lr_warmup=share), 10) for share in (0.0, 0.3, 0.31)] == [0, 3, 4]


def test_the_last_step_of_a_rise_has_the_full_rate_and_so_has_the_next() -> None:
    for schedule in ("constant", "linear", "cosine"):
        assert rates(4, schedule=schedule, lr_warmup_steps=2)[:3] == [0.5, 1.0, 1.0]
