from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.made_studies import in_proportion, make_accuracy_run, make_study, never

from straw.report.curves.palette import COLOURS
from straw.report.figures.all import figures_of
from straw.report.figures.drawing.figure import Figure, Mark, Panel
from straw.report.figures.drawing.interactive import drawn
from straw.report.figures.drawing.paper import save_figures
from straw.report.figures.drawing.style import colour_of, dash_of, marker_of
from straw.report.study.analysis import studied
from straw.report.study.load_runs import gathered


@pytest.fixture(autouse=True)
def own_cache(home: Path) -> None:
    """Observers are kept there."""


def figures_at(folder: Path) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures_of(studied(gathered([folder])))}


def whole_study(folder: Path) -> Path:
    make_study(folder, in_proportion([16, 64], 3), cap=500)
    make_study(folder, {64: [60, never, never]}, cap=500, reward_type="binned_log_distance")
    make_study(folder, {16: [never] * 2}, cap=200, reward_type="random")
    make_study(folder, {64: [80, 90]}, cap=500, name="bonus", reward_type="binned_log_distance", entropy_coef=0.05)
    for rate in (1e-4, 1e-3):
        make_study(folder / "tune", {64: [200]}, name=f"lr{rate}", learning_rate=rate, secret_seed=100)
    make_study(folder, {64: [70, 90]}, cap=500, name="small", model_name="tiny-0.2M")
    make_accuracy_run(folder / "digits", 0.6)
    return folder


def test_every_figure_is_there_where_the_runs_have_its_data(tmp_path: Path) -> None:
    figures = figures_at(whole_study(tmp_path))
    assert [name for name, figure in figures.items() if not figure.panels] == []
    assert all(table.rows for figure in figures.values() for table in figure.tables)
    assert all(len(row) == len(t.header) for figure in figures.values() for t in figure.tables for row in t.rows)


def test_a_figure_without_data_says_why(tmp_path: Path) -> None:
    figures = figures_at(make_study(tmp_path, {16: [30]}, cap=100))
    absent = {name: figure.absent for name, figure in figures.items() if not figure.panels}
    assert absent.keys() == {"accuracy", "equal", "scaling", "levels", "capacity", "rates", "controls"}
    assert "the same N" in absent["scaling"]


def test_usable_stands_beside_offered_in_the_picture_and_in_the_table(tmp_path: Path) -> None:
    """3.88 bits are known, two more were offered and one more was usable."""
    figure = figures_at(make_study(tmp_path, {16: [30]}, cap=100))["ledger"]
    ends = {mark.label: mark.y[-1] for mark in figure.panels[0].marks}
    assert (ends["offered"], ends["usable"]) == pytest.approx((5.88, 4.88))
    (table,) = figure.tables
    place = table.header.index("offered")
    assert table.header[place + 1] == "usable" and table.rows[0][place : place + 2] == ("5.88", "4.88")


def test_an_observer_lies_beside_the_runs_and_looks_like_them(tmp_path: Path) -> None:
    (panel,) = figures_at(make_study(tmp_path, {16: [30]}, cap=100))["bits"].panels
    run, observer = panel.marks
    assert (run.look, observer.look, run.colour) == ("line", "thin", observer.colour)
    assert observer.y[-1] == pytest.approx(4)


def test_a_median_that_was_not_reached_is_a_triangle_where_watching_ended(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [30, 30, 30], 64: [never] * 3}, cap=100)
    panel = figures_at(tmp_path)["scaling"].panels[0]
    (mark,) = [mark for mark in panel.marks if mark.look == "never"]
    assert (list(mark.x), list(mark.y)) == ([64], [100])


def test_a_line_for_every_rank_over_the_weights_of_its_models(tmp_path: Path) -> None:
    for size, rank, known in (("0.2M", 0, 90), ("5M", 0, 30), ("0.2M", 4, never), ("5M", 4, 40), ("5M", 16, 50)):
        make_study(tmp_path, {64: [known] * 3}, cap=100, name=f"{size}-{rank}", model_name=f"tiny-{size}",
                   lora_rank=rank)  # fmt: skip
    figure = figures_at(tmp_path)["capacity"]
    (panel,) = figure.panels
    drawn_as = {(mark.label, mark.look): (len(mark.x), list(mark.y)) for mark in panel.marks}
    assert drawn_as == {
        ("all weights", "joined"): (2, [90, 30]), ("rank 4", "joined"): (1, [40]),
        ("rank 4", "never"): (1, [100]), ("rank 16", "joined"): (1, [50]),
    }  # fmt: skip
    assert list(panel.ticks) == [0.2, 5]
    assert [row[0] for row in figure.tables[0].rows][-2:] == ["tiny-5M, rank 4", "tiny-5M, rank 16"]


def test_models_whose_names_tell_no_size_stand_in_the_table(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_study(tmp_path, {64: [40] * 3}, cap=100, name=name, model_name=name)
    figure = figures_at(tmp_path)["capacity"]
    assert not figure.panels and "do not tell how many weights" in figure.absent
    assert len(figure.tables[0].rows) == 2


def test_a_panel_for_a_browser_is_plain_json(tmp_path: Path) -> None:
    for figure in figures_at(whole_study(tmp_path)).values():
        for panel in figure.panels:
            text = json.dumps(drawn(panel), allow_nan=False)
            assert '"meta"' in text


def test_series_differ_by_more_than_their_colour() -> None:
    marks = [Mark(label=str(place), x=[], y=[], colour=place) for place in range(70)]
    assert len({(dash_of(mark).browser, colour_of(mark)) for mark in marks}) == 5 * len(COLOURS) == 70
    points = [Mark(label=str(place), x=[], y=[], colour=place, look="points") for place in range(98)]
    assert len({(marker_of(mark)[0], colour_of(mark)) for mark in points}) == 7 * len(COLOURS) == 98
    assert len({marker_of(mark)[0] for mark in points[:7]}) == 7  # without any colour at all


def test_figures_for_paper_come_as_png_and_svg_and_equal_runs_give_equal_files(tmp_path: Path) -> None:
    band = Mark(label="binary", x=[0, 10], y=[0, 4], low=[0, 3], high=[1, 4], colour=0)
    odd = Mark(label="$broken_{tex", x=[10], y=[4], look="never", colour=1)
    panel = Panel(title="N = 16", x_title="episodes", y_title="bits", marks=[band, odd], ceiling=4, floor=0)
    figures = [
        Figure(name="bits", title="", says="", panels=[panel]),
        Figure(name="absent", title="", says="", absent="none"),
    ]
    paths = save_figures(figures, tmp_path / "a")
    assert [path.name for path in paths] == ["bits.png", "bits.svg"]
    again = save_figures(figures, tmp_path / "b")
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
