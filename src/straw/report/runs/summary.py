"""One run in a few numbers, from its folder alone.

    reward                mean of the last ten rows that have one: a single step is noise
    bits known            the last measurement
    episodes to 0.9       between which two measurements so much of the secret had arrived for the first time

A number that the run does not have (yet) is None, never zero.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from straw.errors import ConfigError, did_you_mean
from straw.report.curves.curve import Curve, is_number, metric_curve
from straw.report.runs.options_diff import ceiling_bits
from straw.runs.metric_rows import column, names_in, newest_first
from straw.runs.metrics import MEASURED, measured_in
from straw.runs.reading import State, read_about, read_config, read_metrics, state_of

LATE = 10  # rows
OF_TOOLS = {
    "calls": "tools/call_frequency", "malformed": "tools/malformed", "call_failures": "tools/failure_frequency",
    "env_failures": "environments/failed", "env_seconds": "environments/seconds",
}  # fmt: skip
SERVICE = tuple(f"tinker/{kind}_tokens" for kind in ("prefill", "cached", "sampled", "trained"))
NAMES = (  # all that a summary reads
    "step", "episodes", "num_tokens", "time_s", "reward", "hits", *MEASURED, "p_secret", "valid_mass", "updates",
    "unpaid_draws", "tinker/usd", "sandbox/seconds", *SERVICE, *OF_TOOLS.values(),
)  # fmt: skip
Row = Mapping[str, Any]


class Crossing(NamedTuple):
    """Where a curve came to a height: behind `after` episodes, and no later than `by`; both as they were measured."""

    after: float
    by: float

    def __str__(self) -> str:
        """36 to 40; a run that began so high got there at 0."""
        return f"{self.after:,.0f} to {self.by:,.0f}" if self.by > self.after else f"{self.by:,.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Key numbers of a run; the names are those of metrics.jsonl where there is one."""

    folder: str
    state: State
    started: float | None  # seconds since 1970
    step: int | None  # None before the first row
    n_batches: int | None
    episodes: int | None
    num_tokens: int | None
    time_s: float | None
    reward: float | None
    hits: float | None
    bits_known: float | None
    ceiling_bits: float | None
    accuracy: float | None
    eval_reward: float | None  # of held-out prompts that have no answers
    measured_at: int | None  # episodes
    p_secret: float | None
    valid_mass: float | None
    updates: float | None  # since the run began
    unpaid_draws: float | None
    episodes_to_half: Crossing | None
    episodes_to_most: Crossing | None  # 0.9 of the bits
    service_tokens: float | None = None  # that a Tinker server read, wrote and trained on
    usd: float | None = None
    calls: float | None = None  # of tools, a rollout, of late; the shares below too
    malformed: float | None = None
    call_failures: float | None = None
    env_failures: float | None = None
    env_seconds: float | None = None  # a rollout
    sandbox_seconds: float | None = None  # the same

    @property
    def episodes_per_s(self) -> float | None:
        return self.episodes / self.time_s if self.episodes and self.time_s else None


def summary_of(folder: str | Path) -> Summary:
    return summarised(folder, read_config(folder), read_metrics(folder, NAMES))


def summarised(folder: str | Path, config: Mapping[str, Any], rows: Sequence[Row]) -> Summary:
    """The summary of rows that are read already: all of them, or those that matter."""
    ceiling = ceiling_bits(config, read_about(folder))
    bits = metric_curve(rows, "bits_known", "")
    measured = bits if bits.episodes else metric_curve(rows, measured_in(rows), "")
    n_batches, started = config.get("run", {}).get("n_batches"), read_about(folder).get("started")
    return Summary(
        folder=str(folder),
        state=state_of(folder),
        started=started if is_number(started) else None,
        n_batches=n_batches if is_number(n_batches) else None,
        **{name: last(rows, name) for name in ("step", "episodes", "num_tokens", "time_s")},
        reward=late_mean(rows, "reward"),
        hits=late_mean(rows, "hits"),
        **{name: last(rows, name) for name in (*MEASURED, "p_secret", "valid_mass")},
        updates=total(rows, "updates"),
        unpaid_draws=total(rows, "unpaid_draws"),
        measured_at=int(measured.episodes[-1]) if measured.episodes else None,
        ceiling_bits=ceiling,
        episodes_to_half=episodes_to(bits, 0.5, ceiling),
        episodes_to_most=episodes_to(bits, 0.9, ceiling),
        service_tokens=service_tokens(rows),
        usd=last(rows, "tinker/usd"),
        calls=late_mean(rows, OF_TOOLS["calls"]),
        malformed=late_mean(rows, OF_TOOLS["malformed"]),
        call_failures=late_mean(rows, OF_TOOLS["call_failures"]),
        env_failures=late_mean(rows, OF_TOOLS["env_failures"]),
        env_seconds=late_mean(rows, OF_TOOLS["env_seconds"]),
        sandbox_seconds=late_mean(rows, "sandbox/seconds"),
    )


def service_tokens(rows: Sequence[Row]) -> float | None:
    found = [last(rows, name) for name in SERVICE]
    return sum(one or 0.0 for one in found) if any(one is not None for one in found) else None


