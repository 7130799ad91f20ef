"""An article as Markdown: every word of a run's folder is escaped, and figures are SVG files beside it.

markdown_of(blocks, "paper-figures")   ->   "# Does ...?\\n\\n..."
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from straw.report.figures.drawing.figure import Table
from straw.report.paper.blocks import Block, Heading, Items, Lines, Paragraph, Shown
from straw.text.shown.markdown import escaped, fenced, table


def markdown_of(blocks: Sequence[Block], folder: str) -> str:
    return "\n\n".join(written(block, folder) for block in blocks) + "\n"


def written(block: Block, folder: str) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {escaped(text)}"
        case Paragraph(text):
            return escaped(text)
        case Items(texts):
            return "\n".join(f"- {escaped(text)}" for text in texts)
        case Lines(text):
            return fenced(text)
        case Table():
            return f"{escaped(block.caption)}:\n\n{table(block.header, block.rows)}"
        case Shown(figure, number):
            said = f"Figure {number}. {figure.title}. {figure.says}"
            return f"![{escaped(figure.title)}]({quote(folder)}/{figure.name}.svg)\n\n{escaped(said)}"
