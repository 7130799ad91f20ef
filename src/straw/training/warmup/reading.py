"""A second lesson of a warm-up, for learners that read: what the words of a channel mean.

    prompt | any guess | the words that any secret would earn it | an answer that fits both, evenly

Guess and secret are drawn anew for every row, and the run's own secret has no part in it: an embedded model learns what
a real one knows from elsewhere, that behind "higher" a higher number is the thing to say. `share_that_fits` says how
well it does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from straw.engines.base import Engine
from straw.rewards.channel import Channel
from straw.seeds import seed_for
from straw.tasks.base import Enumerable
from straw.training.warmup.trie import Trie
from straw.types import Datum, Message

PROBES = 12
MOST = 1024  # answers: a trie is made for every row


@dataclass(frozen=True, slots=True)
class Reading:
    channel: Channel

    def rows(self, engine: Engine, task: Enumerable, plain: Sequence[Datum], step: int, count: int) -> list[Datum]:
        """`plain`: every answer behind the task's own prompt."""
        random, found = Random(seed_for("warmup words", step)), []
        for _ in range(count):
            prompt, fits = self.told(engine, task, plain, random)
            trie = Trie([plain[index] for index in fits])
            found.append(replace(trie.soften(plain[random.choice(fits)]), prompt=prompt))
        return found

    def told(
        self, engine: Engine, task: Enumerable, plain: Sequence[Datum], random: Random
    ) -> tuple[tuple[int, ...], list[int]]:
        """A prompt that ends with words, and which answers fit them."""
        guess, secret = (random.randrange(task.space) for _ in range(2))
        labels = np.asarray(self.channel.tells_apart(guess, np.arange(task.space)))
        words = self.channel.word(int(labels[secret]))
        said = engine.chat.encode_reply("".join(task.answer_at(guess)))
        prompt = plain[0].prompt + said + engine.chat.continuation(Message("user", words))
        return prompt, np.flatnonzero(labels == labels[secret]).tolist()

    def share_that_fits(self, engine: Engine, task: Enumerable, plain: Sequence[Datum]) -> float:
        """The probability of answers that fit, in the mean over some prompts."""
        random, shares = Random(seed_for("warmup words", "probes")), []
        for _ in range(PROBES):
            prompt, fits = self.told(engine, task, plain, random)
            nats = engine.logprobs([replace(plain[index], prompt=prompt) for index in fits])
            shares.append(math.fsum(math.exp(math.fsum(one)) for one in nats))
        return sum(shares) / len(shares)
