"""A plain Llama from its folder without transformers, for a process that computes and knows neither texts nor configs.

    config.json        model_type llama, and nothing in it but sizes and what changes no number
    safetensors        every weight by its name, mapped as it lies where it is float32

Whoever begins a run has read the folder with transformers and compared both readings, so here nothing is explained:
whatever is not plain is left to transformers (None).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from straw.engines.local.adapters.folder import ADAPTER_CONFIG
from straw.engines.local.models.cache import cached_model
from straw.engines.local.models.folder import read_config, shortcoming, weight_files
from straw.engines.local.models.llama import Llama, LlamaSizes, Positions
from straw.engines.local.models.tiny import SHAPES

SIZES = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
    "intermediate_size", "max_position_embeddings", "pad_token_id", "eos_token_id", "bos_token_id", "rms_norm_eps",
    "initializer_range", "tie_word_embeddings",
)  # fmt: skip
AS_HERE = {  # where another value would make another model of it
    "model_type": "llama", "hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "pretraining_tp": 1,
    "rope_scaling": None, "architectures": ["LlamaForCausalLM"], "partial_rotary_factor": 1.0,
}  # fmt: skip
CHANGES_NOTHING = (
    "dtype", "torch_dtype", "transformers_version", "use_cache", "_name_or_path", "_model_name_or_path",
    "unk_token_id", "attention_dropout", "rope_theta", "rope_parameters", "rope_interleaved", "is_llama_config",
    "transformers.js_config",
)  # fmt: skip


def bare_llama(name: str) -> Llama | None:
    """By the name of a page; in eval mode."""
    if name in SHAPES:
        return None
    folder = cached_model(name) or Path(name).expanduser()
    if not (folder / "config.json").is_file() or (folder / ADAPTER_CONFIG).exists() or shortcoming(folder):
        return None
    sizes = sizes_in(read_config(folder))
    return None if sizes is None else filled(sizes, weights_in(folder))


def sizes_in(config: Mapping[str, Any]) -> LlamaSizes | None:
    others = [name for name in config if name not in SIZES and name not in CHANGES_NOTHING]
    if any(config[name] != AS_HERE.get(name, "no such option") for name in others):
        return None
    turns = config.get("rope_parameters") or {"rope_type": "default", "rope_theta": config.get("rope_theta")}
    if set(turns) != {"rope_type", "rope_theta"} or turns["rope_type"] != "default" or config.get("rope_interleaved"):
        return None
    said = {name: config[name] for name in SIZES if config.get(name) is not None or name.endswith("token_id")}
    tokens = {f"{name}_token_id": config.get(f"{name}_token_id") for name in ("pad", "eos", "bos")}
    try:
        return LlamaSizes(**{"tie_word_embeddings": False, **said, **tokens, "rope_theta": float(turns["rope_theta"])})
    except TypeError:  # a size that transformers has a default for
        return None


def weights_in(folder: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for file in weight_files(folder):
        with safe_open(file, framework="pt") as tensors:
            found |= {name: tensors.get_tensor(name).float() for name in tensors.keys()}  # noqa: SIM118
    return found


def filled(sizes: LlamaSizes, weights: Mapping[str, Tensor]) -> Llama | None:
    """Where the files hold its weights, and no others."""
    with torch.device("meta"):
        model = Llama(sizes)
    model.model.rotary_emb = Positions(sizes)
    there = {name: p.shape for name, p in model.named_parameters()}
    if {name: weight.shape for name, weight in weights.items()} != there:
        return None
    for name, weight in weights.items():
        where, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(where), leaf, nn.Parameter(weight))
    if sizes.tie_word_embeddings:
        model.lm_head.weight = model.model.embed_tokens.weight
    return model.eval()
