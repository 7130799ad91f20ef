"""Offered: how many bits it takes to write down the rewards for somebody who knows everything but the rewards.

    offered = sum_t -log2 q(r_t | all before t, and the prompt and the reply t itself)

The code is causal: what is charged for a reward never depends on it or on a later one, so for any learner
mean 2^(absorbed - offered) <= 1 over uniformly drawn secrets. Several codes bet on a whole run, and q is the mean of
their probabilities; it is never more bits behind one of them than that code's share says.

    share    code        probability of the next reward
    1/2      observer    of a channel whose secrets can be listed: as an ideal observer of the same replies expects it
    1/4      zeros       1 for a zero, 0 for anything else
    1/4      counts      known alphabet of K symbols: (n_x + 1/2) / (n + K/2)          Krichevsky and Trofimov
                         floats: n_x / (n + 1), and a new one 2^-24 / (n + 1)          an escape, then its digits

Where no observer can be had the others have all; where the lowest pay is not 0, half of the counts' share bets on a
run of that. So the rewards of a deterministic channel cost at most one bit more than an observer learns from them,
which is log2 N for a secret, and a run of zeros costs at most 2 bits. Where a channel flips its rewards, its noise has
to be paid for as well. A reply that was scored before costs nothing, where the scorer is deterministic.

Counts are kept over the run, and for each prompt; where a scorer rolls dice and repeats cost, also behind each last
symbol. Of floats, 0 and the lowest and highest pay that the channel declares count as seen once before the run begins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

DIGITS = 6  # of a float: -0.0 and noise of 1e-17 open no new symbol
FRESH_BITS = 24.0  # of a number that never came: enough for a float in [0, 1] of six digits
Counts = dict[str, int]


def kt_bits(seen: int, total: int, levels: int) -> float:
    """What a symbol costs that came `seen` times among `total`, in an alphabet of `levels`."""
    return -math.log2((seen + 0.5) / (total + levels / 2))


def escape_bits(seen: int, total: int, fresh_bits: float = FRESH_BITS) -> float:
    return math.log2(total + 1) + (-math.log2(seen) if seen else fresh_bits)


def fresh_bits_for(lowest: float, highest: float) -> float:
    """24, or more where more values of six digits lie between the lowest pay and the highest. 64 tell any float."""
    if not math.isfinite(highest - lowest):
        return 64.0
    return max(FRESH_BITS, math.log2(2 + 10**DIGITS * (highest - lowest)))


def symbol_of(paid: Sequence[float]) -> str:
    """What the learner is told of a rollout: its total, or one number a turn where turns are credited alone."""
    return " ".join(repr(round(reward, DIGITS) + 0.0) for reward in paid)


def shares_of(first: Sequence[str], counts: Sequence[str]) -> dict[str, float]:
    """How much of the mean each code has: half of what is left for each of the first, and the counts share the rest.

    Example: shares_of(["observer", "zeros"], ["all", "prompt"]) has 1/2, 1/4, 1/8 and 1/8
    """
    shares = {name: 0.5 ** (place + 1) for place, name in enumerate(first)}
    return shares | {name: 0.5 ** len(first) / len(counts) for name in counts}


class CausalCode:
    """Charges for symbols in their order: those of a channel that pays from `lowest` to `highest`.

    Example: the first miss costs -log2 (1/2 + 1/2 x 1/2) = 0.415 bits, and the same reply again nothing
        CausalCode(levels=2).charge("secret-0", "12", "0.0")
    """

    def __init__(
        self,
        *,
        levels: int | None,
        lowest: float = 0.0,
        highest: float = 1.0,
        deterministic: bool = True,
        is_observed: bool = False,
    ) -> None:
        self.levels, self.deterministic = levels, deterministic
        self.lowest, self.fresh_bits = symbol_of((lowest,)), fresh_bits_for(lowest, highest)
        declared = [symbol_of((pay,)) for pay in (0.0, lowest, highest) if math.isfinite(pay)]
        self.known = dict.fromkeys(declared, 1) if levels is None else {}
        has_lowest = math.isfinite(lowest) and not is_zero(self.lowest)
        self.bets = [*(["observer"] if is_observed else []), "zeros", *(["lowest"] if has_lowest else [])]
        self.last: dict[str, str] = {}  # symbol, by prompt
        self.shares = shares_of(self.bets, [*self._contexts("")])
        self.lengths = dict.fromkeys(self.shares, 0.0)  # the whole run in the code of each
        self.mixed = self._mixed()
        self.counts: dict[str, Counts] = {}  # by context
        self.scored: dict[str, set[bytes]] = {}  # fingerprints of replies, by prompt

    def charge(self, prompt: str, reply: str, symbol: str, observer_bits: float = 0.0) -> float:
        """Bits for this symbol; it is counted then. `observer_bits`: what it cost an observer, where there is one."""
        if self.deterministic and self._is_repeat(prompt, reply):
            return 0.0
        before, lengths = self.mixed, self.lengths
        for name in self.bets:
            lengths[name] += observer_bits if name == "observer" else 0.0 if self._is_bet(name, symbol) else math.inf
        for name, context in self._contexts(prompt).items():
            lengths[name] += self._cost(self.counts.setdefault(context, dict(self.known)), symbol)
        self.last[prompt] = symbol
        self.mixed = self._mixed()
        return self.mixed - before

    def forget_prompts(self) -> None:
        """For a task whose problems never come back."""
        self.last.clear()
        self.scored.clear()
        self.counts = {context: counts for context, counts in self.counts.items() if context == "all"}

    def _is_bet(self, name: str, symbol: str) -> bool:
        return is_zero(symbol) if name == "zeros" else symbol == self.lowest

    def _contexts(self, prompt: str) -> dict[str, str]:
        contexts = {"all": "all", "prompt": f"prompt {prompt}"}
        if not self.deterministic:
            contexts["last"] = f"behind {self.last.get(prompt, '')} {prompt}"
        return contexts

    def _cost(self, counts: Counts, symbol: str) -> float:
        seen, total = counts.get(symbol, 0), sum(counts.values())
        counts[symbol] = seen + 1
        if self.levels is None:
            return escape_bits(seen, total, self.fresh_bits * (1 + symbol.count(" ")))
        if len(counts) > self.levels:
            raise ValueError(f"the channel declares {self.levels} levels and pays more: {sorted(counts)}")
        return kt_bits(seen, total, self.levels)

    def _mixed(self) -> float:
        """-log2 of the mean of 2^-length."""
        shortest = min(self.lengths.values())
        parts = [share * 2.0 ** (shortest - self.lengths[name]) for name, share in self.shares.items()]
        return shortest - math.log2(math.fsum(parts))

    def _is_repeat(self, prompt: str, reply: str) -> bool:
        mark, scored = blake2b(reply.encode(), digest_size=8).digest(), self.scored.setdefault(prompt, set())
        if mark in scored:
            return True
        scored.add(mark)
        return False

    def state_dict(self) -> dict[str, Any]:
        """A code that called something impossible is out, and has no length."""
        scored = {prompt: sorted(mark.hex() for mark in marks) for prompt, marks in self.scored.items()}
        lengths = {name: length for name, length in self.lengths.items() if length < math.inf}
        return {"counts": self.counts, "lengths": lengths, "last": self.last, "scored": scored}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """A run that was begun with fewer codes goes on with those."""
        self.counts = {context: dict(counts) for context, counts in state["counts"].items()}
        out = math.inf if state["lengths"] else 0.0
        self.lengths = {name: state["lengths"].get(name, out) for name in self.shares}
        self.last = dict(state["last"])
        self.mixed = self._mixed()
        self.scored = {prompt: set(map(bytes.fromhex, marks)) for prompt, marks in state["scored"].items()}


def is_zero(symbol: str) -> bool:
    """Nothing was paid, in any turn."""
    return symbol == "0.0" or set(symbol.split(" ")) == {"0.0"}
