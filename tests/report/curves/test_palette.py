from __future__ import annotations

from pathlib import Path

import straw.report.page
from straw.report.curves.palette import COLOURS, FREE, OWNED, TERMINAL_COLOURS, colour_at, places


def test_a_known_condition_has_its_place_in_whatever_order_and_company() -> None:
    assert places(["8 bins", "binary"])["binary"] == places(["binary"])["binary"] == OWNED["binary"]
    assert places(["dense, per turn"])["dense, per turn"] == OWNED["dense"]  # one thing by two names


def test_other_names_take_in_turn_what_nobody_owns() -> None:
    found = places(["mine", "binary", "yours"])
    assert (found["mine"], found["yours"]) == FREE[:2]
    assert not set(FREE) & set(OWNED.values())


def test_names_beyond_the_last_free_place_have_its_colour_and_another_place() -> None:
    found = places([f"run {number}" for number in range(len(FREE) + 1)])
    first, last = found["run 0"], found[f"run {len(FREE)}"]
    assert first != last and colour_at(first) == colour_at(last)


def test_every_place_has_a_colour_in_print_in_a_terminal_and_on_a_page() -> None:
    assert len(set(COLOURS)) == len(COLOURS) == len(set(TERMINAL_COLOURS)) == len(TERMINAL_COLOURS)
    style = (Path(straw.report.page.__file__).parent / "style.css").read_text()
    for place in range(len(COLOURS)):
        assert style.count(f"--c{place}:") == 2, "one for each light"
        assert f".c{place} {{" in style
