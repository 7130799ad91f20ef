"""The local engine over every kind of model that it promises to serve.

kind       model                              read by
embedded   tiny-0.2M                          the hand-written Llama
modules    tiny-0.2M                          transformers' modules
llama      two query heads per key head       the hand-written Llama
qwen2      biases on queries, keys, values    the hand-written Llama
gemma3     a sliding window of 16             transformers' modules
lora       tiny-0.2M with adapters            the hand-written Llama
smollm2    a real one, where it was added     the hand-written Llama
"""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from tests.engines.local.small_models import save_small

from straw.engines.local.adapters.lora import add_lora
from straw.engines.local.engine import LocalEngine, LocalSettings
from straw.engines.local.models.cache import cached_model
from straw.engines.local.models.resolve import Loaded, load_model

KINDS = ("embedded", "modules", "llama", "qwen2", "gemma3", "lora")
SMOLLM2 = pytest.param("smollm2", marks=pytest.mark.slow)
ALIKE = ("llama", "qwen2")  # read by the path of the embedded model, from a folder
EACH = [pytest.param(kind, marks=pytest.mark.slow if kind in ALIKE else ()) for kind in KINDS] + [SMOLLM2]


@cache
def loaded(name: str) -> Loaded:
    """From disk, as a user's model comes; read once."""
    if name == "smollm2" and not cached_model(name):
        pytest.skip("a real language model is tested where `straw models add smollm2` was run")
    if name in ("tiny-0.2M", "smollm2"):
        return load_model(name, seed=1)
    with TemporaryDirectory() as folder:
        return load_model(str(save_small(name, Path(folder) / name)))


def trainable_parameters(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """What an optimiser may change, in the order in which the model names it, each once."""
    return [parameter for _, parameter in model.named_parameters() if parameter.requires_grad]


def make_engine(kind: str, **settings: object) -> LocalEngine:
    """A fresh engine with a fresh copy of the weights."""
    embedded = kind in ("embedded", "modules", "lora")
    source = loaded("tiny-0.2M" if embedded else kind)
    model = deepcopy(source.model)
    if kind == "modules":
        settings = {"fast_llama": False, **settings}
    if embedded:
        opinionated(model)
    adapters = None
    if kind == "lora":
        adapters = add_lora(model, rank=3, alpha=6)
        opinionated(adapters)
    return LocalEngine(model, source.chat(), LocalSettings(**settings), adapters=adapters)  # type: ignore[arg-type]


@torch.no_grad()
def opinionated(model: torch.nn.Module) -> None:
    """A fresh model says everything with the same probability, and hides mistakes."""
    generator = torch.Generator().manual_seed(2)
    for parameter in trainable_parameters(model):
        parameter.add_(0.06 * torch.randn(parameter.shape, generator=generator))
