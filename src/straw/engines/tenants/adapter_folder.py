"""A tenant's adapters in PEFT's own form, without PEFT.

    adapter_config.json          rank, alpha, the layers' names, the model beneath
    adapter_model.safetensors    base_model.model.LAYER.lora_A.weight and lora_B.weight

`PeftModel.from_pretrained` reads what is written here, the head's adapter included. What is read must be plain LoRA
with one rank and one scale, as `local.adapters.folder` checks it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from straw.engines.local.adapters.folder import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    broken,
    not_plain,
    plain_settings,
    saved_names,
    written_settings,
)
from straw.engines.local.models.folder import first_line
from straw.engines.tenants.bank import Adapter, layers_in
from straw.engines.tenants.records import Shape
from straw.errors import ModelError

PREFIX = "base_model.model."
MUST_BE_OFF = ("use_rslora", "use_dora", "lora_bias", "rank_pattern", "alpha_pattern", "modules_to_save")


@dataclass(frozen=True, slots=True)
class Written:
    """What a folder holds; tensors by their names in the model."""

    tensors: dict[str, Tensor]
    rank: int
    alpha: float


def write_adapter(folder: Path, adapter: Adapter, shape: Shape, base: str, others: Sequence[str]) -> None:
    """Into a folder that is there. `others`: the model's linear layers without an adapter."""
    settings = {
        "base_model_name_or_path": base, "bias": "none", "fan_in_fan_out": False, "inference_mode": True,
        "init_lora_weights": True, "lora_alpha": shape.alpha, "lora_dropout": 0.0, "peft_type": "LORA",
        "r": shape.rank, "target_modules": targets(list(adapter.pairs), others), "task_type": "CAUSAL_LM",
    }  # fmt: skip
    (folder / ADAPTER_CONFIG).write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    tensors = {PREFIX + name: tensor.detach().contiguous() for name, tensor in adapter.tensors().items()}
    save_file(tensors, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})


def targets(layers: Sequence[str], others: Sequence[str] = ()) -> list[str]:
    """Their last names, q_proj or lm_head; in full where another layer has the same."""
    last = {layer: layer.rpartition(".")[2] for layer in (*layers, *others)}
    taken = {last[layer] for layer in others}
    return sorted({layer if last[layer] in taken else last[layer] for layer in layers})


def read_adapter(folder: Path) -> Written:
    names = saved_names(folder)
    written = written_settings(folder)
    if written["peft_type"] != "LORA":
        raise ModelError(f"straw reads LoRA adapters; {folder} holds {written['peft_type'][:40]}: merge it first")
    settings = plain_settings(folder, written)
    for name in MUST_BE_OFF:
        if settings.get(name):
            raise not_plain(folder, name, settings[name])
    rank, alpha = settings.get("r"), settings.get("lora_alpha")
    if not isinstance(rank, int) or not isinstance(alpha, int | float) or not alpha > 0:
        raise broken(folder, ValueError("it names no rank r and lora_alpha"))
    if odd := [name for name in names if not name.startswith(PREFIX) or not name.endswith(".weight")]:
        raise ModelError(f"{folder} holds {min(odd)[:80]!r}, which is no adapter of a linear layer: merge it with PEFT")
    try:
        tensors = load_file(folder / ADAPTER_WEIGHTS)
    except Exception as error:  # safetensors raises its own class for every kind of damage
        raise ModelError(f"{folder} has a broken {ADAPTER_WEIGHTS} ({first_line(error)}): copy it again") from error
    return Written({name.removeprefix(PREFIX): t.to(torch.float32) for name, t in tensors.items()}, rank, float(alpha))


def shape_of(written: Written, parts: set[str], ranks: set[int], folder: Path) -> Shape:
    """`parts`: attn, mlp, unembed, whichever has adapters; `ranks` of all of them."""
    if ranks != {written.rank} or not layers_in(written.tensors):
        raise ModelError(f"the adapters in {folder} have rank {written.rank} by its config and {sorted(ranks)} in fact")
    has = {part: part in parts for part in ("attn", "mlp", "unembed")}
    return Shape(rank=written.rank, alpha=written.alpha, **has)
