"""The picture "bits known against episodes" in a terminal.

    6 ┤⣀⣀⣀⡠●⠤⠤■⠤     every character holds 2 x 4 braille dots; a marker on the line says whose it is
      │⡠⠊⠁            where the encoding has no braille, the marker itself draws the line
    0 ┼────────

The text carries colours and markers both, so it still reads without colour. Where nothing was measured for long there
is no line, only the markers of what was. Curves of another metric than bits (`unit=""`) get an axis that holds all
their values and zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from rich.text import Text

from straw.report.curves.curve import Curve, drawable, fastest_first, pieces
from straw.report.curves.palette import places, terminal_colour_at
from straw.text.shown.screen import Console, as_text
from straw.text.shown.visible import visible

MARKERS, ASCII_MARKERS = "●■▲◆✚○□△", "*o#+x@%&"
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a braille character, by column and row from the top
MARKER_EVERY = 12  # columns


@dataclass(slots=True)
class Canvas:
    """Characters in rows; a point is given in dots, 2 x 4 to a character, from the lower left."""

    width: int
    height: int
    dots: dict[tuple[int, int], int] = field(default_factory=dict)  # (column, row from the top) -> braille bits
    marks: dict[tuple[int, int], str] = field(default_factory=dict)
    colours: dict[tuple[int, int], str] = field(default_factory=dict)

    def cell(self, x: int, y: int) -> tuple[int, int]:
        return x // 2, self.height - 1 - y // 4

    def dot(self, x: int, y: int, colour: str) -> None:
        cell = self.cell(x, y)
        self.dots[cell] = self.dots.get(cell, 0) | DOTS[x % 2][3 - y % 4]
        self.colours[cell] = colour

    def mark(self, x: int, y: int, marker: str, colour: str) -> None:
        cell = self.cell(x, y)
        self.marks[cell], self.colours[cell] = marker, colour

    def row(self, number: int) -> Text:
        line = Text()
        for column in range(self.width):
            cell = (column, number)
            braille = chr(0x2800 + self.dots[cell]) if cell in self.dots else " "
            line.append(self.marks.get(cell, braille), style=self.colours.get(cell, ""))
        return line


@dataclass(frozen=True, slots=True)
class Scale:
    """From episodes and bits to dots."""

    episodes: float
    lowest: float
    highest: float
    width: int
    height: int

    def x(self, episodes: float) -> int:
        return round(episodes / self.episodes * (self.width - 1))

    def y(self, bits: float) -> int:
        share = (bits - self.lowest) / (self.highest - self.lowest)
        return round(min(1.0, max(0.0, share)) * (self.height - 1))


def draw_text(
    curves: Sequence[Curve],
    *,
    ceiling_bits: float | None = None,
    title: str = "bits known against episodes",
    width: int = 60,
    height: int = 14,
    unicode: bool = True,
    unit: str = "bits",
) -> Text:
    """The curves as `height` lines of text with axes and a legend; its `.plain` is the same without colour."""
    drawn = drawable(curves)
    lowest, highest = _range_of_bits(drawn, ceiling_bits) if unit == "bits" else _range(drawn)
    scale = Scale(max([1.0, *(curve.episodes[-1] for curve in drawn)]), lowest, highest, width * 2, height * 4)
    canvas = Canvas(width, height)
    markers = MARKERS if unicode else ASCII_MARKERS
    if ceiling_bits is not None:
        for x in range(0, scale.width, 4):
            _ceiling_dot(canvas, x, scale.y(ceiling_bits), unicode)
    colours = _colours(drawn)
    for index in reversed(fastest_first(drawn)):  # the fastest last, on top
        _draw_curve(canvas, scale, drawn[index], index, colours[index], markers, unicode)
    ticks = _whole_ticks(scale) if unit == "bits" else _even_ticks(scale)
    return _framed(canvas, scale, ticks, title, _legend(drawn, colours, markers, unit), unicode)


def print_curves(
    curves: Sequence[Curve],
    *,
    ceiling_bits: float | None = None,
    title: str,
    console: Console | None = None,
    unit: str = "bits",
    height: int = 14,
) -> None:
    """Draw in the terminal, as wide as it is up to 72 columns, in characters that it can show."""
    console = console or Console()
    unicode = console.encoding.lower().startswith("utf")
    width = max(20, min(64, console.width - 8))
    text = draw_text(
        curves, ceiling_bits=ceiling_bits, title=title, width=width, height=height, unicode=unicode, unit=unit
    )
    console.print(text, soft_wrap=True)


def _range_of_bits(curves: Sequence[Curve], ceiling_bits: float | None) -> tuple[float, float]:
    bits = [bit for curve in curves for bit in curve.bits_known]
    highest = max([ceiling_bits or 0.0, 1.0, *bits])
    return max(min([0.0, *bits]), -highest / 2), highest  # a fall far below zero is cut off


def _range(curves: Sequence[Curve]) -> tuple[float, float]:
    values = [0.0, *(value for curve in curves for value in curve.bits_known)]
    return min(values), max(values) if max(values) > min(values) else 1.0


def _ceiling_dot(canvas: Canvas, x: int, y: int, unicode: bool) -> None:
    if unicode:
        canvas.dot(x, y, "bright_black")
    else:
        canvas.mark(x, y, ".", "bright_black")


def _colours(curves: Sequence[Curve]) -> list[str]:
    """By condition, as in every picture; what is no reinforcement learning has none."""
    place_of = places(curve.condition or curve.label for curve in curves if not curve.dashed)
    return [
        "bright_white" if curve.dashed else terminal_colour_at(place_of[curve.condition or curve.label])
        for curve in curves
    ]


def _draw_curve(
    canvas: Canvas, scale: Scale, curve: Curve, index: int, colour: str, markers: str, unicode: bool
) -> None:
    """Dots from point to point; markers now and then, each curve's at columns of its own."""
    marker, parts = markers[index % len(markers)], pieces(curve)
    for part in parts:
        points = [(scale.x(e), scale.y(b)) for e, b in zip(part.episodes, part.bits_known, strict=True)]
        for x, y in _joined(points):
            if not unicode:
                canvas.mark(x, y, marker, colour)
                continue
            if not curve.dashed or x // 2 % 3 != 2:
                canvas.dot(x, y, colour)
            if x // 2 % MARKER_EVERY == (index * 5 + 2) % MARKER_EVERY:
                canvas.mark(x, y, marker, colour)
        if len(parts) > 1:  # both ends of what nobody measured
            canvas.mark(*points[0], marker, colour)
            canvas.mark(*points[-1], marker, colour)
    canvas.mark(scale.x(curve.episodes[-1]), scale.y(curve.bits_known[-1]), marker, colour)


