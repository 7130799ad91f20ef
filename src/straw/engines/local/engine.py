"""The engine in this process: one model, one optimiser, one device.

Sampler and trainer share the weights, so `publish` only counts; between an `optim_step` and the
next `publish` the engine refuses to sample rather than let a reply claim the wrong version.
float32 weights always; with dtype bfloat16 the matmuls run under autocast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from straw.config import Page
from straw.engines.backends.base import OWN, Backend, Reread
from straw.engines.base import Conversation, Done, Engine, Loss, Policy, Reply, SamplingParams, Tokens, TrainOutput
from straw.engines.batch_invariant import batch_invariant
from straw.engines.local.batches import Flat, Told, flatten, micro_batches, read_rows, scatter
from straw.engines.local.continuous_batching import Slots
from straw.engines.local.conversation import LocalConversation
from straw.engines.local.forward import attention
from straw.engines.local.forward.llama.llama_reader import reader_of
from straw.engines.local.forward.lm_head import Head, log_probabilities
from straw.engines.local.forward.packing import Pack
from straw.engines.local.forward.prompts.beginnings import Beginnings, can_begin
from straw.engines.local.forward.prompts.kept import KeptPrompts
from straw.engines.local.forward.prompts.reading import together
from straw.engines.local.forward.reader import row_tile
from straw.engines.local.forward.self_check import check_reading, refusing
from straw.engines.local.halves import halve_frozen
from straw.engines.local.objective import objective
from straw.engines.local.sampler import Rows
from straw.engines.local.training.microbatch_budget import rows_at_once, tokens_at_once
from straw.engines.local.training.train_state import Learning
from straw.errors import ConfigError, TrainingError
from straw.registry import find
from straw.text.chat.chat import Chat
from straw.types import Datum

if TYPE_CHECKING:
    from peft import PeftModel

    from straw.engines.local.models.loaded import CausalModel

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
    generator: str = OWN  # who draws; see `engines.backends`


class LocalEngine(Learning, Engine):
    def __init__(
        self,
        model: CausalModel,
        chat: Chat,
        settings: LocalSettings | None = None,
        adapters: PeftModel | None = None,
        is_made: bool = False,
    ) -> None:
        self.settings = settings or LocalSettings()
        self.device = torch.device(self.settings.device)
        # dropout never acts: sampler and trainer must agree
        super().__init__(model.to(self.device).eval(), adapters, is_made)
        self.chat = chat
        self.backend: Backend | None = None
        self.taken: int | None = None  # of the weights' changes, by the backend
        self.kept: KeptPrompts | None = None
        self.beginnings = Beginnings()
        with refusing(model):
            self.reader = reader_of(model, self.settings.gradient_checkpointing, self.settings.fast_llama)
            self.head = Head.of(model)
            check_reading(self.model, self.reader, self.head)
        self.tokens_at_once = self.settings.tokens_per_microbatch or tokens_at_once(
            model.config.get_text_config(), str(self.device), self.settings.gradient_checkpointing
        )

    # --- reading ---------------------------------------------------------------------------

    def precision(self) -> AbstractContextManager[None]:
        if self.settings.dtype == "float32":
            return nullcontext()
        return bfloat16_on(self.device.type)

    def sampling(self, length: int) -> AbstractContextManager[None]:
        """`length`: of the longest row when it is written."""
        self.check_may_sample(length)
        return self.precision()

    def check_may_sample(self, length: int) -> None:
        self.check_room(length)
        if not self.is_published:
            raise TrainingError("the weights changed since the last publish: call publish() before sampling")

    @property
    def room(self) -> int | None:
        """The most tokens that the model reads, prompt and replies together, where its config says so."""
        return getattr(self.model.config, "max_position_embeddings", None)

    def check_room(self, length: int) -> None:
        """Refuse what is longer than the model can read."""
        if self.room is not None and length > self.room:
            raise ConfigError(
                f"this model reads {self.room} tokens, prompt and replies together; {length} are wanted: "
                "lower max_tokens, shorten the prompt, or choose a model with more positions"
            )

    def converse(self, prompt: Tokens, num_rows: int) -> Conversation:
        if self.settings.generator != OWN:
            self.check_may_sample(len(prompt))
            return Reread(self, prompt, num_rows)
        with self.sampling(len(prompt)):
            return LocalConversation(self, Rows(self.reader, self.head, [prompt], num_rows, self.device, self.kept))

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        return self._sampled(prompts, num_samples, params, seeds, None)

    def sample_one_by_one(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]],
        done: Done,
    ) -> None:  # fmt: skip
        self._sampled(prompts, num_samples, params, seeds, done)

    def _sampled(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]],
        done: Done | None,
    ) -> list[list[Reply]]:  # fmt: skip
        if self.settings.generator != OWN:
            return self._drawn_elsewhere(prompts, num_samples, params, seeds, done)
        limit = self.settings.rows_at_once
        if limit is not None and limit < len(prompts) * num_samples:
            with self.sampling(max(map(len, prompts)) + params.max_tokens):
                slots = Slots(self.reader, self.head, prompts, num_samples, limit, self.device)
                return slots.write(params, seeds, done)
        replies: list[list[Reply]] = []
        together = max(1, self._rows_at_once(prompts, params) // num_samples)
        for start in range(0, len(prompts), together):
            some = prompts[start : start + together]
            with self.sampling(max(map(len, some)) + params.max_tokens):
                rows = Rows(self.reader, self.head, some, num_samples, self.device, self.kept)
                replies += rows.generate(params, seeds[start : start + together], last=True, done=behind(start, done))
        return replies

    def _drawn_elsewhere(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]],
        done: Done | None,
    ) -> list[list[Reply]]:  # fmt: skip
        if not prompts:
            return []
        self.check_may_sample(max(map(len, prompts)) + params.max_tokens)
        if self.backend is None:
            kind = find("backends", self.settings.generator)
            kind.check(str(self.device))
            self.backend = kind(self)
        if self.taken != self.changes:
            self.backend.take(self.policy_version)
            self.taken = self.changes
        return self.backend.sample(prompts, num_samples, params, seeds, done)

    def let_go(self) -> None:
        self.close()
        super().let_go()

    def close(self) -> None:
        if self.backend is not None:
            self.backend.close()
            self.backend = None

    def _rows_at_once(self, prompts: Sequence[Tokens], params: SamplingParams) -> int:
        longest = max(map(len, prompts), default=0) + params.max_tokens
        return rows_at_once(self.model.config.get_text_config(), str(self.device), longest, MAX_ROWS)

    def _measure(self, flat: Flat, temperature: float, keeps: bool = False) -> tuple[Tensor, Tensor]:
        """Log-probability and entropy for every (row, target) pair; `keeps`: and the prompts, for the sampler."""
        flat.pack.record = keeps and self.kept is not None and self.kept.wants(flat)
        with self.precision():
            hidden = self.reader.hidden(flat.tokens, flat.pack.positions, flat.pack)
            if flat.pack.record and self.kept is not None:
                self.kept.take(flat, hidden)
            logprobs, entropy = log_probabilities(self.head, hidden[flat.states], flat.rows, flat.targets, temperature)
        return logprobs, entropy[flat.rows]

    def _micro_batches(self, data: Sequence[Datum], every_token: bool) -> Iterator[Flat]:
        self.check_room(max((len(datum.prompt) + len(datum.tokens) for datum in data), default=0))
        for groups in micro_batches(data, self.tokens_at_once):
            yield flatten(data, groups, self.device, every_token)

    @torch.no_grad()
    def logprobs(
        self, data: Sequence[Datum], policy: Policy = "current", temperature: float = 1.0
    ) -> list[list[float]]:
        out = [[0.0] * len(datum.tokens) for datum in data]
        with self.policies.acting_as(policy):
            for flat in self._micro_batches(data, every_token=True):
                scatter(out, flat, self._told(flat, temperature, policy))
        return out

    def _told(self, flat: Flat, temperature: float, policy: Policy) -> Tensor:
        """Log-probabilities; the reference reads prompts that return once."""
        tile = row_tile(self.reader, self.head.weight, self.device)
        if policy != "reference" or self.kept is None or not can_begin(self.reader, flat, tile):
            return self._measure(flat, temperature, keeps=policy == "current")[0]
        hidden = self.beginnings.hidden(self.reader, flat, self.policies.version)
        return log_probabilities(self.head, hidden[flat.states], flat.rows, flat.targets, temperature)[0]

    def keep_prompts(self) -> None:
        """Of an engine whose weights nobody else changes, where a prompt has the same bits however it is read."""
        if self.settings.dtype == "float32" and attention.keeps_bits(self.device):
            weights = list(self.model.parameters())
            self.kept = KeptPrompts(self.reader, self.head, weights, lambda: self.changes)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return self.embed_tokens([self.chat.encode(text) for text in texts])

    @torch.no_grad()
    def embed_tokens(self, read: Sequence[Tokens]) -> list[list[float]]:
        """Each text is read alone where its bits then do not depend on the others, else many at a time."""
        out = []
        for some in [[one] for one in read] if attention.keeps_bits(self.device) else together(read):
            pack = Pack([len(one) for one in some], [[]] * len(some), self.device)
            tokens = torch.tensor([token for one in some for token in one], device=self.device)
            with self.precision():
                hidden = self.reader.hidden(tokens, pack.positions, pack)
            out += torch.stack([one.float().mean(0) for one in hidden.split([len(one) for one in some])]).tolist()
        return out

    @torch.no_grad()
    def states(self, data: Sequence[Datum]) -> list[Any]:
        out = [np.zeros((len(datum.tokens), self.model.config.get_text_config().hidden_size)) for datum in data]
        for flat in self._micro_batches(data, every_token=True):
            with self.precision():
                hidden = self.reader.hidden(flat.tokens, flat.pack.positions, flat.pack)
            found = hidden[flat.states][flat.rows].cpu().double().numpy()
            for owner, position, state in zip(flat.owner, flat.position, found, strict=True):
                out[owner][position] = state
        return out

    @torch.no_grad()
    def layers(self, data: Sequence[Datum], count: int) -> list[Any]:
        out: list[Any] = [None] * len(data)
        with self.policies.acting_as("start"):
            for flat in self._micro_batches(data, every_token=True):
                with self.precision():
                    every = self.reader.layers(flat.tokens, flat.pack.positions, flat.pack)
                    chosen = torch.stack([every[one][flat.states].float() for one in spaced(len(every), count)], dim=1)
                for owner, rows in read_rows(flat).items():
                    out[owner] = chosen[rows].mean(0).cpu().numpy()
        return out

    @torch.no_grad()
    def token_vectors(self, tokens: Sequence[int]) -> Any:
        with self.policies.acting_as("start"):
            weights: Tensor = self.model.get_input_embeddings().weight
            return weights[torch.tensor(list(tokens), device=weights.device)].float().cpu().numpy()

    def at_start(self) -> AbstractContextManager[None]:
        return self.policies.acting_as("start")

    @torch.no_grad()
    def likeliest(
        self, data: Sequence[Datum], count: int, policy: Policy = "current", temperature: float = 1.0
    ) -> list[list[dict[int, float]]]:
        out: list[list[dict[int, float]]] = [[{} for _ in datum.tokens] for datum in data]
        with self.policies.acting_as(policy):
            for flat in self._micro_batches(data, every_token=True):
                with self.precision():
                    hidden = self.reader.hidden(flat.tokens, flat.pack.positions, flat.pack)
                    shares = torch.softmax(self.head.logits(hidden[flat.states], temperature), dim=-1)
                most, tokens = (one[flat.rows].tolist() for one in shares.topk(min(count, shares.shape[1])))
                for owner, position, *row in zip(flat.owner, flat.position, tokens, most, strict=True):
                    out[owner][position] = dict(zip(*row, strict=True))
        return out

    # --- training --------------------------------------------------------------------------

    def forward_backward(self, data: Sequence[Datum], loss: Loss) -> TrainOutput:
        self.check_loss(data, loss)
        told = Told()
        reference = self.logprobs(data, "reference", loss.temperature) if loss.kl_coef else None
        for flat in self._micro_batches(data, every_token=False):
            if flat.owner:  # or its weights are all zero
                told.add(flat, *self._backward(flat, loss, reference))
        return TrainOutput(*told.fetched(data))

    def check_loss(self, data: Sequence[Datum], loss: Loss) -> None:
        if loss.kl_coef and any(datum.soft_targets for datum in data):
            raise ConfigError("kl_coef compares tokens that were drawn, and soft targets are not: use kl_coef=0")

    def _backward(
        self, flat: Flat, loss: Loss, reference: list[list[float]] | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        logprobs, entropy = self._measure(flat, loss.temperature)
        total, metrics = objective(flat, logprobs, entropy, loss, reference)
        total.backward()
        return logprobs.detach(), {name: value.detach() for name, value in metrics.items()}


def spaced(layers: int, count: int) -> list[int]:
    """As many layers, evenly, with the last of all.

    Example: spaced(30, 3) == [9, 19, 29]
    """
    count = min(layers, count)
    return [layers * (place + 1) // count - 1 for place in range(count)]


def behind(start: int, done: Done | None) -> Done | None:
    """For some prompts of many: the first of them is number `start`."""
    return None if done is None else lambda prompt, sample, reply: done(start + prompt, sample, reply)


@contextmanager
def bfloat16_on(device: str, keeps_casts: bool = True) -> Iterator[None]:
    """`keeps_casts`: of weights that take gradients, until the end; the same numbers, and their memory."""
    with torch.autocast(device, dtype=torch.bfloat16, cache_enabled=keeps_casts), batch_invariant(device):
        yield


@contextmanager
def in_this_process(page: Page, local: LocalEngine, say: Callable[[str], None]) -> Iterator[LocalEngine]:
    """engine=local: nothing takes over."""
    halve_frozen(local)
    local.keep_prompts()
    with local:
        yield local
