"""The ledger's last words about a run, for a table. No torch."""

from __future__ import annotations

from pathlib import Path

from straw.measure.ledger.series import LedgerSeries, ledger_of
from straw.runs.reading import UNDECLARED, read_about

SHOWN = {
    "offered_bits": "offered by the rewards",
    "usable_bits": "usable, in groups that had an advantage",
    "received_bits": "received by an ideal observer",
    "absorbed_bits": "absorbed by the policy",
    "kl_from_start_bits": "KL from the start",
    "pass_bits": "pass rate, in bits over the start",
    "gold_bits": "reference replies, in bits over decoys",
}


def ledger_rows(folder: str | Path) -> list[tuple[str, str]]:
    """What there is, in bits."""
    return rows_of(ledger_of(folder), is_declared=read_about(folder).get("reward") != UNDECLARED)


def rows_of(series: LedgerSeries, *, is_declared: bool = True) -> list[tuple[str, str]]:
    """A reward that declares nothing is charged for whatever a number may be: the bound holds, and is wide."""
    shown = SHOWN if is_declared else SHOWN | {"offered_bits": f"{SHOWN['offered_bits']}, levels undeclared"}
    newest = {title: series.last(name) for name, title in shown.items()}
    rows = [(title, f"{value:.2f} bits") for title, value in newest.items() if value is not None]
    eta = series.last("eta_absorb")
    return rows if eta is None else [*rows, ("absorbed / received", f"{eta:.2f}")]
