"""What the demo's numbers say, in a table and two sentences that change when the numbers do.

    times of a channel    episodes to 0.9 of the bits = episodes to the first hit + episodes from there on

Two channels are told apart where their intervals do not touch, and no order is claimed where they do. What is told
outright is the control: it neither searches nor is misled, so whatever a channel takes beyond it is not the writing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from straw.report.curves.curve import metric_curve
from straw.report.runs.summary import episodes_to
from straw.report.sweeps.few import Few, few_of
from straw.runs.reading import read_metrics

ENOUGH = 0.9
TOLD = "SFT"
MISLED_BITS = 0.5  # below the start


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to be told a secret, over several secrets."""

    label: str
    rate: float
    known: tuple[float, ...]  # episodes until 0.9 of the bits are known, one a secret; inf: not reached
    hit: tuple[float, ...]  # to the first reply that was right; empty where nothing is tried
    misled: int  # runs that knew less than at their start before they knew more
    watched: float  # episodes of the longest run

    @property
    def solved(self) -> int:
        return sum(time < inf for time in self.known)

    @property
    def until_known(self) -> Few:
        return few_of(self.known, self.watched)

    @property
    def until_hit(self) -> Few | None:
        return few_of(self.hit, self.watched) if self.hit else None

    @property
    def from_hit(self) -> Few | None:
        """Of those that hit at all."""
        waits = [known - hit for known, hit in zip(self.known, self.hit, strict=False) if hit < inf]
        return few_of(waits, self.watched) if waits else None


def way_of(label: str, rate: float, folders: Sequence[Path], ceiling: float) -> Way:
    known, hit, misled, watched = [], [], 0, 0.0
    for folder in folders:
        rows = read_metrics(folder)
        curve = metric_curve(rows, "bits_known", label)
        crossing = episodes_to(curve, ENOUGH, ceiling)
        misled += min(curve.bits_known) < curve.bits_known[0] - MISLED_BITS
        known.append(inf if crossing is None else crossing.by)
        if any("hits" in row for row in rows):
            hit.append(next((float(row["episodes"]) for row in rows if row.get("hits")), inf))
        watched = max(watched, float(rows[-1]["episodes"]))
    return Way(label=label, rate=rate, known=tuple(known), hit=tuple(hit), misled=misled, watched=watched)


HEADER = ("channel", "learned", "episodes to 90%", "to the first hit", "from there on", "rate")


def table(ways: Sequence[Way]) -> list[tuple[str, ...]]:
    return [
        (
            way.label, f"{way.solved} of {len(way.known)}", str(way.until_known), str(way.until_hit or "-"),
            str(way.from_hit or "-"), f"{way.rate:g}",
        )
        for way in sorted(ways, key=lambda way: way.until_known.value)
    ]  # fmt: skip


def sentences(ways: Sequence[Way]) -> list[str]:
    """What was seen, and why."""
    return [seen(ways), why({way.label: way for way in ways})]


def seen(ways: Sequence[Way]) -> str:
    """Who is told apart from whom: pairs whose intervals do not touch, and all others."""
    ordered = sorted(ways, key=lambda way: way.until_known.value)
    order = ", ".join(f"{way.label} {way.until_known}" for way in ordered)
    apart = [(a.label, b.label) for i, a in enumerate(ordered) for b in ordered[i + 1 :] if is_before(a, b)]
    told = ", ".join(f"{first} before {later}" for first, later in joined(apart).items())
    return (
        f"Seen: episodes to 90% of the bits were {order}; "
        + (f"surely {told}, and no other order" if told else "no order of them is sure")
        + f" on {len(ways[0].known)} secrets, each channel at a learning rate of its own."
    )


def is_before(one: Way, other: Way) -> bool:
    return one.until_known.is_sure and other.until_known.is_sure and one.until_known.high < other.until_known.low


def joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """{"SFT": "dense and binary"}"""
    later: dict[str, list[str]] = {}
    for first, second in pairs:
        later.setdefault(first, []).append(second)
    return {first: " and ".join(names) for first, names in later.items()}


def why(ways: Mapping[str, Way]) -> str:
    """Where the time of each channel went, and whether near misses were learned on the way."""
    parts = [
        f"{way.until_hit.value_told} + {way.from_hit.value_told} for {way.label}"
        for way in ways.values()
        if way.until_hit is not None and way.from_hit is not None
    ]
    misled = [f"{way.misled} of {len(way.known)} runs of {way.label}" for way in ways.values() if way.misled]
    unlearned = f"bits known fell below the start on the way in {', '.join(misled)}: another answer was learned first; "
    return (
        f"Why: episodes to the first right reply + from there on were {', '.join(parts)}; {unlearned if misled else ''}"
        f"SFT is told outright and is the control: writing alone took {ways[TOLD].until_known.value_told}."
    )
