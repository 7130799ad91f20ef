"""The parts of the page, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import join

from straw.files import PAGE, read_file
from straw.report.figures.drawing.figure import Figure, Mark, Table
from straw.report.figures.drawing.style import colour_of, dash_of
from straw.report.page.html import element, folded, listed, paragraph, pretty, table
from straw.report.study.analysis import Study
from straw.report.study.formatting import NONE, counted
from straw.report.study.load_runs import Seen
from straw.report.study.rates import end_of
from straw.report.study.verdicts import Verdict, said_of
from straw.runs.reading import CONFIG
from straw.text.shown.visible import as_html

SHORT = 44  # characters of what a sentence is about


def headline(study: Study) -> str:
    """The question, where all runs ask the same one."""
    questions = {run.options.get("question", "") for run in study.gathered.runs}
    return questions.pop() if len(questions) == 1 and "" not in questions else "What these runs learned"


def lede(study: Study) -> str:
    runs = study.gathered.runs
    models = sorted({run.options.get("model_name", "") for run in runs} - {""})
    states = [(state, sum(run.state == state for run in runs)) for state in ("running", "stopped", "failed")]
    words = [
        counted(len(runs), "run"), counted(len(study.cells), "condition"),
        f"{sum(run.episodes for run in runs):,} episodes", ", ".join(models),
        *(f"{count} {state}" for state, count in states if count),
    ]  # fmt: skip
    return "; ".join(word for word in words if word) + "."


def answer_paragraph(study: Study) -> str:
    """What the runs say to the title's question, before everything else."""
    found = said_of(study).answer
    text = "These runs have measured nothing yet that answers it." if found is None else found.text
    return paragraph(text, class_="answer")


def verdicts_section(verdicts: Sequence[Verdict], titles: dict[str, str]) -> str:
    findings = [said(one, titles) for one in verdicts if not one.is_warning]
    cares = [said(one, titles) for one in verdicts if one.is_warning]
    none = paragraph("These runs have measured nothing yet that a sentence could be made of.", class_="absent")
    parts = [element("h2", "What the runs say"), items(findings, "") if findings else none]
    if cares:
        parts += [element("h3", "With care"), items(cares, "care")]
    return section("verdicts", "\n".join(parts))


def said(verdict: Verdict, titles: dict[str, str]) -> str:
    link = element("a", "see the figure", href=f"#{verdict.about}", aria_label=f"see {titles.get(verdict.about, '')}")
    about, colon, rest = verdict.text.partition(": ")
    is_short = colon and len(about) <= SHORT
    text = f"{element('strong', pretty(about))}: {pretty(rest)}" if is_short else pretty(verdict.text)
    return f"{text} {link}"


def items(found: Sequence[str], kind: str) -> str:
    return element("ul", "\n".join(element("li", one, class_=kind or "finding") for one in found), class_="verdicts")


def section(name: str, content: str) -> str:
    return element("section", f"\n{content}\n", id=name)


# --- figures -------------------------------------------------------------------------------------


def figure_section(figure: Figure) -> str:
    parts = [element("h2", as_html(figure.title)), paragraph(figure.says, class_="says")]
    parts += [switches(figure), legend(figure), panels(figure)] if figure.panels else [paragraph(figure.absent)]
    return section(figure.name, "\n".join([*parts, *tables(figure)]))


def absent_section(figures: Sequence[Figure]) -> str:
    """Every figure that cannot be drawn, and why."""
    left = [figure for figure in figures if not figure.panels and not figure.tables]
    if not left:
        return ""
    lines = [f"{element('strong', as_html(figure.title))}: {pretty(figure.absent)}" for figure in left]
    return section("absent", element("h2", "Not in these runs") + listed(lines, class_="absent"))


def switches(figure: Figure) -> str:
    first = figure.panels[0]
    found = [("xaxis", first.x_title, first.log_x)] if figure.can_switch_x else []
    found += [("yaxis", first.y_title, first.log_y)] if figure.can_switch_y else []
    buttons = [
        element(
            "button", f"{as_html(title)} on a log axis", type="button", data_axis=axis, aria_pressed=pressed(is_log)
        )
        for axis, title, is_log in found
    ]
    return element("div", "\n".join(buttons), class_="switches", role="group", aria_label="axes") if buttons else ""


def pressed(is_on: bool) -> str:
    return "true" if is_on else "false"


def legend(figure: Figure) -> str:
    """Every label once; pressing it hides its lines."""
    marks: dict[str, Mark] = {}
    for panel in figure.panels:
        for mark in panel.marks:
            if mark.in_legend:
                marks.setdefault(mark.label, mark)
    ordered = sorted(marks.items(), key=lambda one: (one[1].is_shared, one[1].colour is None, one[1].colour or 0))
    buttons = [
        element("button", swatch(mark) + as_html(label), type="button", data_label=label, aria_pressed="true")
        for label, mark in ordered
    ]
    return listed(buttons, class_="legend", aria_label="legend: press to hide or show")


