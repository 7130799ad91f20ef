"""What a stranger named his runs is text, for a reader of Markdown that others wrote."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from tests.report.paper.conftest import HOSTILE

from straw.report.figures.drawing.figure import Figure
from straw.report.paper.article import article
from straw.report.paper.markdown import markdown_of
from straw.report.paper.save import save_paper
from straw.report.study.analysis import Study
from straw.text.shown.markdown import escaped, fenced, table
from straw.text.shown.visible import visible

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


class Words(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE, "- a", "+ a", "1. a", "12) a", "# a", "> a", "=== ", "    code", "a_b_c", "**a**", "~~a~~", "`a",
        "``a``", "<!-- a", "&amp;", "a | b", "[a][b]", "![a](b)", "http://a.b", "\\*", "a\nb", "$a$", "0.5", "--- ",
        "~~~",
    ],
)  # fmt: skip
def test_any_text_is_read_as_it_stands(text: str) -> None:
    read = Words(PARSER.render(escaped(text)))
    assert set(read.tags) <= {"p"}
    assert read.text.strip() == visible(text).strip()
    cells = Words(PARSER.render(table(("a",), [(text,)])))
    assert set(cells.tags) <= {"table", "thead", "tbody", "tr", "th", "td"} and cells.tags.count("td") == 1
    assert visible(text).strip() in cells.text


@pytest.mark.parametrize("text", ["```\n<b>", "````", "`", "", "a\n~~~\n# b"])
def test_no_line_ends_a_block_of_code(text: str) -> None:
    read = Words(PARSER.render(fenced(text) + "\n\nend"))
    assert read.tags == ["pre", "code", "p"] and read.text == f"{text}\n\nend\n"


def test_an_article_of_a_stranger_has_no_mark_up_of_his(study: Study, figures: list[Figure]) -> None:
    text = markdown_of(article(study, figures), "paper-figures")
    read = Words(PARSER.render(text))
    assert not {"a", "script", "b", "strong"} & set(read.tags)
    assert read.tags.count("img") == sum(bool(figure.panels) for figure in figures)
    assert "\u202e" not in text and not re.search(r"(https?:|www\.)", text)
    assert visible(f"Does {HOSTILE}?") in read.text


def test_pictures_lie_where_the_page_looks_for_them(study: Study, figures: list[Figure], tmp_path: Path) -> None:
    written = save_paper(study, figures[:1], [tmp_path / "a b.md"])
    (source,) = re.findall(r'<img src="([^"]*)"', PARSER.render((tmp_path / "a b.md").read_text()))
    assert source == "a%20b-figures/bits.svg"
    assert written == [tmp_path / "a b-figures" / "bits.svg", tmp_path / "a b.md"]
    assert all(path.is_file() for path in written)
