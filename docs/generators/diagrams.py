"""The drawings of the page of concepts: how a bit travels, and where it is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from generators.drawing import axes, save

BOXES = (  # of the game: centre, title, what it is
    ((0.11, 0.70), "problem", "which number?"),
    ((0.37, 0.70), "policy", "writes a group\nof completions"),
    ((0.63, 0.70), "grade", "facts: right?\nhow far?"),
    ((0.89, 0.70), "channel", "turns a grade\ninto a reward"),
    ((0.89, 0.18), "advantage", "reward less\nbaseline"),
    ((0.37, 0.18), "update", "loss, AdamW,\nnew weights"),
)
ARROWS = ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 1))
COUNTED = (  # of the ledger: where, what
    ((0.79, 0.44), "offered, usable", "#882255"),
    ((0.60, 0.95), "received: by an ideal observer of the same rollouts", "#117755"),
    ((0.11, 0.40), "absorbed: bits known\nby the weights", "#aa3355"),
)


def draw_diagrams(folder: Path) -> None:
    figure, ax = axes(8.0, 3.4)
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    for (x, y), title, text in BOXES:
        box(ax, x, y, title, text)
    for start, end in ARROWS:
        arrow(ax, BOXES[start][0], BOXES[end][0])
    for (x, y), text, colour in COUNTED:
        ax.text(x, y, text, ha="center", va="center", color=colour, fontsize=9, style="italic")
    save(figure, folder / "game.svg")


def box(ax: Any, x: float, y: float, title: str, text: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    frame = FancyBboxPatch(
        (x - 0.085, y - 0.14), 0.17, 0.28, boxstyle="round,pad=0.01", facecolor="#eef2f7", edgecolor="#445566"
    )
    ax.add_patch(frame)
    ax.text(x, y + 0.08, title, ha="center", va="center", weight="bold")
    ax.text(x, y - 0.04, text, ha="center", va="center", fontsize=9)


def arrow(ax: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From edge to edge: boxes are wider than high, so that the side is taken by the larger step."""
    sideways = start[1] == end[1]
    reach = (0.1 if end[0] > start[0] else -0.1, 0.0) if sideways else (0.0, 0.16 if end[1] > start[1] else -0.16)
    begin = (start[0] + reach[0], start[1] + reach[1])
    stop = (end[0] - reach[0], end[1] - reach[1])
    ax.annotate("", stop, begin, arrowprops={"arrowstyle": "->", "color": "#445566"})
