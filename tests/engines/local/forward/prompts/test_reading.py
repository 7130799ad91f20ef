"""Prompts read together: the bits that each has alone, and their common beginning once."""

from __future__ import annotations

from random import Random

import pytest
import torch
from tests.engines.local.kinds import make_engine

from straw.engines.base import Tokens
from straw.engines.local.engine import LocalEngine
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