def swatch(mark: Mark) -> str:
    colour = None if mark.is_shared else colour_of(mark)
    width = {"thin": "1", "never": "0"}.get(mark.look, "2.6")
    dots = "" if mark.look == "thin" else dash_of(mark).swatch
    dash = f' stroke-dasharray="{dots}"' if dots else ""
    line = f'<path d="M1 6h30" stroke="currentColor" stroke-width="{width}"{dash} fill="none"/>'
    dot = {
        "points": '<circle cx="16" cy="6" r="4" fill="currentColor"/>',
        "joined": '<circle cx="16" cy="6" r="4" fill="currentColor"/>',
        "thin": '<circle cx="16" cy="6" r="3.5" stroke="currentColor" fill="none"/>' if mark.has_dots else "",
        "never": '<path d="M16 1l5 9h-10z" stroke="currentColor" stroke-width="1.5" fill="none"/>',
    }.get(mark.look, "")
    kind = "ink" if colour is None else f"c{colour}"
    return f'<svg class="swatch {kind}" viewBox="0 0 32 12" aria-hidden="true">{line}{dot}</svg>'


def panels(figure: Figure) -> str:
    drawn = [
        element(
            "figure",
            element("figcaption", as_html(panel.title))
            + element(
                "div", "", class_="plot", id=place_of(figure, number), role="img",
                aria_label=f"{figure.title}{': ' if panel.title else ''}{panel.title}. Its numbers are in the tables.",
            ),
        )
        for number, panel in enumerate(figure.panels)
    ]  # fmt: skip
    return element("div", "\n".join(drawn), class_="panels alone" if len(drawn) == 1 else "panels")


def place_of(figure: Figure, number: int) -> str:
    return f"{figure.name}-{number}"


def tables(figure: Figure) -> list[str]:
    """Folded; the first stands open where there is nothing else to see."""
    found = [one for one in figure.tables if one.rows]
    return [
        folded(f"Table: {one.caption}", table(one), **({} if figure.panels else {"open_": "open"})) for one in found
    ]


# --- runs ----------------------------------------------------------------------------------------


def runs_section(study: Study) -> str:
    runs = study.gathered.runs
    by_run = {run.folder: cell.label for cell in study.cells for run in (*cell.runs, *cell.others)}
    judged = {run.folder for cell in study.cells for run in cell.runs}
    header = (
        "run",
        "condition",
        "state",
        "judged",
        "secret",
        "seed",
        "learning rate",
        "steps",
        "episodes",
        "at the end",
        "CPU seconds",
    )
    rows = [run_row(run, by_run.get(run.folder, ""), run.folder in judged) for run in runs]
    found = Table(caption="Every run; at the end: bits known, or accuracy", header=header, rows=rows)
    parts = [
        element("h2", "Every run"),
        paragraph("Each with the command that made it and its whole config, every value resolved."),
        folded(f"Table: {counted(len(runs), 'run')}", table(found)),
        *left_out(study),
        folded("Commands and configs", "\n".join(run_details(run) for run in runs)),
    ]
    return section("runs", "\n".join(parts))


def run_row(run: Seen, condition: str, is_judged: bool) -> Sequence[str]:
    end = end_of(run)
    cpu = NONE if run.cpu_s is None else f"{run.cpu_s:,.0f}"
    return (
        run.name, condition, run.state, "yes" if is_judged else "no, found the learning rate", run.secret, run.seed,
        f"{run.rate:g}", f"{run.step:,}", f"{run.episodes:,}", f"{end:.3g}" if end > float("-inf") else NONE, cpu,
    )  # fmt: skip


def left_out(study: Study) -> Iterator[str]:
    if study.gathered.left_out:
        yield element("h3", "Left out")
        yield listed(f"{element('code', as_html(name))}: {as_html(why)}" for name, why in study.gathered.left_out)
    if study.unobserved:
        yield paragraph(
            "No observer is drawn for " + "; ".join(study.unobserved) + ": it takes a while. straw report --observer "
            "computes it, and keeps it for later reports."
        )


def run_details(run: Seen) -> str:
    command = join(run.command) if run.command else "not known"
    text = read_file(run.folder / CONFIG, PAGE).decode(errors="replace")
    return folded(run.name, element("pre", as_html(command)) + element("pre", as_html(text.strip(), lines=True)))


METHODS = """
Episodes to 0.9 of the bits are counted to the first measurement at which so much was known, so they are as exact as
the runs' eval_every. A run that ends before that stays in, as one that took longer (Kaplan and Meier). The first hit is
counted to the end of its step.
|
Numbers of runs are medians. In brackets stands a 95% interval between two of the runs in order, which holds whatever
the runs are like; below six independent runs there is none, and the range of the runs stands in parentheses. Of a
sum, a share or bits per episode there is no interval, since one run that locks in may lie far below the others: the
range of single runs stands behind it.
|
The laws a N + b, a N^β and a log2 N are for the median, and fitted to every run: what happened between two
measurements counts with the probability of that interval, a run that did not get there with that of being slower. The
errors are log-normal, or Weibull as those of waiting for luck, whichever has the lower AIC. The exponent with its
interval takes no error law: it is every β for which T / N^β is alike at all N, by Prentice's ranks.
|
Whether conditions differ is asked of permutation tests: how often runs that change places differ as much, within a
secret and a seed where conditions share them. All decisions of a report together are wrong by chance in at most 5%:
each gets an equal part of that. A difference that is not told apart is not said to be none.
|
That the ledger keeps its law is judged by a bet against it (Ville), after episodes of which no secret decided how
many they are. Efficiencies and bits per episode are ratios of sums over runs, never means of ratios; there is no
share where less than half a bit a run was received.
"""


def methods() -> list[str]:
    return [" ".join(text.split()) for text in METHODS.split("|")]


def methods_section() -> str:
    return section("methods", "\n".join([element("h2", "How it was computed"), *map(paragraph, methods())]))
