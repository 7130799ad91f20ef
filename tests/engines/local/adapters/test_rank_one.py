"""An adapter of rank 1 reads a row alike in any company, as those of other ranks do."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from straw.engines.local.adapters.lora import add_lora
from straw.engines.local.adapters.rank_one import RankOne, inner
from straw.engines.local.models.tiny import make_embedded

ROWS = (16, 17, 18, 19, 31, 45, 63)


def depend_on_company(multiply: nn.Module, x: Tensor) -> bool:
    whole = multiply(x)
    return any(not torch.equal(multiply(x[:n]), whole[:n]) for n in ROWS)


@torch.no_grad()
def test_no_row_shows_how_many_there_are() -> None:
    draw = torch.Generator().manual_seed(0)
    for width in (64, 128, 512, 576):
        plain = nn.Linear(width, 1, bias=False)
        plain.weight.copy_(torch.randn(1, width, generator=draw))
        x = torch.randn(64, width, generator=draw)
        own = RankOne(width, 1, bias=False)
        own.weight.copy_(plain.weight)
        assert not depend_on_company(own, x)
        assert torch.allclose(own(x), plain(x), atol=1e-4)
        assert torch.equal(own(x), inner(x, plain.weight))


def test_peft_s_layers_of_rank_1_are_read_so() -> None:
    for rank, kind in ((1, RankOne), (2, nn.Linear)):
        model, _ = make_embedded("tiny-0.2M", 0)
        adapted = add_lora(model, rank)
        layers = [module for name, module in adapted.named_modules() if name.endswith("lora_A.default")]
        assert layers and all(type(layer) is kind for layer in layers)
