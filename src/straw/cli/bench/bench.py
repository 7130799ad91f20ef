"""straw bench: how many episodes a learner takes, beside the least that anybody could."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from straw.cli.arguments import take_flag, take_option, take_whole, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say, say_lines

if TYPE_CHECKING:
    from straw.benchmark.entry import Entry

BENCH = """straw bench LEARNER [--short] [-o FILE.json] [option=value ...]

Plays a learner against the fixed games of the benchmark, and writes an entry: the episodes of every run until 0.9 of
the bits are known, what they cost, and a hash of its rollouts, by which anybody can replay it.

  straw bench grpo --short -o grpo.json              a row of straw by its name
  straw bench my_learner.py:Mine --short             a learner, or a row, in a file of yours
  straw bench grpo --short kl_coef=0                 with options of its own
  straw bench grpo --form broad -o grpo-broad.json   all channels, N and spellings, two secrets each
  straw bench sdpo --form words -o sdpo-words.json   games that say "higher" or "lower" beside the pay
  straw bench surrogate -o surrogate.json            the full form
  straw bench reinforce --form smollm2               a real model, apart

  --short             3 cells, 8 secrets each: at most 3 minutes of one core
  --form NAME         short, broad, words, full or smollm2
  --secrets N         only the first N secrets of each cell, for a first look: the same command without it goes on
  --rollouts FOLDER   keep the rollouts too, a file a run

The learner runs in a process of its own, one from a file in a sandbox where bubblewrap is installed. It gets replies,
what they were paid and what was said of them, and never the secret; weights, sampling and measurement stay in this
process. A learner may choose options of the algorithm and the optimizer, nothing of the game. A bench that is stopped
goes on with the same command. What an entry is worth: straw board --check FILE.json
"""


def bench(words: list[str]) -> int:
    if wants_help(words):
        say_lines(BENCH)
        return 0
    words[:] = ["--out" if word == "-o" else word for word in words]
    is_short = take_flag(words, "--short")
    form = take_option(words, "form", "short") or ("short" if is_short else "full")
    out, rollouts = take_option(words, "out", "mine.json"), take_option(words, "rollouts", "rollouts")
    secrets = take_whole(words, "secrets", 0) or None
    learner, options = learner_in(words)
    path = Path(out or f"{name_of(learner)}-{form}.json").expanduser()
    check(path, form, is_short)
    from straw import outside
    from straw.benchmark.bench import bench as play
    from straw.benchmark.submission import submitted

    if outside.is_spelled(learner):
        outside.trust(learner)
        say(f"{name_of(learner)} runs in {where(submitted(learner, options).code)}")
    kept = Path(rollouts).expanduser() if rollouts else None
    entry = play(form, submitted(learner, options), path, say, secrets=secrets, rollouts=kept)
    print_entry(entry)
    say(f"entry: {path}")
    return 0


def learner_in(words: list[str]) -> tuple[str, dict[str, Any]]:
    """The learner, and the options that are its own to choose."""
    names = [word for word in words if "=" not in word and not word.startswith("-")]
    if len(names) != 1:
        raise ConfigError(
            f"straw bench takes one learner; got {' '.join(names) or 'none'}. Write for example straw bench grpo "
            "--short."
        )
    from straw.benchmark.submission import chosen_options

    return names[0], chosen_options(names[0], [word for word in words if word != names[0]])


def check(path: Path, form: str, is_short: bool) -> None:
    from straw.benchmark.games import cells_of

    cells_of(form)
    if is_short and form != "short":
        raise ConfigError(f"--short is --form short; got --form {form}. Leave one of them out.")
    if path.suffix != ".json":
        raise ConfigError(f"an entry is a file of JSON; got -o {path}. Write for example -o mine.json.")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"the entry goes into a folder that is there, and {path.absolute().parent} is none: make it")


def where(code: Mapping[str, str]) -> str:
    from straw.benchmark.wall.room import opening_for, words_of

    return words_of(opening_for(code))


def name_of(learner: str) -> str:
    from straw.outside import short

    return short(learner)


def print_entry(entry: Entry) -> None:
    from rich.table import Table

    from straw.benchmark.words import HEAD, row_of, total_interval, total_words
    from straw.text.shown.screen import Console, as_text

    scores, total = entry.scored()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(HEAD):
        table.add_column(as_text(name), justify="right" if index else "left")
    for cell in entry.cells:
        if cell.name in scores:
            table.add_row(*map(as_text, row_of(cell, scores[cell.name])))
    Console().print(table)
    span = f" (95%: {total_interval(total)})" if total.get("interval") else ""
    say(
        f"{entry.submission.title}: {total_words(total)} the ideal observer's episodes{span}, {entry.cpu_s:,.0f} CPU "
        "seconds"
    )
