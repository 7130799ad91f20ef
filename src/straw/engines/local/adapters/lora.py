"""LoRA: the weights stay, and beside each chosen linear layer a narrow pair learns.

    W x   becomes   W x + (alpha / rank) B A x        A [rank, in] drawn from the seed, B [out, rank] zero

So a model with fresh adapters says what it said before. The layers are put into the model in place: whoever
holds the model (`adapted.get_base_model()` is that same object) sees them. Adapters are kept in PEFT's own
form, adapter_config.json and adapter_model.safetensors. There is no dropout (see `pretrained`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from straw.engines.local.adapters.folder import adapter_config, peft_at_work, saved_names
from straw.engines.local.adapters.rank_one import widen_rank_one
from straw.errors import ConfigError, ModelError, did_you_mean
from straw.runs.files.atomic_write import whole_folder

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from straw.engines.local.models.loaded import CausalModel

ALL_LINEAR = "all-linear"  # every linear layer but the head


def add_lora(
    model: PreTrainedModel, rank: int, alpha: float = 32.0, targets: str = ALL_LINEAR, seed: int = 0
) -> PeftModel:
    """Freeze the model and put fresh adapters into it; they are a function of the seed.

    `targets` is all-linear, or names of layers with commas between: "q_proj,v_proj".
    """
    check_size(rank, alpha)
    with peft_at_work():
        from peft import LoraConfig, get_peft_model

        layers = chosen_layers(model, targets)
        config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=layers, task_type="CAUSAL_LM")
        torch.manual_seed(seed)
        adapted = get_peft_model(model, config).eval()
    widen_rank_one(adapted)
    return adapted


def check_size(rank: int, alpha: float) -> None:
    if rank < 1:
        raise ConfigError(f"adapters have a rank of at least 1; got lora_rank={rank}. Without adapters it is 0.")
    if not alpha > 0:
        raise ConfigError(f"lora_alpha is above 0; got {alpha}: with 0 the adapters never act. Write lora_alpha=32.")


def chosen_layers(model: CausalModel, targets: str) -> list[str]:
    there = linear_layers(model)
    if targets == ALL_LINEAR:
        return there
    names = [name.strip() for name in targets.split(",")]
    for name in names:
        if name not in there:
            raise ConfigError(
                f"lora_targets is {ALL_LINEAR} or names of linear layers; got {name!r} ({did_you_mean(name, there)})"
            )
    return names


def linear_layers(model: CausalModel) -> list[str]:
    """Their last names: q_proj, up_proj, ..."""
    head = model.get_output_embeddings()
    found = (name for name, m in model.named_modules() if isinstance(m, kinds_of_linear()) and m is not head)
    return sorted({name.split(".")[-1] for name in found})


def kinds_of_linear() -> tuple[type[nn.Module], ...]:
    """transformers has one of its own, which no model is made of before it was imported."""
    theirs = sys.modules.get("transformers.pytorch_utils")
    return (nn.Linear,) if theirs is None else (nn.Linear, theirs.Conv1D)


def save_adapter(adapted: PeftModel, folder: Path, base: str) -> None:
    """The adapters alone, in a new folder; `base` is the name or path that loads the weights beneath them."""
    config = adapted.peft_config["default"]
    config.base_model_name_or_path = base
    config.target_modules = sorted(config.target_modules)  # a set would be written in another order every time
    with whole_folder(folder) as new, peft_at_work():
        # Left to find out whether embeddings were trained, PEFT would ask the hub.
        adapted.save_pretrained(str(new), save_embedding_layers=False)


def load_adapter(model: PreTrainedModel, folder: Path, *, trainable: bool = True) -> PeftModel:
    """Put saved adapters into the model that they were trained on."""
    names = saved_names(folder)
    config = adapter_config(folder)
    with peft_at_work():
        from peft import PeftModel, get_peft_model_state_dict

        try:
            adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=trainable, config=config)
        except (RuntimeError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[-1].strip()
            raise ModelError(f"the adapters in {folder} belong to another model than this one: {reason}") from error
        # Adapters that the file lacks would be fresh ones.
        if odd := names ^ set(get_peft_model_state_dict(adapted, save_embedding_layers=False)):
            where = "file" if min(odd) in names else "model"
            raise ModelError(f"the adapters in {folder} belong to another model: {min(odd)} is only in the {where}")
    widen_rank_one(adapted)
    return adapted.eval()
