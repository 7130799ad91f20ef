"""A sign of life at every layer, on the way there and back, and no number is changed by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from tests.engines.contract import lesson, prompts_of
from tests.small_runs import small_plan

from straw.engines.base import Loss, SamplingParams
from straw.engines.local import heartbeat as pulse
from straw.engines.local.build import load_engine, with_adapters
from straw.engines.local.engine import LocalEngine

READERS = ["", "fast_llama=false", "gradient_checkpointing=true", "lora_rank=2", "lora_rank=2 fast_llama=false"]


def made(words: str) -> LocalEngine:
    page = small_plan("warmup=none", words).page
    return with_adapters(load_engine(page), page.model)


@pytest.fixture
def beats() -> Iterator[list[int]]:
    counted: list[int] = []
    pulse.watch(lambda: counted.append(1))
    yield counted
    pulse.watch(None)


def sample(engine: LocalEngine, max_tokens: int = 6) -> object:
    return engine.sample(prompts_of(engine)[:2], 16, SamplingParams(max_tokens=max_tokens), [range(16), range(16)])


def gradient(engine: LocalEngine) -> list[bytes]:
    engine.forward_backward(lesson(engine), Loss(name="cross_entropy"))
    return [p.grad.numpy().tobytes() for p in engine.trained.values() if p.grad is not None]


def num_layers(engine: LocalEngine) -> int:
    return int(engine.model.config.num_hidden_layers)


@pytest.mark.parametrize("words", READERS)
def test_every_layer_beats_in_prefill_and_for_every_token(words: Any, beats: list[int]) -> None:
    engine = made(words)
    beats.clear()
    sample(engine, max_tokens=1)
    assert len(beats) == 2 * num_layers(engine)  # two prompts, each read once
    sample(engine, max_tokens=5)
    assert len(beats) >= (2 + 2 + 4) * num_layers(engine)  # and four more tokens


@pytest.mark.parametrize("words", READERS)
def test_every_layer_beats_in_training_on_the_way_there_and_on_the_way_back(words: Any, beats: list[int]) -> None:
    engine = made(words)
    data = lesson(engine)
    beats.clear()
    engine.logprobs(data)
    there = len(beats)
    assert there >= num_layers(engine)
    gradient(engine)
    assert len(beats) - there >= there + num_layers(engine)


@pytest.mark.parametrize("words", READERS)
def test_who_is_watched_computes_the_same_bits(words: Any) -> None:
    watched, alone = made(words), made(words)
    pulse.watch(lambda: None)
    try:
        found = sample(watched), gradient(watched), watched.logprobs(lesson(watched))
    finally:
        pulse.watch(None)
    assert found == (sample(alone), gradient(alone), alone.logprobs(lesson(alone)))


def test_nobody_is_called_where_nobody_watches(beats: list[int]) -> None:
    engine = made("")
    pulse.watch(None)
    beats.clear()
    sample(engine)
    assert beats == []


def test_the_way_back_beats_at_the_first_that_takes_a_gradient_and_at_no_other(beats: list[int]) -> None:
    frozen, first, second = torch.ones(2), torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    pulse.layer(frozen, first, second)
    assert len(beats) == 1
    (frozen * first * second).sum().backward()
    assert len(beats) == 2
    pulse.layer(frozen)
    assert len(beats) == 3
    pulse.watch(None)
    pulse.layer(second)
    (2 * second).sum().backward()
    assert len(beats) == 3
