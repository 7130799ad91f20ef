"""A prompt that is read on from what an earlier one left has the bits of a reading from nothing."""

from __future__ import annotations

from random import Random

import pytest
import torch
from tests.engines.local.kinds import make_engine

from straw.engines.base import Tokens
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward.attention import Rule, attend_causally
from straw.engines.local.forward.prompts.blocks import BLOCK, SAME_BITS, attend_in_blocks, num_reusable
from straw.engines.local.forward.prompts.reading import Alike, Kept

LENGTHS = (49, 64, 130, 161, 191, 192, 193, 301, 523)
SHAPES = [(4, 4, 32), (9, 3, 64), (4, 2, 16)]  # heads, key heads, width


pytestmark = pytest.mark.usefixtures("one_thread")


def made(length: int, heads: int, key_heads: int, width: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(length)
    q = torch.randn(2, length, heads, width, generator=draw)
    k, v = (torch.randn(2, key_heads, length, width, generator=draw) for _ in range(2))
    return q, k, v


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("length", [1, 31, 33, *LENGTHS])
def test_attention_is_that_of_a_plain_softmax_in_float64(length: int, shape: tuple[int, int, int]) -> None:
    q, k, v = made(length, *shape)
    rule = Rule(shape[2] ** -0.5)
    repeats = shape[0] // shape[1]
    keys, values = (x.double().repeat_interleave(repeats, 1) for x in (k, v))
    scores = q.double().transpose(1, 2) @ keys.transpose(2, 3) * rule.scaling
    scores.masked_fill_(torch.ones(length, length, dtype=torch.bool).triu(1), -torch.inf)
    expected = (scores.softmax(-1) @ values).transpose(1, 2)
    torch.testing.assert_close(attend_in_blocks(q, k, v, rule).double(), expected, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("length", [*range(1, 37), 64, 65, 66, 67, 100, 131, 161, 190, 191, 192])
def test_up_to_192_tokens_it_has_the_bits_of_the_kernel_s_causal_mode(length: int, shape: tuple[int, int, int]) -> None:
    """Those that prompts had before they were read in blocks: runs and entries from then repeat."""
    q, k, v = made(length, *shape)
    rule = Rule(shape[2] ** -0.5)
    whole = attend_causally(q, k.transpose(1, 2), v.transpose(1, 2), None, rule)
    assert torch.equal(attend_in_blocks(q, k, v, rule), whole)


def read(engine: LocalEngine, prompt: Tokens, known: Kept | None = None) -> tuple[Alike, torch.Tensor]:
    layout = Alike([prompt], engine.device, known)
    with torch.no_grad(), engine.precision():
        return layout, engine.reader.hidden(layout.tokens, layout.positions, layout)


@pytest.mark.parametrize("kind", ["embedded", "qwen2", pytest.param("modules", marks=pytest.mark.slow)])
@pytest.mark.parametrize("length", LENGTHS)
def test_from_any_block_on_a_prompt_has_the_bits_of_a_reading_from_nothing(kind: str, length: int) -> None:
    engine, random = make_engine(kind), Random(length)
    prompt = tuple(random.randrange(5, 60) for _ in range(length))
    whole, hidden = read(engine, prompt)
    assert whole.is_in_blocks
    for shorter in {min(length, n) for n in (BLOCK, BLOCK + 1, length // 2 + BLOCK, length - 1, length)}:
        other = (*prompt[:shorter], *(60 for _ in range(random.randrange(40))))
        n = num_reusable(shorter, length)
        known = {layer: (k[:, :, :n], v[:, :, :n]) for layer, (k, v) in read(engine, other)[0].kept.items()}
        again, its_hidden = read(engine, prompt, known)
        assert len(again.tokens) == length - n
        assert torch.equal(its_hidden, hidden[n:])
        for layer, (k, v) in whole.kept.items():
            assert torch.equal(k, again.kept[layer][0]) and torch.equal(v, again.kept[layer][1])


def test_a_window_that_closes_and_half_precision_are_read_whole() -> None:
    assert not read(make_engine("gemma3"), tuple(range(5, 100)))[0].is_in_blocks
    assert not read(make_engine("embedded", dtype="bfloat16"), tuple(range(5, 69)))[0].is_in_blocks


def test_a_last_tile_of_tokens_is_always_read() -> None:
    assert [num_reusable(known, 64) for known in (0, 31, 32, 47, 48, 64)] == [0, 0, 32, 32, 32, 32]
    assert num_reusable(64, 80) == 64 and num_reusable(64, 79) == 32
    assert num_reusable(10, 12) == 0
    assert (BLOCK, SAME_BITS) == (32, 192)
