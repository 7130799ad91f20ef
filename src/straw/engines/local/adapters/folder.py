"""What a folder of LoRA adapters in PEFT's form says, taken no further than plain LoRA goes.

    adapter_config.json          rank, alpha, the layers, the model beneath
    adapter_model.safetensors    A and B of each layer

PEFT obeys much more that may stand there: patterns that it searches every layer's name for (one that goes back and
forth never ends), layers to be copied, modules to be imported, files of its own to be loaded. A setting that is not
plain LoRA's is refused by its name, and a pattern is not used at all: the file of weights says which layers there are.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open

from straw.engines.local.models.folder import belongs, first_line
from straw.errors import ConfigError, ModelError
from straw.files import MIB, parse_json, read_file

if TYPE_CHECKING:
    from peft import LoraConfig

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
MOST_RANK, MOST_NAMES = 4096, 10_000
PLAIN = re.compile(r"\^?[A-Za-z0-9_.]{1,256}")
PASSED_OVER = (  # what does not matter here, or only beside what is refused
    "auto_mapping", "inference_mode", "megatron_core", "peft_type", "peft_version", "qalora_group_size", "revision",
    "runtime_config",
)  # fmt: skip


def adapter_config(folder: Path) -> LoraConfig:
    """Plain LoRA's settings, or a ModelError that names the one that is not."""
    written = written_settings(folder)
    check_kind(folder, written["peft_type"])
    kept = plain_settings(folder, written)
    if isinstance(kept.get("target_modules"), str) and kept["target_modules"] != "all-linear":
        kept["target_modules"] = layers_of(saved_names(folder))
    with peft_at_work():
        from peft import LoraConfig

        try:
            return LoraConfig(**kept)
        except Exception as error:  # a value of another kind than it expects
            raise broken(folder, error) from error


def written_settings(folder: Path) -> dict[str, Any]:
    try:
        written = parse_json(read_file(folder / ADAPTER_CONFIG, MIB, follow=True))
    except (OSError, ValueError) as error:
        raise broken(folder, error) from error
    if not isinstance(written, dict) or not isinstance(written.get("peft_type"), str):
        raise broken(folder, ValueError("it names no peft_type"))
    return written


def plain_settings(folder: Path, written: dict[str, Any]) -> dict[str, Any]:
    """Those that matter, each checked."""
    told = {name: value for name, value in written.items() if name not in PASSED_OVER and value is not None}
    for name, value in told.items():
        if not (CHECKS[name](value) if name in CHECKS else not value):
            raise not_plain(folder, name, value)
    return {name: value for name, value in told.items() if name in CHECKS}


def check_kind(folder: Path, kind: str) -> None:
    with peft_at_work():
        from peft import PeftType

        if kind not in PeftType.__members__:
            raise broken(folder, ValueError(f"there is no peft_type {kind[:40]!r}"))
    if kind != "LORA":
        raise ModelError(f"straw reads LoRA adapters; {folder} holds {kind}: merge it with PEFT first")


def broken(folder: Path, error: Exception) -> ModelError:
    return ModelError(f"{folder} has a broken {ADAPTER_CONFIG} ({first_line(error)}): copy it again")


def not_plain(folder: Path, name: str, value: object) -> ModelError:
    return ModelError(
        f"straw reads plain LoRA adapters, and those in {folder} have {name}={str(value)[:60]!r}: "
        "merge them with PEFT first"
    )


# --- what a setting may be


def is_name(value: object) -> bool:
    return isinstance(value, str) and PLAIN.fullmatch(value) is not None


def are_names(value: object) -> bool:
    return is_name(value) or (isinstance(value, list) and len(value) <= MOST_NAMES and all(map(is_name, value)))


def is_rank(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_RANK


def is_scale(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9 and isfinite(value)


def are_counts(value: object) -> bool:
    listed = value if isinstance(value, list) else [value]
    return len(listed) <= MOST_NAMES and all(isinstance(one, int) and 0 <= one < MOST_NAMES for one in listed)


def by_name(value: object, check: Any) -> bool:
    """Ranks or scales of some layers; PEFT takes their names for patterns."""
    return isinstance(value, dict) and all(is_name(name) and check(one) for name, one in value.items())


CHECKS: dict[str, Any] = {
    **dict.fromkeys(("base_model_name_or_path", "task_type"), lambda value: isinstance(value, str)),
    **dict.fromkeys(("fan_in_fan_out", "use_rslora", "use_dora", "lora_bias"), lambda value: isinstance(value, bool)),
    "r": is_rank,
    "lora_alpha": is_scale,
    "lora_dropout": is_scale,
    "target_modules": lambda value: isinstance(value, str) or are_names(value),  # a pattern is not used
    "exclude_modules": are_names,
    "modules_to_save": are_names,
    "layers_pattern": are_names,
    "layers_to_transform": are_counts,
    "rank_pattern": lambda value: by_name(value, is_rank),
    "alpha_pattern": lambda value: by_name(value, is_scale),
    "bias": lambda value: value in ("none", "all", "lora_only"),
    "init_lora_weights": lambda value: value in (True, False, "gaussian"),  # others change the weights beneath
}


# --- the weights


def saved_names(folder: Path) -> set[str]:
    """The tensors in the adapter file."""
    file = folder / ADAPTER_WEIGHTS
    if not file.is_file():
        raise ModelError(f"an adapter folder holds {ADAPTER_CONFIG} and {ADAPTER_WEIGHTS}; {folder} has no {file.name}")
    if not belongs(file, folder):
        raise ModelError(
            f"an adapter folder has its own {file.name}, and that of {folder} is a link out of it: copy it"
        )
    try:
        with safe_open(file, framework="pt") as tensors:
            return set(tensors.keys())
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{folder} has a broken {file.name} ({first_line(error)}): copy it again") from error


def layers_of(names: set[str]) -> list[str]:
    """The layers that have adapters. Example: {"base_model.model.lm_head.lora_A.weight"} -> ["lm_head"]"""
    return sorted({name.removeprefix("base_model.model.").partition(".lora_")[0] for name in names if ".lora_" in name})


@contextmanager
def peft_at_work() -> Iterator[None]:
    """PEFT is an extra; it draws from the global generator, and what it warns of is checked here."""
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImportError as error:
        raise ConfigError(
            f"adapters need PEFT, and it cannot be imported ({first_line(error)}): "
            "pip install 'straw[peft]', or choose lora_rank=0"
        ) from error
