"""The start of a run, kept so that a run that goes on needs neither its warm-up nor the checkpoint it came from.

    start/weights.safetensors        what trains, as it was before the first step
    start/base/weights.safetensors   what lies beneath adapters, where a warm-up made it

The start is also what the KL to the reference is measured against, so it belongs to the state of a run.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from straw.config import Page
from straw.engines.local.checkpoints import WEIGHTS, read_weights
from straw.engines.local.embedded import SHAPES
from straw.engines.local.engine import LocalEngine
from straw.training.assemble import load_engine, with_adapters

START, BASE = "start", "base"


def save_start(engine: LocalEngine, page: Page, folder: Path) -> None:
    """What the model's name alone would not bring back."""
    engine.save(folder, optimizer=False)
    if frozen := frozen_weights(engine, page):
        (folder / BASE).mkdir()
        save_file({name: p.detach().contiguous() for name, p in frozen.items()}, folder / BASE / WEIGHTS)


def starting_again(page: Page, folder: Path) -> LocalEngine:
    """The engine as it was before the first step of the run in this folder."""
    engine = with_adapters(load_engine(page), page)
    if frozen := frozen_weights(engine, page):
        with torch.no_grad():
            for name, tensor in read_weights(folder / START / BASE, frozen).items():
                frozen[name].copy_(tensor)
    engine.load(folder / START, optimizer=False)
    return engine


def frozen_weights(engine: LocalEngine, page: Page) -> dict[str, nn.Parameter]:
    """Beneath adapters on an embedded model: a warm-up made them. Those of other models come with their name."""
    if page.model.model_name not in SHAPES:
        return {}
    return {name: p for name, p in engine.model.named_parameters() if name not in engine.trained}
