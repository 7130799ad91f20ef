"""Each process sees one card: the trainer the first, generators the others in turn."""

from __future__ import annotations

import pytest
import torch

from straw.engines.monarch.processes.cards import VISIBLE, card_for


def cards(count: int, device: str, monkeypatch: pytest.MonkeyPatch, written: str | None = None) -> list[str | None]:
    """Of a trainer and four generators."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    if written is None:
        monkeypatch.delenv(VISIBLE, raising=False)
    else:
        monkeypatch.setenv(VISIBLE, written)
    return [card_for(number, device).get(VISIBLE) for number in range(5)]


def test_the_trainer_has_the_first_card_and_generators_share_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cards(3, "cuda", monkeypatch) == ["0", "1", "2", "1", "2"]
    assert cards(2, "cuda", monkeypatch) == ["0", "1", "1", "1", "1"]


def test_cards_keep_the_names_by_which_they_are_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cards(2, "cuda", monkeypatch, "5, GPU-8f") == ["5", "GPU-8f", "GPU-8f", "GPU-8f", "GPU-8f"]


@pytest.mark.parametrize(("count", "device"), [(1, "cuda"), (0, "cuda"), (4, "cuda:1"), (4, "cpu")])
def test_where_there_is_no_choice_nothing_is_said(count: int, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cards(count, device, monkeypatch) == [None] * 5
