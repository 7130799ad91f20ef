from __future__ import annotations

import pytest
from tests.measure.observer.watched import table

from straw.config import load_page
from straw.errors import ConfigError
from straw.measure.observer import game_of, group_of


def test_coins_and_too_many_secrets_are_refused() -> None:
    with pytest.raises(ConfigError, match="flips a coin"):
        table("N=16 reward_type=noisy_binary")
    with pytest.raises(ConfigError, match="at most 4096"):
        table("N=5000")
    with pytest.raises(ConfigError, match="cannot be listed"):
        game_of(load_page(None, {"kind": "sum_digits"}).page)


def test_the_rollouts_of_a_step_are_the_group() -> None:
    assert group_of(load_page(None, {"group_size": "8", "batch_size": "2"}).page) == 16
    assert group_of(load_page(None, {"group_size": "8", "batch_size": "2", "num_secrets": "2"}).page) == 8
