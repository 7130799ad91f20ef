from __future__ import annotations

import pytest

from straw.errors import ConfigError
from straw.tasks.hidden import Hidden, secret_for


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
def test_the_secrets_of_the_original_sweep(N, secrets):
    assert tuple(secret_for(seed, N) for seed in range(3)) == secrets
    assert tuple(Hidden(N=N, secret_seed=seed).of(0)[0] for seed in range(3)) == secrets


def test_keys_and_items_walk_on_through_the_seeds():
    hidden = Hidden(N=4096, secret_seed=5, num_secrets=2, length=3)
    assert hidden.of(0) + hidden.of(1) == tuple(secret_for(seed, 4096) for seed in range(5, 11))


def test_a_fixed_secret_is_the_first_and_the_others_follow():
    assert Hidden(N=64, fixed_secret=7).of(0) == (7,)
    assert Hidden(N=64, fixed_secret=7, num_secrets=2).of(1) == ((7 + 9973) % 64,)
    assert Hidden(N=64, fixed_secret=0, secret_seed=9).of(0) == (0,)


def test_a_secret_fixed_at_its_own_value_changes_nothing():
    drawn = Hidden(N=1024, secret_seed=2, num_secrets=3, length=2)
    fixed = Hidden(N=1024, fixed_secret=547, num_secrets=3, length=2)
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
def test_options_that_hide_no_secret_say_the_rule_and_the_value(options, rule, value):
    with pytest.raises(ConfigError, match=rule) as caught:
        Hidden(**options)
    assert value in str(caught.value)
    assert "\n" not in str(caught.value)
