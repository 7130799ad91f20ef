"""From a page to an engine: the model, with adapters where the page wants them, and the start of a run.

    start/weights.safetensors        what trains, as it was before the first step
    start/base/weights.safetensors   what lies beneath adapters, where a warm-up made it

The start is kept in the run folder, so that a run that goes on (or a process that helps it) needs neither the
warm-up nor the checkpoint it came from. It is also what the KL to the reference is measured against.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import cast

import torch
import torch.utils.deterministic

from straw.config import Page
from straw.config.sections import Model
from straw.engines.backends.base import OWN
from straw.engines.base import Engine
from straw.engines.local.adapters.lora import add_lora
from straw.engines.local.engine import LocalEngine, LocalSettings
from straw.engines.local.models.in_transformers import in_transformers
from straw.engines.local.models.llama_folder import bare_llama
from straw.engines.local.models.resolve import load_model
from straw.engines.local.models.tiny import SHAPES
from straw.errors import RunError
from straw.runs.checkpoints.weights import START, within_run
from straw.text.chat.chat import Chat
from straw.text.chat.chat_template import RENDERER

BARE = ("local", "monarch")  # engines that read, train and send parameters, whatever module has them


def load_engine(page: Page) -> LocalEngine:
    """A fresh copy of the page's model behind the engine's verbs."""
    model = page.model
    begin_computing(page)
    loaded = load_model(
        model.model_name, seed=model.model_seed, trust_remote_code=model.trust_remote_code, bare=may_be_bare(page)
    )
    return LocalEngine(loaded.model, loaded.chat(), settings_of(page), is_made=model.model_name in SHAPES)


def settings_of(page: Page) -> LocalSettings:
    model = page.model
    return LocalSettings(
        device=model.device, dtype=model.dtype, tokens_per_microbatch=model.tokens_per_microbatch,
        gradient_checkpointing=model.gradient_checkpointing, fast_llama=model.fast_llama,
        rows_at_once=page.engine.rows_at_once, generator=page.engine.generator,
    )  # fmt: skip


def load_worker(page: Page) -> LocalEngine:
    """The same, adapters included, in a process that is given tokens alone: no tokenizer, and of a Llama's folder
    nothing of transformers', which is 160 MB and two seconds."""
    begin_computing(page)
    if model := bare_llama(page.model.model_name) if may_be_bare(page) else None:
        return LocalEngine(model, cast(Chat, None), settings_of(page))
    engine = with_adapters(load_engine(page), page.model)
    RENDERER.close()  # texts are the controller's
    return engine


def may_be_bare(page: Page) -> bool:
    """Whether nothing will ask an embedded model for what only transformers' classes have."""
    model, engine = page.model, page.engine
    return model.fast_llama and not model.lora_rank and engine.engine in BARE and engine.generator == OWN


def begin_computing(page: Page) -> None:
    torch.set_num_threads(page.model.threads)
    if page.model.device.startswith("cuda"):
        be_deterministic()


def be_deterministic() -> None:
    """As far as torch promises it: it makes no promise for the running sum behind a draw, and warns at each."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # all was written before
    warnings.filterwarnings("ignore", message=".*cumsum_cuda_kernel does not have a deterministic implementation")


def with_adapters(engine: LocalEngine, model: Model) -> LocalEngine:
    """The same weights with fresh adapters on them; the engine without them is used up."""
    if not model.lora_rank:
        return engine
    base = in_transformers(engine.model)
    adapted = add_lora(base, model.lora_rank, model.lora_alpha, model.lora_targets, seed=model.model_seed)
    return LocalEngine(adapted.get_base_model(), engine.chat, engine.settings, adapters=adapted, is_made=engine.is_made)


def save_start(engine: Engine, folder: Path) -> None:
    """What the model's name alone would not bring back."""
    engine.save(folder, optimizer=False)
    engine.save_base(folder)


def starting_again(page: Page, folder: Path) -> LocalEngine:
    """The engine as it was before the first step of the run in this folder."""
    if not within_run(folder / START):
        raise RunError(f"a run keeps the weights that it began with in {START}, and {folder} has none: restore them")
    engine = with_adapters(load_engine(page), page.model)
    engine.load_base(folder / START)
    engine.load(folder / START, optimizer=False)
    return engine
