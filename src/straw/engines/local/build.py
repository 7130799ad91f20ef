"""From a page to an engine: the model, with adapters where the page wants them, and the start of a run.

    start/weights.safetensors        what trains, as it was before the first step
    start/base/weights.safetensors   what lies beneath adapters, where a warm-up made it

The start is kept in the run folder, so that a run that goes on (or a process that helps it) needs neither the
warm-up nor the checkpoint it came from. It is also what the KL to the reference is measured against.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from straw.config import Page
from straw.engines.local.checkpoints import WEIGHTS, read_weights
from straw.engines.local.embedded import SHAPES
from straw.engines.local.engine import LocalEngine, LocalSettings
from straw.engines.local.lora import add_lora
from straw.engines.local.models import load_model

START, BASE = "start", "base"


def load_engine(page: Page) -> LocalEngine:
    """A fresh copy of the page's model behind the engine's verbs."""
    ours = page.model
    torch.set_num_threads(ours.threads)
    loaded = load_model(ours.model_name, seed=ours.model_seed, trust_remote_code=ours.trust_remote_code)
    settings = LocalSettings(
        device=ours.device, dtype=ours.dtype, tokens_per_microbatch=ours.tokens_per_microbatch,
        gradient_checkpointing=ours.gradient_checkpointing, fast_llama=ours.fast_llama,
    )  # fmt: skip
    return LocalEngine(loaded.model, loaded.chat(), settings)


def with_adapters(engine: LocalEngine, page: Page) -> LocalEngine:
    """The same weights with fresh adapters on them; the engine without them is used up."""
    ours = page.model
    if not ours.lora_rank:
        return engine
    adapted = add_lora(engine.model, ours.lora_rank, ours.lora_alpha, ours.lora_targets, seed=page.model.model_seed)
    return LocalEngine(adapted.get_base_model(), engine.chat, engine.settings, adapters=adapted)


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
