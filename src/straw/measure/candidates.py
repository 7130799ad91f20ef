"""Received: what the same attempts and rewards would have told an ideal observer.

    C = the secrets that would have been paid alike for every reply so far        received = log2 (N / |C|)

A deterministic channel sorts the secrets into classes by what a reply would be paid; the observer keeps the class of
the true one. It may look at the true secret for that, since the reward that it was told picks the same class. Each
prompt has a set of its own. Where a channel flips its reward, the set becomes a posterior:

    received = log2 N + log2 P(S | all so far)

A reply that could not be read says nothing.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from straw.information import num_bits
from straw.rewards.channel import Channel
from straw.rewards.controls import NoisyBinary, Random
from straw.rewards.outcome import Binary, Dense, PlusMinus, Weighted
from straw.tasks.base import Task
from straw.tasks.secret import Secret
from straw.tasks.secret_bits import SecretBits
from straw.text.parse import parse_bit
from straw.types import Grade, Rollout

MOST = 1 << 16  # secrets: beyond, a run would feel the observer
DIGITS = 6
Array = NDArray[Any]


@dataclass(slots=True)
class Classes:
    """Sorts secrets by what a reply would be paid; `digits` parts of a secret each lie in [0, base).

    A game of one number has one part, whatever its turns; a sequence has a part for each item, and per turn credit
    one for each bit.
    """

    channel: Channel
    N: int
    num_turns: int = 1
    length: int = 1
    tables: dict[object, Array] = field(default_factory=dict)

    @property
    def space(self) -> int:
        return int(self.N**self.length)

    @property
    def by_bits(self) -> bool:
        """Whether turns are paid for their own bits."""
        return self.num_turns > 1 and isinstance(self.channel, Dense)

    def said(self, rollout: Rollout, target: int) -> tuple[int | None, ...] | None:
        """The parts of the guess; None when nothing could be read."""
        if self.by_bits:
            bits = [parse_bit(reply) for reply in rollout.replies]
            return (*bits, *[None] * (self.num_turns - len(bits)))
        offsets = rollout.grade.offsets
        if not offsets or None in offsets:
            return None
        parts = [target] if self.length == 1 else self.parts(np.array([target]))[0]
        return tuple(int(part) + offset for part, offset in zip(parts, offsets, strict=True) if offset is not None)

    def parts(self, secrets: Array) -> Array:
        """One row a secret, its most significant part first."""
        if self.by_bits:
            return secrets[:, None] >> np.arange(self.num_turns - 1, -1, -1) & 1
        powers = self.N ** np.arange(self.length - 1, -1, -1)
        return secrets[:, None] // powers % self.N

    def of(self, said: tuple[int | None, ...], secrets: Array, grade: Grade | None = None) -> Array:
        """A number for each secret, equal where the pay is."""
        if self.length == 1 and not self.by_bits:
            return self.of_offsets(int(said[0] or 0) - secrets, grade)
        parts = self.parts(secrets)
        if self.by_bits:
            return self._combined(parts == np.array([-1 if bit is None else bit for bit in said]))
        offsets = np.array(said) - parts
        if isinstance(self.channel, Binary | PlusMinus | Dense):
            return self._combined(offsets == 0)
        return np.round(self.of_offsets(offsets, grade).sum(axis=1), DIGITS)

    def of_offsets(self, offsets: Array, grade: Grade | None = None) -> Array:
        """What single numbers are paid, so far from the secret."""
        return self._table(grade)[offsets + self.N - 1]

    def _combined(self, hits: Array) -> Array:
        if not isinstance(self.channel, Dense):
            return np.asarray(hits.all(axis=1))
        return hits @ (1 << np.arange(hits.shape[1])) if self.channel.credit == "turn" else hits.sum(axis=1)

    def _table(self, grade: Grade | None) -> Array:
        """What each offset of one number is paid, from -(N - 1) on; bits can spell a number beyond N - 1."""
        form = grade if isinstance(self.channel, Weighted) else None
        key = form and (form.well_formed, tuple(sorted(form.form.items())), form.num_tokens)
        if key not in self.tables:
            template = form or Grade(hits=(False,), well_formed=True)
            last = 2 ** num_bits(self.N) if self.num_turns > 1 else self.N
            self.tables[key] = np.array([self._pay(template, offset) for offset in range(1 - self.N, last)])
        return self.tables[key]

    def _pay(self, template: Grade, offset: int) -> float:
        paid = self.channel(replace(template, hits=(offset == 0,) * self.num_turns, offsets=(offset,)), 0.0)
        return round(paid.total, DIGITS)


class Observer(ABC):
    """Hears what a run hears, and knows more of it."""

    @abstractmethod
    def hear(self, rollout: Rollout, target: int) -> None: ...

    @property
    @abstractmethod
    def received_bits(self) -> float:
        """Of all prompts together."""

    @abstractmethod
    def shares(self, prompt: str) -> Array:
        """How likely each secret is for this prompt; they add up to 1."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to remember, unless a kind of observer has something."""
        del state


