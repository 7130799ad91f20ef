"""A model whose end token is its padding token too reads rows that end with it, and nobody is told to pass a mask."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from straw.engines.local.forward.hf_reader import ModulesReader, plainly


def small_model(end: int) -> GPT2LMHeadModel:
    config = GPT2Config(
        vocab_size=32, n_positions=16, n_embd=8, n_layer=1, n_head=2, pad_token_id=end, eos_token_id=end,
        bos_token_id=end,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What transformers logs."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("transformers")
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def test_a_row_that_ends_with_the_padding_token_is_no_warning(heard: list[str]) -> None:
    model = small_model(end=7)
    with plainly(model):
        model(input_ids=torch.tensor([[3, 4, 7]]))
    assert heard == []


def test_neither_is_one_that_our_reader_reads(heard: list[str]) -> None:
    model = small_model(end=9)
    reader = ModulesReader(model)
    model.set_attn_implementation("eager")  # without a layout of ours
    reader.body(input_ids=torch.tensor([[3, 4, 9]]))
    assert heard == []


def test_without_us_it_would_be_one(heard: list[str]) -> None:
    """Or the tests above could not fail."""
    small_model(end=11)(input_ids=torch.tensor([[3, 4, 11]]))
    assert any("attention_mask" in line for line in heard)
