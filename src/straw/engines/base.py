"""What computes: a handful of verbs, the same for every engine.

    sample            replies of the published policy to prompts, each from a seed of its own
    logprobs          of given tokens under a named policy: current, start or reference
    forward_backward  add the gradient of a loss; optim_step applies it and clears it
    publish           the sampler takes the trainer's weights; until then `sample` refuses
    embed, states     hidden states: of given texts, and before each token of given replies
    layers            the same layer by layer, the mean of each reply; token_vectors: of single tokens
    at_start          for a while the weights of before the first step
    likeliest         what a policy would have written at each of these tokens, with probabilities
    noisy, add_noise  the same weights moved by noise from a seed: for a while, or for good
    save, load, close

The numbers an engine owes are tested by one contract (tests/engines/contract.py): a sample does
not depend on its neighbours, sampler and trainer agree, micro-batches do not change a gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from straw.errors import ConfigError
from straw.text.chat.chat import Chat
from straw.types import Datum

Tokens = tuple[int, ...]
Tell = Callable[..., None]  # (event, **facts)
Policy = Literal["current", "start", "reference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How replies are drawn. `temperature=0` takes the likeliest token.

    >>> straw.SamplingParams(max_tokens=8).temperature
    1.0
    """

    max_tokens: int
    temperature: float = 1.0
    top_k: int = 0  # 0: all
    top_p: float = 1.0
    stop: frozenset[int] = frozenset()  # the token that stops is part of the reply


@dataclass(frozen=True, slots=True)
class Reply:
    """What was written; `logprobs` are those of the distribution that was drawn from.

    Taking the likeliest token draws from none: then they are the model's own.

    >>> straw.Reply((19, 2), (-0.1, -0.9), stopped=True).tokens
    (19, 2)
    """

    tokens: Tokens
    logprobs: tuple[float, ...]
    stopped: bool  # by a stop token, not by max_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamParams:
    """One optimiser step. `grad_clip` bounds the global norm; 0 leaves it alone.

    >>> straw.AdamParams(learning_rate=3e-4).beta2
    0.95
    """

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.0
    grad_clip: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A loss by name (see `algorithms.losses`) with its numbers, and the temperature of the sampler.

    `kl_by_ratio` multiplies the KL penalty of each token by its importance ratio; see `algorithms.losses`.

    >>> straw.Loss(name="ppo", settings={"clip_low": 0.2, "clip_high": 0.2}, kl_coef=0.04).regularises
    True
    """

    name: str
    settings: Mapping[str, float] = field(default_factory=dict)
    entropy_coef: float = 0.0
    kl_coef: float = 0.0
    kl_by_ratio: bool = False
    temperature: float = 1.0

    @property
    def regularises(self) -> bool:
        """Whether a token has a gradient whatever its advantage is."""
        return bool(self.entropy_coef or self.kl_coef)


@dataclass(frozen=True, slots=True)
class TrainOutput:
    """Log-probabilities of every datum's tokens as the loss saw them, and sums over the batch."""

    logprobs: list[tuple[float, ...]]  # 0 where the weight is 0; with soft targets their mean
    metrics: dict[str, float]


Done = Callable[[int, int, Reply], None]  # (prompt, sample, reply)


class Conversation(ABC):
    """Some rows that begin with the same prompt and go their own ways, turn by turn."""

    @abstractmethod
    def generate(self, params: SamplingParams, seeds: Sequence[int]) -> list[Reply]:
        """One reply for every row, behind what it heard last, or else behind what it wrote."""

    @abstractmethod
    def append(self, tokens: Sequence[Tokens]) -> None:
        """Append tokens to every row: the next message of the other side, or () for a row that hears nothing."""

    def keep(self, rows: Sequence[int]) -> bool:
        """Go on with these rows alone, in their order; False where it is not worth it, and all stay."""
        return False


class Sampler(ABC):
    """What writes replies, with the weights of one version."""

    chat: Chat
    policy_version: int

    @abstractmethod
    def converse(self, prompt: Tokens, num_rows: int) -> Conversation:
        """Begin `num_rows` conversations with one prompt, which is read once."""

    @abstractmethod
    def sample(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]]
    ) -> list[list[Reply]]:
        """`num_samples` replies to each prompt; seeds[prompt][sample] fixes each reply."""

    def sample_one_by_one(
        self, prompts: Sequence[Tokens], num_samples: int, params: SamplingParams, seeds: Sequence[Sequence[int]],
        done: Done,
    ) -> None:  # fmt: skip
        """The same replies, each handed to `done` when it is complete; all at the end where nobody can tell sooner."""
        for prompt, replies in enumerate(self.sample(prompts, num_samples, params, seeds)):
            for number, reply in enumerate(replies):
                done(prompt, number, reply)


