"""Which models are there: what `straw models list` shows.

    name         where      parameters   size       folder
    tiny-1M      embedded        1.10M   -          -
    smollm2      cache         134.52M   541.6 MB   ~/.cache/straw/models/smollm2
    org/name     hub cache         ...

Parameters are counted from file headers; nothing is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from straw.engines.local.models.cache import ADDABLE, cached_names, models_folder
from straw.engines.local.models.folder import count_weights, shortcoming, size_bytes
from straw.engines.local.models.sizes import ModelSize
from straw.engines.local.models.tiny import SHAPES, embedded_sizes
from straw.text.chat.character_tokenizer import CharacterTokenizer


@dataclass(frozen=True, slots=True)
class ModelRow:
    """`parameters` is None for what is not there yet or cannot be read; `note` then says why."""

    name: str
    where: str  # embedded, cache, hub cache, to add
    parameters: int | None = None
    folder: Path | None = None
    num_bytes: int = 0
    note: str = ""


def list_models() -> list[ModelRow]:
    to_add = [
        ModelRow(name, "to add", note=f"straw models add {name}") for name in ADDABLE if name not in cached_names()
    ]
    return [*embedded_rows(), *cache_rows(), *hub_rows(), *to_add]


def embedded_rows() -> list[ModelRow]:
    sizes = {name: ModelSize.of(embedded_sizes(shape, CharacterTokenizer(name))) for name, shape in SHAPES.items()}
    return [ModelRow(name, "embedded", size.parameters) for name, size in sizes.items()]


def cache_rows() -> list[ModelRow]:
    return [folder_row(name, "cache", models_folder() / name) for name in cached_names()]


def hub_rows() -> list[ModelRow]:
    """Models in the hub's cache that are there whole; tokenizers and the like are passed over."""
    try:
        repos = [repo for repo in scan_cache_dir().repos if repo.repo_type == "model"]
    except CacheNotFound:
        return []
    latest = {
        repo.repo_id: max(repo.revisions, key=lambda revision: revision.last_modified).snapshot_path
        for repo in repos
        if repo.revisions
    }
    return [folder_row(name, "hub cache", path) for name, path in sorted(latest.items()) if not shortcoming(path)]


def folder_row(name: str, where: str, folder: Path) -> ModelRow:
    if missing := shortcoming(folder):
        return ModelRow(name, where, None, folder, size_bytes(folder), missing)
    return ModelRow(name, where, count_weights(folder), folder, size_bytes(folder))
