"""The base model as files in Hugging Face's form, written nowhere: its configs, and its tensors by their names.

A head that is the embedding itself is a matrix of its own here where adapters are trained: those on the head do not
change what is read, so that merging them needs two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

from straw.engines.tenants.bank import BankedLayer


@dataclass(frozen=True)
class BaseFiles:
    """`configs` by the names of their files."""

    configs: Mapping[str, str]
    tensors: Mapping[str, Tensor]


def base_files(model: PreTrainedModel) -> BaseFiles:
    """Of the tensors as they are: whoever trains all weights gets others before the first step."""
    found = {unwrapped(model, name): tensor.detach() for name, tensor in model.state_dict().items()}
    is_tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    config: dict[str, Any] = {
        **model.config.to_diff_dict(), "architectures": [type(model).__name__], "dtype": "float32",
        **({"tie_word_embeddings": False} if is_tied else {}),
    }  # fmt: skip
    configs = {"config.json": json.dumps(config, indent=2, sort_keys=True, default=str) + "\n"}
    if model.generation_config is not None:
        configs["generation_config.json"] = model.generation_config.to_json_string()
    return BaseFiles(configs, found)


def unwrapped(model: PreTrainedModel, name: str) -> str:
    """layers.0.mlp.up_proj.base.weight -> layers.0.mlp.up_proj.weight"""
    layer, _, leaf = name.rpartition(".")
    above, _, last = layer.rpartition(".")
    is_wrapped = last == "base" and isinstance(model.get_submodule(above), BankedLayer)
    return f"{above}.{leaf}" if is_wrapped else name
