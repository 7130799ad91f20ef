"""Intrinsic rewards of a step: numbers in [0, 1] that a policy earns by what it tries, not by being right.

    traces -> raw scores, from the memory as it was -> window -> warm-up, annealing -> the step is written

Rollouts are taken in an order of their own, by question and text. So neither the scores, nor the window, nor what a
full memory forgets depends on where in its group a rollout stood.

Novelty (all but exploit) is paid from step `warmup_steps` + 1 on, and shrinks by `anneal_rate` a step from there. A
novelty of 0 pays 0, whatever the window says. `None` is no pay at all: nothing to compare with, the warm-up, or a flaw.
A judge whose scores have their scale already says `is_scaled`. What was measured is kept beside what is paid, so that a
score that pays nothing can be read too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from straw.rewards.intrinsic.base import Arrays, Growing, Judge, Trace, are_sound, check_finite
from straw.rewards.intrinsic.episodic import Episodic, named, part
from straw.rewards.intrinsic.score_normaliser import EPS, Window

Scores = dict[str, list[float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How raw scores become pay."""

    window: int = 100
    window_eps: float = EPS
    constant_window: float = 0.5
    per_outcome: bool = False
    warmup_steps: int = 0
    warmup_keys: int = 0
    anneal_rate: float = 1.0

    def anneal(self, step: int) -> float:
        return self.anneal_rate ** max(0, step - self.warmup_steps - 1)


class Intrinsic:
    """A judge and the windows that bring its scores to one scale."""

    def __init__(self, judge: Judge, rules: Rules) -> None:
        self.judge, self.rules = judge, rules
        self.windows: dict[str, Window] = {}
        self.empty_share = 0.0  # of the last step's scores
        self.measured: Scores = {}  # the last step's scores in [0, 1], paid or not
        self.flaws: dict[int, str] = {}  # the last step's traces that could not be scored, by place

    @property
    def names(self) -> tuple[str, ...]:
        return self.judge.names

    def score(self, traces: Sequence[Trace], step: int) -> Scores:
        """What each trace is paid, by name; then the traces are remembered."""
        places = sorted(self._sound(traces), key=lambda place: traces[place].order)
        ordered = [traces[place] for place in places]
        raw = self.judge.raw(ordered) if ordered else {name: [] for name in self.names}
        self.empty_share = share_of_none(raw)
        scaled = {name: self._scaled(name, scores, ordered) for name, scores in raw.items()}
        paid = {name: self._paid(name, scores, step) for name, scores in scaled.items()}
        if ordered:
            self.judge.write(ordered)
        self.measured = {name: back_in_place(scores, places, len(traces)) for name, scores in scaled.items()}
        return {name: back_in_place(scores, places, len(traces)) for name, scores in paid.items()}

    def _sound(self, traces: Sequence[Trace]) -> list[int]:
        """The places of those without a flaw."""
        is_whole = are_sound(traces)
        self.flaws = {} if is_whole else {place: trace.flaw for place, trace in enumerate(traces) if trace.flaw}
        return [place for place in range(len(traces)) if place not in self.flaws]

    def _paid(self, name: str, scores: Sequence[float | None], step: int) -> list[float | None]:
        """Exploit as it is; novelty behind the warm-up, annealed."""
        if name == "exploit":
            return list(scores)
        if not self._pays_novelty(step):
            return [None] * len(scores)
        return [None if score is None else score * self.rules.anneal(step) for score in scores]

    def _pays_novelty(self, step: int) -> bool:
        failure = self.judge.failure if isinstance(self.judge, Episodic) else None
        return step > self.rules.warmup_steps and (failure is None or failure.num_keys >= self.rules.warmup_keys)

    def _scaled(self, name: str, scores: Sequence[float | None], traces: Sequence[Trace]) -> list[float | None]:
        if getattr(self.judge, "is_scaled", False):
            return list(scores)
        scaled: list[float | None] = [None] * len(scores)
        for window in sorted({self._window_of(name, trace) for trace in traces}):
            there = [
                (place, score) for place, score in enumerate(scores)
                if score is not None and self._window_of(name, traces[place]) == window
            ]  # fmt: skip
            found = self._window(window).scaled([score for _, score in there])
            for (place, score), value in zip(there, found, strict=True):
                scaled[place] = 0.0 if name != "exploit" and score <= 0 else value
        return scaled

    def _window_of(self, name: str, trace: Trace) -> str:
        return f"{name}/{'right' if trace.is_right else 'wrong'}" if self.rules.per_outcome else name

    def _window(self, name: str) -> Window:
        if name not in self.windows:
            rules = self.rules
            self.windows[name] = Window(size=rules.window, eps=rules.window_eps, constant=rules.constant_window)
        return self.windows[name]

    def counts(self) -> dict[str, int]:
        return self.judge.counts()

    def arrays(self) -> dict[str, Tensor]:
        return named("judge", self.judge.arrays()) | self._small()

    def changes(self) -> dict[str, Tensor]:
        """Since `kept`, of a judge that can tell; of another one all there is."""
        judge = self.judge
        return named("judge", judge.changes() if isinstance(judge, Growing) else judge.arrays()) | self._small()

    def joined(self, parts: Sequence[Arrays]) -> Arrays:
        """`arrays` out of a whole one and the changes behind it."""
        if len(parts) == 1 or not isinstance(self.judge, Growing):
            return parts[-1]
        judge = self.judge.joined([part(one, "judge") for one in parts])
        return {name: array for name, array in parts[-1].items() if not name.startswith("judge.")} | named(
            "judge", judge
        )

    def kept(self) -> None:
        if isinstance(self.judge, Growing):
            self.judge.kept()

    def _small(self) -> dict[str, Tensor]:
        windows = {name: torch.tensor(one.newest, dtype=torch.float64) for name, one in self.windows.items()}
        return named("window", windows)

    def load(self, arrays: Arrays) -> None:
        """Of a checkpoint, which may hold more than what is read here."""
        check_finite(arrays)
        self.judge.load(part(arrays, "judge"))
        self.windows = {}
        for name, newest in part(arrays, "window").items():
            self._window(name).newest = newest.tolist()


def share_of_none(raw: Scores) -> float:
    every = [score for scores in raw.values() for score in scores]
    return sum(score is None for score in every) / len(every) if every else 0.0


def back_in_place(ordered: Sequence[float | None], places: Sequence[int], count: int) -> list[float | None]:
    """ordered[i] belongs to places[i] of `count`; elsewhere is nothing."""
    found: list[float | None] = [None] * count
    for place, value in zip(places, ordered, strict=True):
        found[place] = value
    return found
