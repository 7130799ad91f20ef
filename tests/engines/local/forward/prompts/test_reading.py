"""Prompts read together: the bits that each has alone, and their common beginning once."""

from __future__ import annotations

from random import Random

import pytest
import torch
from tests.engines.local.kinds import make_engine

from straw.engines.base import Tokens
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward import attention
from straw.engines.local.forward.attention import Rule
from straw.engines.local.forward.hf_reader import ModulesReader
from straw.engines.local.forward.prompts import reading

LENGTHS = (3, 15, 16, 16, 17, 40, 40, 40, 64, 65, 65, 130)


pytestmark = pytest.mark.usefixtures("one_thread")


def slow(*values: object) -> list[object]:
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


def prompts_of(engine: LocalEngine, common: int) -> list[Tokens]:
    """Those of the lengths above and some more, which begin alike."""
    random = Random(common)
    tokens = [[random.randrange(5, 60) for _ in range(200)] for _ in range(2 * len(LENGTHS))]
    begin = tokens[0][:common]
    return [tuple([*begin, *own][:length]) for own, length in zip(tokens, LENGTHS * 2, strict=True)]


def read(engine: LocalEngine, prompts: list[Tokens]) -> tuple[list[reading.Read], torch.Tensor]:
    with torch.no_grad(), engine.precision():
        return reading.read_prompts(engine.reader, engine.head, prompts, engine.device)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["embedded", "gemma3", *slow("modules", "lora", "llama", "qwen2")])
@pytest.mark.parametrize("common", [12, 39, *slow(0, 1)])
def test_a_prompt_has_the_bits_that_it_has_alone(kind: str, dtype: str, common: int) -> None:
    engine = make_engine(kind, dtype=dtype)
    prompts = prompts_of(engine, common)
    together, logits = read(engine, prompts)
    for place, prompt in enumerate(prompts):
        (alone,), its_logits = read(engine, [prompt])
        assert alone.p == together[place].p == len(prompt)
        for layer, (k, v) in alone.kept.items():
            assert torch.equal(k, together[place].kept[layer][0])
            assert torch.equal(v, together[place].kept[layer][1])
        assert torch.equal(its_logits[0], logits[place])


def test_what_prompts_begin_with_is_read_once() -> None:
    prompts = [(*range(30), last, last) for last in range(10)]
    layout = reading.Alike(prompts, torch.device("cpu"))
    assert len(layout.tokens) == 30 + 10 * 2
    assert layout.positions.tolist() == [*range(30), *[30, 31] * 10]
    whole = layout.of_each(layout.tokens)
    assert [tuple(row) for row in whole.tolist()] == prompts
    assert torch.equal(layout.distinct(whole), layout.tokens)


def test_equal_prompts_keep_a_last_token_each() -> None:
    assert reading.num_in_common([(7, 8, 9)] * 3) == 2
    assert reading.num_in_common([(7, 8, 9), (7, 1, 9)]) == 1
    assert reading.num_in_common([(7, 8, 9), (6, 8, 9)]) == 0


def test_who_is_read_with_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "READ_ON_CPU", 100)
    long = [(*range(30), *[last] * 10) for last in range(12)]
    mixed = [long[0], (1,) * 15, (2,) * 15, *long[1:]]
    assert list(reading.alike(mixed, True)) == [[0, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12, 13], [1], [2]]
    assert list(reading.alike(mixed, False)) == [[at] for at in (0, *range(3, 14), 1, 2)]


def test_experts_read_alone_since_who_comes_with_whom_shows() -> None:
    model = make_engine("embedded").model
    assert ModulesReader(model).is_by_token
    model.get_decoder().layers[0].mlp.experts = torch.nn.Linear(2, 2)
    assert not ModulesReader(model).is_by_token


def test_a_long_beginning_is_not_read_anew_for_every_prompt() -> None:
    assert reading.num_together(length=2000, begins=1990) == 8, "more cells than attention should have"
    assert reading.num_together(length=1000, begins=950) == 16
    assert reading.num_together(length=1000, begins=600) == 1
    assert reading.num_together(length=600, begins=0) == 1
    assert reading.num_together(length=51, begins=33) == (512 - 33) // 18
    assert reading.num_together(length=49, begins=33) == 29, "479 tokens of their own, 16 each"
    assert reading.num_together(length=565, begins=560) == 28, "16,384 cells of attention"


def test_prompts_of_a_tile_of_tokens_are_read_together_and_shorter_ones_alone() -> None:
    for length, together in ((15, [[0], [1]]), (16, [[0, 1]])):
        assert list(reading.alike([(7,) * length, (8,) * length], True)) == together


def test_prompts_are_read_together_while_all_of_them_padded_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "READ_AT_ONCE", 9)
    of = [(0,) * length for length in range(20)]
    assert reading.together([of[3], of[3], of[3], of[1]]) == [[of[3], of[3], of[3]], [of[1]]]
    assert reading.together([of[3], of[3], of[4]]) == [[of[3], of[3]], [of[4]]]
    assert reading.together([of[4], of[1], of[1]]) == [[of[4], of[1]], [of[1]]]
    assert reading.together([of[19], of[1]]) == [[of[19]], [of[1]]]
    assert reading.together([of[1], of[19]]) == [[of[1]], [of[19]]]


def test_no_prompts_are_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device that promises no bits texts are read many at a time, and there may be none."""
    assert reading.together([]) == []
    engine = make_engine("embedded")
    monkeypatch.setattr(attention, "keeps_bits", lambda device: False)
    assert engine.embed([]) == []


def test_padded_together_prompts_mean_what_they_mean_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine("embedded")
    prompts = [(5, 6, 7), (8, 9), (10, 11, 12, 13, 14), (6,)]
    alone, logits = read(engine, prompts)
    monkeypatch.setattr(attention, "keeps_bits", lambda device: False)
    monkeypatch.setattr(reading, "READ_AT_ONCE", 10)
    padded, others = read(engine, prompts)
    assert [tuple(one.prompt_lengths) for one in padded] == [(3, 2), (5, 1)] and [one.p for one in padded] == [3, 5]
    torch.testing.assert_close(others, logits, atol=1e-4, rtol=1e-4)
    for (chunk, place), mine in zip([(0, 0), (0, 1), (1, 0), (1, 1)], alone, strict=True):
        for layer, pair in mine.kept.items():
            for x, theirs in zip(pair, padded[chunk].kept[layer], strict=True):
                torch.testing.assert_close(theirs[place : place + 1, :, : mine.p], x, atol=1e-4, rtol=1e-4)


def test_only_float32_without_a_window_that_closes_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = torch.zeros(1, 2, 40, 8)
    assert reading.in_blocks(Rule(1.0), keys) and reading.in_blocks(Rule(1.0, window=40), keys)
    assert not reading.in_blocks(Rule(1.0, window=39), keys)
    assert not reading.in_blocks(Rule(1.0), keys.bfloat16())
    monkeypatch.setattr(attention, "keeps_bits", lambda device: False)
    assert not reading.in_blocks(Rule(1.0), keys)


def test_blocks_of_a_layer_with_a_window_are_not_to_be_read_on_from() -> None:
    """A longer prompt would close the window over them."""
    for window, is_in_blocks in ((None, True), (100, False), (20, False)):
        layout = reading.Alike([tuple(range(40))], torch.device("cpu"))
        x = torch.randn(40, 2, 8, generator=torch.Generator().manual_seed(0))
        layout.attend(0, x, x, x, Rule(0.5, window))
        assert layout.is_in_blocks is is_in_blocks
