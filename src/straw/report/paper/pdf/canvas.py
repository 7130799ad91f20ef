"""A figure of matplotlib's drawn into a PDF page: its lines as lines, its words as text of the page's own fonts.

    Canvas(faces, states).drawn(sheet)   ->  "0.2 w 10 20 m 30 40 l S ..."   in points, from the lower left corner

matplotlib's own PDF files would be a second document with fonts of its own; this is the same drawing in ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from matplotlib.backend_bases import RendererBase
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from straw.report.paper.pdf.fonts import Face, Faces

DPI = 72  # a dot is a point
CAPS, JOINS = {"butt": 0, "round": 1, "projecting": 2}, {"miter": 0, "round": 1, "bevel": 2}
BOLD = ("bold", "semibold", "heavy", "black")


class States:
    """How much shines through, by name: what a page calls before it draws something pale."""

    def __init__(self) -> None:
        self.names: dict[float, str] = {}

    def name_of(self, alpha: float) -> str:
        return self.names.setdefault(round(alpha, 3), f"G{len(self.names) + 1}")

    def resources(self) -> str:
        return " ".join(f"/{name} << /ca {alpha} /CA {alpha} >>" for alpha, name in self.names.items())


class Canvas(RendererBase):
    """What matplotlib asks to draw; points upwards."""

    def __init__(self, faces: Faces, states: States, width: float, height: float) -> None:
        super().__init__()
        self.faces, self.states, self.width, self.height = faces, states, width, height
        self.dpi = DPI
        self.lines: list[str] = []

    def drawn(self, sheet: Any) -> str:
        sheet.draw(self)
        return "\n".join(self.lines)

    def flipy(self) -> bool:
        return False

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self.width, self.height

    def points_to_pixels(self, points: Any) -> Any:
        return points

    # --- lines and areas -------------------------------------------------------------------------

    def draw_path(self, gc: Any, path: Any, transform: Any, rgbFace: Any = None) -> None:
        fills = rgbFace is not None
        strokes = gc.get_linewidth() > 0 and len(gc.get_rgb()) > 0 and gc.get_rgb()[3] > 0
        steps = list(steps_of(path, transform))
        if not steps or not (fills or strokes):
            return
        self.lines += ["q", *self.clip(gc), *self.look(gc, rgbFace), *steps, {
            (True, True): "B", (True, False): "f", (False, True): "S"
        }[fills, strokes], "Q"]  # fmt: skip

    def clip(self, gc: Any) -> Iterator[str]:
        box = gc.get_clip_rectangle()
        if box is not None:
            x, y, width, height = box.bounds
            yield f"{x:.2f} {y:.2f} {width:.2f} {height:.2f} re W n"
        path, transform = gc.get_clip_path()
        if path is not None:
            yield from steps_of(path, transform)
            yield "W n"

    def look(self, gc: Any, face: Any) -> Iterator[str]:
        red, green, blue = gc.get_rgb()[:3]
        alpha = gc.get_alpha() if gc.get_forced_alpha() or face is None else alpha_of(face)
        yield f"/{self.states.name_of(1.0 if alpha is None else float(alpha))} gs"
        yield f"{red:.3f} {green:.3f} {blue:.3f} RG {gc.get_linewidth():.3f} w"
        yield f"{CAPS[gc.get_capstyle()]} J {JOINS[gc.get_joinstyle()]} j"
        offset, dashes = gc.get_dashes()
        if dashes is not None and len(dashes):
            yield f"[{' '.join(f'{one:.2f}' for one in dashes)}] {offset:.2f} d"
        if face is not None:
            yield f"{face[0]:.3f} {face[1]:.3f} {face[2]:.3f} rg"

    # --- words -----------------------------------------------------------------------------------

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False, mtext: Any = None
    ) -> None:
        if ismath:  # powers on an axis
            self.lines += ["q", self.ink(gc), *steps_of(*formula(s, prop, x, y, angle)), "f", "Q"]
            return
        face = self.face_of(prop)
        turn = math.radians(angle)
        cos, sin = math.cos(turn), math.sin(turn)
        name, size = self.faces.name_of(face), prop.get_size_in_points()
        self.lines.append(
            f"BT {self.ink(gc)} /{name} {size:.2f} Tf "
            f"{cos:.4f} {sin:.4f} {-sin:.4f} {cos:.4f} {x:.2f} {y:.2f} Tm {face.written(face.shown(s))} Tj ET"
        )

    def ink(self, gc: Any) -> str:
        red, green, blue = gc.get_rgb()[:3]
        return f"{red:.3f} {green:.3f} {blue:.3f} rg"

    def face_of(self, prop: Any) -> Face:
        weight = prop.get_weight()
        heavy = weight in BOLD or (isinstance(weight, int) and weight >= 600)
        return self.faces.bold if heavy else self.faces.plain


def steps_of(path: Any, transform: Any) -> Iterator[str]:
    """A path in the words of a PDF."""
    at = (0.0, 0.0)
    for points, code in path.iter_segments(transform):
        if code == Path.MOVETO:
            yield f"{points[0]:.2f} {points[1]:.2f} m"
        elif code == Path.LINETO:
            yield f"{points[0]:.2f} {points[1]:.2f} l"
        elif code == Path.CURVE3:  # as one of the third degree
            (x0, y0), (x1, y1, x2, y2) = at, points
            both = (x0 + 2 * x1) / 3, (y0 + 2 * y1) / 3, (x2 + 2 * x1) / 3, (y2 + 2 * y1) / 3
            yield " ".join(f"{one:.2f}" for one in (*both, x2, y2)) + " c"
        elif code == Path.CURVE4:
            yield " ".join(f"{one:.2f}" for one in points) + " c"
        elif code == Path.CLOSEPOLY:
            yield "h"
        if code != Path.CLOSEPOLY:
            at = (float(points[-2]), float(points[-1]))


def formula(text: str, prop: Any, x: float, y: float, angle: float) -> tuple[Any, Any]:
    """Its outlines, and where they go."""
    return TextPath((0, 0), text, prop=prop), Affine2D().rotate_deg(angle).translate(x, y)


def alpha_of(colour: Any) -> float:
    return float(colour[3]) if len(colour) > 3 else 1.0