class Candidates(Observer):
    """The secrets that are left, for each prompt."""

    def __init__(self, classes: Classes) -> None:
        self.classes = classes
        self.left: dict[str, Array] = {}

    def hear(self, rollout: Rollout, target: int) -> None:
        left = self.left.setdefault(rollout.problem.key, np.arange(self.classes.space))
        said = self.classes.said(rollout, target)
        if said is None or len(left) == 1:
            return
        (truth,) = self.classes.of(said, np.array([target]), rollout.grade)
        alike = self.classes.of(said, left, rollout.grade) == truth
        if not alike.all():
            self.left[rollout.problem.key] = left[alike]

    @property
    def received_bits(self) -> float:
        return math.fsum(math.log2(self.classes.space / len(left)) for left in self.left.values())

    def shares(self, prompt: str) -> Array:
        left = self.left.get(prompt, np.arange(self.classes.space))
        shares = np.zeros(self.classes.space)
        shares[left] = 1 / len(left)
        return shares

    def state_dict(self) -> dict[str, Any]:
        """One bit a secret, as hexadecimal digits."""
        return {prompt: np.packbits(self._mask(left)).tobytes().hex() for prompt, left in self.left.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        masks = {prompt: np.frombuffer(bytes.fromhex(digits), np.uint8) for prompt, digits in state.items()}
        self.left = {prompt: np.flatnonzero(np.unpackbits(mask)) for prompt, mask in masks.items()}

    def _mask(self, left: Array) -> Array:
        mask = np.zeros(self.classes.space, bool)
        mask[left] = True
        return mask


class Posterior(Observer):
    """For a binary reward that is flipped with probability e: log-odds of the guesses that were paid for."""

    def __init__(self, classes: Classes, flip_probability: float) -> None:
        self.classes, self.e = classes, max(flip_probability, 1e-12)
        self.nats: dict[str, dict[str, float]] = {}  # by prompt, by guess: how much likelier than one never tried
        self.targets: dict[str, int] = {}

    def hear(self, rollout: Rollout, target: int) -> None:
        prompt = rollout.problem.key
        self.targets[prompt] = target
        nats = self.nats.setdefault(prompt, {})
        said = self.classes.said(rollout, target)
        if said is not None:
            guess = 0
            for part in said:
                guess = guess * self.classes.N + int(part or 0)
            if guess < self.classes.space:
                sign = 1 if rollout.reward > 0.5 else -1
                nats[str(guess)] = nats.get(str(guess), 0.0) + sign * math.log((1 - self.e) / self.e)

    @property
    def received_bits(self) -> float:
        return math.fsum(self._bits(nats, str(self.targets[prompt])) for prompt, nats in self.nats.items())

    def _bits(self, nats: Mapping[str, float], target: str) -> float:
        top = max(0.0, *nats.values()) if nats else 0.0
        tried = math.fsum(math.exp(value - top) for value in nats.values())
        total = tried + (self.classes.space - len(nats)) * math.exp(-top)
        return math.log2(self.classes.space) + (nats.get(target, 0.0) - top - math.log(total)) / math.log(2)

    def shares(self, prompt: str) -> Array:
        nats = np.zeros(self.classes.space)
        for guess, value in self.nats.get(prompt, {}).items():
            nats[int(guess)] = value
        shares = np.exp(nats - nats.max())
        return np.asarray(shares / shares.sum())

    def state_dict(self) -> dict[str, Any]:
        return {"nats": self.nats, "targets": self.targets}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.nats = {prompt: dict(nats) for prompt, nats in state["nats"].items()}
        self.targets = dict(state["targets"])


class Deaf(Observer):
    """Hears a fair coin."""

    def __init__(self, classes: Classes) -> None:
        self.classes = classes

    def hear(self, rollout: Rollout, target: int) -> None: ...

    def shares(self, prompt: str) -> Array:
        return np.full(self.classes.space, 1 / self.classes.space)

    @property
    def received_bits(self) -> float:
        return 0.0


def classes_of(task: Task, channel: Channel) -> Classes | None:
    """None for a task that hides no secret, for too many secrets, and for parts that nobody sorted yet."""
    if not isinstance(task, Secret | SecretBits) or task.space > MOST:
        return None
    classes = Classes(channel, task.hidden.N, task.max_turns, task.hidden.length)
    several = task.max_turns > 1 or task.hidden.length > 1
    return None if several and isinstance(channel, Weighted) else classes


def observer_of(task: Task, channel: Channel) -> Observer | None:
    """Who hears the rewards of this channel; None where the right answers cannot be listed."""
    classes = classes_of(task, channel)
    if classes is None:
        return None
    if isinstance(channel, Random):
        return Deaf(classes)
    if isinstance(channel, NoisyBinary):
        return Posterior(classes, channel.flip_probability)
    return Candidates(classes) if channel.deterministic else None
