"""What the processes of an engine do, as a table below a run's live lines.

generator  state     tokens/s  tokens  replaced
        0  sampling     1,230  88,200         0
        1  idle         1,190  85,100         1
weights taken over 120 times, 0.054 s the last time  lag 1.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

COLOURS = {"sampling": "green", "starting": "yellow", "given up": "red"}


def engine_table(facts: Mapping[str, Any], row: Mapping[str, float]) -> RenderableType | None:
    """`facts` as `Engine.facts` tells them, `row` the newest metrics; None where there are no processes."""
    if not facts.get("generators"):
        return None
    table = Table(box=None, pad_edge=False, header_style="bright_black")
    for title in ("generator", "state", "tokens/s", "tokens", "replaced"):
        table.add_column(title, justify="left" if title == "state" else "right")
    for one in facts["generators"]:
        table.add_row(
            str(one["generator"]),
            Text(one["state"], style=COLOURS.get(one["state"], "")),
            f"{one['tokens_per_s']:,.0f}",
            f"{one['tokens']:,}",
            str(one["replaced"]),
        )
    return Group(table, Text(f"weights taken over {facts['syncs']} times{last_time(facts)}{lag(row)}"))


def last_time(facts: Mapping[str, Any]) -> str:
    return f", {facts['sync_s']:.3f} s the last time" if facts["syncs"] else ""


def lag(row: Mapping[str, float]) -> str:
    parts = [f"lag {row['lag']:.1f}"] if "lag" in row else []
    parts += [f"{row['stale_groups']:.0f} stale groups"] if row.get("stale_groups") else []
    return "".join(f"  {part}" for part in parts)
