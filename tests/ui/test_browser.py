"""The page in a real Chromium: a running sweep of two hundred runs, by keyboard, in both lights, on a phone."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.cli.test_escapes import evil_run
from tests.made_runs import curve_rows, rollout, write_run
from tests.report.browser import CHROMIUM, Browser
from tests.ui.made_sweep import append_row, make_sweep, rows

from straw.runs.store import RunFolder

pytest.importorskip("starlette", reason="straw[ui] is not installed")
pytest.importorskip("uvicorn", reason="straw[ui] is not installed")

from tests.ui.served import TOKEN, served

from straw.ui.server.app import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed"),
]
RUNS, FOCUSED = 200, "document.activeElement"
HTML = "<img src=x onerror=window.stolen=1><script>window.stolen=1</script>&amp;"
SWEEP = "#/sweep/sweeps%2Fbandwidth"


class Looking(NamedTuple):
    page: Browser
    port: int
    server: Server
    running: list[Path]
    ids: dict[str, str]

    def go(self, place: str, until: str = "true") -> None:
        self.page.run(f"location.hash = {place!r}")
        self.page.wait(until)

    def run(self, name: str, tab: str = "curves") -> str:
        return f"#/run/{self.ids[name]}/{tab}"


@pytest.fixture(scope="module")
def looking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looking]:
    root = tmp_path_factory.mktemp("ui") / "runs"
    made = make_sweep(root / "sweeps" / "bandwidth", RUNS, 120)
    running = [path for path in made if not (path / "done.json").exists()][:2]
    evil_run(root / "evil")
    said = [(1, rollout(HTML, 0.0, prompt=HTML)), (2, rollout("37", 1.0))]
    write_run(root / HTML.replace("/", ""), curve_rows(0.0, 1.0), said, N=16)
    locks = [RunFolder.open(path) for path in running]
    browser = tmp_path_factory.mktemp("browser")
    with served(root) as (port, server), Browser(browser, width=1360, height=860) as page:
        page.light("light")
        page.visit(f"http://127.0.0.1:{port}/?token={TOKEN}", "document.documentElement.dataset.ready === 'yes'")
        page.wait("document.querySelector('#states button') && !document.querySelector('#states .soft')")  # all read
        rows_known = (
            "import('/assets/page.js').then(page => [...page.known.rows.values()].map(row => [row.name, row.id]))"
        )
        ids = dict(page.run(rows_known))
        yield Looking(page, port, server, running, ids)
    for lock in locks:
        lock.close()


TOUR = (
    ("#/", "document.querySelectorAll('.card').length"),
    (SWEEP, "document.querySelectorAll('.cell a').length === 200 && document.querySelector('.chart .line')"),
)


def tour(looking: Looking) -> Iterator[str]:
    """Every view, drawn."""
    for place, until in TOUR:
        looking.go(place, until)
        yield place
    name = "sweeps/bandwidth/binary-seed-1"
    for tab, until in {
        "curves": "document.querySelectorAll('.chart .line').length >= 4",
        "samples": "document.querySelectorAll('.rollout .token').length > 20",
        "events": "document.querySelectorAll('table.events tbody tr').length",
        "page": "document.querySelectorAll('table.page tbody tr').length > 10",
    }.items():
        looking.go(looking.run(name, tab), until)
        yield tab
    some = ",".join(looking.ids[f"sweeps/bandwidth/{one}-seed-1"] for one in ("binary", "8-bins", "dense"))
    looking.go(f"#/compare/{some}", "document.querySelectorAll('.chart.tall .line').length >= 6")
    yield "compare"


# --- what it shows


def test_a_running_sweep_of_two_hundred_runs_is_shown_whole(looking: Looking) -> None:
    page = looking.page
    looking.go(SWEEP, "document.querySelectorAll('.cell a').length === 200")
    labels = page.run("[...document.querySelectorAll('.cell a')].map(one => one.getAttribute('aria-label'))")
    assert sum("running" in label for label in labels) == 2 and sum(": done" in label for label in labels) == 120
    page.wait("document.querySelectorAll('.chart .line').length >= 200")
    assert "200 runs" in page.run("document.querySelector('.path').textContent")


def test_what_a_run_appends_is_drawn_by_itself(looking: Looking) -> None:
    page, path = looking.page, looking.running[0]
    looking.go(looking.run(f"sweeps/bandwidth/{path.name}"), "document.querySelectorAll('.chart .line').length >= 4")
    steps = "[...document.querySelectorAll('.facts dd')].map(one => one.textContent)[2]"
    before = page.run(steps)
    now = int(before.partition("/")[0])
    line = "document.querySelectorAll('.chart .line')[1].getAttribute('d')"
    drawn = page.run(line)
    for row in rows("binary", 3, now + 2, begin=now + 1):
        append_row(path, row)
    page.wait(f"{steps} === '{now + 2}/120' && {line} !== {drawn!r}")


def test_tokens_have_their_texts_shades_and_probabilities(looking: Looking) -> None:
    page = looking.page
    looking.go(looking.run("sweeps/bandwidth/dense-seed-1", "samples"), "document.querySelector('.rollout .tokens')")
    assert page.run("document.querySelector('.rollout .tokens').textContent").endswith("<|end|>")
    page.run("document.querySelector('.rollout .tokens').focus()")
    page.press("ArrowRight")
    said = page.run("document.querySelector('.rollout .reading').textContent")
    assert re.match(r"token 1 of \d+: \d \(\d+\), log-probability -?\d\.\d+, [\d.]+%", said)
    assert "advantage" in page.run("document.querySelector('.rollout header').textContent")


def test_alarms_events_and_where_values_came_from_are_told(looking: Looking) -> None:
    page = looking.page
    alarmed = next(name for name in looking.ids if name == "sweeps/bandwidth/8-bins-seed-1")  # the sixth of all
    looking.go(looking.run(alarmed, "events"), "document.querySelector('table.events')")
    assert "▲ alarm kl_spike" in page.run("document.querySelector('table.events').textContent")
    looking.go(looking.run(alarmed, "page"), "document.querySelector('table.page')")
    assert "command line" in page.run("document.querySelector('table.page').textContent")


def test_texts_of_strangers_stay_texts(looking: Looking) -> None:
    page, name = looking.page, HTML.replace("/", "")
    for tab in ("curves", "samples", "events", "page"):
        looking.go(looking.run(name, tab), "document.querySelector('#tab').children.length")
    looking.go(looking.run(name, "samples"), "document.querySelectorAll('.rollout').length === 2")
    assert HTML in page.run("document.querySelector('main').textContent")
    looking.go(looking.run("evil", "samples"), "document.querySelectorAll('.rollout').length === 2")
    text = page.run("document.querySelector('body').innerText")
    assert "\\u001b" in text and all(character.isprintable() for character in re.sub(r"\s", "", text))
    assert page.run("document.querySelectorAll('img, script:not([src])').length") == 0
    assert page.run("window.stolen") is None


# --- by keyboard


def focused(page: Browser) -> Any:
    return page.run("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent")


def test_everything_goes_by_keyboard(looking: Looking) -> None:
    page = looking.page
    looking.go("#/", "document.querySelector('.card')")
    page.press("/")
    assert page.run("document.activeElement.id") == "search"
    for character in "dense seed-1":
        page.press(character)
    page.wait("document.querySelectorAll('#runs li.run').length === 11")
    page.press("ArrowDown")
    page.press("ArrowDown")
    assert "dense-seed-1," in focused(page)
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.press("x")
    page.press("ArrowDown")
    page.press("x")
    assert page.run("document.getElementById('marked').textContent").startswith("Compare 2 runs")
    page.press("c")
    page.wait("location.hash.startsWith('#/compare/') && document.querySelector('.chart .line')")
    page.run("document.querySelector('.plot').focus()")
    page.press("ArrowLeft")
    page.wait("document.querySelector('.chart .reading')?.textContent.startsWith('episodes')")
    page.press("Escape")
    page.wait("location.hash === '#/'")
    page.press("ArrowUp")
    page.press("Enter")
    page.wait("location.hash.startsWith('#/run/') && document.querySelector('.chart')")
    page.press("2")
    page.wait("document.querySelector('[role=tab][aria-selected=true]')?.textContent === 'Rollouts'")
    page.press("?")
    page.wait("document.getElementById('help').open")
    page.press("Escape")
    page.wait("!document.getElementById('help').open")
    page.press("/")
    page.press("Escape")
    page.wait("document.getElementById('search').value === ''")


def test_tab_comes_to_every_part_once_and_shows_where_it_is(looking: Looking) -> None:
    page = looking.page
    looking.go(looking.run("sweeps/bandwidth/dense-seed-1"), "document.querySelectorAll('.chart .line').length >= 4")
    page.run("document.activeElement.blur(); window.scrollTo(0, 0); document.querySelector('.skip').focus()")
    seen = []
    for _ in range(24):
        seen.append(page.run(f"{FOCUSED}.className.baseVal ?? ({FOCUSED}.id || {FOCUSED}.className)"))
        ring = page.run(f"{FOCUSED}.matches(':focus-visible') ? getComputedStyle({FOCUSED}).outlineStyle : 'mouse'")
        assert ring != "none", seen
        page.press("Tab")
    assert {"skip", "mark", "light", "keys", "search", "plot"} <= set(seen)
    inside = page.run("[...document.querySelectorAll('#runs a')].filter(one => one.tabIndex === 0).length")
    assert inside == 1  # one stop for two hundred runs


def test_everything_that_can_be_pressed_has_a_name(looking: Looking) -> None:
    for place in tour(looking):
        nameless = looking.page.run(
            "[...document.querySelectorAll('a, button, input, select, [tabindex=\"0\"]')]"
            ".filter(one => one.offsetParent !== null && !one.textContent.trim())"
            ".filter(one => !one.getAttribute('aria-label') && !one.labels?.length).map(one => one.outerHTML)"
        )
        assert nameless == [], place


# --- looks


def size_of(picture: Path) -> tuple[int, int]:
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    return width, height


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height", "phone"), [(1360, 860, False), (390, 844, True), (320, 600, True)])
def test_every_view_fits_its_screen(
    looking: Looking, tmp_path: Path, scheme: str, width: int, height: int, phone: bool
) -> None:
    page = looking.page
    page.light(scheme)
    page.resize(width, height, phone=phone)
    try:
        for place in tour(looking):
            assert page.run("document.documentElement.scrollWidth") <= width, place
            picture = page.picture(tmp_path / "picture.png", whole=False)
            assert size_of(picture) == (width, height) and picture.stat().st_size > 8_000
        paper = page.run("getComputedStyle(document.body).backgroundColor")
        assert (int(re.findall(r"\d+", paper)[0]) > 200) == (scheme == "light")
    finally:
        page.light("light")
        page.resize(1360, 860)


def test_the_light_can_be_chosen_by_hand(looking: Looking) -> None:
    page, colour = looking.page, "getComputedStyle(document.body).backgroundColor"
    seen = set()
    for _ in range(3):
        page.run("document.getElementById('light').click()")
        seen.add(page.run(colour))
    assert len(seen) == 2 and page.run("document.documentElement.dataset.light") is None


# --- safe and quiet


def test_nobody_looking_is_nothing_done(looking: Looking) -> None:
    page = looking.page
    looking.go("#/", "document.getElementById('live').dataset.state === 'live'")
    hide = (
        "Object.defineProperty(document, 'hidden', {{ value: {}, configurable: true }});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.run(hide.format("true"))
    waited(lambda: looking.server.num_viewers == 0)
    version = looking.server.runs.version
    time.sleep(2.5)
    assert looking.server.runs.version == version
    page.run(hide.format("false"))
    page.wait("document.getElementById('live').dataset.state === 'live'")
    waited(lambda: looking.server.num_viewers == 1)


def waited(until: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_printed_address_opens_from_a_page_of_somebody_else_too(looking: Looking) -> None:
    """A terminal in a browser: its link leads here from another site."""
    page = looking.page
    problems = [*page.problems]
    page.visit(f"data:text/html,<a href='http://localhost:{looking.port}/?token={TOKEN}'>here</a>")
    page.run("document.querySelector('a').click()")
    page.wait("location.search === '' && document.documentElement.dataset.ready === 'yes'")
    page.visit(f"http://127.0.0.1:{looking.port}/", "document.documentElement.dataset.ready === 'yes'")
    page.problems[:], page.requests[:] = problems, []


def test_nothing_went_wrong_and_nothing_left_the_machine(looking: Looking) -> None:
    assert list(tour(looking))[-1] == "compare"
    assert looking.page.problems == [] and looking.page.refused == []
    assert looking.page.requests and all(
        url.startswith(f"http://127.0.0.1:{looking.port}/") for url in looking.page.requests
    )
    assert not any(TOKEN in url for url in looking.page.requests[1:])


def test_the_policy_stops_a_call_that_somebody_smuggles_in(looking: Looking) -> None:
    page = looking.page
    found = page.run("fetch('https://example.invalid/').then(() => 'sent', () => 'refused')")
    assert found == "refused"
    page.run(
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.stolen = 1' }))"
    )
    assert page.run("window.stolen") is None
    page.problems.clear()
    page.refused.clear()
    page.requests.clear()
