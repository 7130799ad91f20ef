"""Curves of the ideal observer, to lie beside those of runs. No torch.

curves_of(config)  ->  [Curve("observer, groups of 4", episodes, bits)]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from straw.config.load import page_of_config
from straw.errors import ConfigError
from straw.measure.observer import Observed, observed_page
from straw.report.curves.curve import Curve

FAIR = ("thompson_group",)


def label_of(strategy: str, group: int) -> str:
    return {
        "greedy": "observer, greedy",
        "thompson": "observer, Thompson",
        "thompson_group": f"observer, Thompson in groups of {group}",
        "uniform": "observer, uniform guesses",
    }[strategy]


def curves_of(
    config: Mapping[str, Any], strategies: Sequence[str] = FAIR, *, until: float | None = None
) -> list[Curve]:
    """Bits known in the mean over secrets, for the game of a run; none where no observer can be (see `measure`).

    With several secrets, each gets its share of the episodes. `until`: cut, or held, at this many episodes.
    """
    try:
        page = page_of_config(config)
        found = observed_page(page)
    except ConfigError:
        return []
    share = getattr(page.task, "num_secrets", 1)
    return [curve_of_pace(found, strategy, share=share, until=until) for strategy in strategies]


def curve_of_pace(found: Observed, strategy: str, *, share: int = 1, until: float | None = None) -> Curve:
    pace = found.paces[strategy]
    points: list[tuple[float, float]] = [
        (share * episode, bits) for episode, bits in zip(pace.episodes, pace.bits, strict=True)
    ]
    if until is not None:
        points = [point for point in points if point[0] < until] + [(until, pace.bits_at(until / share))]
    episodes, bits = zip(*points, strict=True)
    return Curve(label_of(strategy, found.group), episodes, bits, dashed=True)
