"""The engine in this process: one model, one optimiser, one device.

Sampler and trainer share the weights, so `publish` only counts; between an `optim_step` and the
next `publish` the engine refuses to sample rather than let a reply claim the wrong version.
float32 weights always; with dtype bfloat16 the matmuls run under autocast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import PreTrainedModel

from straw.algorithms.losses import TokenBatch, kl_estimate, loss_named
from straw.engines.base import (
    AdamParams,
    Conversation,
    Engine,
    Loss,
    Policy,
    Reply,
    SamplingParams,
    Tokens,
    TrainOutput,
)
from straw.engines.local.activations import tokens_at_once
from straw.engines.local.batches import Flat, flatten, micro_batches
from straw.engines.local.checkpoints import Adam, read_adam, read_base, read_weights, write_base, write_checkpoint
from straw.engines.local.conversation import LocalConversation
from straw.engines.local.head import Head, log_probabilities
from straw.engines.local.llama import LlamaReader
from straw.engines.local.lora import save_adapter
from straw.engines.local.modules import ModulesReader, Reader
from straw.engines.local.pack import Pack
from straw.engines.local.places import Places
from straw.engines.local.policies import Policies
from straw.engines.local.probe import check_reading, refusing
from straw.engines.local.sampler import Rows
from straw.errors import ConfigError, TrainingError
from straw.text.chat import Chat
from straw.types import Datum

if TYPE_CHECKING:
    from peft import PeftModel

MAX_ROWS = 512  # rows that decode together


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """How the local engine computes; none of it changes what is computed, beyond float error."""

    device: str = "cpu"
    dtype: str = "float32"
    tokens_per_microbatch: int | None = None  # None: what there is room for
    gradient_checkpointing: bool = False
    fast_llama: bool = True
    rows_at_once: int | None = None  # of `sample`; none: MAX_ROWS, and all of a call begin together


class LocalEngine(Engine):
    def __init__(
        self,
        model: PreTrainedModel,
        chat: Chat,
        settings: LocalSettings | None = None,
        adapters: PeftModel | None = None,
        is_made: bool = False,
    ) -> None:
        """The parameters that require gradients are the ones that train; `adapters` are on `model` already.

        `is_made`: the model came from a seed, and what a warm-up made of it is nowhere else.
        """
        self.adapters, self.is_made = adapters, is_made
        self.settings = settings or LocalSettings()
        self.device = torch.device(self.settings.device)
        self.model = model.to(self.device).eval()  # dropout never acts: sampler and trainer must agree
        self.chat, self.policy_version = chat, 0
        with refusing(model):
            self.reader = self._reader()
            self.head = Head.of(model)
            check_reading(self.model, self.reader, self.head)
        self.trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(self.trained.values(), fused=True)
        self.tokens_at_once = self.settings.tokens_per_microbatch or tokens_at_once(
            model.config.get_text_config(), self.device.type, self.settings.gradient_checkpointing
        )
        self.policies = Policies(self.trained)
        self._published = True

    def _reader(self) -> Reader:
        plain = ModulesReader(self.model, self.settings.gradient_checkpointing)
        if self.settings.fast_llama and LlamaReader.serves(self.model):
            return LlamaReader(self.model, self.settings.gradient_checkpointing)
        return plain

    # --- reading ---------------------------------------------------------------------------

    def precision(self) -> AbstractContextManager[None]:
        if self.settings.dtype == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def sampling(self, length: int) -> AbstractContextManager[None]:
        """`length`: of the longest row when it is written."""
        self._check_room(length)
        if not self._published:
            raise TrainingError("the weights changed since the last publish: call publish() before sampling")
        return self.precision()

    @property
    def room(self) -> int | None:
        """The most tokens that the model reads, prompt and replies together, where its config says so."""
        return getattr(self.model.config, "max_position_embeddings", None)

    def _check_room(self, length: int) -> None:
        if self.room is not None and length > self.room:
            raise ConfigError(
                f"this model reads {self.room} tokens, prompt and replies together; {length} are wanted: "
                "lower max_tokens, shorten the prompt, or choose a model with more positions"
            )

    def converse(self, prompt: Tokens, num_rows: int) -> Conversation:
        with self.sampling(len(prompt)):
            return LocalConversation(self, Rows(self.reader, self.head, [prompt], num_rows, self.device))

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        limit = self.settings.rows_at_once
        if limit is not None and limit < len(prompts) * num_samples:
            with self.sampling(max(map(len, prompts)) + params.max_tokens):
                return Places(self.reader, self.head, prompts, num_samples, limit, self.device).write(params, seeds)
        replies: list[list[Reply]] = []
        together = max(1, MAX_ROWS // num_samples)
        for start in range(0, len(prompts), together):
            some = prompts[start : start + together]
            with self.sampling(max(map(len, some)) + params.max_tokens):
                rows = Rows(self.reader, self.head, some, num_samples, self.device)
                replies += rows.say(params, seeds[start : start + together], last=True)
        return replies

    def _measure(self, flat: Flat, temperature: float) -> tuple[Tensor, Tensor]:
        """Log-probability and entropy for every (row, target) pair."""
        with self.precision():
            hidden = self.reader.hidden(flat.tokens, flat.pack.positions, flat.pack)
            logprobs, entropy = log_probabilities(self.head, hidden[flat.states], flat.rows, flat.targets, temperature)
        return logprobs, entropy[flat.rows]

    def _micro_batches(self, data: Sequence[Datum], every_token: bool) -> Iterator[Flat]:
        self._check_room(max((len(datum.prompt) + len(datum.tokens) for datum in data), default=0))
        for groups in micro_batches(data, self.tokens_at_once):
            yield flatten(data, groups, self.device, every_token)

    @torch.no_grad()
    def logprobs(
        self, data: Sequence[Datum], policy: Policy = "current", temperature: float = 1.0
    ) -> list[list[float]]:
        out = [[0.0] * len(datum.tokens) for datum in data]
        with self.policies.acting_as(policy):
            for flat in self._micro_batches(data, every_token=True):
                scatter(out, flat, self._measure(flat, temperature)[0])
        return out

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Each text is read alone, so its bits do not depend on the others."""
        out = []
        for text in texts:
            tokens = torch.tensor(self.chat.encode(text), device=self.device)
            pack = Pack([len(tokens)], [[]], self.device)
            with self.precision():
                hidden = self.reader.hidden(tokens, pack.positions, pack)
            out.append(hidden.float().mean(0).tolist())
        return out

    # --- training --------------------------------------------------------------------------

    def forward_backward(self, data: Sequence[Datum], loss: Loss) -> TrainOutput:
        if loss.kl_coef and any(datum.soft_targets for datum in data):
            raise ConfigError("kl_coef compares tokens that were drawn, and soft targets are not: use kl_coef=0")
        out = [[0.0] * len(datum.tokens) for datum in data]
        sums: dict[str, float] = {}
        reference = self.logprobs(data, "reference", loss.temperature) if loss.kl_coef else None
        for flat in self._micro_batches(data, every_token=False):
            if not flat.owner:
                continue  # weights of zero alone
            logprobs, metrics = self._backward(flat, loss, reference)
            scatter(out, flat, logprobs)
            for name, value in metrics.items():
                sums[name] = sums.get(name, 0.0) + value
        return TrainOutput([tuple(row) for row in out], sums)

    def _backward(self, flat: Flat, loss: Loss, reference: list[list[float]] | None) -> tuple[Tensor, dict[str, float]]:
        logprobs, entropy = self._measure(flat, loss.temperature)
        sampler = torch.where(flat.sampler_logprobs.isnan(), logprobs.detach(), flat.sampler_logprobs)
        batch = TokenBatch(logprobs, sampler, flat.advantages, flat.weights)
        total = loss_named(loss.name)(batch, loss.settings)
        metrics = {"loss": total.detach(), "weight": flat.weights.sum()}
        metrics["entropy"] = (flat.weights * entropy.detach()).sum()
        if loss.entropy_coef:
            total = total - loss.entropy_coef * (flat.weights * entropy).sum()
        if reference is not None:
            theirs = logprobs.new_tensor([reference[i][t] for i, t in zip(flat.owner, flat.place, strict=True)])
            kl = (flat.weights * kl_estimate(logprobs, theirs)).sum()
            metrics["kl"] = kl.detach()
            total = total + loss.kl_coef * kl
        metrics["kl_sampler"] = (flat.weights * (sampler - logprobs.detach())).sum()
        total.backward()
        return logprobs.detach(), {name: float(value) for name, value in metrics.items()}

    def optim_step(self, params: AdamParams) -> dict[str, float]:
        self.policies.leave_start()
        parameters = [p for p in self.trained.values() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        if not bool(torch.isfinite(norm)):
            self.optimizer.zero_grad(set_to_none=True)
            raise TrainingError(f"the gradient is not finite (norm {float(norm)}): no step was taken")
        if params.grad_clip:
            torch.nn.utils.clip_grads_with_norm_(parameters, params.grad_clip, norm)
        for group in self.optimizer.param_groups:
            group.update(
                lr=params.learning_rate, betas=(params.beta1, params.beta2), eps=params.eps,
                weight_decay=params.weight_decay,
            )  # fmt: skip
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._published = False
        return {"grad_norm": float(norm)}

    def publish(self) -> int:
        if not self._published:
            self.policy_version += 1
            self._published = True
        return self.policy_version

    # --- named policies --------------------------------------------------------------------

    def start_is_in(self, folder: Path) -> None:
        self.policies.start_is_in(folder)

    def set_reference(self, folder: Path) -> None:
        """Compare with the weights of a checkpoint instead of the start."""
        self.policies.refer_to(folder)

    @contextmanager
    def undone(self) -> Iterator[None]:
        weights = {name: p.detach().clone() for name, p in self.trained.items()}
        state = {p: {key: value.clone() for key, value in slots.items()} for p, slots in self.optimizer.state.items()}
        gradients = {name: p.grad for name, p in self.trained.items()}
        version, published = self.policy_version, self._published
        self.optimizer.zero_grad(set_to_none=True)
        try:
            with self.policies.undone(weights):
                yield
        finally:
            for name, p in self.trained.items():
                p.data.copy_(weights[name])
                p.grad = gradients[name]
            self.optimizer.state.clear()
            self.optimizer.state.update(state)
            self.policy_version, self._published = version, published

    @property
    def is_published(self) -> bool:
        """Whether the sampler has the newest weights."""
        return self._published

    def let_go(self) -> None:
        """Give the memory back: the weights live on elsewhere."""
        for parameter in self.model.parameters():
            parameter.data = parameter.data.new_empty(0)
        self.optimizer.state.clear()
        self.policies.kept.clear()

    @property
    def trained_bytes(self) -> int:
        return sum(p.numel() * p.element_size() for p in self.trained.values())

    # --- keeping ---------------------------------------------------------------------------

    def save(self, folder: Path, *, optimizer: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if self.adapters is not None:
            save_adapter(self.adapters, folder / "adapter", self.model.name_or_path)
        adam = Adam(self.optimizer.state, self.policy_version, self._published) if optimizer else None
        write_checkpoint(folder, self.trained, adam)

    def frozen(self) -> dict[str, Tensor]:
        """What no name would bring back: the weights beneath adapters on a model that was made here."""
        if not self.is_made:
            return {}
        return {name: p.data for name, p in self.model.named_parameters() if name not in self.trained}

    def save_base(self, folder: Path) -> None:
        if frozen := self.frozen():
            write_base(folder, frozen)

    def load_base(self, folder: Path) -> None:
        if frozen := self.frozen():
            read_base(folder, frozen)

    def load(self, folder: Path, *, optimizer: bool = True) -> None:
        weights, adam = read_weights(folder, self.trained), Adam({}, 0, True)
        if optimizer:
            adam = read_adam(folder, self.trained)
            self.policies.leave_start()
        else:
            self.policies.begin_here()
        self.optimizer.state.clear()
        self.optimizer.state.update(adam.state)
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, p in self.trained.items():
                p.copy_(weights[name])
        self.policy_version, self._published = adam.policy_version, adam.is_published


def scatter(out: list[list[float]], flat: Flat, logprobs: Tensor) -> None:
    """Several targets of one token count by their share."""
    for value, owner, place, share in zip(logprobs.tolist(), flat.owner, flat.place, flat.shares, strict=True):
        out[owner][place] += share * value
