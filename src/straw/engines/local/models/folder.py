"""What a model's folder holds, read from headers alone: what it lacks, and how many weights it has.

    config.json          the architecture and its sizes
    model.safetensors    the weights, or shards of them that model.safetensors.index.json names
    tokenizer.json       or the vocabulary file of an older tokenizer

Every safetensors file opens with a header that says how long the file is, so a copy that was cut short
shows before anything is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from straw.files import MIB, parse_json, read_file

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
FILE = "transformers_weights"  # names the file of weights
LEADS_ELSEWHERE = (FILE, "attn_implementation", "_attn_implementation", "experts_implementation")
DEPTHS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")  # as configs of several families call them
WIDTHS = ("hidden_size", "n_embd", "d_model")
ACROSS = (
    "vocab_size", "intermediate_size", "n_inner", "head_dim", "num_attention_heads", "n_head", "num_experts",
    "num_local_experts", "n_routed_experts",
)  # fmt: skip
READ_WHOLE, LARGEST = (".json", ".jinja", ".txt", ".model"), 256 * MIB
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")


def shortcoming(folder: Path) -> str | None:
    """What keeps a folder from being a model, as the end of a sentence; None for a sound one."""
    checks = (size_shortcoming, config_shortcoming, weights_shortcoming, sizes_shortcoming, tokenizer_shortcoming)
    return next((found for check in checks if (found := check(folder))), None)


def size_shortcoming(folder: Path) -> str | None:
    """Of what is read whole: a sparse file of ten gigabytes is a few bytes on a disk."""
    for file in folder.glob("*"):
        if file.suffix in READ_WHOLE and file.is_file() and (size := file.stat().st_size) > LARGEST:
            return f"has a {file.name} of {size:,} bytes: copy it again"
    return None


def config_shortcoming(folder: Path) -> str | None:
    if not (folder / "config.json").is_file():
        files = sorted(folder.glob("*.gguf"))
        return f"has no config.json (for its GGUF file write {files[0]})" if files else "has no config.json"
    try:
        config = read_config(folder)
    except (ValueError, OSError) as error:
        return f"has a config.json that cannot be read: {first_line(error)}"
    if not isinstance(config, dict) or "model_type" not in config:
        return "has a config.json without a model_type"
    if "quantization_config" in config:
        return "has quantised weights, and straw trains float32: take the unquantised model or a GGUF file"
    if leads := next(elsewhere(config), None):
        return f"has a config.json that leads elsewhere ({leads}): take that out"
    return None


def read_config(folder: Path) -> Any:
    return parse_json(read_file(folder / "config.json", 16 * MIB, follow=True))


def elsewhere(config: Any) -> Iterator[str]:
    """What would make transformers read other files than those that are checked here, or code from the hub."""
    if isinstance(config, dict):
        for name, value in config.items():
            if name in LEADS_ELSEWHERE and value is not None and (name == FILE or "/" in str(value)):
                yield f"{name}={str(value)[:60]}"
            yield from elsewhere(value)


def weights_shortcoming(folder: Path) -> str | None:
    try:
        files = weight_files(folder)
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return f"has a {INDEX} that cannot be read"
    for file in files:
        if file.parent != folder or file.suffix != ".safetensors":
            return f"has a {INDEX} that names {str(file.name)[:60]!r}, and shards are .safetensors files beside it"
        if not file.is_file():
            pickled = any(folder.glob("pytorch_model*.bin"))
            return f"has no {file.name}" + " (straw reads no pickled .bin files: save it as safetensors)" * pickled
        if not belongs(file, folder):
            return f"has a {file.name} that leads to another folder: copy the file, or name the folder where it lies"
        try:
            with safe_open(file, framework="pt"):
                pass
        except (SafetensorError, OSError) as error:
            return f"has a broken {file.name}: {first_line(error)}; copy it again"
    return None


def sizes_shortcoming(folder: Path) -> str | None:
    """Of a config that asks for far more than the files hold: all of it would be made before they are compared, which
    takes for ever for a milliard layers, and all of the memory for a vocabulary of that size.
    """
    config = read_config(folder)
    held = shapes(folder)
    tensors, numbers = len(held), sum(map(prod, held))
    for part in (config, config.get("text_config")):
        deep, wide, across = (largest_of(part, names) for names in (DEPTHS, WIDTHS, ACROSS))
        if deep > tensors or wide * across > 2 * numbers:
            return (
                f"has a config.json of {deep:,} layers, {wide:,} wide and up to {across:,} across, and {numbers:,} "
                f"weights in {tensors:,} tensors: take the config.json that belongs to it"
            )
    return None


def largest_of(config: Any, names: Sequence[str]) -> int:
    values = [config.get(name) for name in names] if isinstance(config, dict) else []
    return max((value for value in values if isinstance(value, int)), default=0)


def belongs(file: Path, folder: Path) -> bool:
    """Whether a file lies in its folder and is no link out of it; the hub's cache keeps all files of a model aside."""
    real, home = Path(os.path.realpath(file)), Path(os.path.realpath(folder))
    is_cached = home.parent.name == "snapshots" and real.parent == home.parent.parent / "blobs"
    return real.is_file() and (home in real.parents or is_cached)


def tokenizer_shortcoming(folder: Path) -> str | None:
    if any((folder / name).is_file() for name in TOKENIZERS):
        return None
    return "has no tokenizer (tokenizer.json): save the model's tokenizer into it"


def weight_files(folder: Path) -> list[Path]:
    """The one file, and the shards that the index names, whether they exist or not: transformers takes either."""
    if not (folder / INDEX).is_file():
        return [folder / WEIGHTS]
    index = parse_json(read_file(folder / INDEX, 64 * MIB, follow=True))
    names = sorted(set(index["weight_map"].values()))
    if not all(isinstance(name, str) for name in names):
        raise ValueError("a shard has a name")
    alone = [folder / WEIGHTS] * (folder / WEIGHTS).exists()
    return [*alone, *(folder / name for name in names)]


def count_weights(folder: Path) -> int:
    """Numbers in the safetensors files; a head that is tied to the embedding is not stored twice."""
    return sum(map(prod, shapes(folder)))


def shapes(folder: Path) -> list[list[int]]:
    found: list[list[int]] = []
    for file in [folder / WEIGHTS] if (folder / WEIGHTS).exists() else weight_files(folder):
        with safe_open(file, framework="pt") as tensors:
            found += [tensors.get_slice(name).get_shape() for name in tensors.keys()]  # noqa: SIM118
    return found


def size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def first_line(error: BaseException) -> str:
    """What an error of another library says, as part of one line of ours; its kind when it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
