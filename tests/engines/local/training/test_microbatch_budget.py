"""How much is read and written at once, by the memory that a device says is free."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from straw.engines.local.training.microbatch_budget import (
    ELSEWHERE,
    bytes_of_token,
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


def test_the_processor_has_what_it_had_and_a_card_elsewhere_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert tokens_at_once(SMALL, "cpu", False) == 2**29 // 1_428_480
    assert rows_at_once(SMALL, "cpu", 100_000, 512) == rows_at_once(SMALL, "cuda", 100_000, 512) == 512
    assert room_on("cuda") == ELSEWHERE
