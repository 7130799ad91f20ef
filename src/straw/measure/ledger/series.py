"""The ledger of a finished run, or of one that still goes on, from its folder. No torch.

    series = ledger_of("runs/first")
    series["offered_bits"]  ->  [0.0, 1.68, ...]     one a row of metrics.jsonl; None where it was not measured
    efficiencies_of([one, other])                    ratios of sums over runs

`bound` says whether absorbed <= received <= offered is a theorem for this run ("law") or not ("none"), and
`no_received` why nobody could say what an observer received.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from straw.config.load import flat
from straw.measure.ledger.ledger import efficiencies
from straw.measure.ledger.reward_classes import MOST
from straw.runs.metric_rows import column, full_column
from straw.runs.reading import read_config, read_metrics

PREFIX = "ledger/"
COLUMNS = (
    "offered_bits", "usable_bits", "wasted_bits", "capacity_bits", "received_bits",
    "absorbed_bits", "absorbed_normalised_bits", "absorbed_smoothed_bits", "kl_from_start_bits",
    "offered_entropy_bits", "offered_entropy_mm_bits", "eta_channel", "eta_absorb", "eta",
    "pass_bits", "pass_bits_biased", "gold_bits",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSeries:
    """Columns by name, each as long as `episodes`."""

    episodes: list[int]
    columns: dict[str, list[float | None]]
    bound: str
    no_received: str | None

    def __getitem__(self, name: str) -> list[float | None]:
        return self.columns[name]

    def last(self, name: str) -> float | None:
        """The newest value that was measured."""
        return next((value for value in reversed(self.columns[name]) if value is not None), None)


def ledger_of(folder: str | Path) -> LedgerSeries:
    return series_from(read_config(folder), read_metrics(folder))


def series_from(config: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> LedgerSeries:
    columns = {name: [*column(rows, PREFIX + name)] for name in COLUMNS}
    options = flat(config)
    return LedgerSeries(
        episodes=[*full_column(rows, "episodes")],
        columns=columns,
        bound="law" if options.get("kind") == "secret" else "none",
        no_received=None if any(value is not None for value in columns["received_bits"]) else reason(options),
    )


def reason(options: Mapping[str, Any]) -> str:
    """Why an observer received nothing that could be counted."""
    if options.get("algorithm") == "sft":
        return "supervised learning is shown the answer and told no rewards"
    if options.get("kind") != "secret":
        return "answers cannot be listed"
    if int(options["N"]) ** int(options["length"]) > MOST:
        return f"there are more than {MOST} secrets"
    return "the ledger does not sort secrets by this reward, or the run was made before it did"


def efficiencies_of(runs: Sequence[LedgerSeries]) -> dict[str, float | None]:
    """Of the newest sums over these runs; None as soon as one of them lacks a number."""
    sums = []
    for name in ("offered_bits", "received_bits", "absorbed_bits"):
        newest = [value for value in (run.last(name) for run in runs) if value is not None]
        sums.append(sum(newest) if newest and len(newest) == len(runs) else None)
    return efficiencies(*sums)
