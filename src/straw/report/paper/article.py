"""A short article on runs: question, method, what was found, limits, and how to do it again.

    article(study, figures)   ->   [Heading("Does ..."), Paragraph(...), ..., Shown(bits), ...]

Every sentence about the runs is one of the report's own (`study.verdicts`), with its condition, or counts what is
there. What these runs do not tell is not said; where they are few, that is said. Equal runs make equal articles: no
date stands in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from straw.report.figures.drawing.figure import Figure, Table
from straw.report.page.sections import headline, lede
from straw.report.paper.again import again
from straw.report.paper.blocks import Block, Heading, Items, Paragraph, Shown
from straw.report.paper.method import method
from straw.report.study.analysis import Study
from straw.report.study.capacity import how_of, model_of
from straw.report.study.cells import Cell, channel_label
from straw.report.study.formatting import NONE, counted, spread
from straw.report.study.statistics.intervals import ranks, units_of
from straw.report.study.verdicts import Verdict, said_of

NOTHING = "These runs have measured nothing yet that answers it."
FINDINGS = "Each sentence names the conditions under which it is true."
ELSEWHERE = "What was measured holds for the models, rewards and options named here, and is not said of any other."


def article(study: Study, figures: Sequence[Figure]) -> list[Block]:
    return [
        *abstract(study), *question(study), *method(study), *results(study, figures), *limits(study, figures),
        *again(study),
    ]  # fmt: skip


def abstract(study: Study) -> Iterator[Block]:
    answer = said_of(study).answer
    yield Heading(headline(study), 1)
    yield Paragraph(NOTHING if answer is None else answer.text)
    yield Paragraph(" ".join(filter(None, (lede(study), few_runs(study)))))


def few_runs(study: Study) -> str:
    """That there are few, where there are."""
    cells = study.cells
    if not cells:
        return ""
    few = [cell for cell in cells if ranks(units_of(cell.runs)) is None]
    if max(len(cell.runs) for cell in cells) == 1:
        return "There is one run of each condition, so nothing here tells what another run would have done."
    if not few:
        return ""
    return (
        f"{len(few)} of {counted(len(cells), 'condition')} {'has' if len(few) == 1 else 'have'} too few independent "
        "runs for an interval: the range of the runs stands in its place, in parentheses."
    )


def question(study: Study) -> Iterator[Block]:
    yield Heading("Question")
    asked = headline(study)
    yield Paragraph(f"{asked}{'' if asked[-1:] in '?.!' else '.'} These are the conditions that were run.")
    header = ("condition", "task", "N", "reward", "model", "what learns", "algorithm", "rate", "runs", "episodes")
    yield Table(caption="Conditions", header=header, rows=[row_of(cell) for cell in study.cells])


def row_of(cell: Cell) -> Sequence[str]:
    run = cell.runs[0]
    return (
        cell.label, run.options.get("kind", NONE), NONE if cell.N is None else f"{cell.N:,}", channel_label(run),
        model_of(cell) or NONE, how_of(cell), run.options.get("algorithm", NONE), f"{cell.rate:g}",
        f"{len(cell.runs)}", spread([one.episodes for one in cell.runs]),
    )  # fmt: skip


def results(study: Study, figures: Sequence[Figure]) -> Iterator[Block]:
    """A part for each figure that has numbers, with the sentences that stand on them."""
    findings = [one for one in said_of(study).verdicts if not one.is_warning]
    there = [figure for figure in figures if figure.panels or any(table.rows for table in figure.tables)]
    yield Heading("What was found")
    yield Paragraph(FINDINGS if there else NOTHING)
    yield from loose(findings, there)
    for number, figure in enumerate(there, start=1):
        yield Heading(figure.title, 3)
        if said := [one.text for one in findings if one.about == figure.name]:
            yield Items(said)
        if figure.panels:
            yield Shown(figure, number)
        yield from (table for table in figure.tables if table.rows and not table.is_of_curves)


def loose(findings: Sequence[Verdict], there: Sequence[Figure]) -> Iterator[Block]:
    """Sentences whose figure has nothing to show."""
    names = {figure.name for figure in there}
    if said := [one.text for one in findings if one.about not in names]:
        yield Items(said)


def limits(study: Study, figures: Sequence[Figure]) -> Iterator[Block]:
    yield Heading("Limits")
    yield Paragraph(ELSEWHERE)
    said = [one.text for one in said_of(study).verdicts if one.is_warning]
    absent = [f"{one.title}: {one.absent}" for one in figures if one.absent and not one.panels and not one.tables]
    left = [f"Left out: {name}: {why}" for name, why in study.gathered.left_out]
    waiting = [f"No observer was computed for {name}." for name in study.unobserved]
    if texts := [*said, *absent, *left, *waiting]:
        yield Items(texts)
