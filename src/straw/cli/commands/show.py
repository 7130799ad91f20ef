"""straw show: one run, as much of it as fits a few screens."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from straw.cli.arguments import say_json, take_flag, take_option, take_whole, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say_lines

SHOW = """straw show RUN [--samples 5] [--metric NAME] [--json]

What a run is, how far it came, what it was told, what happened to it; its curves; and rollouts to read: the best, the
worst, and replies early and late in training to the same problem, each with every part of its reward.

  straw show runs/first                      the whole page
  straw show first                           the same: a name below runs/ is enough
  straw show first --samples 20              more rollouts of each kind (0: none)
  straw show first --metric kl,grad_norm     these curves, instead of bits known and reward
  straw show first --json                    all of it for a program, with the curves' every point

A run that is still going on can be shown too. Nothing is written, and no torch is needed. Which runs there are:
straw runs. Two beside each other: straw compare.
"""


def show(words: list[str]) -> int:
    if wants_help(words):
        say_lines(SHOW)
        return 0
    as_json, metric = take_flag(words, "--json"), take_option(words, "metric", "kl")
    samples = take_whole(words, "samples", 5)
    if len(words) != 1 or words[0].startswith("-"):
        raise ConfigError(f"straw show takes one run; got {' '.join(words) or 'none'}. Write: straw show runs/first")
    from straw.report.runs.listing import run_named

    page = page_of(run_named(words[0]), samples, metric.split(",") if metric is not None else [])
    if as_json:
        say_json(page)
    else:
        from straw.cli.commands.show_page import print_page

        print_page(page)
    return 0


def page_of(folder: Path, num_samples: int, metrics: list[str]) -> dict[str, Any]:
    """Everything that is shown, as plain JSON values."""
    from straw.report.curves.curve import metric_curve
    from straw.report.runs.listing import doubt
    from straw.report.runs.options_diff import chosen, filled_in
    from straw.report.runs.samples import samples_of
    from straw.report.runs.summary import NAMES, check_metric, summarised
    from straw.runs.metrics import MEASURED
    from straw.runs.reading import read_about, read_checkpoints, read_config, read_events, read_metrics

    config, rows = read_config(folder), read_metrics(folder, (*NAMES, *metrics))
    names = metrics or [name for name in (*MEASURED, "reward") if name in rows.names]
    for name in names:
        check_metric(name, rows, folder)
    curves = {name: metric_curve(rows, name, name) for name in names}
    return {
        "folder": str(folder),
        "doubt": doubt(folder),
        "summary": asdict(summarised(folder, config, rows)),
        "chosen": chosen(config),
        "filled_in": filled_in(config),
        "about": {name: value for name, value in read_about(folder).items() if name != "config"},
        "events": read_events(folder),
        "checkpoints": [{"step": row["step"], "folder": row["folder"]} for row in read_checkpoints(folder)],
        "curves": {name: {"episodes": one.episodes, "values": one.bits_known} for name, one in curves.items()},
        "samples": asdict(samples_of(folder, num_samples)),
    }
