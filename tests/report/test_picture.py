import pytest

from straw.errors import RunError
from straw.report.curve import Curve
from straw.report.picture import COLOURS, draw_picture

CURVES = [Curve("binary", (0, 64, 128), (0.0, 1.5, 5.9)), Curve("supervised", (0, 32), (0.0, 6.0), dashed=True)]


def test_the_picture_is_a_png_and_nothing_else_is_left(tmp_path):
    path = draw_picture(CURVES, tmp_path / "curve.png", ceiling_bits=6)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [path]


def test_equal_curves_are_equal_pictures(tmp_path):
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
def test_odd_curves_are_drawn_too(tmp_path, curves):
    assert draw_picture(curves, tmp_path / "curve.png", ceiling_bits=0.0).stat().st_size > 5_000


def test_a_picture_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(RunError, match="cannot be written"):
        draw_picture(CURVES, tmp_path / "nowhere" / "curve.png")
