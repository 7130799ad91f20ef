"""Where no bits are promised: prompts are read together, weights stay where they lie, and no score is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.engines.contract import CROSS_ENTROPY, datum, gap, learn, lesson, prompts_of
from tests.engines.local.kinds import make_engine
from tests.pretend.device import NAME, Pretend, counted

from straw.engines.base import SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward import attention
from straw.engines.local.forward.llama.norms import rms_norm
from straw.engines.local.forward.prompts import reading

NEAR = 1e-4


@pytest.fixture(autouse=True)
def no_bits() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "keeps_bits", lambda device: device.type != NAME)
        yield


def launches_of(engine: LocalEngine, prompts: list[tuple[int, ...]]) -> int:
    with counted() as counts:
        engine.sample(prompts, 2, SamplingParams(max_tokens=1), [range(2)] * len(prompts))
    return counts.launches


@pytest.mark.parametrize("rows_at_once", [None, 16])
def test_eight_prompts_take_no_more_launches_than_two_and_say_what_each_says_alone(rows_at_once: int | None) -> None:
    there, here = (make_engine("embedded", device=device, rows_at_once=rows_at_once) for device in (NAME, "cpu"))
    words = prompts_of(here)[2]
    prompts = [words[:length] for length in (3, 30, 7, 19, 40, 1, 22, 11)]
    two, eight = launches_of(there, prompts[:2]), launches_of(there, prompts)
    assert eight - two < 25, "a reading of this model is some 200 launches"
    params = SamplingParams(max_tokens=4)
    for ours, theirs in zip(*(e.sample(prompts, 2, params, [range(2)] * 8) for e in (there, here)), strict=True):
        assert [one.tokens for one in ours] == [one.tokens for one in theirs]
        assert gap([one.logprobs for one in ours], [one.logprobs for one in theirs]) < NEAR


def test_prompts_that_are_too_many_for_one_reading_are_read_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "READ_AT_ONCE", 30)
    assert reading.together([(1,) * n for n in (10, 10, 10, 1, 40, 2)]) == [
        [(1,) * 10] * 3, [(1,)], [(1,) * 40], [(1,) * 2]
    ]  # fmt: skip


def test_texts_are_embedded_together() -> None:
    there, here = make_engine("embedded", device=NAME), make_engine("embedded")
    texts = ["What?", "Name the secret, please.", "x", "Why is the sky blue?"]
    with counted() as counts:
        found = there.embed(texts)
    assert counts.launches < 250
    assert gap(found, here.embed(texts)) < NEAR


def test_weights_that_act_for_a_while_are_copied_into_the_place_of_those_that_train() -> None:
    """A captured graph looks at addresses; on the way back every number is in its place again."""
    engine, data = make_engine("embedded", device=NAME), lesson(make_engine("embedded"))
    start = engine.logprobs(data)
    learn(engine, 3)
    places = {name: p.data_ptr() for name, p in engine.trained.items()}
    now, before = engine.logprobs(data), {name: p.detach().cpu().clone() for name, p in engine.trained.items()}
    assert gap(engine.logprobs(data, "start"), start) < NEAR < gap(now, start)
    with engine.policies.acting_as("start"):
        assert {name: p.data_ptr() for name, p in engine.trained.items()} == places
    assert {name: p.data_ptr() for name, p in engine.trained.items()} == places
    assert all(torch.equal(p.detach().cpu(), before[name]) for name, p in engine.trained.items())
    assert gap(engine.logprobs(data, "start"), start) < NEAR


def kept_and_gradients(engine: LocalEngine, data: list[Any]) -> tuple[int, dict[str, torch.Tensor]]:
    """The largest array that is kept for the way back, in numbers, and what comes back."""
    sizes: list[int] = []

    def keep(one: torch.Tensor) -> torch.Tensor:
        sizes.append(one.numel())
        return one

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        engine.forward_backward(data, CROSS_ENTROPY)
    return max(sizes), {name: p.grad.cpu() for name, p in engine.trained.items() if p.grad is not None}


def test_training_keeps_no_scores_and_finds_the_gradient_of_those_that_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four heads, 12 replies of 60 tokens to a prompt of 250: scores are the largest array, unless none is kept."""
    here, there = make_engine("llama"), make_engine("llama", device=NAME)
    prompt = (prompts_of(here)[3] * 4)[:250]
    (replies,) = here.sample([prompt], 12, SamplingParams(max_tokens=60), [range(12)])
    data = [datum(prompt, reply) for reply in replies]
    scores = here.model.config.num_attention_heads * sum(len(reply.tokens) for reply in replies) * len(prompt)
    whole, wanted = kept_and_gradients(here, data)
    monkeypatch.setattr(attention, "FEW_SCORES", 0)
    monkeypatch.setattr(attention, "SCORES", scores // 5)  # some rows at a time
    least, found = kept_and_gradients(there, data)
    assert whole >= scores and least < scores / 2  # the largest that is left is of the head
    for name, gradient in wanted.items():
        assert float((found[name] - gradient).norm() / gradient.norm()) < 1e-4


def test_the_norm_of_torch_is_ours() -> None:
    """Off the CPU one kernel stands for six; its value and its gradients are the same."""
    x, weight = torch.randn(5, 64, requires_grad=True), torch.randn(64, requires_grad=True)
    ours = rms_norm(x, weight, 1e-5)
    theirs = F.rms_norm(x, (64,), weight, 1e-5)
    assert torch.allclose(ours, theirs, atol=1e-6)
    for one, other in zip(*(torch.autograd.grad(y.square().sum(), (x, weight)) for y in (ours, theirs)), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-5)


def test_the_pretend_device_was_asked() -> None:
    assert all(type(p) is Pretend for p in make_engine("embedded", device=NAME).trained.values())
