"""straw compare: runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from straw.cli.arguments import say_json, take_flag, take_option, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

if TYPE_CHECKING:
    from straw.report.curves.curve import Curve
    from straw.report.runs.compare import Compared

COMPARE = """straw compare RUN RUN ... [--metric NAME] [--observer] [out=FILE.png] [--json]

What differs in the runs' options, their key numbers side by side, and their curves in one picture.

  straw compare runs/binary runs/bins             in the terminal
  straw compare binary bins                       names below runs/ are enough
  straw compare runs/sweep/*                      as many as you like
  straw compare binary bins out=curves.png        the picture as a file too
  straw compare binary bins --metric reward       another curve than bits known
  straw compare binary bins --observer            and what an ideal observer would know, in equal groups
  straw compare binary bins --json                for a program

"episodes to 0.5 of the bits" says between which two measurements half of log2 N was known for the first time, as 36 to
40: it is as exact as the runs' eval_every.
"""
WIDE = 4  # runs; more of them are rows of the table, with its narrow columns only
NARROW = {
    "state": "state",
    "steps": "steps",
    "reward, late": "reward",
    "bits known": "bits known",
    "episodes to 0.5 of the bits": "to 0.5",
    "episodes to 0.9 of the bits": "to 0.9",
}


def compare(words: list[str]) -> int:
    if wants_help(words):
        say_lines(COMPARE)
        return 0
    as_json, beside = take_flag(words, "--json"), take_flag(words, "--observer")
    out, metric = take_option(words, "out", "curves.png"), take_option(words, "metric", "reward")
    check(words, out)
    from straw.report.runs.compare import compare as compare_runs
    from straw.report.runs.listing import run_named
    from straw.report.runs.summary import check_metric
    from straw.runs.metrics import MEASURED

    compared = compare_runs([run_named(word) for word in words])
    if metric is not None:
        check_metric(metric, chain(*compared.rows), "these runs")
    there = {name for row in chain(*compared.rows) for name in row}
    metric = metric or next((name for name in MEASURED if name in there), MEASURED[0])
    compared = replace(compared, beside=observers(compared)) if beside and metric == "bits_known" else compared
    picture = draw(compared, Path(out), metric) if out else None
    if as_json:
        say_json(plain(compared, metric))
    else:
        print_compared(compared, metric)
        if picture:
            say(f"picture: {picture}")
    return 0


def check(words: list[str], out: str | None) -> None:
    if len(words) < 2 or any(word.startswith("-") for word in words):
        raise ConfigError(
            f"straw compare takes two runs or more; got {' '.join(words) or 'none'}. "
            "Write for example straw compare runs/first runs/second."
        )
    if out is not None and not out.endswith(".png"):
        raise ConfigError(f"the picture is a PNG; got out={out}. Write for example out=curves.png.")
    if out is not None and not (folder := Path(out).absolute().parent).is_dir():
        raise ConfigError(f"the picture goes into a folder that is there, and {folder} is none: make it first")


def observers(compared: Compared) -> list[Curve]:
    """Of every game that these runs play, as far as the runs go."""
    from straw.report.curves.observer import curves_of

    until = max((row["episodes"] for row in chain(*compared.rows)), default=0)
    found = [curve for config in compared.configs for curve in curves_of(config, until=until)]
    unlike = {(tuple(curve.episodes), tuple(curve.bits_known)): curve for curve in found}
    return list(unlike.values())


def draw(compared: Compared, path: Path, metric: str) -> Path:
    from straw.report.curves.picture import draw_picture

    ceiling = compared.ceiling_bits if metric == "bits_known" else None
    return draw_picture(compared.curves(metric), path, ceiling_bits=ceiling, metric=metric.replace("_", " "))


def print_compared(compared: Compared, metric: str) -> None:
    from straw.report.curves.curve import thinned
    from straw.report.curves.terminal import print_curves
    from straw.report.runs.summary import FACTS

    many = len(compared.labels) > WIDE
    print_options(compared, many)
    shown = NARROW if many else {name: name for name in FACTS}
    facts = {short: [FACTS[name](one) for one in compared.summaries] for name, short in shown.items()}
    print_side_by_side("key numbers", compared.labels, {name: of for name, of in facts.items() if set(of) != {"-"}})
    curves = [thinned(curve) for curve in compared.curves(metric)]
    is_bits = metric == "bits_known"
    if any(curve.episodes for curve in curves):
        title = f"{'bits known' if is_bits else metric} against episodes"
        print_curves(
            curves,
            ceiling_bits=compared.ceiling_bits if is_bits else None,
            title=title,
            unit="bits" if is_bits else "",
        )


def print_options(compared: Compared, many: bool) -> None:
    """A column a run; of many runs, which of them have which value."""
    if not compared.options:
        say("options that differ: none")
    elif not many:
        print_side_by_side("options that differ", compared.labels, compared.options)
    else:
        from straw.cli.commands.show_page import pairs
        from straw.text.shown.screen import Console

        found = [(name, grouped(values, compared.labels)) for name, values in compared.options.items()]
        Console().print(pairs("options that differ", found))


def grouped(values: Sequence[str], labels: Sequence[str]) -> str:
    """0.1 in a; 0.2 in the others"""
    runs = {value: [label for label, one in zip(labels, values, strict=True) if one == value] for value in values}
    *few, (usual, _) = sorted(runs.items(), key=lambda item: len(item[1]))
    found = [f"{value or '-'} in {', '.join(names)}" for value, names in few]
    return "; ".join([*found, f"{usual or '-'} in the others"])


def print_side_by_side(title: str, labels: Sequence[str], facts: Mapping[str, Sequence[str]]) -> None:
    """A column a run; of many runs, a row each."""
    from rich.table import Table

    from straw.text.shown.screen import Console, as_text

    header, rows = ("", *labels), [(name, *values) for name, values in facts.items()]
    if len(labels) > WIDE:
        header, *rows = [tuple(row) for row in zip(header, *rows, strict=True)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(header):
        table.add_column(as_text(name), justify="right" if index else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(as_text, row))
    console = Console()
    console.print(as_text(title, "bold"))
    console.print(table)


def plain(compared: Compared, metric: str) -> dict[str, object]:
    return {
        "labels": compared.labels,
        "options": compared.options,
        "summaries": [asdict(one) for one in compared.summaries],
        "curves": [
            {"label": one.label, "episodes": one.episodes, metric: one.bits_known} for one in compared.curves(metric)
        ],
    }
