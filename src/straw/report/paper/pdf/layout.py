"""Pages of A4, filled from top to bottom with headings, paragraphs, tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence

from straw.report.figures.drawing.figure import Table
from straw.report.paper.pdf.columns import GAP, Part, parts
from straw.report.paper.pdf.fonts import Face, Faces
from straw.report.paper.pdf.lines import kept, wrapped
from straw.report.paper.pdf.writer import A4, Mark

SIDE, TOP, BOTTOM = 56.0, 60.0, 56.0  # margins
ROOM_ACROSS, ROOM = A4[0] - 2 * SIDE, A4[1] - TOP - BOTTOM
BODY, SMALL, CODE, CELL = 9.6, 8.2, 8.0, 7.2  # sizes of letters
HEADS = {1: 17.0, 2: 13.0, 3: 10.6}
LEADING = 1.42
GREY = "0.35 g"


class Pages:
    """`drawn` are the pages so far, as what is drawn on each; `y` is where the next line's top is."""

    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        self.drawn: list[list[str]] = [[]]
        self.marks: list[Mark] = []
        self.y = A4[1] - TOP

    def texts(self) -> list[str]:
        """The pages with their numbers below."""
        count = len(self.drawn)
        for number, page in enumerate(self.drawn, start=1):
            words = f"{number} / {count}"
            x = A4[0] - SIDE - self.faces.plain.width(words, SMALL)
            page.append(self.shown_at(x, BOTTOM - 24, words, self.faces.plain, SMALL, GREY))
        return ["\n".join(page) for page in self.drawn]

    # --- room ------------------------------------------------------------------------------------

    def need(self, height: float) -> None:
        """A new page, where so much does not fit on this one."""
        if self.y - height < BOTTOM and self.drawn[-1]:
            self.drawn.append([])
            self.y = A4[1] - TOP

    def skip(self, height: float) -> None:
        if self.drawn[-1]:
            self.y -= height

    def line(self, words: str, face: Face, size: float, x: float = SIDE, ink: str = "0 g") -> None:
        self.need(size * LEADING)
        self.y -= size * LEADING
        self.drawn[-1].append(self.shown_at(x, self.y + 0.3 * size, words, face, size, ink))

    def shown_at(self, x: float, y: float, words: str, face: Face, size: float, ink: str = "0 g") -> str:
        name = self.faces.name_of(face)
        return f"BT {ink} /{name} {size:.2f} Tf {x:.2f} {y:.2f} Td {face.written(words)} Tj ET"

    # --- what an article has ---------------------------------------------------------------------

    def heading(self, words: str, level: int, behind: float = 0.0) -> None:
        """With `behind` points below it on the same page; never alone at the end of one."""
        size = HEADS[level]
        lines = wrapped(words, self.faces.bold, size, ROOM_ACROSS)
        self.skip(size * 0.9)
        self.need(size * LEADING * len(lines) + max(5 * BODY, behind + 2 * BODY))
        if level < 3:
            self.marks.append(Mark(words, len(self.drawn) - 1, self.y))
        for one in lines:
            self.line(one, self.faces.bold, size)
        self.skip(size * 0.3)

    def paragraph(self, words: str, size: float = BODY, ink: str = "0 g") -> None:
        for one in wrapped(words, self.faces.plain, size, ROOM_ACROSS):
            self.line(one, self.faces.plain, size, ink=ink)
        self.skip(0.55 * size)

    def items(self, texts: Sequence[str]) -> None:
        for words in texts:
            for number, one in enumerate(wrapped(words, self.faces.plain, BODY, ROOM_ACROSS - 12)):
                self.line(one, self.faces.plain, BODY, SIDE + 12)
                if not number:
                    y = self.y + 0.3 * BODY
                    self.drawn[-1].append(self.shown_at(SIDE + 1, y, "•", self.faces.plain, BODY))
            self.skip(0.3 * BODY)
        self.skip(0.3 * BODY)

    def code(self, text: str) -> None:
        for one in kept(text, self.faces.mono, CODE, ROOM_ACROSS - 12):
            self.line(one, self.faces.mono, CODE, SIDE + 12)
        self.skip(0.6 * BODY)

    def picture(self, drawn: str, width: float, height: float, scale: float) -> None:
        scale = min(scale, ROOM_ACROSS / width, ROOM / height)
        self.need(scale * height)
        self.y -= scale * height
        x = SIDE + (ROOM_ACROSS - scale * width) / 2
        self.drawn[-1].append(f"q {scale:.4f} 0 0 {scale:.4f} {x:.2f} {self.y:.2f} cm\n{drawn}\nQ")
        self.skip(6)

    # --- tables ----------------------------------------------------------------------------------

    def table(self, table: Table) -> None:
        for number, part in enumerate(parts(table, self.faces, CELL, ROOM_ACROSS)):
            self.need(6 * CELL * LEADING)
            self.paragraph(table.caption if not number else f"{table.caption}, continued", SMALL, GREY)
            self.row(part, table.header, self.faces.bold)
            self.rule()
            for cells in table.rows:
                self.row(part, cells, self.faces.plain, table.header)
            self.rule()
            self.skip(8)

    def row(self, part: Part, cells: Sequence[str], face: Face, header: Sequence[str] = ()) -> None:
        """`header` is said again where a row begins a page."""
        shown = [
            wrapped(cells[column], face, CELL, width) for column, width in zip(part.columns, part.widths, strict=True)
        ]
        height = max(map(len, shown)) * CELL * LEADING
        if header and self.y - height < BOTTOM:
            self.need(height)
            self.row(part, header, self.faces.bold)
            self.rule()
        self.need(height)
        x = SIDE
        for lines, width in zip(shown, part.widths, strict=True):
            for number, words in enumerate(lines):
                y = self.y - (number + 0.75) * CELL * LEADING
                self.drawn[-1].append(self.shown_at(x, y, words, face, CELL))
            x += width + GAP
        self.y -= height

    def rule(self) -> None:
        self.drawn[-1].append(f"q 0.6 G 0.5 w {SIDE:.2f} {self.y:.2f} m {SIDE + ROOM_ACROSS:.2f} {self.y:.2f} l S Q")
        self.y -= 1.5
