"""A plan in a terminal: a line for each number of generators, what holds it back, and where more are of no use."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from straw.planning.costs import Costs
from straw.planning.forecast import Row, Scaling
from straw.planning.workload import Workload
from straw.text.shown.screen import Console, as_text

HEADS = ("generators", "machines", "rollouts/s", "trainer idle", "lag", "sync", "memory", "{unit}-s/1M")


def print_plan(work: Workload, costs: Costs, rows: Sequence[Row], scaling: Scaling) -> None:
    console = Console()
    console.print(as_text(title(work, costs), "bold"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    unit = "GPU" if rows[0].layout.cards else "CPU"
    for head in HEADS:
        table.add_column(head.format(unit=unit), justify="right")
    for row in rows:
        table.add_row(*cells(row))
    console.print(table)
    for row in rows:
        console.print(as_text(f"{row.layout.generators:>6,}: {row.bottleneck.words}"))
    for line in [scaling_line(scaling), *assumptions(costs, rows)]:
        console.print(as_text(line))


def title(work: Workload, costs: Costs) -> str:
    return (
        f"{work.rollouts:,} rollouts a step ({work.groups:,} groups of {work.group_size}), pace {work.pace}, "
        f"{costs.mean_tokens:.3g} tokens a rollout"
    )


def cells(row: Row) -> list[str]:
    found = row.found
    memory = gigabytes(row.machine_mb) + (f" + {gigabytes(row.card_mb)} a card" if row.card_mb is not None else "")
    return [
        f"{row.layout.generators:,}", f"{row.layout.machines:,}", f"{found.rollouts_per_s:,.3g}"
        if found.rollouts_per_s < 1000 else f"{found.rollouts_per_s:,.0f}",
        f"{found.trainer_idle:.0%}", f"{found.lag:.2g}", duration(found.sync_s), memory, f"{row.device_s:,.0f}",
    ]  # fmt: skip


def gigabytes(mb: float | None) -> str:
    return "?" if mb is None else f"{mb / 1e3:.1f} GB"


def duration(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def scaling_line(scaling: Scaling) -> str:
    if not scaling.ends:
        return f"twice as many generators still bring a tenth more at {scaling.last:,}, where a plan ends"
    if scaling.last == 1:
        return f"one generator is enough here: {scaling.words}"
    return f"more than {scaling.last:,} generators are of no use here: {scaling.words}"


def assumptions(costs: Costs, rows: Sequence[Row]) -> list[str]:
    """What was not measured, where it matters."""
    found = []
    if any(row.machine_mb is None for row in rows):
        found.append("memory of a machine is known by a measurement, or by trainer_mb= and generator_mb=")
    if any(row.layout.machines > 1 for row in rows) and costs.weights_mb:
        found.append(f"weights leave at link_mb_s={costs.link_mb_s:g}, messages are as quick as on one machine")
    if any(row.found.dropped > 0.005 for row in rows):
        worst = max(row.found.dropped for row in rows)
        found.append(f"up to {worst:.0%} of the groups come too late and are dropped: raise max_lag")
    return found
