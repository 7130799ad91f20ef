"""What a model's folder holds, read from headers alone: what it lacks, and how many weights it has.

    config.json          the architecture and its sizes
    model.safetensors    the weights, or shards of them that model.safetensors.index.json names
    tokenizer.json       or the vocabulary file of an older tokenizer

Every safetensors file opens with a header that says how long the file is, so a copy that was cut short
shows before anything is loaded.
"""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

from safetensors import SafetensorError, safe_open

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")


def shortcoming(folder: Path) -> str | None:
    """What keeps a folder from being a model, as the end of a sentence; None for a sound one."""
    return config_shortcoming(folder) or weights_shortcoming(folder) or tokenizer_shortcoming(folder)


def config_shortcoming(folder: Path) -> str | None:
    if not (folder / "config.json").is_file():
        files = sorted(folder.glob("*.gguf"))
        return f"has no config.json (for its GGUF file write {files[0]})" if files else "has no config.json"
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        return f"has a config.json that cannot be read: {first_line(error)}"
    if not isinstance(config, dict) or "model_type" not in config:
        return "has a config.json without a model_type"
    if "quantization_config" in config:
        return "has quantised weights, and straw trains float32: take the unquantised model or a GGUF file"
    return None


def weights_shortcoming(folder: Path) -> str | None:
    try:
        files = weight_files(folder)
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return f"has a {INDEX} that cannot be read"
    for file in files:
        if not file.is_file():
            pickled = any(folder.glob("pytorch_model*.bin"))
            return f"has no {file.name}" + " (straw reads no pickled .bin files: save it as safetensors)" * pickled
        try:
            with safe_open(file, framework="pt"):
                pass
        except (SafetensorError, OSError) as error:
            return f"has a broken {file.name}: {first_line(error)}; copy it again"
    return None


def tokenizer_shortcoming(folder: Path) -> str | None:
    if any((folder / name).is_file() for name in TOKENIZERS):
        return None
    return "has no tokenizer (tokenizer.json): save the model's tokenizer into it"


def weight_files(folder: Path) -> list[Path]:
    """The one file, or the shards that the index names, whether they exist or not."""
    if not (folder / INDEX).is_file():
        return [folder / WEIGHTS]
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    return [folder / Path(name).name for name in sorted(set(index["weight_map"].values()))]


def count_weights(folder: Path) -> int:
    """Numbers in the safetensors files; a head that is tied to the embedding is not stored twice."""
    total = 0
    for file in weight_files(folder):
        with safe_open(file, framework="pt") as tensors:
            total += sum(prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return total


def size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def first_line(error: BaseException) -> str:
    """What an error of another library says, as part of one line of ours; its kind when it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