class Engine(Sampler):
    """Weights, an optimiser and a sampler behind a few verbs."""

    def pinned(self) -> Sampler:
        """A sampler that keeps the version published now, while the trainer goes on."""
        raise ConfigError("this engine samples with its newest weights only: write engine=monarch, or max_lag=0")

    def newest(self, generator: int) -> Sampler:
        """One generator alone, which begins each piece of work with whatever weights are the newest then."""
        raise ConfigError("this engine has no generators that could run free: write engine=monarch, or pace=exact")

    @abstractmethod
    def logprobs(
        self, data: Sequence[Datum], policy: Policy = "current", temperature: float = 1.0
    ) -> list[list[float]]:
        """Nats for every token behind the prompt of each datum."""

    @abstractmethod
    def forward_backward(self, data: Sequence[Datum], loss: Loss) -> TrainOutput: ...

    @abstractmethod
    def optim_step(self, params: AdamParams) -> dict[str, float]: ...

    @abstractmethod
    def publish(self) -> int:
        """Give the trainer's weights to the sampler; returns the new policy version."""

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The mean last hidden state of each text."""

    def states(self, data: Sequence[Datum]) -> list[Any]:
        """Of each datum an array [tokens, width]: the last hidden state from which each token is predicted."""
        raise NotImplementedError

    def layers(self, data: Sequence[Datum], count: int) -> list[Any]:
        """Of each datum an array [layers, width]: the mean over all but its last token of what `count` layers, evenly
        spaced with the last of all, make of them, with the weights of the start."""
        raise NotImplementedError

    def token_vectors(self, tokens: Sequence[int]) -> Any:
        """[tokens, width]: the input embeddings of these tokens, with the weights of the start."""
        raise NotImplementedError

    def at_start(self) -> AbstractContextManager[None]:
        """Inside, what trains is what it was before the first step; then put back, every bit."""
        raise NotImplementedError

    def likeliest(
        self, data: Sequence[Datum], count: int, policy: Policy = "current", temperature: float = 1.0
    ) -> list[list[dict[int, float]]]:
        """At every token behind the prompt of each datum the likeliest tokens and their probabilities."""
        raise NotImplementedError

    def noisy(self, seed: int, scale: float) -> AbstractContextManager[None]:
        """Inside, what trains is moved by `scale` times standard normal noise, and writes so; then put back, every bit.

        The noise is a function of the seed and the shapes of what trains.
        """
        raise NotImplementedError

    def add_noise(self, seeds: Sequence[int], scales: Sequence[float]) -> None:
        """Move what trains by the noise of each seed times its scale, one after the other; `publish` comes next."""
        raise NotImplementedError

    @classmethod
    def lacks(cls, verbs: Sequence[str]) -> list[str]:
        """Which of these an engine does not have; of the seven above not every one has all."""
        return [verb for verb in verbs if getattr(cls, verb) is getattr(Engine, verb)]

    @abstractmethod
    def undone(self) -> AbstractContextManager[None]:
        """What happens inside is taken back bit for bit: weights, optimiser, gradients, version."""

    @abstractmethod
    def save(self, folder: Path, *, optimizer: bool = True) -> None:
        """Weights, optimiser and version, in safetensors; not what a `forward_backward` has added up."""

    @abstractmethod
    def load(self, folder: Path, *, optimizer: bool = True) -> None:
        """Go on where `save` was called. Without the optimiser: start afresh, at version 0, from these weights."""

    @property
    @abstractmethod
    def trained_bytes(self) -> int:
        """The size of what trains."""

    @abstractmethod
    def save_base(self, folder: Path) -> None:
        """What lies frozen beneath adapters, where a warm-up made it; nothing where the model's name brings it back."""

    def start_is_in(self, folder: Path) -> None:
        """The start stands in this checkpoint: it can be read from there, and needs no place in memory."""

    def listen(self, tell: Tell) -> None:
        """From now on tell what happens: a generator that died, one that took its place."""

    def keep_log(self, folder: Path) -> None:
        """What its processes log, beside what is told, goes to a file in this folder from now on."""

    def facts(self) -> dict[str, Any]:
        """What its processes do and did, for a person who looks on; nothing where there are none."""
        return {}

    def spent(self) -> dict[str, float]:
        """Tokens and money since the run began, for its metrics, where somebody counts them."""
        return {}

    def out_of_budget(self) -> str | None:
        """Why the run has to stop here, to be resumed by a person; None: it may go on."""
        return None

    def close(self) -> None:
        """Give back processes and memory."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
