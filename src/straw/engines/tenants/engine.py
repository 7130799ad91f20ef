"""A base model with many tenants in this process: `backend.Backend`, computed.

The base is frozen and lies in memory once; a tenant is its adapters, their gradients and what Adam knows (`bank`,
`training`). Or the engine is `full`: one tenant alone trains the base's own weights.

What trains is computed as the local engine computes it, bit for bit where the data are the same. Rows are written by
`sampling`, with weights that `acting` puts in place for as long as they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel

from straw.engines.base import AdamParams
from straw.engines.local.engine import bfloat16_on
from straw.engines.local.forward.llama.llama_reader import reader_of
from straw.engines.local.forward.lm_head import Head
from straw.engines.local.forward.self_check import check_reading, refusing
from straw.engines.local.training.microbatch_budget import tokens_at_once
from straw.engines.tenants.adapter_folder import targets
from straw.engines.tenants.backend import Pieces
from straw.engines.tenants.bank import Adapter, Bank, FullWeights, Weights
from straw.engines.tenants.base_files import BaseFiles, base_files
from straw.engines.tenants.checkpoints import asked_for, load_tenant, load_weights, save_tenant
from straw.engines.tenants.records import IN_MEMORY, Example, Facts, Sampled, Sampling, Shape
from straw.engines.tenants.sampling.served import sampler_of
from straw.engines.tenants.training.batches import micro_batches
from straw.engines.tenants.training.checks import Asked, Limits, check
from straw.engines.tenants.training.gradient import Found, add_gradient
from straw.engines.tenants.training.shelf import Shelf
from straw.engines.tenants.training.tenant import Tenant
from straw.errors import ConfigError, did_you_mean
from straw.text.chat.chat import Chat

MOST_RANK = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSettings:
    """How it computes; `full` alone changes what."""

    device: str = "cpu"
    dtype: str = "float32"
    full: bool = False
    tokens_per_microbatch: int | None = None  # none: what there is room for
    gradient_checkpointing: bool = False
    fast_llama: bool = True
    tenants_in_memory: int = IN_MEMORY


class TenantEngine:
    def __init__(
        self, model: PreTrainedModel, chat: Chat, settings: TenantSettings | None = None, name: str = ""
    ) -> None:
        self.settings = settings or TenantSettings()
        self.device = torch.device(self.settings.device)
        self.model, self.chat = model.to(self.device).eval(), chat
        self.bank = None if self.settings.full else Bank(model)
        with refusing(model):
            self.reader = reader_of(model, self.settings.gradient_checkpointing, self.settings.fast_llama)
            self.head = Head.of(model) if self.bank is None else self.bank.head_of(model)
            check_reading(model, self.reader, self.head)
        self.base = FullWeights({n: p.data for n, p in model.named_parameters()} if self.settings.full else {})
        self.tokens_at_once = self.settings.tokens_per_microbatch or tokens_at_once(
            model.config.get_text_config(), self.device.type, self.settings.gradient_checkpointing
        )
        self.facts = facts_of(model, name or model.name_or_path, self.bank)
        self.limits = Limits(self.facts.vocabulary, self.head.weight.shape[0], self.facts.max_context_length)
        self.tenants = Shelf(self.settings.tenants_in_memory)
        self.snapshots: dict[str, Weights] = {}
        self.sampler = sampler_of(self)

    # --- what acts -------------------------------------------------------------------------

    def precision(self) -> AbstractContextManager[None]:
        return nullcontext() if self.settings.dtype == "float32" else bfloat16_on(self.device.type)

    @contextmanager
    def acting(self, weights: Weights | None) -> Iterator[None]:
        """Inside, the model is the base (None), or one adapter on it, or a snapshot of all weights."""
        if self.bank is not None:
            with self.bank.acting(weights if isinstance(weights, Adapter) else None):
                yield
            return
        theirs = weights.tensors if isinstance(weights, FullWeights) else self.base.tensors
        mine = {name: p.data for name, p in self.model.named_parameters()}
        try:
            for name, p in self.model.named_parameters():
                p.data = theirs[name]
            yield
        finally:
            for name, p in self.model.named_parameters():
                p.data = mine[name]

    def _training(self, tenant: Tenant) -> AbstractContextManager[None]:
        """The weights of a tenant that trains the base are in place already."""
        return nullcontext() if tenant.adapter is None else self.acting(tenant.adapter)

    def base_files(self) -> BaseFiles:
        return base_files(self.model)

    # --- tenants ---------------------------------------------------------------------------

    def create(self, tenant: str, shape: Shape) -> None:
        if tenant in self.tenants:
            raise ConfigError(f"training models have names of their own; {tenant[:80]!r} is one already: unload it")
        self._check_rank(shape.rank)
        self.tenants.add(tenant, self._made(shape))

    def _check_rank(self, rank: int) -> None:
        if self.bank is not None and not 1 <= rank <= MOST_RANK:
            raise ConfigError(f"adapters have a rank from 1 to {MOST_RANK}; got rank={rank}: full fine-tuning is for a "
                              "server that was started for it")  # fmt: skip
        if self.bank is None and rank != 0:
            raise ConfigError(f"this server trains all weights, without adapters; got rank={rank}: send rank=0")
        self._check_is_alone()

    def _check_is_alone(self) -> None:
        if self.bank is None and len(self.tenants):
            raise ConfigError("this server trains all weights, for one model alone, and it has one: unload it first")

    def _made(self, shape: Shape) -> Tenant:
        if self.bank is not None:
            return Tenant.with_adapter(shape, self.bank.draw(shape, self.device))
        tenant = Tenant(shape, dict(self.model.named_parameters()), None)
        tenant.replace(self.base.tensors)
        tenant.is_shared = True  # the base stays what it is
        return tenant

    def forward_backward(
        self, tenant: str, data: Sequence[Example], loss: str, settings: Mapping[str, float], *, forward_only: bool
    ) -> Pieces:
        """What is wrong with the data is told at once, before the first piece."""
        self.tenants.find(tenant)
        return self._pieces(tenant, check(data, loss, settings, self.limits), forward_only)

    def _pieces(self, name: str, asked: Asked, forward_only: bool) -> Pieces:
        found = Found.nothing_yet(asked)
        with self.tenants.using(name) as tenant, nullcontext() if forward_only else tenant.adding():
            for flat in micro_batches(asked, self.tokens_at_once, self.device, forward_only=forward_only):
                with self._training(tenant):
                    add_gradient(self.reader, self.head, self.precision, flat, found, forward_only=forward_only)
                yield
        return found.gradient()

    def optim_step(self, tenant: str, params: AdamParams) -> dict[str, float]:
        return self.tenants.find(tenant).step(params)

    def save(self, tenant: str, folder: Path, *, optimizer: bool) -> None:
        save_tenant(self, self.tenants.find(tenant), folder, optimizer=optimizer)

    def load(self, tenant: str, folder: Path, *, optimizer: bool) -> Shape:
        if tenant not in self.tenants:
            self._check_is_alone()
        with asked_for(folder):
            loaded = load_tenant(self, folder, optimizer=optimizer)
        self.tenants.remove(tenant)
        self.tenants.add(tenant, loaded)
        return loaded.shape

    def unload(self, tenant: str) -> None:
        self.tenants.find(tenant)
        self.tenants.remove(tenant)

    # --- weights for sampling --------------------------------------------------------------

    def snapshot(self, name: str, tenant: str) -> None:
        """In the tenant's own memory, until its next step makes it a copy."""
        owner = self.tenants.find(tenant)
        owner.is_shared = True
        self._keep(name, owner.adapter.shared() if owner.adapter else FullWeights(
            {key: p.detach() for key, p in owner.trained.items()}))  # fmt: skip

    def load_snapshot(self, name: str, folder: Path) -> None:
        with asked_for(folder):
            self._keep(name, load_weights(self, folder)[0])

    def forget(self, name: str) -> None:
        if (weights := self.snapshots.pop(name, None)) is not None:
            self.sampler.forget(weights)

    def _keep(self, name: str, weights: Weights) -> None:
        self.forget(name)
        self.snapshots[name] = weights

    # --- sampling --------------------------------------------------------------------------

    def begin(self, key: str, weights: str | None, request: Sampling) -> None:
        self.sampler.begin(key, None if weights is None else self._snapshot(weights), request)

    def _snapshot(self, name: str) -> Weights:
        if name not in self.snapshots:
            raise ConfigError(
                f"there are no weights {name[:80]!r} to sample with ({did_you_mean(name, self.snapshots)})"
            )
        return self.snapshots[name]

    def cancel(self, key: str) -> None:
        self.sampler.cancel(key)

    @property
    def num_rows(self) -> int:
        return self.sampler.num_rows

    def decode(self) -> list[tuple[str, Sampled | Exception]]:
        return self.sampler.decode()

    def written(self, key: str) -> list[tuple[int, ...]]:
        return self.sampler.written(key)

    def rest(self) -> None:
        self.sampler.rest()

    def close(self) -> None:
        self.tenants.close()
        self.snapshots.clear()


def facts_of(model: PreTrainedModel, name: str, bank: Bank | None) -> Facts:
    return Facts(
        name=name,
        arch=type(model).__name__,
        num_parameters=sum(p.numel() for p in model.parameters()),
        max_context_length=getattr(model.config, "max_position_embeddings", None),
        vocabulary=model.get_input_embeddings().weight.shape[0],
        linear_layers=() if bank is None else tuple(targets(list(bank.sizes))),
    )
