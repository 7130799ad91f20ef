"""In bfloat16, too, the trainer computes what the sampler did: to 5e-5 nats on one thread, where it was 0.2 before.

What made them differ was the order of sums: over padded keys in the softmax, over pieces of 64 keys, over prompts
padded to the longest. A sum that differs in its last float32 bit rounds a bfloat16 otherwise only now and then, so the
parts are compared bit by bit on many numbers, and the whole on some replies.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tests.engines.local.kinds import KINDS, SMOLLM2, make_engine
from tests.engines.local.test_gradients import gap
from torch import Tensor

from straw.engines.base import Loss, SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward.attention import FORBIDDEN, Rule, softmax_weights, weigh
from straw.engines.local.forward.kv_cache import Decode
from straw.engines.local.forward.packing import Pack
from straw.engines.local.sampler import Rows
from straw.types import Datum

LIMIT = 5e-5
TEXTS = ("x", "Name a number.", "What is it? " * 6, "Why is the sky blue? " * 9)
CPU = torch.device("cpu")

pytestmark = pytest.mark.skipif(torch.get_num_threads() > 1, reason="promised for one thread: set OMP_NUM_THREADS=1")


def coarse(*shape: int, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return (scale * torch.randn(shape, generator=generator)).bfloat16()


# --- the parts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_keys", [3, 38, 100])
def test_keys_that_nobody_sees_change_no_weight(num_keys: int) -> None:
    scores = coarse(20_000, num_keys, scale=3.0)
    padded = F.pad(scores, (0, 64))
    bias = torch.zeros(num_keys + 64).index_fill_(0, torch.arange(num_keys, num_keys + 64), FORBIDDEN)
    weights = softmax_weights(padded, bias, Rule(1.0))
    assert weights.dtype == torch.bfloat16
    assert torch.equal(weights[:, :num_keys], softmax_weights(scores, torch.zeros(num_keys), Rule(1.0)))


def test_weights_are_rounded_from_a_sum_that_is_next_to_exact() -> None:
    """In float32 the last bit depends on the machine's way to add, and one weight in some thousands rounds with it."""
    scores = coarse(20_000, 38, scale=3.0)
    exact = torch.softmax(scores.double(), dim=-1).bfloat16()
    assert torch.equal(softmax_weights(scores, None, Rule(1.0)), exact)


def test_values_are_weighed_alike_with_and_without_a_gradient() -> None:
    weights, values = coarse(8, 16, 200).abs(), coarse(8, 200, 64)
    assert torch.equal(weigh(weights, values), weigh(weights.clone().requires_grad_(), values).detach())


@pytest.mark.parametrize("rule", [Rule(0.125), Rule(0.125, window=16)])
def test_a_prompt_among_longer_ones_is_read_as_it_is_alone(rule: Rule) -> None:
    """The first is shorter than the window, the others are longer."""
    lengths = [9, 33, 70]
    q, k, v = (coarse(sum(lengths), heads, 64) for heads in (9, 3, 3))
    together = Pack(lengths, [[]] * 3, CPU).attend(0, q, k, v, rule)
    alone = [
        Pack([len(one[0])], [[]], CPU).attend(0, *one, rule)
        for one in zip(q.split(lengths), k.split(lengths), v.split(lengths), strict=True)
    ]
    assert torch.equal(together, torch.cat(alone))


def test_replies_are_attended_alike_all_at_once_and_token_by_token() -> None:
    lengths, rows, count, rule = [37, 90, 5], 24, 11, Rule(0.125)
    prompts = [[coarse(n, heads, 64, scale=2.0) for heads in (9, 3, 3)] for n in lengths]
    replies = [coarse(len(lengths), rows, count, heads, 64, scale=2.0) for heads in (9, 3, 3)]
    flat = [torch.cat([*(one[i] for one in prompts), replies[i].flatten(0, 2)]) for i in range(3)]
    together = Pack(lengths, [[count] * rows] * 3, CPU).attend(0, *flat, rule)[sum(lengths) :]
    read = [Pack([n], [[]], CPU, record=True) for n in lengths]
    for pack, one in zip(read, prompts, strict=True):
        pack.attend(0, *one, rule)
    decode = Decode(read, rows)
    decode.reserve(count)
    for step in range(count):
        decode.grow(1)
        alone = decode.attend(0, *(one[:, :, step].flatten(0, 1) for one in replies), rule)
        assert torch.equal(alone, together.view(3 * rows, count, 9, 64)[:, step])
        decode.settle(torch.ones(3 * rows, dtype=torch.long))


# --- the whole -------------------------------------------------------------------------------------


def apart(engine: LocalEngine, temperature: float, num_rows: int, max_tokens: int) -> list[float]:
    """The largest difference to the sampler: of `logprobs`, and of what the loss sees."""
    prompts = [engine.chat.encode(text) for text in TEXTS]
    params = SamplingParams(max_tokens=max_tokens, temperature=temperature)
    groups = engine.sample(prompts, num_rows, params, [range(num_rows)] * len(prompts))
    ones = (1.0,) * max_tokens
    data = [
        Datum(prompt=prompt, tokens=reply.tokens, weights=ones, advantages=ones, logprobs=reply.logprobs)
        for prompt, group in zip(prompts, groups, strict=True)
        for reply in group
    ]
    read = engine.logprobs(data, temperature=temperature)
    seen = engine.forward_backward(data, Loss(name="importance_sampling", temperature=temperature)).logprobs
    engine.optimizer.zero_grad()
    drawn = [one.logprobs for one in data]
    return [gap(read, drawn), gap(seen, drawn)]


@pytest.mark.parametrize("kind", ["llama", "gemma3"])
def test_sampler_and_trainer_agree_in_bfloat16(kind: str) -> None:
    engine = make_engine(kind, dtype="bfloat16", tokens_per_microbatch=600)
    assert max(apart(engine, temperature=0.7, num_rows=2, max_tokens=70)) <= LIMIT


@pytest.mark.slow
@pytest.mark.parametrize(("temperature", "num_rows", "max_tokens"), [(1.0, 4, 30), (0.7, 17, 9)])
@pytest.mark.parametrize("kind", [*KINDS, SMOLLM2])
def test_sampler_and_trainer_agree_in_bfloat16_for_every_kind(
    kind: str, temperature: float, num_rows: int, max_tokens: int
) -> None:
    engine = make_engine(kind, dtype="bfloat16", tokens_per_microbatch=375)
    assert max(apart(engine, temperature, num_rows, max_tokens)) <= LIMIT


def test_keys_and_values_are_kept_in_bfloat16() -> None:
    """Positions make keys float32 again; kept so they would take twice the memory and a cast at every token."""
    engine = make_engine("embedded", dtype="bfloat16")
    with engine.sampling(10), torch.no_grad():
        rows = Rows(engine.reader, engine.head, [engine.chat.encode("Name it.")], 16, engine.device)
        rows.generate(SamplingParams(max_tokens=3), [range(16)], last=True)
    kept = [*rows.decode.prefix.values(), *rows.decode.own.values()]
    assert {x.dtype for pair in kept for x in pair} == {torch.bfloat16}
