from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.made_runs import curve_rows, rollout, write_run
from tests.made_studies import make_study

from straw.report.figures.all import figures_of
from straw.report.figures.drawing.figure import Table
from straw.report.page import page as page_module
from straw.report.page.html import data, pretty, table
from straw.report.page.page import page_of
from straw.report.study.analysis import studied
from straw.report.study.load_runs import gathered
from straw.text.shown.visible import visible

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e"


@pytest.fixture(autouse=True)
def small_plotly(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five megabytes are read by nobody here."""
    monkeypatch.setattr(page_module, "plotly_script", lambda: "const Plotly = {};")


def page_at(folder: Path) -> str:
    study = studied(gathered([folder]))
    return page_of(study, figures_of(study))


class Read(HTMLParser):
    """The tags of a page in order, and whether they close as they opened."""

    EMPTY = ("meta", "link", "path", "circle", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_every_tag_closes_and_every_id_is_there_once(tmp_path: Path) -> None:
    read = Read(page_at(make_study(tmp_path, {16: [30, 40, 50], 64: [90, 90, 90]}, cap=300)))
    assert read.open == []
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"].removeprefix("#") for link in read.of("a")} <= set(ids)


def test_tables_are_made_for_those_who_hear_them(tmp_path: Path) -> None:
    text = page_at(make_study(tmp_path, {16: [30, 40, 50]}, cap=300))
    read = Read(text)
    assert len(read.of("table")) == len(read.of("caption")) >= 4
    assert {heading.get("scope") for heading in read.of("th")} == {"col", "row"}
    plots = [div for div in read.of("div") if div.get("class") == "plot"]
    assert plots
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots)


def test_what_a_model_wrote_is_text_and_nothing_else(tmp_path: Path) -> None:
    write_run(
        tmp_path / "run", curve_rows(0.0, 1.0), [(1, rollout(HOSTILE, 0.0, prompt=HOSTILE))], N=16,
        question=HOSTILE[:30], learning_rate=1e-3,
    )  # fmt: skip
    text = page_at(tmp_path)
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "\u202e" not in text
    assert "&lt;img src=x onerror=alert(2)&gt;" in text


def test_the_policy_allows_the_scripts_of_the_page_and_no_connection(tmp_path: Path) -> None:
    text = page_at(make_study(tmp_path, {16: [30]}))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'")
    for script in re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL):
        assert b64encode(sha256(script.encode()).digest()).decode() in policy
    assert not re.findall(r'(?:src|href)="(?!#|data:)', text)


def test_every_run_has_its_command_and_config(tmp_path: Path) -> None:
    text = page_at(make_study(tmp_path, {16: [30, 40]}))
    assert text.count("secret_seed = 0") == text.count("secret_seed = 1") == 1
    assert "pytest" in text  # what made these runs


def test_runs_that_were_left_out_are_named(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [30, 40]})
    (tmp_path / "binary-N-16-0" / "config.toml").write_text("x =")
    text = page_at(tmp_path)
    assert "Left out" in text
    assert "binary-N-16-0</code>" in text


def test_a_running_run_is_a_report_too(tmp_path: Path) -> None:
    write_run(tmp_path / "young", [], N=16, done=False, learning_rate=1e-3)
    text = page_at(tmp_path)
    assert "have measured nothing yet" in text
    assert "Not in these runs" in text


def test_the_question_is_the_title_where_all_runs_ask_it(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [30, 40]}, question="How fast?")
    assert "<h1>How fast?</h1>" in page_at(tmp_path)


def test_small_pieces() -> None:
    assert pretty("a N^β < N^-0.5 [1, 2]") == "a N<sup>β</sup> &lt; N<sup>-0.5</sup> [1, 2]"
    assert pretty("2^(a - b) of log2 N") == "2<sup>(a - b)</sup> of log<sub>2</sub> N"
    assert visible("a\x00b\u202ec\n", lines=True) == "a\\u0000b\\u202ec\n"
    assert json.loads(re.sub(r"<.*?>", "", data("x", {"a": "</script>"}))) == {"a": "</script>"}
    assert '<th scope="row">a&amp;b</th><td>1</td>' in table(Table(caption="c", header=("x", "y"), rows=[("a&b", "1")]))
