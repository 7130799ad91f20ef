from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from straw.errors import ConfigError
from straw.tasks.secret.numbers import Hidden, secret_for


@pytest.mark.parametrize(
    ("N", "secrets"),
    [
        (16, (9, 14, 3)),
        (64, (57, 46, 35)),
        (256, (57, 46, 35)),
        (1024, (57, 814, 547)),
        (4096, (57, 1838, 3619)),
        (1, (0, 0, 0)),
    ],
)
def test_the_secrets_of_the_original_sweep(N: int, secrets: Any) -> None:
    assert tuple(secret_for(seed, N) for seed in range(3)) == secrets
    assert tuple(Hidden(N=N, secret_seed=seed).of(0)[0] for seed in range(3)) == secrets


def test_one_secret_of_several_is_the_studys_and_the_others_are_draws_of_their_own() -> None:
    hidden = Hidden(N=4096, secret_seed=5, num_secrets=3, length=3)
    drawn = [number for key in range(3) for number in hidden.of(key)]
    assert drawn[0] == secret_for(5, 4096)
    steps = {(later - earlier) % 4096 for earlier, later in pairwise(drawn)}
    assert len(steps) == 8  # a progression would have one
    assert drawn == [number for key in range(3) for number in hidden.of(key)]


def test_a_key_is_the_same_however_many_there_are() -> None:
    assert [Hidden(N=64, num_secrets=9).of(key) for key in range(4)] == [
        Hidden(N=64, num_secrets=4).of(key) for key in range(4)
    ]


@pytest.mark.parametrize("options", [{"num_secrets": 2}, {"length": 2}])
def test_two_secrets_are_a_pair_drawn_evenly_from_all_pairs(options: dict[str, Any]) -> None:
    """6,400 seeds, 64 pairs: chi-squared of 63 degrees of freedom is above 103 once in a thousand times."""
    pairs: Counter[tuple[int, ...]] = Counter()
    for seed in range(6400):
        hidden = Hidden(N=8, secret_seed=seed, **options)
        pairs[hidden.of(0) if hidden.length > 1 else hidden.of(0) + hidden.of(1)] += 1
    assert len(pairs) == 64
    assert sum((count - 100) ** 2 / 100 for count in pairs.values()) < 103


def test_what_the_first_secret_is_says_nothing_of_the_second() -> None:
    """With the first fixed the second is what it was; a learner of one is told nothing of the other."""
    for fixed in range(16):
        assert Hidden(N=16, num_secrets=2, fixed_secret=fixed).of(1) == Hidden(N=16, num_secrets=2).of(1)
    assert len({Hidden(N=16, num_secrets=2, secret_seed=seed, fixed_secret=3).of(1) for seed in range(99)}) == 16


def test_a_large_range_is_drawn_from_as_a_whole() -> None:
    drawn = [Hidden(N=10**30, num_secrets=50).of(key)[0] for key in range(1, 50)]
    assert min(drawn) < 2 * 10**29 and max(drawn) > 8 * 10**29


def test_a_fixed_secret_takes_the_place_of_the_first() -> None:
    assert Hidden(N=64, fixed_secret=7).of(0) == (7,)
    assert Hidden(N=64, fixed_secret=0, secret_seed=9).of(0) == (0,)


def test_a_secret_fixed_at_its_own_value_changes_nothing() -> None:
    drawn = Hidden(N=1024, secret_seed=2, num_secrets=3, length=2)
    fixed = Hidden(N=1024, secret_seed=2, fixed_secret=547, num_secrets=3, length=2)
    assert [drawn.of(key) for key in range(3)] == [fixed.of(key) for key in range(3)]


@pytest.mark.parametrize(
    ("options", "rule", "value"),
    [
        ({"N": 0}, "N >= 1", "N=0"),
        ({"N": 64, "fixed_secret": 64}, r"\[0, N\)", "fixed_secret=64"),
        ({"N": 64, "fixed_secret": -1}, r"\[0, N\)", "fixed_secret=-1"),
        ({"N": 64, "num_secrets": 0}, ">= 1", "num_secrets=0"),
        ({"N": 64, "length": 0}, ">= 1", "length=0"),
    ],
)
def test_options_that_hide_no_secret_say_the_rule_and_the_value(options: dict[str, Any], rule: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rule) as caught:
        Hidden(**options)
    assert value in str(caught.value)
    assert "\n" not in str(caught.value)
