"""The report as one file that opens offline: figures, sentences, tables, configs and rollouts.

    page_of(study, figures)   ->   "<!doctype html> ..."

Nothing is asked of any other place: plotly's script, the page's own and its style stand in the file, and a policy in
its head allows these scripts, by their sums, and no connection at all. So a model's text could not run or call either.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib import resources

from straw.report.figures.drawing.figure import Figure
from straw.report.figures.drawing.interactive import drawn
from straw.report.page.html import data, element, listed, paragraph
from straw.report.page.rollouts import rollouts_section
from straw.report.page.sections import (
    absent_section,
    answer_paragraph,
    figure_section,
    headline,
    lede,
    methods_section,
    place_of,
    runs_section,
    verdicts_section,
)  # fmt: skip
from straw.report.study.analysis import Study
from straw.report.study.verdicts import said_of
from straw.text.shown.visible import as_html

OTHERS = {"runs": "Every run", "rollouts": "Rollouts to read", "methods": "How it was computed"}


def page_of(study: Study, figures: Sequence[Figure], made: float | None = None) -> str:
    titles = {figure.name: figure.title for figure in figures}
    there = [figure for figure in figures if figure.panels]
    values = [
        {
            "name": figure.name,
            "panels": [{"place": place_of(figure, n), **drawn(p)} for n, p in enumerate(figure.panels)],
        }
        for figure in there
    ]
    scripts = [plotly_script(), own_file("page.js")] if there else []
    body = "\n".join(
        [
            element("header", opening(study, there)),
            element("main", "\n".join(main_parts(study, figures, titles))),
            element("footer", paragraph(f"Made by straw on {time.strftime('%Y-%m-%d %H:%M', time.localtime(made))}.")),
            data("figures", values) if there else "",
            *(f"<script>{script}</script>" for script in scripts),
        ]
    )
    head = (
        f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{policy(scripts)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n'
        f"<title>{as_html(headline(study))}</title>\n<style>{own_file('style.css')}</style>"
    )
    return f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def opening(study: Study, there: Sequence[Figure]) -> str:
    links = {"verdicts": "What the runs say", **{figure.name: figure.title for figure in there}, **OTHERS}
    contents = listed(element("a", as_html(title), href=f"#{name}") for name, title in links.items())
    return "\n".join(
        [
            element("p", "straw report", class_="kicker"),
            element("h1", as_html(headline(study))),
            answer_paragraph(study),
            paragraph(lede(study), class_="lede"),
            element("nav", contents, aria_label="contents"),
        ]
    )


def main_parts(study: Study, figures: Sequence[Figure], titles: dict[str, str]) -> list[str]:
    return [
        verdicts_section(said_of(study).verdicts, titles),
        *(figure_section(figure) for figure in figures if figure.panels or figure.tables),
        absent_section(figures),
        runs_section(study),
        rollouts_section(study),
        methods_section(),
    ]


def policy(scripts: Sequence[str]) -> str:
    sums = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {sums or chr(39) + 'none' + chr(39)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def plotly_script() -> str:
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script.replace("</script", "<\\/script")


def own_file(name: str) -> str:
    return resources.files("straw.report.page").joinpath(name).read_text(encoding="utf-8")
