from __future__ import annotations

from math import exp, sqrt
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tests.small_runs import small_plan

from straw.training.warmup import initial_policy as start
from straw.training.warmup.frozen_head import Reach, most_likely, reach
from straw.training.warmup.initial_policy import starting_engine


def headed(*rows: tuple[float, float], gains: tuple[float, float] = (1, 1)) -> SimpleNamespace:
    """An engine with nothing but a head: a row for every token."""
    weight = torch.tensor(rows)
    norm = SimpleNamespace(norm=SimpleNamespace(weight=torch.tensor(gains)))
    return SimpleNamespace(
        model=SimpleNamespace(get_output_embeddings=lambda: SimpleNamespace(weight=weight), model=norm)
    )


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_a_token_between_two_others_is_never_likelier_than_both(gain: float) -> None:
    """Rows 1, -1 and 0 on one axis; what is read is as long as the square root of two."""
    found = most_likely(headed((1, 0), (-1, 0), (0, 0), gains=(gain, 1.0)), [0, 1, 2])
    up = exp(gain * sqrt(2))
    assert found[0] == found[1] == pytest.approx(up / (up + 1 / up + 1), rel=1e-3)
    assert found[2] == pytest.approx(1 / 3, rel=1e-3)


def test_answers_are_counted_that_can_be_known(home: Path) -> None:
    plan = small_plan("lora_rank=2 N=8")
    found = reach(starting_engine(plan, lambda _: None), plan.task)
    needed = 8 ** (0.9 - 1)
    assert found.answers == 8
    assert found.within == sum(found.most[str(digit)] * found.most["<|end|>"] >= needed for digit in range(8))


@pytest.mark.parametrize("rank, within, is_said", [(2, 42, True), (2, 64, False), (0, 42, False)])
def test_only_adapters_that_miss_an_answer_are_warned_of(
    home: Path, monkeypatch: pytest.MonkeyPatch, rank: int, within: int, is_said: bool
) -> None:
    monkeypatch.setattr(start, "reach", lambda engine, task: Reach({"1": 0.99, "6": 0.53, "7": 0.54}, within, 64))
    said: list[str] = []
    starting_engine(small_plan(f"lora_rank={rank}"), said.append)
    line = "the most that this one gives is 0.53 for 6, 0.54 for 7: 22 of 64 answers stay below 0.9 of the bits."
    assert any(line in one for one in said) == is_said