def _joined(points: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Every dot on the straight lines from point to point."""
    dots = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        count = max(abs(x1 - x0), abs(y1 - y0), 1)
        dots += [(x0 + round((x1 - x0) * i / count), y0 + round((y1 - y0) * i / count)) for i in range(1, count + 1)]
    return dots


def _framed(canvas: Canvas, scale: Scale, ticks: Sequence[float], title: str, legend: Text, unicode: bool) -> Text:
    tick, wall, corner, floor = "┤│└─" if unicode else "+|+-"
    labels = {canvas.cell(0, scale.y(value))[1]: f"{value:.4g}" for value in ticks}
    left = max(5, *map(len, labels.values()))
    lines = [as_text(title, "bold")]
    for number in range(canvas.height):
        label = labels.get(number, "")
        lines.append(Text(f"{label:>{left}} {tick if label else wall}") + canvas.row(number))
    last = f"{scale.episodes:,.0f} episodes"
    lines.append(Text(" " * (left + 1) + corner + floor * canvas.width))
    lines.append(Text(" " * (left + 2) + "0" + last.rjust(canvas.width - 1)))
    return Text("\n").join([*lines, legend])


def _whole_ticks(scale: Scale) -> list[float]:
    """The ends and whole bits between them, about four in all."""
    step = max(1, round((scale.highest - scale.lowest) / 4))
    inner = [float(bits) for bits in range(0, int(scale.highest) + 1, step) if scale.highest - bits > step / 2]
    return [scale.lowest, *inner, scale.highest]


def _even_ticks(scale: Scale) -> list[float]:
    """The ends, the middle, and zero, which no other may hide."""
    return [scale.lowest, (scale.lowest + scale.highest) / 2, scale.highest, 0.0]


def _legend(curves: Sequence[Curve], colours: Sequence[str], markers: str, unit: str) -> Text:
    """One line a curve, the fastest first."""
    legend = Text()
    for index in fastest_first(curves):
        legend.append(f"{' ' * 7}{markers[index % len(markers)]}", style=colours[index])
        curve, last = curves[index], curves[index].bits_known[-1]
        few = f", measured {len(curve.episodes)} times" if len(pieces(curve)) > 1 else ""
        legend.append(f" {visible(curve.label)}: {f'{last:.2f} bits' if unit == 'bits' else f'{last:.4g}'}{few}\n")
    legend.rstrip()
    return legend
