"""Offered: how many bits it takes to write down the rewards for somebody who knows everything but the rewards.

    offered = sum_t -log2 q(r_t | all before t, and the prompt and the reply t itself)

The code is causal: what is charged for a reward never depends on it or on a later one, so for any learner
mean 2^(absorbed - offered) <= 1 over uniformly drawn secrets.

    known alphabet of K symbols    (n_x + 1/2) / (n + K/2)                    Krichevsky and Trofimov
    floats                         n_x / (n + 1), a new one 2^-24 / (n + 1)   an escape, then its digits
    a reply that was scored before costs nothing, where the scorer is deterministic

Counts are kept over the run, and for each prompt; where a scorer rolls dice and repeats cost, also behind each last
symbol. The code is the mean of these probabilities, at most log2 3 bits behind the best of them in a whole run. A
run with one prompt has but one kind of count, so its numbers can be redone by hand: 0, 0, 0 of two symbols cost
1 + 0.415 + 0.263 bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

DIGITS = 6  # of a float: -0.0 and noise of 1e-17 open no new symbol
FRESH_BITS = 24.0  # of a symbol that never came: enough for a float in [0, 1] of six digits
Counts = dict[str, int]


def kt_bits(seen: int, total: int, levels: int) -> float:
    """What a symbol costs that came `seen` times among `total`, in an alphabet of `levels`."""
    return -math.log2((seen + 0.5) / (total + levels / 2))


def escape_bits(seen: int, total: int, fresh_bits: float = FRESH_BITS) -> float:
    return math.log2(total + 1) + (-math.log2(seen) if seen else fresh_bits)


def fresh_bits_for(lowest: float, highest: float) -> float:
    """24, or more where more values of six digits lie between the lowest pay and the highest."""
    return max(FRESH_BITS, math.log2(1 + 10**DIGITS * (highest - lowest)))


def symbol_of(paid: Sequence[float]) -> str:
    """What the learner is told of an attempt: its total, or one number a turn where turns are credited alone."""
    return " ".join(repr(round(reward, DIGITS) + 0.0) for reward in paid)


class CausalCode:
    """Charges for symbols in their order.

    Example: CausalCode(levels=2).charge("secret-0", "12", "0.0") == 1.0, and for the same reply again 0.0
    """

    def __init__(self, *, levels: int | None, fresh_bits: float = FRESH_BITS, deterministic: bool = True) -> None:
        self.levels, self.fresh_bits, self.deterministic = levels, fresh_bits, deterministic
        self.counts: dict[str, Counts] = {}  # by context
        self.lengths: dict[str, float] = {}  # the whole code of each predictor alone
        self.mixed = 0.0  # of all of them together
        self.last: dict[str, str] = {}  # symbol, by prompt
        self.scored: dict[str, set[bytes]] = {}  # fingerprints of replies, by prompt

    def charge(self, prompt: str, reply: str, symbol: str) -> float:
        """Bits for this symbol; it is counted then."""
        if self.deterministic and self._is_repeat(prompt, reply):
            return 0.0
        contexts = self._contexts(prompt)
        before = self.mixed
        for name, context in contexts.items():
            self.lengths[name] = self.lengths.get(name, 0.0) + self._cost(self.counts.setdefault(context, {}), symbol)
        self.last[prompt] = symbol
        self.mixed = self._mixed()
        return self.mixed - before

    def forget_prompts(self) -> None:
        """For a task whose problems never come back."""
        self.last.clear()
        self.scored.clear()
        self.counts = {context: counts for context, counts in self.counts.items() if context == "all"}

    def _contexts(self, prompt: str) -> dict[str, str]:
        contexts = {"all": "all", "prompt": f"prompt {prompt}"}
        if not self.deterministic:
            contexts["last"] = f"behind {self.last.get(prompt, '')} {prompt}"
        return contexts

    def _cost(self, counts: Counts, symbol: str) -> float:
        seen, total = counts.get(symbol, 0), sum(counts.values())
        counts[symbol] = seen + 1
        if self.levels is None:
            return escape_bits(seen, total, self.fresh_bits)
        if len(counts) > self.levels:
            raise ValueError(f"the channel declares {self.levels} levels and pays more: {sorted(counts)}")
        return kt_bits(seen, total, self.levels)

    def _mixed(self) -> float:
        """-log2 of the mean of 2^-length."""
        if not self.lengths:
            return 0.0
        shortest = min(self.lengths.values())
        mean = math.fsum(2.0 ** (shortest - length) for length in self.lengths.values()) / len(self.lengths)
        return shortest - math.log2(mean)

    def _is_repeat(self, prompt: str, reply: str) -> bool:
        mark, scored = blake2b(reply.encode(), digest_size=8).digest(), self.scored.setdefault(prompt, set())
        if mark in scored:
            return True
        scored.add(mark)
        return False

    def state_dict(self) -> dict[str, Any]:
        scored = {prompt: sorted(mark.hex() for mark in marks) for prompt, marks in self.scored.items()}
        return {"counts": self.counts, "lengths": self.lengths, "last": self.last, "scored": scored}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.counts = {context: dict(counts) for context, counts in state["counts"].items()}
        self.lengths, self.last = dict(state["lengths"]), dict(state["last"])
        self.mixed = self._mixed()
        self.scored = {prompt: set(map(bytes.fromhex, marks)) for prompt, marks in state["scored"].items()}
