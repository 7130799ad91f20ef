"""Under which conditions a sentence is true: N, what learns, how, and how many runs stand behind it.

N = 64, tiny-1M, all weights, reinforce, 12 runs each
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from straw.report.study.capacity import how_of, model_of
from straw.report.study.cells import Cell
from straw.report.study.formatting import counted, spread, three

MOST = 2  # different values that are written out


def setting(cells: Sequence[Cell], *, with_N: bool = True) -> str:
    """`with_N`: where the sentence has not named it."""
    sizes = [cell.N for cell in cells if cell.N is not None]
    words = [f"N = {spread(sizes)}"] if with_N and sizes else []
    words += [few("task", kinds(cells))] if not sizes else []
    return ", ".join([*words, *learners(cells), num_runs(cells)])


def kinds(cells: Sequence[Cell]) -> list[str]:
    return [cell.runs[0].options.get("kind", "") for cell in cells]


def learners(cells: Sequence[Cell]) -> list[str]:
    """The model, what of it learns, and the algorithm."""
    parts = (
        ("model", map(model_of, cells)), ("set of weights", map(how_of, cells)),
        ("algorithm", (cell.runs[0].options.get("algorithm", "") for cell in cells)),
    )  # fmt: skip
    return [words for noun, values in parts if (words := few(noun, values))]


def few(noun: str, values: Iterable[str]) -> str:
    """Two are named; of more it is said how many there are."""
    different = [value for value in dict.fromkeys(values) if value]
    if not different:
        return ""
    plural = {"set of weights": "sets of weights"}.get(noun, "")
    return " or ".join(different) if len(different) <= MOST else counted(len(different), noun, plural)


def num_runs(cells: Sequence[Cell]) -> str:
    """12 runs; 12 runs each; 3 to 12 runs each"""
    counts = [len(cell.runs) for cell in cells]
    each = " each" if len(cells) > 1 else ""
    return (counted(counts[0], "run") if len(set(counts)) == 1 else f"{spread(counts)} runs") + each


def at_size(N: int | None) -> str:
    return "" if N is None else f" at N = {three(N)}"
