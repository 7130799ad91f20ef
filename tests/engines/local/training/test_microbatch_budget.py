"""How much is read and written at once, by the memory that a device says is free."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from straw.engines.local.training.microbatch_budget import (
    ELSEWHERE,
    bytes_of_token,
    free_bytes,
    room_on,
    rows_at_once,
    tokens_at_once,
)

GIB = 2**30
SMALL = SimpleNamespace(
    hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3
)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    return monkeypatch


def free(card: pytest.MonkeyPatch, gib: float) -> None:
    card.setattr(torch.cuda, "mem_get_info", lambda device: (int(gib * GIB), 80 * GIB))


def test_a_card_gives_a_quarter_of_what_is_free_and_a_little_more_or_less_changes_nothing(
    card: pytest.MonkeyPatch,
) -> None:
    free(card, 40)
    assert room_on("cuda") == room_on("cuda:1") == 8 * GIB
    free(card, 35)
    assert room_on("cuda") == 8 * GIB
    free(card, 5)
    assert room_on("cuda") == GIB
    # 30 layers x (10 x 576 + 4 x 1536) floats are 1,428,480 bytes
    assert tokens_at_once(SMALL, "cuda", False) == GIB // 1_428_480
    assert bytes_of_token(SMALL, checkpointing=False) == 1_428_480
    assert bytes_of_token(SMALL, checkpointing=True) == 4 * 30 * 2 * 576


def test_keys_of_rows_have_their_own_share(card: pytest.MonkeyPatch) -> None:
    free(card, 4)
    of_row = 2 * 4 * 30 * 3 * 64 * 1000  # keys and values, float32
    assert rows_at_once(SMALL, "cuda", 1000, 512) == GIB // of_row == 23
    free(card, 0.001)
    assert rows_at_once(SMALL, "cuda", 1000, 512) == 1


def test_the_processor_has_a_gibibyte_and_a_card_elsewhere_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert tokens_at_once(SMALL, "cpu", False) == 2**30 // 1_428_480 == 751
    assert rows_at_once(SMALL, "cpu", 100_000, 512) == rows_at_once(SMALL, "cuda", 100_000, 512) == 512
    assert room_on("cuda") == ELSEWHERE


def test_a_guess_is_eight_gibibytes_and_a_card_that_is_nearly_full_gets_a_mebibyte(card: pytest.MonkeyPatch) -> None:
    assert ELSEWHERE == 8 * GIB
    free(card, 0.001)
    assert room_on("cuda") == 2**20
    free(card, 4)
    assert room_on("cuda") == GIB  # a power of two is its own
    free(card, 3.999)
    assert room_on("cuda") == GIB // 2


def test_no_more_than_8192_tokens_are_read_at_once_and_never_none(card: pytest.MonkeyPatch) -> None:
    tiny = SimpleNamespace(hidden_size=8, intermediate_size=8, num_hidden_layers=1)
    huge = SimpleNamespace(hidden_size=10**8, intermediate_size=8, num_hidden_layers=1)
    assert tokens_at_once(tiny, "cpu", False) == 8192 and tokens_at_once(huge, "cpu", False) == 1
    assert tokens_at_once(SMALL, "cpu", True) == 2**29 // (4 * 30 * 2 * 576) == 3883


def test_a_config_without_a_feed_forward_width_has_four_times_its_own() -> None:
    for config in (
        SimpleNamespace(hidden_size=10, num_hidden_layers=3),
        SimpleNamespace(hidden_size=10, num_hidden_layers=3, intermediate_size=None),
    ):
        assert bytes_of_token(config, checkpointing=False) == 4 * 3 * (10 * 10 + 4 * 40)


@pytest.mark.parametrize(
    ("more", "of_row"),
    [
        ({}, 2 * 4 * 3 * 4 * 16 * 100),  # as many key heads as heads, of 64 / 4
        ({"num_key_value_heads": None, "head_dim": None}, 2 * 4 * 3 * 4 * 16 * 100),
        ({"num_key_value_heads": 2}, 2 * 4 * 3 * 2 * 16 * 100),
        ({"num_key_value_heads": 2, "head_dim": 48}, 2 * 4 * 3 * 2 * 48 * 100),
    ],
)
def test_a_row_takes_its_keys_and_values_whatever_the_config_leaves_out(
    more: dict[str, int | None], of_row: int, card: pytest.MonkeyPatch
) -> None:
    config = SimpleNamespace(hidden_size=64, num_hidden_layers=3, num_attention_heads=4, **more)
    for rows in (1, 7):
        card.setattr(torch.cuda, "mem_get_info", lambda device, rows=rows: (4 * rows * of_row, 0))
        assert rows_at_once(config, "cuda", 100, 512) == rows
        card.setattr(torch.cuda, "mem_get_info", lambda device, rows=rows: (4 * rows * of_row - 1, 0))
        assert rows_at_once(config, "cuda", 100, 512) == max(1, rows - 1)
    free(card, 40)
    assert rows_at_once(config, "cuda", 100, 5) == 5
    assert rows_at_once(config, "cpu", 10**9, 5) == 5


def test_a_device_says_what_is_free_and_one_that_is_not_here_says_nothing(card: pytest.MonkeyPatch) -> None:
    free(card, 2)
    assert free_bytes("cuda:1") == 2 * GIB and free_bytes("cpu") is None
    card.setattr(torch.cuda, "is_available", lambda: False)
    assert free_bytes("cuda") is None
    card.setattr(torch.backends.mps, "is_available", lambda: False)
    assert free_bytes("mps") is None
    card.setattr(torch.backends.mps, "is_available", lambda: True)
    card.setattr(torch.mps, "recommended_max_memory", lambda: 10 * GIB)
    card.setattr(torch.mps, "driver_allocated_memory", lambda: 3 * GIB)
    assert free_bytes("mps") == 7 * GIB
