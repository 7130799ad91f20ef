"""What a sweep found, from its run folders.

    condition   seeds   bits, median    episodes to 90%, median    learning rate
    binary      3 of 3  9.81 of 10.00   6,144                      0.0003
    8 bins      2 of 3  9.95 of 10.00   880                        0.0002

A run that never knew 0.9 of its bits counts as slower than any that did; a median among such runs is "not reached".
Runs of a task without bits end with an accuracy instead: `sweep_accuracy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from statistics import median
from typing import Any

from straw.files import is_file
from straw.report.curves.curve import Curve, metric_curve
from straw.report.curves.picture import draw_picture
from straw.report.runs.summary import total
from straw.runs.reading import CONFIG, read_done, read_metrics, state_of
from straw.runs.sweeps.sweep import Planned
from straw.runs.sweeps.tuning import NEVER, Row, Trial

ENOUGH = 0.9  # of the bits
MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One run of a sweep, as far as it came."""

    planned: Planned
    state: str  # done, failed, stopped, running or missing
    reason: str = ""
    curve: Curve = field(default_factory=lambda: Curve("", (), ()))
    last: Mapping[str, float] = field(default_factory=dict)  # the last row with an accuracy
    done: Mapping[str, Any] = field(default_factory=dict)
    updates: float | None = None
    unpaid_draws: float | None = None

    @property
    def is_done(self) -> bool:
        return self.state == "done"

    @property
    def bits(self) -> float:
        """At the end; -inf where there is none."""
        return self.curve.bits_known[-1] if self.is_done and self.curve.bits_known else -inf

    @property
    def episodes_to_enough(self) -> float:
        ceiling = self.planned.ceiling_bits
        return episodes_to(self.curve, ENOUGH * ceiling) if self.is_done and ceiling is not None else NEVER

    @property
    def trial(self) -> Trial:
        return Trial(self.planned.rate, self.episodes_to_enough, self.bits)


def ended(planned: Planned, reason: str = "") -> Ended:
    """Read a run's folder; `reason` is why it failed, if the sweep saw it fail."""
    folder = planned.run.folder
    state = state_in(folder)
    if state == MISSING:
        return Ended(planned=planned, state="failed" if reason else state, reason=reason)
    if state == "done":
        reason = ""
    rows = read_metrics(folder)
    return Ended(
        planned=planned,
        state="failed" if reason else state,
        reason=reason,
        curve=metric_curve(rows, "bits_known", planned.run.condition)._replace(dashed=planned.is_sft),
        last=next((row for row in reversed(rows) if row.get("accuracy") is not None), {}),
        done=read_done(folder) or {},
        updates=total(rows, "updates"),
        unpaid_draws=total(rows, "unpaid_draws"),
    )


def state_in(folder: Path) -> str:
    """As `state_of`, and "missing" where no run began."""
    return state_of(folder) if is_file(folder / CONFIG) else MISSING


def episodes_to(curve: Curve, bits: float) -> float:
    """The first measured count of episodes with so many bits, or NEVER."""
    return next((e for e, b in zip(curve.episodes, curve.bits_known, strict=True) if b >= bits), NEVER)


# --- a condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All seeds of one condition."""

    condition: str
    runs: Sequence[Ended]
    trials: Sequence[Row] = ()

    @property
    def done(self) -> list[Ended]:
        return [run for run in self.runs if run.is_done]

    @property
    def bits(self) -> float | None:
        known = [run.bits for run in self.done if run.bits > -inf]
        return median(known) if known else None

    @property
    def episodes(self) -> float:
        return median(run.episodes_to_enough for run in self.done) if self.done else NEVER

    @property
    def rate(self) -> float:
        return self.runs[0].planned.rate

    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        ceiling = self.runs[0].planned.ceiling_bits
        bits = "" if self.bits is None or ceiling is None else f"{self.bits:.2f} of {ceiling:.2f}"
        return (self.condition, f"{len(self.done)} of {len(self.runs)}", bits, counted(self.episodes), f"{self.rate:g}")

    def unpaid(self) -> str | None:
        """What stands behind episodes that are not all a learner lives on; None for any other."""
        drawn = [run.unpaid_draws for run in self.done if run.unpaid_draws is not None]
        updates = [run.updates for run in self.done if run.updates is not None]
        if not drawn or not updates:
            return None
        return f"{self.condition}: {median(drawn):,.0f} unpaid draws and {median(updates):,.0f} updates a run, median"

    def curve(self) -> Curve:
        """The median of the seeds, where all of them were measured."""
        curves = [run.curve for run in self.done]
        shared = sorted(set.intersection(*(set(curve.episodes) for curve in curves))) if curves else []
        bits = [dict(zip(curve.episodes, curve.bits_known, strict=True)) for curve in curves]
        is_sft = self.runs[0].planned.is_sft
        return Curve(self.condition, shared, [median(one[episodes] for one in bits) for episodes in shared], is_sft)


HEADER = ("condition", "seeds", "bits, median", "episodes to 90%, median", "learning rate")


def counted(episodes: float) -> str:
    return f"{episodes:,.0f}" if episodes < NEVER else "not reached"


def draw_sweep(summaries: Sequence[Summary], folder: Path, subtitle: str) -> Path | None:
    """One line a condition; a ceiling where all have the same."""
    curves = [summary.curve() for summary in summaries if summary.done]
    ceilings = {run.planned.ceiling_bits for summary in summaries for run in summary.runs}
    if not curves:
        return None
    ceiling = ceilings.pop() if len(ceilings) == 1 else None
    return draw_picture(curves, folder / "curves.png", ceiling_bits=ceiling, subtitle=subtitle)
