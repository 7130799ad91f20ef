"""The report in a real Chromium: what a person would see and press."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.made_studies import make_study
from tests.report.browser import CHROMIUM, Browser

from straw.report.figures.all import figures_of
from straw.report.page.page import page_of
from straw.report.study.analysis import studied
from straw.report.study.load_runs import gathered

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
PLOTS = "[...document.querySelectorAll('.plot')]"
PRESS = "document.querySelector('{}').click()"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, shared_cache: Path) -> Iterator[Browser]:
    """One browser for all that is looked at; each test leaves the page as it found it."""
    pytest.importorskip("plotly")
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRAW_HOME", str(shared_cache))
        study = studied(gathered([make_study(folder / "runs", {16: [30, 40, 50], 64: [90, 120, 150]}, cap=300)]))
        file = Path(folder / "report.html")
        file.write_text(page_of(study, figures_of(study)), encoding="utf-8")
    with Browser(folder) as browser:
        browser.open(file)
        yield browser


def test_every_plot_is_drawn(page: Browser) -> None:
    drawn = page.run(f"{PLOTS}.map(plot => plot.querySelectorAll('.scatterlayer .trace').length)")
    assert len(drawn) >= 6
    assert all(count > 0 for count in drawn)


def test_pressing_a_label_hides_its_lines_and_pressing_again_shows_them(page: Browser) -> None:
    lines = "document.querySelectorAll('#bits-0 .scatterlayer .trace').length"
    before = page.run(lines)
    page.run(PRESS.format('#bits .legend [data-label="binary"]'))
    page.wait(f"{lines} < {before}")
    assert page.run("document.querySelector('#bits .legend [data-label]').getAttribute('aria-pressed')") == "false"
    page.run(PRESS.format('#bits .legend [data-label="binary"]'))
    page.wait(f"{lines} === {before}")


def test_axes_change_between_steps_and_powers(page: Browser) -> None:
    kind = "document.getElementById('bits-0').layout.xaxis.type"
    for wanted in ("log", "linear"):
        page.run(PRESS.format("#bits .switches [data-axis]"))
        page.wait(f"{kind} === '{wanted}'")


def test_pointing_at_a_line_tells_its_numbers(page: Browser) -> None:
    page.run("Plotly.Fx.hover('bits-0', [{curveNumber: 1, pointNumber: 1}])")
    page.wait("document.querySelector('#bits-0 .hoverlayer .hovertext')")
    assert "binary" in page.run("document.querySelector('#bits-0 .hovertext').textContent")


def test_figures_follow_the_light(page: Browser) -> None:
    colour = "getComputedStyle(document.querySelector('#bits-0 .xtitle')).fill"
    before = page.run(colour)
    page.light("dark")
    page.wait(f"{colour} !== '{before}'")
    page.light("light")
    page.wait(f"{colour} === '{before}'")


def test_a_phone_has_nothing_to_push_sideways(page: Browser) -> None:
    page.resize(390, 844, phone=True)
    page.wait("document.getElementById('bits-0').getBoundingClientRect().width <= 390")
    page.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.run("document.documentElement.scrollWidth") <= 390
    assert page.run("parseFloat(getComputedStyle(document.body).fontSize)") >= 16
    page.run("document.querySelectorAll('details').forEach(one => { one.open = false; })")
    page.resize(1200, 900)


def test_tables_have_captions_and_heads(page: Browser) -> None:
    tables = "[...document.querySelectorAll('table')]"
    assert page.run(f"{tables}.length") >= 5
    assert page.run(f"{tables}.every(one => one.caption && one.querySelector('th[scope=col]'))")


def test_nothing_went_wrong_and_nothing_left_the_page(page: Browser) -> None:
    """Last: whatever the tests above did is part of it."""
    page.run("1")
    assert page.problems == []
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in page.requests if url.startswith("file:")]) == 1


def test_the_policy_stops_a_call_that_somebody_smuggles_in(page: Browser) -> None:
    url = "http://127.0.0.1:9/x.png"
    page.run(
        f"new Promise(next => {{ const one = new Image(); one.onerror = next; one.src = '{url}'; }}).then(() => 1)"
    )
    assert page.refused == [url]
