"""straw report: what runs say, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from straw.cli.arguments import say_json, take_flag, take_option, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

if TYPE_CHECKING:
    from straw.report.study.analysis import Study

REPORT = """straw report RUN|FOLDER ... [-o report.html] [--figures FOLDER] [--observer] [--json]
straw report RUN|FOLDER ... --paper [-o paper.md|paper.pdf]

Runs, sweeps, or folders of them, as one page that opens offline: curves with an ideal observer beside them, the ledger,
how episodes grow with N, saturation, learning rates, controls, sentences that are computed from the data, tables of
every number, rollouts to read, and the command and config of every run.

  straw report runs/sweeps/space                            report.html
  straw report runs/sweeps/space runs/sweeps/dense -o scaling.html
  straw report runs/first                                   a single run, even while it goes on
  straw report runs/sweeps/space --figures paper            each figure as PNG and SVG too
  straw report runs/sweeps/space --json                     the sentences alone, for a program; writes no file
  straw report runs/sweeps/space --paper                    paper.md, its pictures in paper-figures, and paper.pdf

Runs that differ in nothing but secret, seed and length are one condition. Those under a sweep's tune folder found its
learning rates and are not judged. A folder that cannot be read is named and left out.
--paper: a short article instead: question, method with the ledger's law and its proof, figures, tables with intervals,
what was found, limits, commands, versions and hashes. Its sentences are the report's; equal runs make equal files.
--observer: compute ideal observers of more than 1,024 secrets too, which takes a while the first time.
"""
PAPERS = (".md", ".pdf")


def report(words: list[str]) -> int:
    if wants_help(words):
        say_lines(REPORT)
        return 0
    words[:] = ["--out" if word == "-o" else word for word in words]
    as_json, is_patient, is_paper = (take_flag(words, name) for name in ("--json", "--observer", "--paper"))
    out, folder = take_option(words, "out", "report.html"), take_option(words, "figures", "figures")
    pages = goals(out, is_paper)
    check(words, pages, is_paper)
    check_installed(pages)
    from straw.report.study.analysis import studied
    from straw.report.study.load_runs import gathered
    from straw.report.study.verdicts import verdicts_of

    study = studied(gathered([Path(word).expanduser() for word in words]), patient=is_patient)
    said = verdicts_of(study)
    if as_json:
        found = [{"text": one.text, "about": one.about, "is_warning": one.is_warning} for one in said]
        say_json(found)
        return 0
    for one in said:
        say(f"{'with care: ' if one.is_warning else ''}{one.text}")
    for name, why in study.gathered.left_out:
        say(f"left out: {name}: {why}")
    write(study, pages, folder)
    return 0


def goals(out: str | None, is_paper: bool) -> list[Path]:
    """The files that are asked for."""
    if out is not None:
        return [Path(out).expanduser()]
    return [Path("paper.md"), Path("paper.pdf")] if is_paper else [Path("report.html")]


def check(words: list[str], pages: list[Path], is_paper: bool) -> None:
    if not words or any(word.startswith("-") or "=" in word for word in words):
        raise ConfigError(
            f"straw report takes runs, or folders of them; got {' '.join(words) or 'none'}. "
            "Write for example straw report runs/sweeps/space -o report.html."
        )
    if is_paper and pages[0].suffix not in PAPERS:
        raise ConfigError(f"a paper is Markdown or PDF; got out={pages[0]}. Write for example -o paper.pdf.")
    if not is_paper and pages[0].suffix in PAPERS:
        raise ConfigError(f"a report is a page of HTML; got out={pages[0]}. Add --paper for an article.")
    if not is_paper and pages[0].suffix not in (".html", ".htm"):
        raise ConfigError(f"a report is a page of HTML; got out={pages[0]}. Write for example -o report.html.")
    if not pages[0].absolute().parent.is_dir():
        raise ConfigError(
            f"the page goes into a folder that is there, and {pages[0].absolute().parent} is none: make it first"
        )


def check_installed(pages: Sequence[Path] = ()) -> None:
    needed = {"plotly": "plotly", "scipy": "scipy"}
    needed |= {"fontTools": "fonttools"} if any(page.suffix == ".pdf" for page in pages) else {}
    if missing := [name for module, name in needed.items() if find_spec(module) is None]:
        raise ConfigError(f"a report needs {' and '.join(missing)}, not installed. Write pip install 'straw[report]'.")


def write(study: Study, pages: list[Path], folder: str | None) -> None:
    from straw.report.figures.all import figures_of
    from straw.report.page.page import page_of
    from straw.report.paper.save import save_paper
    from straw.runs.files.atomic_write import write_whole

    figures = figures_of(study)
    if pages[0].suffix in PAPERS:
        save_paper(study, figures, pages)
    else:
        write_whole(pages[0], page_of(study, figures))
    for page in pages:
        say(f"{'paper' if page.suffix in PAPERS else 'report'}: {page}")
    if folder is not None:
        from straw.report.figures.drawing.paper import save_figures

        paths = save_figures(figures, Path(folder).expanduser())
        say(f"figures: {len(paths)} files in {folder}")
