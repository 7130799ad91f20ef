from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from straw.errors import RunError
from straw.report.curves.curve import Curve
from straw.report.curves.palette import COLOURS
from straw.report.curves.picture import INK, draw_picture, looks

CURVES = [Curve("binary", (0, 64, 128), (0.0, 1.5, 5.9)), Curve("supervised", (0, 32), (0.0, 6.0), dashed=True)]


def test_the_picture_is_a_png_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = draw_picture(CURVES, tmp_path / "curve.png", ceiling_bits=6)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [path]


def test_equal_curves_are_equal_pictures(tmp_path: Path) -> None:
    first, second = (draw_picture(CURVES, tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second


@pytest.mark.parametrize(
    "curves",
    [
        [],
        [Curve("never measured", (), ())],
        [Curve("one point", (0,), (0.0,))],
        [Curve("N=1", (0, 64), (0.0, 0.0))],
        [Curve("fell apart", (0, 64), (0.0, -900.0)), Curve("nan", (0, 64), (0.0, float("nan")))],
        [Curve(f"run {i}", (0, 64), (0.0, i)) for i in range(len(COLOURS) + 3)],
    ],
)
def test_odd_curves_are_drawn_too(tmp_path: Path, curves: Any) -> None:
    assert draw_picture(curves, tmp_path / "curve.png", ceiling_bits=0.0).stat().st_size > 5_000


def lines_of(*curves: Curve) -> list[list[float]]:
    """The x of every line that joins something."""
    from matplotlib.figure import Figure

    from straw.report.curves.picture import _draw_lines

    axes = Figure().subplots()
    _draw_lines(axes, curves)
    return [list(line.get_xdata()) for line in axes.get_lines() if line.get_linestyle() != "None"]


def test_no_line_is_drawn_where_nothing_was_measured() -> None:
    """Measured at 0 and at the end: two dots, and no straight line that looks like data."""
    assert lines_of(Curve("binary", (0, 384), (0.0, 6.0))) == [[0], [384]]
    assert lines_of(Curve("binary", range(0, 385, 8), [6.0] * 49)) == [[*range(0, 385, 8)]]


def test_a_condition_has_one_colour_in_whatever_company() -> None:
    binary, bins, sft = Curve("binary", (), ()), Curve("8 bins", (), ()), Curve("SFT", (), (), dashed=True)
    alone, together = looks([bins]), looks([binary, sft, bins])
    assert alone[0] == together[2] and together[1][0] == INK
    assert looks([Curve("mine", (), (), condition="8 bins")])[0][0] == alone[0][0]
    assert looks([Curve("mine", (), ())])[0][0] not in {together[0][0], together[2][0]}


def test_runs_of_one_condition_differ_by_their_dash() -> None:
    looked = looks([Curve(f"seed {seed}", (), (), condition="binary") for seed in range(4)])
    assert len({colour for colour, _ in looked}) == 1 and len({str(dash) for _, dash in looked}) == 4


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written"):
        draw_picture(CURVES, tmp_path / "nowhere" / "curve.png")
