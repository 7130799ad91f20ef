"""Which card a process sees: the trainer the first, generators the others in turn.

    device=cuda, 3 cards     trainer 0, generators 1 2 1 2 ...     each sees one, under the name cuda:0
    device=cuda, 1 card      all of them share it
    device=cuda:1            all are on that one: a card that somebody named

CUDA_VISIBLE_DEVICES has to stand before a process looks at its cards, so the process is begun with it. What of the
cards the directing process itself may see is shared out, by the names that are written there.
"""

from __future__ import annotations

import os

import torch

VISIBLE = "CUDA_VISIBLE_DEVICES"


def card_for(number: int, device: str) -> dict[str, str]:
    """The environment of a process; the trainer is number 0, generators count from 1."""
    cards = visible_cards() if device == "cuda" else []
    if len(cards) < 2:
        return {}
    return {VISIBLE: cards[0] if number == 0 else cards[1 + (number - 1) % (len(cards) - 1)]}


def visible_cards() -> list[str]:
    """Their numbers, or names where somebody wrote names."""
    count = torch.cuda.device_count()
    written = [name.strip() for name in os.environ.get(VISIBLE, "").split(",") if name.strip()]
    return written[:count] if written else [str(card) for card in range(count)]
