"""A model that a program holds, as one that a page can name: a folder in straw's cache, under the hash of its weights.

The object itself is left as it is: a run trains a copy, and `run.export(FOLDER)` gives what it came to.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from straw.engines.local.models.cache import cached_model, models_folder
from straw.engines.local.models.pretrained import quietly
from straw.errors import ModelError
from straw.runs.files.atomic_write import whole_folder


def kept_model(model: Any, tokenizer: Any) -> str:
    """The name by which straw finds it again: given-HASH."""
    if not isinstance(model, PreTrainedModel):
        raise ModelError(
            f"a model is a name, a folder, or a transformers model; got {type(model).__name__}: merge adapters first "
            "(merge_and_unload), and write lora_rank=8 for new ones"
        )
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise ModelError("a model that is an object comes with its tokenizer: write tokenizer=TOKENIZER")
    name = f"given-{hash_of(model, tokenizer)}"
    if cached_model(name) is None:
        with whole_folder(models_folder() / name) as staging, quietly():
            model.save_pretrained(staging)
            tokenizer.save_pretrained(staging)
    return name


def hash_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """All that decides what it says."""
    digest = blake2b(digest_size=8)
    digest.update(model.config.to_json_string().encode())
    digest.update(repr((sorted(tokenizer.get_vocab().items()), tokenizer.chat_template)).encode())
    for name, weight in model.state_dict().items():
        digest.update(f"{name} {weight.dtype}".encode())
        digest.update(weight.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
