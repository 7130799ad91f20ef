"""straw observe: how fast anybody could learn a secret through a channel."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from straw.cli.arguments import say_json, take_flag, take_option, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

if TYPE_CHECKING:
    from straw.measure.observer import Observed

OBSERVE = """straw observe [N=1024] [reward_type=binary] [key=value ...] [-o FILE.json|FILE.csv] [--json]

The ideal observer of the secret game: expected bits against episodes, for guesses that say most (greedy), that fit all
rewards so far (Thompson), the same in groups of group_size, and for uniform guesses. No model is involved.

  straw observe N=1024                                                     binary
  straw observe N=1024 reward_type=binned_log_distance reward_bins=8
  straw observe N=256 env_type=multi_step credit=sum                       bits, counted
  straw observe N=64 group_size=16 -o curves.csv                           every point, for another program

Every option of a page is understood; those of the game, its reward and the groups count. Up to 4096 secrets. What was
found is kept under straw's home folder. Beside runs: straw compare RUN RUN --observer.
"""
MARKS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)


def observe(words: list[str]) -> int:
    if wants_help(words):
        say_lines(OBSERVE)
        return 0
    from straw.config import load_page, parse_overrides
    from straw.measure.observer import observed_page

    as_json = take_flag(words, "--json")
    out = take_option(spelled_out(words), "out", "curves.json")
    if out is not None and not out.endswith((".json", ".csv")):
        raise ConfigError(f"curves are written as JSON or CSV; got {out}. Write for example -o curves.csv.")
    page = load_page(None, parse_overrides([word for word in words if word != "secret"])).page
    found = observed_page(page)
    if out:
        from straw.runs.files.atomic_write import write_whole

        write_whole(Path(out), as_csv(found) if out.endswith(".csv") else json.dumps(found.record(), indent=1))
    if as_json:
        say_json(found.record())
    else:
        print_observed(found, page.channel.replace("_", " "))
        if out:
            say(f"curves: {out}")
    return 0


def spelled_out(words: list[str]) -> list[str]:
    words[:] = ["--out" if word == "-o" else word for word in words]
    return words


def as_csv(found: Observed) -> str:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["strategy", "episodes", "bits", "error"])
    lines.writerows(points(found))
    return text.getvalue()


def points(found: Observed) -> Iterator[tuple[str, int, float, float]]:
    for name, pace in found.paces.items():
        errors = pace.errors or (0.0,) * len(pace.bits)
        for episode, bits, error in zip(pace.episodes, pace.bits, errors, strict=True):
            yield name, episode, bits, error


def print_observed(found: Observed, channel: str) -> None:
    from rich.table import Table

    from straw.report.curves.observer import curve_of_pace, label_of
    from straw.report.curves.terminal import print_curves
    from straw.text.shown.screen import Console, as_text

    last = max(pace.episodes[-1] for pace in found.paces.values())
    marks = [mark for mark in MARKS if mark <= last]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(("episodes", *found.paces)):
        table.add_column(as_text(name.replace("_group", f" / {found.group}")), justify="right" if index else "left")
    for mark in marks:
        table.add_row(f"{mark:,}", *(f"{pace.bits_at(mark):.2f}" for pace in found.paces.values()))
    table.add_row("to 0.9 of the bits", *(plain(pace.to_nine_tenths) for pace in found.paces.values()))
    table.add_row("to the secret", *(plain(pace.to_know, pace.to_know_error) for pace in found.paces.values()))
    console = Console()
    console.print(as_text(f"{channel}, N = {found.N}: bits known, in the mean over secrets", "bold"))
    console.print(
        f"first reward: {found.first_bits:.4f} bits from a uniform guess, {found.best_first_bits:.4f} from the best, "
        f"{found.levels} levels"
    )
    console.print(table)
    until = picture_end(found)
    curves = [
        curve_of_pace(found, name, until=until)._replace(dashed=False, label=label_of(name, found.group))
        for name in found.paces
    ]
    print_curves(curves, ceiling_bits=found.ceiling_bits, title="bits known against episodes", unit="bits")


def picture_end(found: Observed) -> int:
    """Where uniform guesses have left the others behind: not the whole of their way."""
    ends = [pace.episodes[-1] for name, pace in found.paces.items() if name != "uniform"]
    return max(2, min(max(ends), 4 * min(ends)))


def plain(episodes: float | None, error: float | None = None) -> str:
    if episodes is None:
        return "never, for some"
    return f"{episodes:,.1f}" + (f" ± {error:.2g}" if error else "")
