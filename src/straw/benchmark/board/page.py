"""The board as one file that opens offline, with the style, the figures and the policy of a report's page.

    board_page([(path, entry), ...])   ->   "<!doctype html> ..."

Learners that know the formula of their reward stand in a table of their own. An entry that is not whole, or that
played other games, is named and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from straw.benchmark.board.curves import curves_figure, growth_figure
from straw.benchmark.board.tables import costs_table, scores_tables
from straw.benchmark.entry import Entry
from straw.benchmark.games import FORMS, cells_of, table_mark
from straw.report.figures.drawing.figure import Figure
from straw.report.figures.drawing.interactive import drawn
from straw.report.page.html import data, element, listed, paragraph
from straw.report.page.page import own_file, plotly_script, policy
from straw.report.page.sections import figure_section, place_of, section
from straw.text.shown.visible import as_html

TITLE = "Bits per episode"
LEDE = (
    "How many episodes a learner takes to know a secret number, beside the least that an ideal observer takes. Every "
    "learner plays the same games on the same model, gets replies and what they were paid, and never sees the secret. "
    "1× is the ideal observer; ≥ says that no more than half of the runs came to know within the cap, or in the broad "
    "form that not all did."
)
METHOD = """
A run is over when 0.9 of the log2 N bits are known, measured on the weights after every step, or at the cap. The median
is Kaplan and Meier's; the 95% interval lies between two of the runs in order, whatever they are like. It is divided by
the median of an observer that is paid in the same groups of four, rounded up to a whole group. Over games the score is
the geometric mean. One game may say less than 1×, by the luck of its runs or where weights bet on a number that nobody
was paid for yet.
|
The broad form has all channels and spellings and a few secrets of each game, so a game says little: it shows the
geometric mean of its runs, and a run that was stopped counts with its cap. All games together have a 95% interval, by
Student's t from how runs of the same game differ: it speaks of other secrets in these games.
|
In the form of words a reply is told right, higher, lower or unreadable too. All learners begin with a model that was
taught what these mean; for one that makes no use of them it is right or wrong.
|
Updates and unpaid draws are counted by the process that does them. A reply that is drawn without being paid for is no
episode, since nothing is told; it is work all the same.
|
Secrets follow from a hash of the learner's code, name and options. straw board --check plays some runs again, bit for
bit, and others with a salt that nobody knew before; an entry that is slower there than its own interval is refused.
"""
Entries = Sequence[tuple[Path, Entry]]


def board_page(files: Entries) -> str:
    shown = [entry for _, entry in files if entry.is_whole and entry.table == table_mark(entry.form)]
    left = [path.name for path, entry in files if not any(entry is one for one in shown)]
    figures = [figure for form in FORMS for figure in figures_of(form, of_form(form, shown))]
    there = [figure for figure in figures if figure.panels]
    values = [
        {"name": one.name, "panels": [{"place": place_of(one, n), **drawn(p)} for n, p in enumerate(one.panels)]}
        for one in there
    ]
    scripts = [*([plotly_script(), own_file("page.js")] if there else []), board_script()]
    parts = [
        *(part for form in FORMS for part in form_sections(form, of_form(form, shown))),
        *(figure_section(figure) for figure in there),
        left_out(left),
        section("methods", element("h2", "How it is counted") + "".join(map(paragraph, plain(METHOD)))),
    ]
    return document("\n".join(filter(None, parts)), values, scripts)


def of_form(form: str, entries: Sequence[Entry]) -> list[Entry]:
    """The best first, and those that know the formula last."""
    found = [entry for entry in entries if entry.form == form]
    return sorted(found, key=lambda one: (one.submission.knows_formula, one.scored()[1]["ratio"], one.submission.title))


def form_sections(form: str, entries: Sequence[Entry]) -> list[str]:
    if not entries:
        return []
    cells = [cell for cell in cells_of(form) if any(entry.runs.get(cell.name) for entry in entries)]
    fair = [entry for entry in entries if not entry.submission.knows_formula]
    told = [entry for entry in entries if entry.submission.knows_formula]
    body = element("h2", f"The {form} form") + (scores_tables(form, fair, cells) if fair else "")
    if told:
        body += element("h3", "Learners that know the formula of their reward") + scores_tables(form, told, cells)
    return [section(f"form-{form}", body + costs_table(form, entries))]


def figures_of(form: str, entries: Sequence[Entry]) -> list[Figure]:
    if not entries:
        return []
    cells = [cell for cell in cells_of(form) if len(FORMS[form]) < 12 or cell.spelling == "digits"]
    return [growth_figure(form, entries, cells_of(form)), curves_figure(form, entries, cells)]


def left_out(names: Sequence[str]) -> str:
    if not names:
        return ""
    why = "Not whole, or of other games than those that this version declares:"
    return section("left-out", element("h2", "Left out") + paragraph(why) + listed(map(as_html, names)))


def plain(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("|")]


def document(body: str, values: Sequence[object], scripts: Sequence[str]) -> str:
    head = (
        f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{policy(scripts)}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{TITLE}</title>\n<style>{own_file('style.css')}\n{board_file('board.css')}</style>"
    )
    top = element("p", "straw board", class_="kicker") + element("h1", TITLE) + paragraph(LEDE, class_="lede")
    code = "\n".join(f"<script>{script}</script>" for script in scripts)
    figures = data("figures", values) if values else ""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{element("header", top)}\n'
        f"{element('main', body)}\n{figures}\n{code}\n</body>\n</html>\n"
    )


def board_script() -> str:
    return board_file("board.js")


def board_file(name: str) -> str:
    return resources.files("straw.benchmark.board").joinpath(name).read_text(encoding="utf-8")
