"""The ledger of a run: what the channel offered, what an ideal observer received, what the policy absorbed.

    offered   >=   received   >=   absorbed          bits, in the mean over secrets

    offered    causal code length of the rewards                          code_length
    usable     its part in groups that have an advantage, or that a learner keeps in its log; wasted: the rest,
               which moves nothing
    capacity   log2 K a rollout, for a channel that declares its K levels
    received   log2 (N / |C|) of the ideal observer on the same rollouts  candidates
    absorbed   log2 N + log2 p(S), the level and not its increase         absorbed

Everything is a sum since the run began, over all prompts. A quantity that is not defined is absent: capacity of a
channel without declared levels, received where answers cannot be listed, an efficiency of nothing. For secrets
that were drawn uniformly the order above is a theorem, with more to it: in the mean 2^(absorbed - offered) <= 1,
whatever the learner is and does. For other tasks it is none (`bound`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

from straw.information import miller_madow_bits, plug_in_entropy_bits, ratio
from straw.measure.ledger.offered import CausalCode, symbol_of
from straw.measure.ledger.received import Observer, observer_of
from straw.rewards.channel import Channel
from straw.tasks.base import Enumerable, Task
from straw.types import Rollout

SUMS = ("offered_bits", "usable_bits", "wasted_bits", "offered_entropy_bits", "offered_entropy_mm_bits")
Groups = Sequence[Sequence[Rollout]]


class Ledger:
    """Sums that a checkpoint keeps. Without a code it stays empty: supervised learning is told no rewards."""

    def __init__(
        self, task: Task | None = None, code: CausalCode | None = None, observer: Observer | None = None
    ) -> None:
        self.code, self.observer = code, observer
        self.target_index = task.target_index if isinstance(task, Enumerable) else None
        self.repeats = task is None or task.num_problems is not None
        self.episodes = 0
        self.sums = dict.fromkeys(SUMS, 0.0)
        self.first_right: int | None = None  # held-out problems, at the start

    @classmethod
    def of(cls, task: Task, channel: Channel | None) -> Self:
        if channel is None:
            return cls(task)
        observer = observer_of(task, channel)
        code = CausalCode(
            levels=channel.levels,
            lowest=channel.lowest,
            highest=channel.highest,
            deterministic=channel.deterministic,
            is_observed=observer is not None,
        )
        return cls(task, code, observer)

    def enter(self, told: Groups, credited: Groups, *, is_logged: bool = False) -> None:
        """A step: groups as the channel paid them, and the same with their advantages.

        What is added to the pay afterwards for what the learner knows anyway, such as novelty, is no news. `is_logged`:
        the learner keeps every reward and learns from that, whatever the advantages are.
        """
        alone = all(len(group) == 1 for group in credited)  # groups of one are compared with each other
        together = alone and any(any(one.advantages) for group in credited for one in group)
        for group, after in zip(told, credited, strict=True):
            symbols = [told_by(rollout) for rollout in group]
            bits = math.fsum(map(self._charge, group, symbols))
            counts = together if alone else any(any(one.advantages) for one in after)
            self._add(symbols, bits, is_logged or counts)
        if self.code is not None and not self.repeats:
            self.code.forget_prompts()

    def _charge(self, rollout: Rollout, symbol: str) -> float:
        self.episodes += 1
        expected = 0.0
        if self.observer is not None and self.target_index is not None:
            expected = self.observer.observe(rollout, self.target_index(rollout.problem))
        if self.code is None:
            return 0.0
        length = rollout.grade.num_tokens if rollout.raw_rewards else None  # some parts pay by length
        reply = repr((rollout.replies, rollout.end.value, length))
        return self.code.charge(rollout.problem.key, reply, symbol, expected)

    def _add(self, symbols: Sequence[str], bits: float, is_usable: bool) -> None:
        counts = list(Counter(symbols).values())
        levels = self.code.levels if self.code is not None else None
        found = {
            "offered_bits": bits,
            "usable_bits" if is_usable else "wasted_bits": bits,
            "offered_entropy_bits": len(symbols) * plug_in_entropy_bits(counts),
            "offered_entropy_mm_bits": len(symbols) * miller_madow_bits(counts, levels),
        }
        for name, value in found.items():
            self.sums[name] += value

    @property
    def capacity_bits(self) -> float | None:
        if self.code is None or self.code.levels is None:
            return None
        return self.episodes * math.log2(self.code.levels)

    @property
    def received_bits(self) -> float | None:
        return None if self.observer is None else self.observer.received_bits

    def row(self, absorbed_bits: float | None = None) -> dict[str, float]:
        """For metrics.jsonl; what is not defined is absent."""
        offered = self.sums["offered_bits"] if self.code is not None else None
        found: dict[str, float | None] = {
            **(self.sums if self.code is not None else {}),
            "capacity_bits": self.capacity_bits,
            "received_bits": self.received_bits,
            **efficiencies(offered, self.received_bits, absorbed_bits),
        }
        return {f"ledger/{name}": value for name, value in found.items() if value is not None}

    def state_dict(self) -> dict[str, Any]:
        return {
            "episodes": self.episodes, "sums": self.sums, "first_right": self.first_right,
            "code": self.code.state_dict() if self.code else None,
            "observer": self.observer.state_dict() if self.observer else None,
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.episodes, self.sums, self.first_right = state["episodes"], dict(state["sums"]), state["first_right"]
        if self.code is not None:
            self.code.load_state_dict(state["code"])
        if self.observer is not None:
            self.observer.load_state_dict(state["observer"])


def told_by(rollout: Rollout) -> str:
    """The symbol that is charged for: the rewards, and the words where the channel speaks."""
    return f"{symbol_of(rewards_of(rollout))} {rollout.words}".rstrip()


def rewards_of(rollout: Rollout) -> tuple[float, ...]:
    """What the learner is told: a number for each turn that is credited by itself, or else the total."""
    return (rollout.reward,) if rollout.turn_rewards is None else rollout.turn_rewards


def efficiencies(offered: float | None, received: float | None, absorbed: float | None) -> dict[str, float | None]:
    """Of one run, or of the sums over many; never a mean of ratios."""
    return {
        "eta_channel": ratio(received, offered),
        "eta_absorb": ratio(absorbed, received),
        "eta": ratio(absorbed, offered),
    }
