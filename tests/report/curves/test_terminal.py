from __future__ import annotations

from io import BytesIO, TextIOWrapper
from typing import Any

import pytest
from rich.console import Console

from straw.report.curves.curve import Curve
from straw.report.curves.palette import OWNED, TERMINAL_COLOURS
from straw.report.curves.terminal import ASCII_MARKERS, MARKERS, draw_text, print_curves

RAMP = Curve("ramp", range(0, 101, 10), [step * 0.6 for step in range(11)])
FLAT = Curve("flat", range(0, 101, 10), [1.0] * 11)


def rows(text: Any, height: Any) -> Any:
    """The characters inside the frame."""
    return [line[7:] for line in text.plain.split("\n")[1 : 1 + height]]


def test_a_ramp_runs_from_the_lower_left_to_the_upper_right() -> None:
    drawn = rows(draw_text([RAMP], ceiling_bits=6, width=30, height=6, unicode=False), 6)
    assert drawn[-1].startswith("*")
    assert drawn[0].endswith("*")
    assert [row.index("*") for row in drawn] == sorted((row.index("*") for row in drawn), reverse=True)


def test_a_braille_dot_is_where_its_number_is() -> None:
    text = draw_text([FLAT._replace(bits_known=[0.0] * 11)], ceiling_bits=None, width=20, height=3)
    inside = rows(text, 3)
    assert inside[0].strip() == inside[1].strip() == ""
    assert inside[2][0] == "\u28c0"  # both dots of the lowest row


@pytest.mark.parametrize(("unicode", "markers"), [(True, MARKERS), (False, ASCII_MARKERS)])
def test_every_curve_can_be_told_apart_without_colour(unicode: bool, markers: Any) -> None:
    text = draw_text([RAMP, FLAT], width=60, height=14, unicode=unicode).plain
    for marker, label in zip(markers, ("ramp: 6.00 bits", "flat: 1.00 bits"), strict=False):
        assert f"{marker} {label}" in text
        assert text.count(marker) > 2


def test_the_frame_has_the_size_that_was_asked_for_and_names_both_axes() -> None:
    lines = draw_text([RAMP], ceiling_bits=6, width=60, height=14).plain.split("\n")
    assert lines[0] == "bits known against episodes"
    assert len(lines) == 1 + 14 + 2 + 1
    assert all(len(line) == 67 for line in lines[1:17])
    assert lines[1].startswith("    6 ┤")
    assert lines[14].startswith("    0 ┤")
    assert lines[16].endswith("100 episodes")


def test_what_was_not_measured_is_not_drawn() -> None:
    """Two measurements are two markers with nothing between them, and the legend counts them."""
    text = draw_text([Curve("two", (0, 100), (0.0, 6.0))], ceiling_bits=None, width=30, height=6).plain
    inside = [line[7:] for line in text.split("\n")[1:7]]
    assert [row.strip() for row in inside] == ["●", "", "", "", "", "●"]
    assert "● two: 6.00 bits, measured 2 times" in text
    assert "measured" not in draw_text([RAMP]).plain


def test_a_condition_has_the_colour_that_it_has_in_print() -> None:
    one, other = Curve("dense", (0, 1), (0.0, 1.0)), RAMP._replace(condition="binary")
    spans = {str(span.style) for span in draw_text([one]).spans}
    assert TERMINAL_COLOURS[OWNED["dense"]] in spans and TERMINAL_COLOURS[0] not in spans
    assert TERMINAL_COLOURS[0] in {str(span.style) for span in draw_text([other]).spans}


def test_a_fall_below_zero_is_cut_off_at_half_the_height() -> None:
    text = draw_text([Curve("fell", (0, 100), (0.0, -900.0))], ceiling_bits=6, height=7).plain
    assert "   -3 ┤" in text


@pytest.mark.parametrize("curves", [[], [Curve("empty", (), ())], [Curve("point", (0,), (0.0,))]])
def test_nothing_to_draw_is_an_empty_frame(curves: Any) -> None:
    assert "episodes" in draw_text(curves).plain


@pytest.mark.parametrize(("encoding", "is_ascii"), [("utf-8", False), ("ascii", True), ("latin-1", True)])
def test_a_terminal_gets_the_characters_that_it_can_show(encoding: str, is_ascii: bool) -> None:
    raw = BytesIO()
    file = TextIOWrapper(raw, encoding=encoding)
    print_curves([RAMP], ceiling_bits=6, title="N = 64", console=Console(file=file, width=80))
    file.flush()
    assert raw.getvalue().isascii() == is_ascii


def test_another_metric_gets_an_axis_that_holds_its_values_and_zero() -> None:
    lines = draw_text([Curve("kl", (0, 100), (0.0, 0.004))], height=5, width=30, unit="").plain.split("\n")
    assert lines[1].startswith("0.004 ┤") and lines[3].startswith("0.002 ┤") and lines[5].startswith("    0 ┤")
    assert lines[-1].strip().endswith("kl: 0.004, measured 2 times")
    below = draw_text([Curve("loss", (0, 100), (-0.25, -0.125))], height=5, unit="").plain
    assert "-0.25 ┤" in below and "    0 ┤" in below and "loss: -0.125" in below


def test_a_wide_number_moves_the_whole_frame() -> None:
    lines = draw_text([Curve("n", (0, 100), (0.0, 123456.0))], height=4, width=30, unit="").plain.split("\n")
    assert lines[1].startswith("1.235e+05 ┤")
    assert len({len(line) for line in lines[1:7]}) == 1


def test_a_metric_that_is_always_zero_is_drawn_on_the_floor() -> None:
    drawn = rows(draw_text([Curve("zero", (0, 100), (0.0, 0.0))], height=3, width=20, unit="", unicode=False), 3)
    assert drawn[0].strip() == "" and drawn[2].startswith("*")
