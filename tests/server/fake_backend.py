"""A backend that computes nothing: a tenant's weights are a hash of all that was done to it, in order.

Two tenants have the same weights exactly if the same was done to them, so a test of order, of replay or of a restart
compares two short texts.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from straw.engines.base import AdamParams
from straw.engines.tenants.base_files import BaseFiles
from straw.engines.tenants.records import Example, Facts, Gradient, Sampled, Sampling, Shape
from straw.engines.tenants.records import Sequence as Reply
from straw.errors import ConfigError


def mix(*what: Any) -> str:
    return sha256(repr(what).encode()).hexdigest()[:16]


class FakeBackend:
    """`weights` by tenant; `steps` of decoding per token."""

    chat: Any = None
    facts = Facts("fake", "Fake", 8, 4096, 32)

    def __init__(self) -> None:
        self.weights: dict[str, str] = {}
        self.gradients: dict[str, list[str]] = {}
        self.shapes: dict[str, Shape] = {}
        self.snapshots: dict[str, str] = {}
        self.rows: dict[str, tuple[str, Sampling, int]] = {}
        self.log: list[tuple[str, str]] = []  # what was done, by tenant
        self.broken: set[str] = set()  # verbs that fail

    def check(self, verb: str, tenant: str) -> None:
        self.log.append((verb, tenant))
        if verb in self.broken:
            raise OSError(28, "No space left on device")

    def base_files(self) -> BaseFiles:
        return BaseFiles({"config.json": '{"auto_map": {}}'}, {})  # which no hub offers

    def create(self, tenant: str, shape: Shape) -> None:
        self.check("create", tenant)
        self.weights[tenant], self.gradients[tenant], self.shapes[tenant] = mix("new", shape), [], shape

    def forward_backward(
        self, tenant: str, data: Sequence[Example], loss: str, settings: Mapping[str, float], *, forward_only: bool
    ) -> Generator[None, None, Gradient]:
        self.check("forward" if forward_only else "forward_backward", tenant)
        if data[0].tokens[0] == 31:
            raise ConfigError("token 31 is none of this model's")
        yield
        found = [mix(example.tokens, loss, sorted(settings.items())) for example in data]
        yield
        if not forward_only:
            self.gradients[tenant] += found
        zeros = [np.zeros(example.inputs["target_tokens"].shape, np.float32) for example in data]
        return Gradient(zeros, zeros, {"loss:sum": float(data[0].tokens[0])})

    def optim_step(self, tenant: str, params: AdamParams) -> dict[str, float]:
        self.check("optim_step", tenant)
        self.weights[tenant] = mix(self.weights[tenant], self.gradients[tenant], params)
        self.gradients[tenant] = []
        return {"norm": 1.0}

    def save(self, tenant: str, folder: Path, *, optimizer: bool) -> None:
        self.check("save", tenant)
        folder.mkdir(parents=True)
        shape = self.shapes[tenant]
        about = {"weights": self.weights[tenant], "rank": shape.rank, "optimizer": optimizer}
        (folder / "adapter_model.safetensors").write_text(json.dumps(about))
        (folder / "adapter_config.json").write_text(json.dumps({"r": shape.rank}))

    def load(self, tenant: str, folder: Path, *, optimizer: bool) -> Shape:
        self.check("load", tenant)
        about = json.loads((folder / "adapter_model.safetensors").read_text())
        self.shapes[tenant] = Shape(rank=about["rank"])
        self.weights[tenant], self.gradients[tenant] = about["weights"], []
        return self.shapes[tenant]

    def unload(self, tenant: str) -> None:
        for kept in (self.weights, self.gradients, self.shapes):
            del kept[tenant]  # type: ignore[attr-defined]

    def snapshot(self, name: str, tenant: str) -> None:
        self.snapshots[name] = self.weights[tenant]

    def load_snapshot(self, name: str, folder: Path) -> None:
        self.snapshots[name] = json.loads((folder / "adapter_model.safetensors").read_text())["weights"]

    def forget(self, name: str) -> None:
        del self.snapshots[name]

    def begin(self, key: str, weights: str | None, request: Sampling) -> None:
        self.rows[key] = (self.snapshots[weights] if weights else "base", request, 0)

    def cancel(self, key: str) -> None:
        self.rows.pop(key, None)

    @property
    def num_rows(self) -> int:
        return sum(len(request.seeds) for _, request, _ in self.rows.values())

    def reply(self, weights: str, request: Sampling, seed: int, length: int) -> Reply:
        tokens = tuple(int(mix(weights, request.prompt, seed, place), 16) % 30 for place in range(length))
        return Reply(tokens=tokens, logprobs=np.zeros(length, np.float32), stopped=False)

    def decode(self) -> list[tuple[str, Sampled | Exception]]:
        if "decode" in self.broken:
            raise RuntimeError("decode is broken")
        complete: list[tuple[str, Sampled | Exception]] = []
        for key, (weights, request, length) in list(self.rows.items()):
            self.rows[key] = (weights, request, length + 1)
            if length + 1 >= (request.max_tokens or 4):
                replies = tuple(self.reply(weights, request, seed, length + 1) for seed in request.seeds)
                prompt = np.zeros(len(request.prompt), np.float32) if request.prompt_logprobs else None
                complete.append((key, Sampled(sequences=replies, prompt_logprobs=prompt)))
                del self.rows[key]
        return complete

    def written(self, key: str) -> list[tuple[int, ...]]:
        weights, request, length = self.rows[key]
        return [self.reply(weights, request, seed, length).tokens for seed in request.seeds]

    def rest(self) -> None: ...
