"""Texts as unit vectors, by a small model of the sentence-transformers kind.

    v = mean over tokens of the last hidden state, divided by its norm             all-MiniLM-L6-v2: 384 numbers

All texts of a call lie behind one another in one matrix of tokens, without padding: 17 texts of 120 tokens are one
matmul of 2040 rows a layer, and only the attention goes text by text. So nothing is computed for padding, and a text
has equal bits in every company: a matmul's row does not depend on how many rows there are (from 16 on; shorter input
is filled up), and a text's attention has its own shape. sentence-transformers pads, which costs time and changes bits.

Read here: BERT with mean or [CLS] pooling, as modules.json of the folder says; anything else is refused. Attention is
computed in float32 in any case: on a CPU that is faster than in bfloat16.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoTokenizer

from straw.engines.batch_invariant import batch_invariant
from straw.engines.local.models.folder import first_line
from straw.errors import ModelError
from straw.files import MIB, parse_json, read_file

LEAST_ROWS = 16  # of a matmul: below, a row's bits depend on how many there are
TOKENS_AT_ONCE = 8192
KNOWN_MODULES = ("Transformer", "Pooling", "Normalize")
Affine = tuple[Tensor, Tensor]  # weight and bias


@dataclass(frozen=True, slots=True)
class Layer:
    read: Affine  # query, key and value in one
    out: Affine
    norm: Affine
    up: Affine
    down: Affine
    last_norm: Affine


class BertEncoder:
    """A folder in sentence-transformers' form, on one device in one precision."""

    def __init__(self, folder: Path, device: str = "cpu", dtype: str = "float32") -> None:
        config = read_json(folder / "config.json")
        if (config.get("model_type"), config.get("hidden_act")) != ("bert", "gelu"):
            raise ModelError(f"an encoder is a BERT with gelu; {folder} has another model: write encoder=minilm")
        self.width, self.heads, self.eps = (
            config["hidden_size"],
            config["num_attention_heads"],
            config["layer_norm_eps"],
        )
        self.pooling = pooling_of(folder)
        self.max_tokens = min(max_tokens_of(folder), config["max_position_embeddings"])
        self.device, self.dtype = torch.device(device), getattr(torch, dtype)
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(folder)
            weights = load_file(folder / "model.safetensors")
            self.weights = {
                name.removeprefix("bert."): weight.to(self.device, torch.float32) for name, weight in weights.items()
            }
            self.layers = [self._layer(f"encoder.layer.{index}") for index in range(config["num_hidden_layers"])]
        except Exception as error:  # transformers and safetensors fail in many ways
            raise ModelError(f"the encoder in {folder} cannot be read ({first_line(error)})") from error
        self.num_encoded = 0

    def _layer(self, name: str) -> Layer:
        reading = [self._affine(f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
        return Layer(
            read=(torch.cat([weight for weight, _ in reading]), torch.cat([bias for _, bias in reading])),
            out=self._affine(f"{name}.attention.output.dense"),
            norm=self._affine(f"{name}.attention.output.LayerNorm"),
            up=self._affine(f"{name}.intermediate.dense"),
            down=self._affine(f"{name}.output.dense"),
            last_norm=self._affine(f"{name}.output.LayerNorm"),
        )

    def _affine(self, name: str) -> Affine:
        return self.weights[f"{name}.weight"].to(self.dtype), self.weights[f"{name}.bias"].to(self.dtype)

    # --- reading

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """A row a text, float32, on the CPU. Text beyond the model's length is cut, as it always is with this kind."""
        self.num_encoded += len(texts)
        if not texts:
            return torch.zeros(0, self.width)
        tokens = self.tokenizer(list(texts), truncation=True, max_length=self.max_tokens)["input_ids"]
        rows: list[Tensor] = []
        with batch_invariant(self.device.type) if self.dtype == torch.bfloat16 else nullcontext():
            for some in in_bunches(tokens):
                rows += [F.normalize(self._pooled(hidden), dim=0) for hidden in self._hidden(some)]
        return torch.stack(rows).cpu()

    def _pooled(self, hidden: Tensor) -> Tensor:
        return hidden[0] if self.pooling == "cls" else hidden.mean(0)

    def _hidden(self, texts: Sequence[Sequence[int]]) -> Sequence[Tensor]:
        """The last hidden states of each text."""
        lengths = [len(text) for text in texts]
        states = self._embedded(texts, max(0, LEAST_ROWS - sum(lengths)))
        for layer in self.layers:
            seen = self._attended(F.linear(states, *layer.read), lengths)
            states = self._normed(states + F.linear(seen, *layer.out), layer.norm)
            inner = F.gelu(F.linear(states, *layer.up))
            states = self._normed(states + F.linear(inner, *layer.down), layer.last_norm)
        return states[: sum(lengths)].float().split(lengths)

    def _embedded(self, texts: Sequence[Sequence[int]], num_filled: int) -> Tensor:
        words, places, kinds = (
            self.weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        norm = self.weights["embeddings.LayerNorm.weight"], self.weights["embeddings.LayerNorm.bias"]
        tokens = torch.tensor([token for text in texts for token in text], device=self.device)
        positions = torch.cat([torch.arange(len(text), device=self.device) for text in texts])
        states = F.pad(words[tokens] + places[positions] + kinds[0], (0, 0, 0, num_filled))
        return self._normed(states, norm).to(self.dtype)

    def _attended(self, read: Tensor, lengths: Sequence[int]) -> Tensor:
        """Each text attends to itself, in a matrix of its own."""
        seen, begin = read.new_zeros(len(read), self.width), 0
        for length in lengths:
            text = read[begin : begin + length].float().view(1, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            found = F.scaled_dot_product_attention(text[0], text[1], text[2])
            seen[begin : begin + length] = found[0].transpose(0, 1).reshape(length, self.width)
            begin += length
        return seen

    def _normed(self, states: Tensor, norm: Affine) -> Tensor:
        return F.layer_norm(states, (self.width,), *norm, self.eps)


def in_bunches(texts: Sequence[list[int]]) -> list[list[list[int]]]:
    """In order, some at a time."""
    bunches: list[list[list[int]]] = []
    room = 0
    for text in texts:
        if len(text) > room:
            bunches.append([])
            room = TOKENS_AT_ONCE
        bunches[-1].append(text)
        room -= len(text)
    return bunches


def pooling_of(folder: Path) -> str:
    """ "mean" or "cls"."""
    modules = read_json(folder / "modules.json")
    kinds = [str(one["type"]).rpartition(".")[2] for one in modules]
    unknown = [kind for kind in kinds if kind not in KNOWN_MODULES]
    if unknown or kinds[:2] != ["Transformer", "Pooling"]:
        raise ModelError(f"an encoder is a Transformer with a Pooling; {folder} has {', '.join(kinds)}")
    chosen = read_json(folder / Path(str(modules[1]["path"])).name / "config.json")  # a folder in this one
    modes = [name for name, is_on in chosen.items() if name.startswith("pooling_mode_") and is_on]
    named = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    if len(modes) != 1 or modes[0] not in named:
        raise ModelError(f"an encoder pools by mean or cls; {folder} has {', '.join(modes) or 'neither'}")
    return named[modes[0]]


def max_tokens_of(folder: Path) -> int:
    return int(read_json(folder / "sentence_bert_config.json")["max_seq_length"])


def read_json(path: Path) -> Any:
    try:
        return parse_json(read_file(path, MIB, follow=True))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"an encoder is a folder in sentence-transformers' form, and {path} cannot be read: name another encoder, "
            "or write encoder=minilm"
        ) from error
