from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.rewards.length import cosine_length, overlong_length


@pytest.mark.parametrize(
    ("is_right", "num_tokens", "expected"),
    [(True, 0, 1.0), (True, 100, 0.75), (True, 200, 0.5), (False, 0, -1.0), (False, 100, -0.75), (False, 200, -0.5)],
)
def test_right_falls_from_1_to_a_half_and_wrong_rises_as_far(is_right: bool, num_tokens: int, expected: float) -> None:
    assert cosine_length(is_right, num_tokens, 200) == pytest.approx(expected)


@given(st.booleans(), st.integers(0, 3000), st.integers(0, 3000), st.integers(1, 500))
def test_the_cosine_never_turns_back(is_right: bool, one: int, other: int, limit: int) -> None:
    """Characters measured against a limit in tokens would: 800 of 200 is twice around."""
    shorter, longer = (cosine_length(is_right, count, limit) for count in sorted((one, other)))
    assert (shorter >= longer) if is_right else (shorter <= longer)


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(1, 500))
def test_no_wrong_answer_is_worth_a_right_one(one: int, other: int, limit: int) -> None:
    assert cosine_length(False, one, limit) <= -0.5 < 0.5 <= cosine_length(True, other, limit)


@pytest.mark.parametrize(("tokens", "worth"), [(1, 0), (16, 0), (17, -0.25), (18, -0.5), (20, -1), (25, -1)])
def test_what_is_overlong_loses_in_a_line(tokens: int, worth: float) -> None:
    """DAPO's formula with L_max = 20 and L_cache = 4: ((L_max - L_cache) - |y|) / L_cache."""
    assert overlong_length(tokens, 20) == pytest.approx(worth)
