"""Times without any run folder, for tests of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np

from straw.report.study.statistics.times import Times


def waited(
    episodes: Sequence[float], cap: float = np.inf, seeds: Sequence[int] | None = None, step: float | None = None
) -> Times:
    """Each its own secret; what would have come behind the cap is censored there. Seen every `step` episodes."""
    array = np.array(episodes, dtype=float)
    runs = [
        SimpleNamespace(secret=str(secret), seed=str(secret if seeds is None else seeds[secret]))
        for secret in range(len(array))
    ]
    seen = np.minimum(array, cap) if step is None else np.ceil(np.minimum(array, cap) / step) * step
    return Times(seen, array <= cap, runs, seen if step is None else seen - step)
