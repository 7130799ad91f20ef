"""A run of the service as an engine of this machine, for export, evaluation and chat.

The adapters name the model beneath them, by the name under which their server has it; that model is to be here too.
Where they name none it is the page's. All weights (lora_rank=0) are a model of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from straw.config import Page, with_values
from straw.engines.local.adapters.folder import ADAPTER_CONFIG, written_settings
from straw.engines.local.build import load_engine
from straw.engines.local.engine import LocalEngine
from straw.engines.local.models.tiny import SHAPES
from straw.engines.tinker.download.files import downloaded
from straw.engines.tinker.sdk import address
from straw.engines.tinker.tokenizer import at_hand
from straw.errors import ModelError, RunError
from straw.text.chat.character_tokenizer import character_tokenizer

Say = Callable[[str], None]
BASE = "base_model_name_or_path"


def is_elsewhere(page: Page) -> bool:
    """Whether the run's weights lie with a service."""
    return page.engine.engine == "tinker"


def engine_here(page: Page, checkpoint: Path, say: Say) -> LocalEngine:
    """With the weights of one of its checkpoints, adapters merged into those beneath them."""
    with downloaded(checkpoint, page.engine.base_url, say) as folder:
        name_base(folder, page.model.model_name)
        # the seed of the page is that of its adapters; the server made the model beneath from its own
        here = with_values(page, {"model_name": str(folder), "lora_rank": 0, "model_seed": 0})
        try:
            return load_engine(here)
        except ModelError as error:
            raise RunError(
                f"{str(error).replace(str(folder), str(checkpoint))}: the run was trained on a server that has "
                "this model; straw export --adapter takes the adapter alone"
            ) from error


def name_base(folder: Path, otherwise: str) -> None:
    """In the adapter's settings, where they name none."""
    if not (folder / ADAPTER_CONFIG).is_file():
        return
    settings = written_settings(folder)
    if not settings.get(BASE):
        (folder / ADAPTER_CONFIG).write_text(json.dumps({**settings, BASE: otherwise}, indent=2))


def tokenizer_here(page: Page) -> Any | None:
    """Of the served model; None where neither its server nor the hub's cache has it."""
    name = page.model.model_name
    return character_tokenizer(name) if name in SHAPES else at_hand(name, address(page.engine.base_url))
