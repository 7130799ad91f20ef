from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch

from straw.engines.local.engine import bfloat16_on
from straw.engines.local.forward.llama.bare_reader import BareReader
from straw.engines.local.forward.llama.llama_reader import LlamaReader, reader_of
from straw.engines.local.forward.packing import Pack
from straw.engines.local.models.tiny import make_bare

TOKENS = torch.arange(29) % 23
DTYPES = {"float32": nullcontext, "bfloat16": lambda: bfloat16_on("cpu")}


def pack() -> Pack:
    return Pack([20], [[4, 5]], torch.device("cpu"))


def read(reader: LlamaReader, precision: AbstractContextManager[None]) -> torch.Tensor:
    layout = pack()
    with precision:
        return reader.hidden(TOKENS, layout.positions, layout)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("name", ["tiny-0.2M", "tiny-1M-3digits"])
def test_it_has_the_bits_of_a_llama_reader_there_and_back(name: Any, checkpointing: Any, dtype: Any) -> None:
    model, _ = make_bare(name, 3)
    bare, plain = reader_of(model, checkpointing, True), LlamaReader(model, checkpointing)
    assert type(bare) is BareReader and bare.checkpointing == checkpointing
    with torch.no_grad():
        assert torch.equal(read(bare, DTYPES[dtype]()), read(plain, DTYPES[dtype]()))
    gradients = []
    for reader in (bare, plain):
        hidden = read(reader, DTYPES[dtype]())
        assert hidden.dtype == torch.float32
        (hidden * torch.linspace(-1, 1, hidden.numel()).view_as(hidden)).sum().backward()
        gradients.append({key: p.grad for key, p in model.named_parameters() if p.grad is not None})
        model.zero_grad()
    assert len(gradients[0]) > 10 and gradients[0].keys() == gradients[1].keys()
    assert all(torch.equal(one, gradients[1][key]) for key, one in gradients[0].items())


def test_it_reads_the_values_that_its_parameters_have_now() -> None:
    model, _ = make_bare("tiny-0.2M", 3)
    reader = BareReader(model)
    with torch.no_grad():
        before = read(reader, nullcontext())
        for p in model.parameters():
            p.data = p.data * 1.5  # as an engine exchanges its weights
        assert not torch.equal(read(reader, nullcontext()), before)
        assert torch.equal(read(reader, nullcontext()), read(LlamaReader(model), nullcontext()))
