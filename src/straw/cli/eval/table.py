"""The table of an evaluation: a row for each set of weights and grader.

grader     accuracy               pass@4
exact      31.0%  24.9 to 37.8    52.0%  45.1 to 58.9
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from straw.text.shown.screen import Console, as_text

if TYPE_CHECKING:
    from straw.evaluation.evaluate import Evaluated


def print_table(rows: Sequence[Evaluated]) -> None:
    first = rows[0].result
    measures = list(next(iter(first["scores"].values())))
    table = Table(box=None, pad_edge=False, header_style="bold")
    counts = ("answers", "right") if "distinct" in first else ()
    distinct = [f"distinct {name}" for name in counts]
    for name in ("weights", "grader", *measures, *distinct, "in form", "cut short", "tokens"):
        table.add_column(name, justify="left" if name in ("weights", "grader") else "right", no_wrap=True)
    for row in rows:
        for number, (grader, scores) in enumerate(row.result["scores"].items()):
            facts: tuple[str, ...] = facts_of(row.result) if number == 0 else ("", "", "")
            shown = [interval(scores[name]) for name in measures]
            shown += [f"{row.result['distinct'][grader][name]:.2f}" for name in counts]
            table.add_row(as_text(row.title) if number == 0 else "", grader, *shown, *facts)
    console = Console(width=max(100, 60 + 26 * len(measures) + 18 * len(counts)))
    console.print(as_text(f"{first['asks']}; 95% intervals"), soft_wrap=True)
    console.print(table)
    for grader, count in first["golds_not_read"].items():
        console.print(
            f"{grader} fails {count} of the {first['num_problems']} right answers as this prompt asks for them: "
            "another grader or system_prompt fits better", highlight=False,
        )  # fmt: skip
    for row in rows:
        console.print(f"replies: {row.folder}/graded.jsonl", highlight=False, soft_wrap=True)


def facts_of(result: dict[str, Any]) -> tuple[str, str, str]:
    return per_cent(result["format_compliance"]), per_cent(result["cut_short"]), f"{result['mean_tokens']:.0f}"


def interval(score: dict[str, float]) -> str:
    return f"{per_cent(score['value'])}  {100 * score['low']:.1f} to {100 * score['high']:.1f}"


def per_cent(share: float) -> str:
    return f"{100 * share:.1f}%"
