"""An article in files: paper.md with its pictures in paper-figures/, paper.pdf, or both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from straw.report.figures.drawing.figure import Figure
from straw.report.figures.drawing.paper import save_figures
from straw.report.paper.article import article
from straw.report.paper.markdown import markdown_of
from straw.report.study.analysis import Study
from straw.runs.files.atomic_write import write_whole


def save_paper(study: Study, figures: Sequence[Figure], paths: Sequence[Path]) -> list[Path]:
    """Each path is a .md or a .pdf; returns all files that were written."""
    blocks, written = article(study, figures), []
    for path in paths:
        if path.suffix == ".pdf":
            from straw.report.paper.pdf.document import pdf_of

            write_whole(path, pdf_of(blocks))
        else:
            folder = path.with_name(f"{path.stem}-figures")
            written += save_figures(figures, folder, ["svg"]) if any(one.panels for one in figures) else []
            write_whole(path, markdown_of(blocks, folder.name))
        written.append(path)
    return written
