"""A model by its name, wherever it lies.

    tiny-1M                 embedded: made from a config and the seed          `embedded`
    smollm2                 straw's cache, filled by `straw models add`        `model_store`
    runs/first/model        a folder in Hugging Face's form, or LoRA adapters  `pretrained`, `lora`
    models/small.gguf       a GGUF file                                        `pretrained`
    org/name                the Hugging Face hub                               `hub`

They are tried in this order. Adapters are merged into the weights beneath them (W + alpha/rank B A), so that
what comes back is a plain model; `lora.load_adapter` keeps them apart.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from straw.engines.local.adapters.folder import ADAPTER_CONFIG, adapter_config, saved_names
from straw.engines.local.adapters.lora import load_adapter
from straw.engines.local.models.cache import ADDABLE, cached_model, cached_names
from straw.engines.local.models.loaded import Loaded
from straw.engines.local.models.tiny import SHAPES, make_bare, make_embedded
from straw.errors import ModelError, did_you_mean
from straw.runs.reading import CONFIG

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MOST_ADAPTERS = 4  # on top of each other
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

__all__ = ["Loaded", "load_model"]


def load_model(
    name: str, *, seed: int = 0, trust_remote_code: bool = False, beneath: int = 0, bare: bool = False
) -> Loaded:
    """float32 weights on the CPU, in eval mode; the seed makes the weights of an embedded model.

    `beneath` counts the adapters on top of it: some may name each other, or themselves. `bare`: an embedded model may
    come as `llama.Llama`, for which nothing of transformers' is imported.
    """
    if name in SHAPES:
        model, tokenizer = make_bare(name, seed) if bare else make_embedded(name, seed)
        return Loaded(model.eval(), tokenizer, f"{name}, seed {seed}")
    return from_files(name, seed=seed, trust_remote_code=trust_remote_code, beneath=beneath)


def from_files(name: str, *, seed: int, trust_remote_code: bool, beneath: int) -> Loaded:
    from straw.engines.local.models.hub import hub_folder
    from straw.engines.local.models.pretrained import read_folder, read_gguf

    if folder := cached_model(name):
        return read_folder(folder)
    path = Path(os.path.expanduser(name))
    if name and os.path.isfile(path / CONFIG):
        raise ModelError(
            f"{name} is a run and no model: straw export {name} makes one of it, for model_name={name}-model"
        )
    if name and os.path.isdir(path):  # unlike pathlib's, os.path answers for every string
        if (path / ADAPTER_CONFIG).is_file():
            return read_adapted(path, seed=seed, trust_remote_code=trust_remote_code, beneath=beneath)
        return read_folder(path, trust_remote_code=trust_remote_code)
    if path.suffix.lower() == ".gguf":
        return read_gguf(path)
    if HUB_NAME.fullmatch(name) and not os.path.exists(path):
        folder = hub_folder(name, with_code=trust_remote_code)
        return read_folder(folder, trust_remote_code=trust_remote_code, source=f"{name}@{folder.name[:12]}")
    raise ModelError(nothing_called(name))


def read_adapted(folder: Path, *, seed: int, trust_remote_code: bool, beneath: int) -> Loaded:
    """The model that adapters were trained on, with the adapters merged into it."""
    base = adapter_config(folder).base_model_name_or_path
    if not base:
        raise ModelError(
            f"adapters name the model beneath them, and {folder / ADAPTER_CONFIG} names none: add its path"
        )
    if beneath >= MOST_ADAPTERS:
        raise ModelError(f"{folder} lies beneath {beneath} adapters, which name each other: give the model itself")
    try:
        below = load_model(base, seed=seed, trust_remote_code=trust_remote_code, beneath=beneath + 1)
    except ModelError as error:
        raise ModelError(f"the model beneath the adapters in {folder} is missing: {error}") from error
    if any(name.startswith("base_model.model.lm_head.") for name in saved_names(folder)):
        untie(below.model)
    model = load_adapter(below.model, folder, trainable=False).merge_and_unload()
    return Loaded(model.requires_grad_(True), below.tokenizer, f"{below.source} with {folder.resolve()}")


def untie(model: PreTrainedModel) -> None:
    """A head that is the embedding itself becomes a matrix of its own, or adapters on it would change both."""
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    if head.weight is embedding.weight:
        head.weight = nn.Parameter(head.weight.detach().clone())
        model.config.tie_word_embeddings = False


def nothing_called(name: str) -> str:
    if name in ADDABLE:
        return f"the model {name!r} is not here yet: run `straw models add {name}`"
    if name.startswith("tinker://"):
        return f"{name} lies with the Tinker service: give a model folder, a .gguf file, or org/name of the hub"
    if os.path.isfile(name):
        return f"a model is a folder or a .gguf file; {name!r} is another file"
    if "/" in name:
        return f"there is no folder {name!r}: give one that holds a model, a .gguf file, or org/name of the hub"
    hint = did_you_mean(name, {*SHAPES, *ADDABLE, *cached_names()})
    return (
        f"there is no model {name!r} ({hint}): give such a name, a model folder, a .gguf file, or org/name of the hub"
    )