def check_metric(name: str, rows: Iterable[Row], where: object) -> None:
    """Refuse a metric that no row has, with its neighbour."""
    there = names_in(rows) - {"step", "episodes", "time_s"}
    if name not in there:
        known = did_you_mean(name, there) if there else "there is no row of metrics yet"
        raise ConfigError(f"there is no metric {name!r} in {where}: {known}")


def last(rows: Sequence[Row], name: str) -> Any:
    """The newest value there is."""
    return next(filter(is_number, newest_first(rows, name)), None)


def total(rows: Sequence[Row], name: str) -> float | None:
    """The sum over all steps; None where not every step has one, or not every row is here."""
    values = [value for value in column(rows, name) if value is not None]
    return sum(values) if values and len(values) == last(rows, "step") else None


def late_mean(rows: Sequence[Row], name: str) -> float | None:
    values = [row[name] for row in rows[-LATE:] if is_number(row.get(name))]
    return sum(values) / len(values) if values else None


def episodes_to(curve: Curve, share: float, ceiling: float | None) -> Crossing | None:
    """The first measurement with that share of the bits, and the one before it: it happened between them.

    Example: episodes_to(Curve("", (0, 64, 128), (0.0, 3.5, 5.9)), 0.5, ceiling=6) == Crossing(after=0, by=64)
    """
    if not ceiling:
        return None
    place = next((i for i, bits in enumerate(curve.bits_known) if bits >= share * ceiling), None)
    return None if place is None else Crossing(curve.episodes[max(0, place - 1)], curve.episodes[place])


def age(since: float | None, now: float | None = None) -> str:
    """90 s -> 90 s, then 5 min, 3 h, 2 d; '' where the start is not known."""
    if since is None:
        return ""
    seconds = max(0.0, (time.time() if now is None else now) - since)
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def number(value: float | None, form: str = ",.0f") -> str:
    return "-" if value is None else format(value, form)


def of_all(part: float | None, whole: float | None, form: str) -> str:
    """5.40 of 6.00; the part alone where the whole is not known."""
    return number(part, form) + (f" of {whole:{form}}" if part is not None and whole is not None else "")


def reached(run: Summary, found: Crossing | None) -> str:
    if found is None and run.bits_known is not None and run.ceiling_bits:
        return f"not by {number(run.measured_at)}"
    return "-" if found is None else str(found)


def bits_of(run: Summary) -> str:
    """5.40 of 6.00"""
    return of_all(run.bits_known, run.ceiling_bits, ".2f") + age_of(run, run.bits_known)


def accuracy_of(run: Summary) -> str:
    return number(run.accuracy, ".2f") + age_of(run, run.accuracy)


def reward_of(run: Summary) -> str:
    return number(run.eval_reward, ".3f") + age_of(run, run.eval_reward)


def age_of(run: Summary, measured: float | None) -> str:
    """Behind how many episodes that was, where they are not the last."""
    return f" at {number(run.measured_at)}" if measured is not None and run.measured_at != run.episodes else ""


def known_of(run: Summary) -> str:
    """Whichever of them the run measures."""
    if run.accuracy is not None:
        return f"accuracy {accuracy_of(run)}"
    return f"held-out reward {reward_of(run)}" if run.eval_reward is not None else bits_of(run)


def share(part: float | None) -> str:
    return "-" if part is None else f"{part:.1%}"


FACTS: dict[str, Callable[[Summary], str]] = {  # a run's numbers as a person reads them
    "state": lambda run: run.state,
    "started": lambda run: f"{age(run.started)} ago" if run.started else "-",
    "steps": lambda run: of_all(run.step, run.n_batches, ",.0f"),
    "episodes": lambda run: number(run.episodes),
    "tokens": lambda run: number(run.num_tokens),
    "tokens of the service": lambda run: number(run.service_tokens),
    "dollars": lambda run: number(run.usd, ",.2f"),
    "updates": lambda run: number(run.updates),
    "unpaid draws": lambda run: number(run.unpaid_draws),
    "seconds": lambda run: number(run.time_s, ",.1f"),
    "episodes/s": lambda run: number(run.episodes_per_s),
    "reward, late": lambda run: number(run.reward, ".3f"),
    "hits, late": lambda run: number(run.hits, ".3f"),
    "bits known": bits_of,
    "accuracy": accuracy_of,
    "held-out reward": reward_of,
    "tool calls a rollout": lambda run: number(run.calls, ".2f"),
    "calls that were malformed": lambda run: share(run.malformed),
    "calls that brought an error": lambda run: share(run.call_failures),
    "environments that failed": lambda run: share(run.env_failures),
    "environment's seconds a rollout": lambda run: number(run.env_seconds, ",.2f"),
    "sandbox's seconds a rollout": lambda run: number(run.sandbox_seconds, ",.2f"),
    "p(S)": lambda run: number(run.p_secret, ".3f"),
    "valid mass": lambda run: number(run.valid_mass, ".4f"),
    "episodes to 0.5 of the bits": lambda run: reached(run, run.episodes_to_half),
    "episodes to 0.9 of the bits": lambda run: reached(run, run.episodes_to_most),
}
