"""The numbers of one step, by name, that add up over micro-batches.

    {"kl": Metric(0.1, 4)}  and  {"kl": Metric(0.4, 2)}   ->  {"kl": Metric(0.2, 6)}  ->  {"step": 3, ..., "kl": 0.2}

A mean travels with its count until the row is written, because a mean of means is wrong. A number
that nobody could compute (count 0) is absent from the row, not zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from straw.runs.metric_rows import column
from straw.types import Metric

MEASURED = ("bits_known", "accuracy", "eval_reward")  # what a run is judged by: the first that it has


ROW = ("step", "episodes", "time_s")
TAKEN = frozenset({  # names that a run writes, and judges itself by; with a slash it has whole families
    *ROW, *MEASURED, "accuracy_low", "accuracy_high", "advantage_scale", "answer_entropy_bits", "bits_known_clamped",
    "bits_known_normalised", "distance_to_uniform", "distinct_answers", "distinct_right", "entropy",
    "fit_error", "format_compliance", "format_errors", "frac_reward_zero_std", "grad_norm", "groups_without_advantage",
    "hits", "kl", "kl_from_belief", "kl_sampler", "kl_to_teacher", "lag", "learning_rate", "loss", "member_reward_std",
    "most_common_reply", "num_tokens", "p_secret", "pass_rate", "problems_seen", "redrawn_groups", "reward",
    "reward_std", "stale_groups", "unpaid_draws", "updates", "valid_mass",
})  # fmt: skip
FAMILIES = (
    "completions/", "diversity/", "environments/", "ledger/", "logged/", "memory/", "pass@", "rewards/", "sandbox/",
    "tools/",
)  # fmt: skip


def is_taken(name: str) -> bool:
    """Whether a metric of somebody else's may not have this name: two things would be in one column."""
    return name in TAKEN or name.startswith(FAMILIES)


def measured_in(rows: Sequence[Mapping[str, Any]]) -> str:
    """The first that these rows have; their reward where nothing was measured."""
    return next((name for name in MEASURED if any(value is not None for value in column(rows, name))), "reward")


def mean_of(values: Iterable[float]) -> Metric:
    """The values as one metric; of no values, a metric of count 0."""
    listed = list(values)
    return Metric(sum(listed) / len(listed), len(listed)) if listed else Metric(0.0, 0)


def merged(*parts: Mapping[str, Metric]) -> dict[str, Metric]:
    """Parts of one step as a whole: equal names add up."""
    whole: dict[str, Metric] = {}
    for part in parts:
        for name, metric in part.items():
            if metric.count:
                whole[name] = whole[name] + metric if name in whole else metric
    return whole


def metrics_row(*, step: int, episodes: int, time_s: float, metrics: Mapping[str, Metric]) -> dict[str, float]:
    """One line of metrics.jsonl: where the run stands, then every metric's mean."""
    row: dict[str, float] = {"step": step, "episodes": episodes, "time_s": round(time_s, 3)}
    if taken := row.keys() & metrics.keys():
        raise ValueError(f"a metric may not be named {', '.join(sorted(taken))}: the row itself has that column")
    return row | {name: metric.mean for name, metric in metrics.items() if metric.count}
