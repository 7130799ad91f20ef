"""Received: what the same rollouts and rewards would have told an ideal observer.

    C = the secrets that would have been paid alike for every reply so far        received = log2 (N / |C|)

A deterministic channel sorts the secrets into classes by what a reply would be paid; the observer keeps the class of
the true one. It may look at the true secret for that, since the reward that it was told picks the same class. Each
prompt has a set of its own. Where a channel flips its reward, the set becomes a posterior:

    received = log2 N + log2 P(S | all so far)

What the observer expected is a code as well: `observe` returns -log2 of how likely it held what was paid then. Where
nothing is flipped these bits add up to what was received; else the noise comes on top. A reply that could not be read
says nothing, and what it is paid was clear before.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from straw.measure.ledger.reward_classes import Array, Classes, classes_of
from straw.rewards.channel import Channel
from straw.tasks.base import Task
from straw.types import Rollout

NEVER = 1e-12  # a probability that stands for none, so that its logarithm is a number


class Observer(ABC):
    """Hears what a run hears, and knows more of it."""

    @abstractmethod
    def observe(self, rollout: Rollout, target: int) -> float:
        """Learn from a rollout; returns -log2 of the probability that what it was paid had before."""

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

    def observe(self, rollout: Rollout, target: int) -> float:
        left = self.left.get(rollout.problem.key)
        if left is None:
            left = self.left[rollout.problem.key] = np.arange(self.classes.space)
        if len(left) == 1 or (said := self.classes.said(rollout, target)) is None:
            return 0.0
        paid = self.classes.of(said, left, rollout.grade)
        alike = paid == paid[left.searchsorted(target)]  # the candidates stand in order, the true one among them
        if alike.all():
            return 0.0
        kept = self.left[rollout.problem.key] = left[alike]
        return math.log2(len(left) / len(kept))

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
        self.classes, self.e = classes, min(max(flip_probability, NEVER), 1 - NEVER)
        self.nats: dict[str, dict[str, float]] = {}  # by prompt, by guess: how much likelier than one never tried
        self.targets: dict[str, int] = {}

    def observe(self, rollout: Rollout, target: int) -> float:
        prompt = rollout.problem.key
        self.targets[prompt] = target
        nats = self.nats.setdefault(prompt, {})
        said = self.classes.said(rollout, target)
        if said is None:
            return 0.0
        guess, is_paid = str(self._index(said)), rollout.reward > 0.5
        expected = self._expected(nats, guess)
        if int(guess) < self.classes.space:
            sign = 1 if is_paid else -1
            nats[guess] = nats.get(guess, 0.0) + sign * math.log((1 - self.e) / self.e)
        return -math.log2(expected if is_paid else 1 - expected)

    def _index(self, said: tuple[int | None, ...]) -> int:
        guess = 0
        for part in said:
            guess = guess * self.classes.N + int(part or 0)
        return guess

    def _expected(self, nats: Mapping[str, float], guess: str) -> float:
        """How likely this guess is to be paid."""
        hit = 0.0 if int(guess) >= self.classes.space else 2.0 ** self._bits(nats, guess) / self.classes.space
        return hit * (1 - self.e) + (1 - hit) * self.e

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

    def observe(self, rollout: Rollout, target: int) -> float:
        return 0.0 if self.classes.said(rollout, target) is None else 1.0

    def shares(self, prompt: str) -> Array:
        return np.full(self.classes.space, 1 / self.classes.space)

    @property
    def received_bits(self) -> float:
        return 0.0


def observer_of(task: Task, channel: Channel) -> Observer | None:
    """Who hears the rewards of this channel; None where the right answers cannot be listed."""
    classes = classes_of(task, channel)
    if classes is None:
        return None
    if channel.tells_nothing:
        return Deaf(classes)
    if channel.noise is not None:
        return Posterior(classes, channel.noise)
    return Candidates(classes) if channel.deterministic else None
