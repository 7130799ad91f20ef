"""The PDF is a PDF: its table of objects holds, its text reads back, its figures are lines, and nothing in it acts."""

from __future__ import annotations

import re
import zlib
from io import BytesIO

import pytest
from tests.report.paper.conftest import HOSTILE

from straw.report.figures.drawing.figure import Figure, Mark, Panel, Table
from straw.report.paper.article import article
from straw.report.paper.blocks import Heading, Lines, Paragraph, Shown
from straw.report.paper.pdf.columns import parts
from straw.report.paper.pdf.document import pdf_of
from straw.report.paper.pdf.fonts import Face, Faces
from straw.report.paper.pdf.lines import kept, wrapped
from straw.report.study.analysis import Study
from straw.text.shown.visible import visible


@pytest.fixture(scope="module")
def pdf(study: Study, figures: list[Figure]) -> bytes:
    return pdf_of(article(study, figures))


def streams(pdf: bytes) -> list[bytes]:
    return [zlib.decompress(one) for one in re.findall(rb"stream\n(.*?)\nendstream", pdf, flags=re.DOTALL)]


def test_every_object_lies_where_the_table_says(pdf: bytes) -> None:
    start = int(re.search(rb"startxref\n(\d+)", pdf)[1])  # type: ignore[index]
    places = re.findall(rb"(\d{10}) 00000 n", pdf[start:])
    assert pdf[start:].startswith(b"xref") and len(places) > 10
    for number, place in enumerate(places, start=1):
        assert pdf[int(place) :].startswith(b"%d 0 obj" % number)


def test_nothing_in_it_acts(pdf: bytes) -> None:
    outside_streams = re.sub(rb"stream\n.*?\nendstream", b"", pdf, flags=re.DOTALL)
    names = set(re.findall(rb"/([A-Za-z]+)", outside_streams))
    assert not names & {b"JS", b"JavaScript", b"URI", b"Launch", b"OpenAction", b"AA", b"EmbeddedFile", b"Annots"}
    assert b"evil" not in outside_streams  # words are hexadecimal


def test_equal_articles_are_equal_files(study: Study, figures: list[Figure]) -> None:
    some = figures[:1]
    assert pdf_of(article(study, some)) == pdf_of(article(study, some))


def test_figures_are_lines_and_no_pixels(pdf: bytes) -> None:
    assert b"/Image" not in pdf
    drawn = b"\n".join(streams(pdf))
    assert drawn.count(b" l\n") + drawn.count(b" l ") > 100


def test_its_text_reads_back_for_a_reader_that_others_wrote(study: Study, pdf: bytes) -> None:
    pypdf = pytest.importorskip("pypdf")
    read = pypdf.PdfReader(BytesIO(pdf), strict=True)
    assert read.metadata.title == visible(f"Does {HOSTILE}?")
    text = "".join("".join(page.extract_text() for page in read.pages).split())
    for said in ("Markov's inequality", "(1/M) Σ over S of 2^(absorbed − offered) ≤ 1", "bits known", "\\u202e\\u4e2d"):
        assert said.replace(" ", "") in text
    assert [entry.title for entry in read.outline][1:] == [
        "Question", "Method", "What was found", "Limits", "How to do it again",
    ]  # fmt: skip


@pytest.mark.parametrize("letters", ["", "a", "aaa bbb ccc", "x" * 500, "a " * 200, "\u202e\u4e2d\ud800\0"])
def test_no_line_is_wider_than_the_page(letters: str) -> None:
    face = Face("DejaVuSans")
    lines = wrapped(letters, face, 10, 120)
    assert lines and all(face.width(line, 10) <= 120 for line in lines)
    assert "".join(lines).replace(" ", "") == face.shown(letters).replace(" ", "")
    assert all(len(line) <= 40 for line in kept(letters, Face("DejaVuSansMono"), 10, 241))


def test_a_wide_table_goes_on_below_with_its_first_column() -> None:
    table = Table(caption="", header=[f"head {n}" for n in range(30)], rows=[["cell " * 3] * 30])
    found = list(parts(table, Faces(), 7, 480))
    assert len(found) > 2 and all(part.columns[0] == 0 for part in found)
    assert [column for part in found for column in part.columns[1:]] == list(range(1, 30))
    assert all(sum(part.widths) <= 480 for part in found)


def test_a_long_article_is_many_pages() -> None:
    rows = [[f"row {number}", "x" * 300] for number in range(100)]
    table = Table(caption="c", header=["a", "b"], rows=rows)
    pdf = pdf_of([Heading("T", 1), Paragraph("word " * 2000), Lines("code\n" * 100), table])
    assert len(re.findall(rb"/Type /Page ", pdf)) > 5
    assert b"/Count %d" % len(re.findall(rb"/Type /Page ", pdf)) in pdf


def test_powers_on_an_axis_and_many_panels_can_be_drawn() -> None:
    mark = Mark(label="$x_1$", x=[1, 10, 1e5], y=[1, 1e4, 1e9], look="points", colour=1)
    panel = Panel(title="50% $", x_title="x", y_title="y", marks=[mark], log_x=True, log_y=True)
    figure = Figure(name="f", title="F", says="", panels=[panel] * 7)
    assert len(re.findall(rb"/Type /Page ", pdf_of([Shown(figure, 1)]))) == 2
