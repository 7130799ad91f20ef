"""What a sweep over a task with held-out problems found: accuracy and variety of answers, condition by condition.

    condition   seeds      accuracy           against no, p        pass@8   distinct right   distinct answers   CPU s
    no          12 of 12   0.443 +- 0.010                          0.66     1.2              3.9                12
    knn+        12 of 12   0.439 +- 0.012     -0.004 +- 0.008 0.3  0.67     1.3              4.2                15

Means over seeds with 95% intervals, of what was measured last; the first condition is what the others are compared
with, seed by seed (`paired`). Several replies to each problem are needed for all but accuracy: eval_replies=8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from straw.report.sweeps.paired import Against, Sure, against, sure
from straw.report.sweeps.sweep import Summary

ACCURACY, ANSWERS, RIGHT = "accuracy", "distinct_answers", "distinct_right"


def has_accuracy(summaries: Sequence[Summary]) -> bool:
    return any(run.last for summary in summaries for run in summary.done)


def measured(summaries: Sequence[Summary]) -> list[str]:
    """What a table has a column for: accuracy, pass@k of the largest k, and the counts of answers."""
    there = set(chain.from_iterable(run.last for summary in summaries for run in summary.done))
    passes = sorted((name for name in there if name.startswith("pass@")), key=lambda name: int(name[5:]))
    return [name for name in (ACCURACY, *passes[-1:], RIGHT, ANSWERS) if name in there]


def by_seed(summary: Summary, name: str) -> dict[int, float]:
    return {run.planned.run.seed: float(run.last[name]) for run in summary.done if name in run.last}


def mean_of(summary: Summary, name: str) -> Sure:
    return sure(list(by_seed(summary, name).values()))


def against_first(summaries: Sequence[Summary], summary: Summary, name: str) -> Against | None:
    """None for the first itself."""
    return None if summary is summaries[0] else against(by_seed(summary, name), by_seed(summaries[0], name))


# --- a table


def header(summaries: Sequence[Summary]) -> tuple[str, ...]:
    accuracy, *others = measured(summaries)
    return ("condition", "seeds", accuracy, f"against {summaries[0].condition}", "p", *map(words, others), "CPU s")


def cells(summaries: Sequence[Summary], summary: Summary) -> tuple[str, ...]:
    accuracy, *others = measured(summaries)
    found = against_first(summaries, summary, accuracy)
    seconds = [float(run.done["cpu_s"]) for run in summary.done if run.done.get("cpu_s") is not None]
    return (
        summary.condition,
        f"{len(summary.done)} of {len(summary.runs)}",
        told(mean_of(summary, accuracy)),
        "" if found is None else told(found.difference, "+"),
        "" if found is None or found.p is None else f"{found.p:.2g}",
        *(told(mean_of(summary, name)) for name in others),
        f"{sum(seconds) / len(seconds):.1f}" if seconds else "",
    )


def told(one: Sure, sign: str = "") -> str:
    """0.443 +- 0.010; without a width where one run is all there is."""
    if one.mean != one.mean:
        return ""
    half = one.high - one.mean
    return f"{one.mean:{sign}.3f}" + (f" \N{PLUS-MINUS SIGN} {half:.3f}" if half < 1e6 else "")


def words(name: str) -> str:
    return name.replace("_", " ")


# --- for programs


def facts(summaries: Sequence[Summary], summary: Summary) -> dict[str, object]:
    """A condition's part of sweep.json."""
    return dict(_facts(summaries, summary)) if summary.done else {}


def _facts(summaries: Sequence[Summary], summary: Summary) -> Iterator[tuple[str, object]]:
    for name in measured(summaries):
        yield name, bounds(mean_of(summary, name))
        if (found := against_first(summaries, summary, name)) is not None:
            yield f"{name}_against_first", {**bounds(found.difference), "p": found.p, "pairs": found.num_pairs}


def bounds(one: Sure) -> Mapping[str, float | None]:
    return {name: value if abs(value) < 1e6 else None for name, value in one._asdict().items()}
