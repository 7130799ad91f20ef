"""The verbs of an engine, computed by the Tinker service or by a `straw serve`.

    sample, converse     asample, of a snapshot that `publish` made                          `sampling`
    logprobs             forward, or compute_logprobs of a snapshot: temperature 1
    forward_backward     cross_entropy, importance_sampling, ppo; anything else as a custom loss     `data`, `objective`
    optim_step           AdamW, decoupled decay, the gradient clipped to its norm
    undone               in a throwaway client that begins where this one is
    save, load           a checkpoint that stays with the service, and its name in tinker.json

Not here: the entropy of a policy and temperatures in training (the wire tells of drawn tokens only), and embeddings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
)  # fmt: skip
from straw.engines.tinker import data as wire
from straw.engines.tinker.checkpoint import Saved, read_saved, write_saved
from straw.engines.tinker.losses import DRAWN, GRAD_NORM, NO_ENTROPY, NO_TEMPERATURE, ROWS, WIRE_NAMES, add_up, loss_of
from straw.engines.tinker.meter import Meter
from straw.engines.tinker.objective import Sums, custom_loss
from straw.engines.tinker.sampling import RemoteConversation, Snapshot, requests_for
from straw.engines.tinker.sdk import in_a_line, put_back, ready, rest, result, sdk
from straw.errors import ConfigError, StrawError, TrainingError
from straw.text.chat.chat import Chat
from straw.types import Datum

ASKED_OF_TRAINER = 16  # data; more of them are asked of the sampler where tokens cost money: a prefill is cheaper
AN_HOUR = 3600  # the shortest life of a checkpoint


@dataclass(frozen=True, slots=True)
class Policies:
    """Which weights train, and which were published; a throwaway gets another one of these."""

    training: Any  # the SDK's client
    sampler: Snapshot | None  # of the published version; none: not asked for yet
    start: Snapshot | None
    version: int
    is_published: bool
    is_at_start: bool


class TinkerEngine(Engine):
    def __init__(
        self, service: Any, training: Any, chat: Chat, meter: Meter, *, seed_each: bool = True, is_hosted: bool = False,
        is_whole: bool = False,
    ) -> None:  # fmt: skip
        """`training` is fresh: version 0, and what trains is the start. `is_whole`: all weights, which one client alone
        may train, so what others do in a client of their own is done in this one.
        """
        self.service, self.chat, self.meter = service, chat, meter
        self.seed_each, self.is_hosted, self.is_whole = seed_each, is_hosted, is_whole
        self.room: int | None = None
        self.now = Policies(training, None, None, 0, True, True)
        self.num_saved = 0

    # --- sampling --------------------------------------------------------------------------

    @property
    def policy_version(self) -> int:  # type: ignore[override]
        return self.now.version

    def check_published(self) -> None:
        if not self.now.is_published:
            raise TrainingError("the weights changed since the last publish: call publish() before sampling")

    def sampler(self) -> Snapshot:
        """Of the published version."""
        self.check_published()
        if self.now.sampler is None:
            self.now = replace(self.now, sampler=self._snapshot())
        assert self.now.sampler is not None
        return self.now.sampler

    def _snapshot(self) -> Snapshot:
        return Snapshot(ready(self.now.training.save_weights_and_get_sampling_client()), self.meter)

    def converse(self, prompt: Tokens, num_rows: int) -> Conversation:
        self.check_published()
        return RemoteConversation(self, prompt, num_rows)

    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        wanted = [
            requests_for(prompt, own[:num_samples], each=self.seed_each)
            for prompt, own in zip(prompts, seeds, strict=True)
        ]
        found = iter(self.sampler().replies([one for some in wanted for one in some], params))
        return [[reply for _ in some for reply in next(found)] for some in wanted]

    def sample_turns(
        self, prompts: Sequence[Tokens], turns: Sequence[tuple[int, ...]], params: SamplingParams, seeds: Sequence[int]
    ) -> list[Reply]:
        """A reply to each conversation; `turns` say who said what of it."""
        wanted = [
            one._replace(turns=() if self.is_hosted or len(lengths) == 1 else lengths)
            for prompt, lengths, seed in zip(prompts, turns, seeds, strict=True)
            for one in requests_for(prompt, [seed], each=self.seed_each)
        ]
        return [reply for (reply,) in self.sampler().replies(wanted, params)]

    # --- reading ---------------------------------------------------------------------------

    def logprobs(
        self, data: Sequence[Datum], policy: Policy = "current", temperature: float = 1.0
    ) -> list[list[float]]:
        if temperature != 1:
            raise ConfigError(
                f"the Tinker service tells log-probabilities at temperature 1; got temperature={temperature:g}. Write "
                "temperature=1, or engine=local."
            )
        if not data:
            return []
        if policy != "current" and not self.now.is_at_start:
            return self._start().logprobs(data)
        if self.is_hosted and len(data) > ASKED_OF_TRAINER and self.now.is_published:
            return self.sampler().logprobs(data)
        return self._by_forward(data)

    def _start(self) -> Snapshot:
        if self.now.start is None:
            raise TrainingError("nobody kept the weights that this run began with: begin another run")
        return self.now.start

    def _by_forward(self, data: Sequence[Datum]) -> list[list[float]]:
        rows = [wire.row_of(datum, weights=(1.0,) * len(datum.tokens)) for datum in data]
        tinker = sdk()
        with in_a_line():
            future = self.now.training.forward([wire.sent(tinker, row) for row in rows], "cross_entropy")
        output = result(future)
        self.meter.add(trained=sum(row.num_tokens for row in rows))
        found = [wire.numbers(one) for one in output.loss_fn_outputs]
        return [[float(nats) for nats in one[row.begin :]] for one, row in zip(found, rows, strict=True)]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise ConfigError(
            "the Tinker service tells no hidden states, so it embeds nothing: write encoder=minilm, which runs here"
        )

    # --- training --------------------------------------------------------------------------

    def forward_backward(self, data: Sequence[Datum], loss: Loss) -> TrainOutput:
        self._check_loss(data, loss)
        out = [(0.0,) * len(datum.tokens) for datum in data]
        sums: Sums = {"loss": 0.0, "weight": 0.0, "kl_sampler": 0.0}
        trained = [place for place, datum in enumerate(data) if any(datum.weights)]
        for name, places in self._by_loss([(place, data[place]) for place in trained], loss).items():
            some = [data[place] for place in places]
            for place, nats in zip(places, self._backward(some, name, loss, sums), strict=True):
                out[place] = nats
        return TrainOutput(out, sums)

    def _check_loss(self, data: Sequence[Datum], loss: Loss) -> None:
        if loss.kl_coef and any(datum.soft_targets for datum in data):
            raise ConfigError("kl_coef compares tokens that were drawn, and soft targets are not: use kl_coef=0")
        if loss.entropy_coef:
            raise ConfigError(f"{NO_ENTROPY}; got entropy_coef={loss.entropy_coef:g}. Write entropy_coef=0.")
        if loss.temperature != 1:
            raise ConfigError(f"{NO_TEMPERATURE}; got temperature={loss.temperature:g}. Write temperature=1.")

    def _by_loss(self, data: Sequence[tuple[int, Datum]], loss: Loss) -> dict[str, list[int]]:
        """Which data go by which of the wire's losses.

        What counts as drawn just now is imitated where tokens cost money, in a call of its own: the same gradient, and
        other bits. Elsewhere it is asked for its log-probabilities first.
        """
        found: dict[str, list[int]] = {}
        for place, datum in data:
            is_policy = loss.name in wire.OF_THE_WIRE and loss.name != "cross_entropy"
            name = "imitated" if is_policy and not datum.logprobs and self.is_hosted else loss.name
            name = "custom" if loss.kl_coef or loss.name not in wire.OF_THE_WIRE else name
            found.setdefault(name, []).append(place)
        return found

    def _backward(self, data: Sequence[Datum], name: str, loss: Loss, sums: Sums) -> list[tuple[float, ...]]:
        """The log-probabilities that the loss saw; what it was is added to the sums."""
        rows = [ROWS[name](datum) for datum in data]
        if name in DRAWN and not all(datum.logprobs for datum in data):
            data = self._as_drawn_now(data, rows, name)
            rows = [ROWS[name](datum) for datum in data]
        reference = self.logprobs(data, "reference") if loss.kl_coef else None
        tinker, training, seen = sdk(), self.now.training, Sums()
        sent = [wire.sent(tinker, row) for row in rows]
        with in_a_line():
            if name == "custom":
                future = training.forward_backward_custom(sent, custom_loss(data, rows, loss, reference, seen))
            elif name == "ppo":
                future = training.forward_backward(sent, name, wire.bounds(loss.settings))
            else:
                future = training.forward_backward(sent, WIRE_NAMES.get(name, name))
        output = result(future)
        self.meter.add(trained=sum(row.num_tokens for row in rows) * (2 if name == "custom" else 1))
        found = [
            wire.logprobs_behind(datum, row, wire.numbers(one))
            for datum, row, one in zip(data, rows, output.loss_fn_outputs, strict=True)
        ]
        add_up(sums, data, found, seen or {"loss": loss_of(name, output, data)})
        return found

    def _as_drawn_now(self, data: Sequence[Datum], rows: Sequence[wire.Row], name: str) -> list[Datum]:
        """With the log-probabilities that the same batch will have a moment later, so that the ratio is 1 exactly."""
        tinker = sdk()
        with in_a_line():
            future = self.now.training.forward([wire.sent(tinker, row) for row in rows], name)
        outputs = result(future).loss_fn_outputs
        self.meter.add(trained=sum(row.num_tokens for row in rows))
        return [
            datum if datum.logprobs else replace(datum, logprobs=tuple(wire.numbers(one)[row.begin :].tolist()))
            for datum, row, one in zip(data, rows, outputs, strict=True)
        ]

    def optim_step(self, params: AdamParams) -> dict[str, float]:
        self._leave_start()
        tinker = sdk()
        with in_a_line():
            future = self.now.training.optim_step(
                tinker.AdamParams(
                    learning_rate=params.learning_rate, beta1=params.beta1, beta2=params.beta2, eps=params.eps,
                    weight_decay=params.weight_decay, grad_clip_norm=params.grad_clip,
                )
            )  # fmt: skip
        measured = getattr(result(future), "metrics", None) or {}
        self.now = replace(self.now, is_published=False, sampler=None)
        return {name.partition(":")[0]: float(value) for name, value in measured.items() if name in GRAD_NORM}

    def _leave_start(self) -> None:
        """Called before every change; at the first one the start is kept."""
        if self.now.is_at_start:
            start = self.now.start or self.now.sampler or self._snapshot()
            self.now = replace(self.now, start=start, is_at_start=False)

    def publish(self) -> int:
        if not self.now.is_published:
            self.now = replace(self.now, version=self.now.version + 1, is_published=True, sampler=self._snapshot())
        return self.now.version

    # --- what can be taken back, and kept ------------------------------------------------

    @contextmanager
    def undone(self) -> Iterator[None]:
        """This client never sees what happens inside, so there is nothing to put back."""
        kept, path = self.now, self._save_state(ttl=AN_HOUR)
        self.now = replace(kept, training=self._from_state(path, optimizer=True))
        try:
            yield
        finally:
            self.now = kept
            if self.is_whole:
                self._from_state(path, optimizer=True)
            self._forget(path)

    def _save_state(self, ttl: int | None = None) -> str:
        self.num_saved += 1
        name = f"straw-{self.now.version:06d}-{self.num_saved:04d}"
        with in_a_line():
            return str(self.now.training.save_state(name, ttl_seconds=ttl).result().path)

    def _from_state(self, path: str, *, optimizer: bool) -> Any:
        with in_a_line():
            if self.is_whole:
                return put_back(self.now.training, path, optimizer=optimizer)
            if optimizer:
                return ready(self.service.create_training_client_from_state_with_optimizer(path))
            return ready(self.service.create_training_client_from_state(path))

    def _forget(self, path: str) -> None:
        """It would die within the hour anyway."""
        with suppress(StrawError), in_a_line():
            rest(self.service).delete_checkpoint_from_tinker_path(path).result()

    def save(self, folder: Path, *, optimizer: bool = True) -> None:
        """The start of a run is kept for sampling as well: it is what a KL is measured to."""
        folder.mkdir(parents=True, exist_ok=True)
        sampler = None if optimizer else self._sampler_path()
        write_saved(folder, Saved(self._save_state(), sampler, self.now.version, self.now.is_published, optimizer))

    def _sampler_path(self) -> str:
        self.num_saved += 1
        with in_a_line():
            return str(self.now.training.save_weights_for_sampler(f"straw-start-{self.num_saved:04d}").result().path)

    def load(self, folder: Path, *, optimizer: bool = True) -> None:
        saved = read_saved(folder)
        if optimizer and not saved.has_optimizer:
            raise ConfigError(f"{folder} holds weights without an optimizer's state: use another checkpoint")
        self.begin_from(saved.path, optimizer=optimizer)
        if optimizer:
            self.now = replace(self.now, version=saved.policy_version, is_published=saved.is_published)

    def begin_from(self, path: str, *, optimizer: bool = False) -> None:
        """Go on from a checkpoint of the service; without its optimizer it is a start of its own."""
        start = (self.now.start or (self.sampler() if self.now.is_published else None)) if optimizer else None
        self.now = Policies(self._from_state(path, optimizer=optimizer), None, start, 0, True, not optimizer)

    def start_is_in(self, folder: Path) -> None:
        path = read_saved(folder).sampler_path
        if path is not None:
            with in_a_line():
                client = ready(self.service.create_sampling_client(model_path=path))
            self.now = replace(self.now, start=Snapshot(client, self.meter))

    @property
    def trained_bytes(self) -> int:
        """Nothing that trains lies on this disk."""
        return 0

    def save_base(self, folder: Path) -> None:
        """The service has it."""

    # --- what it costs ---------------------------------------------------------------------

    def keep_log(self, folder: Path) -> None:
        self.meter.keep_in(folder)

    def spent(self) -> dict[str, float]:
        self.meter.write()
        return self.meter.numbers()

    def out_of_budget(self) -> str | None:
        if not self.meter.is_empty:
            return None
        line = f"${self.meter.usd:.2f} are spent, which uses up budget_usd={self.meter.budget_usd:g}"
        self.meter.grant_again()
        return f"{line}: the run stops here, and straw resume goes on with as much again"

    def close(self) -> None:
        if hasattr(self.service, "close"):
            with suppress(StrawError), in_a_line():
                ready(self.service.close("success"))
