"""The board: one file that asks nobody, says what the entries say, and lets no entry speak as the page."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.benchmark.small_games import quick
from tests.benchmark.test_check import run

from straw.benchmark.board import page as page_module
from straw.benchmark.board.curves import bits_at, middle_curve
from straw.benchmark.board.page import board_page
from straw.benchmark.board.parts import channels_of, sizes_of, spellings_of
from straw.benchmark.entry import Entry
from straw.benchmark.games import FORMS, Cell
from straw.benchmark.submission import Submission, submitted

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e"


@pytest.fixture(autouse=True)
def small_plotly(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five megabytes are read by nobody here."""
    monkeypatch.setattr(page_module, "plotly_script", lambda: "const Plotly = {};")


def entry(submission: Submission, form: str = "short", episodes: int = 16, secrets: int | None = None) -> Entry:
    made = Entry.begun(form, submission)
    for cell in FORMS[form]:
        made.runs[cell.name] = [played(cell, n, episodes) for n in range(secrets or cell.secrets)]
    return made


def played(cell: Cell, number: int, episodes: int) -> object:
    at = min(episodes, cell.most_episodes)
    return run(number, at, bits=((0, 0.0), (at, cell.enough_bits)))


class Read(HTMLParser):
    """Tags, and the texts of the table's cells."""

    EMPTY = ("meta", "link", "path", "circle", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_asks_nobody() -> None:
    text = board_page([(Path("a.json"), entry(submitted("grpo", {}))), (Path("b.json"), entry(quick()))])
    read = Read(text)
    assert read.open == []
    assert not [tag for tag, attributes in read.tags if "://" in str(attributes.get("src") or attributes.get("href"))]
    sums = [
        b64encode(sha256(one.encode()).digest()).decode() for one in re.findall(r"<script>(.*?)</script>", text, re.S)
    ]
    policy = next(attributes["content"] for tag, attributes in read.tags if "http-equiv" in attributes)
    assert len(sums) == 3 and policy and all(f"'sha256-{one}'" in policy for one in sums)
    assert "default-src 'none'" in policy
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) and "curves-short" in ids


def test_scores_stand_in_the_table_with_what_they_are_sorted_by() -> None:
    """16 episodes, where the observer takes 36, 8 and 4."""
    text = board_page([(Path("a.json"), entry(submitted("grpo", {})))])
    row = re.search(r"<tr><th[^>]*>grpo</th>(.*?)</tr>", text)
    assert row is not None
    cells = re.findall(r"<td[^>]*data-by=\"([^\"]*)\"[^>]*>([^<]*)</td>", row[1])
    assert cells == [("1.526", "1.53×"), ("0.4444", "0.44×"), ("2", "2.00×"), ("4", "4.00×")]
    assert "24 of 24" in text and text.count('aria-sort="none"') >= 8


def test_learners_that_know_the_formula_stand_apart() -> None:
    knowing = replace(submitted("grpo", {}), knows_formula=True)
    text = board_page([(Path("a.json"), entry(knowing)), (Path("b.json"), entry(quick()))])
    apart = text.index("know the formula of their reward")
    assert text.index(">surrogate") < apart < text.index(">grpo<")


def test_what_is_not_whole_or_played_other_games_is_named_and_left_out() -> None:
    other = entry(quick())
    other.table = "0" * 64
    text = board_page([(Path("part.json"), entry(submitted("grpo", {}), secrets=2)), (Path("old.json"), other)])
    left = text[text.index('id="left-out"') :]
    assert "part.json" in left and "old.json" in left and ">grpo<" not in text


@pytest.mark.slow
def test_the_full_form_has_curves_for_digits_and_how_episodes_grow_with_N() -> None:
    text = board_page([(Path("a.json"), entry(submitted("grpo", {}), "full"))])
    assert 'id="curves-full"' in text and 'id="growth-full"' in text
    assert len(re.findall(r'id="growth-full-\d+"', text)) == 21 and len(re.findall(r'id="curves-full-\d+"', text)) == 21


def test_the_broad_form_is_told_in_parts_with_an_interval_and_how_few_its_secrets_are() -> None:
    """16 episodes in every game, but for those of a cell at its cap."""
    one = entry(submitted("grpo", {}), "broad")
    cell = FORMS["broad"][0]
    one.runs[cell.name] = [run(n, cell.most_episodes, known=False) for n in range(2)]
    text = board_page([(Path("a.json"), one)])
    heads = re.findall(r"<caption>(.*?)</caption>", text)
    assert any("broad form, 2 secrets a game" in head for head in heads)
    assert sum("; 2 secrets a game" in head for head in heads) == len({cell.channel for cell in FORMS["broad"]})
    assert any("By N, broad form, over bins8, distance, dense, dense_sum" in head for head in heads)
    assert any("By spelling, broad form, over binary, noisy, bins8, distance" in head for head in heads)
    row = re.search(r"<tr><th[^>]*>grpo</th>(.*?)</tr>", text)
    assert row is not None
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", row[1])
    assert cells[0].startswith("≥ ") and " to " in cells[1] and cells[2] == "90 of 92" and len(cells) == 3 + 6
    assert len(re.findall(r'id="growth-broad-\d+"', text)) == 6  # a channel each, over its spellings
    assert Read(text).open == []


def test_parts_that_stand_side_by_side_are_of_the_same_channels() -> None:
    """No game of hits has N = 1,024 in the broad form, so none of them is in the columns by N."""
    cells = FORMS["broad"]
    assert {cell.channel for own in sizes_of(cells).values() for cell in own} == {
        "bins8", "distance", "dense", "dense_sum"
    }  # fmt: skip
    assert [len(own) for own in sizes_of(cells).values()] == [10, 10, 10]
    assert [len(own) for own in spellings_of(cells).values()] == [10, 10, 10, 10]
    assert sum(len(own) for own in channels_of(cells).values()) == len(cells)


def test_nothing_that_an_entry_says_is_taken_for_the_page() -> None:
    mine = Submission(learner=HOSTILE, options={"a": HOSTILE}, code={HOSTILE: HOSTILE}, knows=HOSTILE)
    shown = entry(mine)
    shown.machine = {"versions": {"straw": HOSTILE, "torch": HOSTILE}, "processor": HOSTILE}
    text = board_page([(Path("a.json"), shown)])
    assert "<img" not in text and "alert(1)</script><img" not in text and "\u202e" not in text
    assert Read(text).open == [] and text.count("<script>") == 3


def test_a_curve_is_the_median_and_runs_hold_their_last_bits() -> None:
    runs = [run(n, at, bits=((0, 0.0), (at, bits))) for n, (at, bits) in enumerate([(4, 3.0), (8, 2.0), (12, 1.0)])]
    assert middle_curve(runs) == ([0, 4, 8, 12], [0.0, 0.0, 2.0, 2.0])
    assert [bits_at(runs[1], at) for at in (0, 7, 8, 100)] == [0.0, 0.0, 2.0, 2.0]
