"""An article as a PDF: A4, selectable text, figures of lines.

pdf_of(blocks)   ->   bytes, the same for the same article
"""

from __future__ import annotations

from collections.abc import Sequence

from straw.report.figures.drawing.figure import Figure, Panel, Table
from straw.report.figures.drawing.paper import HEIGHT, WIDTH, sheet_of
from straw.report.paper.blocks import Block, Heading, Items, Lines, Paragraph, Shown
from straw.report.paper.pdf.canvas import DPI, Canvas, States
from straw.report.paper.pdf.fonts import Faces
from straw.report.paper.pdf.layout import GREY, ROOM_ACROSS, SMALL, Pages
from straw.report.paper.pdf.writer import Writer

ACROSS, MOST = 2, 6  # panels beside each other, and on one page
SCALE = ROOM_ACROSS / (ACROSS * DPI * WIDTH)  # so that every panel is of one size


def pdf_of(blocks: Sequence[Block]) -> bytes:
    faces, states = Faces(), States()
    pages = Pages(faces)
    for block, behind in zip(blocks, [*blocks[1:], None], strict=True):
        put(block, pages, states, behind)
    title = next((one.text for one in blocks if isinstance(one, Heading)), "")
    texts, writer = pages.texts(), Writer()
    fonts = " ".join(f"/{name} {face.put(writer)} 0 R" for name, face in faces.named.items())
    resources = f"<< /Font << {fonts} >> /ExtGState << {states.resources()} >> >>"
    return writer.saved(texts, resources, title, pages.marks)


def put(block: Block, pages: Pages, states: States, behind: Block | None) -> None:
    match block:
        case Heading(text, level):
            pages.heading(text, level, height_of(behind) if isinstance(behind, Shown) else 0.0)
        case Paragraph(text):
            pages.paragraph(text)
        case Items(texts):
            pages.items(texts)
        case Lines(text):
            pages.code(text)
        case Table():
            pages.table(block)
        case Shown(figure, number):
            shown(figure, number, pages, states)


def height_of(block: Shown) -> float:
    """Of its first picture on the page, which a heading stays with."""
    return SCALE * DPI * HEIGHT * -(-min(MOST, len(block.figure.panels)) // ACROSS)


def shown(figure: Figure, number: int, pages: Pages, states: States) -> None:
    """Many panels go on several sheets."""
    for first in range(0, len(figure.panels), MOST):
        sheet(figure.panels[first : first + MOST], pages, states)
    pages.paragraph(f"Figure {number}. {figure.title}. {figure.says}", SMALL, GREY)


def sheet(panels: Sequence[Panel], pages: Pages, states: States) -> None:
    with sheet_of(panels, ACROSS, DPI) as drawn:
        width, height = (DPI * float(inches) for inches in drawn.get_size_inches())
        pages.picture(Canvas(pages.faces, states, width, height).drawn(drawn), width, height, SCALE)
