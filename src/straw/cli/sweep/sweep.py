"""straw sweep: many runs from one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from straw.cli.arguments import counted, page_at, take_flag, take_option, wants_help
from straw.config.recipes import ENDING, SWEEPS, is_there, recipe_names
from straw.errors import ConfigError, did_you_mean
from straw.text.shown.say import say, say_lines

if TYPE_CHECKING:
    from straw.runs.sweeps.sweep import Sweep

# The secret game's study: levels of the reward, number of secrets, a reward for every bit, and being told outright.
STUDY = ("bandwidth", "space", "dense", "supervised")
STUDIES = {"study": STUDY, "study-small": tuple(f"{page}-small" for page in STUDY)}

SWEEP = """straw sweep PAGE.toml|NAME [out=FOLDER] [key=value ...]

Run what is missing of a sweep, go on with what was stopped or failed, and leave alone what is done: the same command
finishes a sweep, however it ended before. Exit status 1 when a run failed; the others are not kept from running.

  straw sweep recipes/sweeps/bandwidth-small.toml                on a laptop, in half an hour
  straw sweep recipes/sweeps/bandwidth-small.toml --dry-run      what there is to do, and what it will cost
  straw sweep capacity-small               a sweep that comes with straw, by its name; a file beside you wins
  straw sweep study                        the four sweeps of the study of the secret game: a GPU for some hours each
  straw sweep study-small                  the same four on the embedded model: a laptop, half an hour each at most

  --jobs N        so many runs at a time; without it as many as there are cores, or one on a GPU
  --sequential    one after the other, in this process
  --dry-run       print every run with its state, and the episodes that are left, and stop; with --json for a program
  out=FOLDER      where the sweep lives, those of a study each below it; without it runs/sweeps/NAME

An option behind the page is for every run of the sweep: n_batches=50. `straw train --help` names them all.

A page:

  name = "bandwidth"
  question = "How fast is a reward of more levels?"
  seeds = [0, 1, 2]            each makes one run per condition
  seed_options = ["secret_seed", "seed"]     what each seed sets; these without it
  own_draws = true             optional: conditions share secrets but not their luck; runs of one seed guess alike
  [base]                       options of every run
  N = 64
  [grid]                       every combination of these values is a condition
  reward_bins = [4, 8]
  [[condition]]                or conditions by hand
  name = "binary"
  reward_type = "binary"
  [tune]                       optional: for each condition the rate that learns soonest, on other secrets
  multiply = [0.3, 1, 3]       times the rate it has without; or learning_rate = [1e-4, 3e-4]
  seeds = [100, 101]

The folder holds a run folder each (what `straw train` leaves), sweep.csv, sweep.json and curves.png; the runs that
found the learning rates are under tune/, without their weights (keep_weights=false spares the disk those of all runs).
Where accuracy is measured instead of bits, the first condition is what the others are compared with, seed by seed, and
the picture is conditions.png.
"""


def sweep(words: list[str]) -> int:
    if wants_help(words) or not words:
        say_lines(SWEEP)
        return 0 if words else 2
    as_json = take_flag(words, "--json")
    dry, sequential = take_flag(words, "--dry-run", "--dry_run"), take_flag(words, "--sequential")
    out, jobs = take_option(words, "out"), take_option(words, "jobs", "2")
    if sequential and jobs is not None:
        raise ConfigError(f"--sequential is one run after the other; got --jobs {jobs} with it. Leave one of them out.")
    if as_json and not dry:
        raise ConfigError("--json is for --dry-run: a sweep leaves its own sweep.json. Leave it out, or add --dry-run.")
    page, *rest = words
    from straw.cli.sweep.show import print_plans, run_sweep
    from straw.config import parse_overrides

    sweeps = sweeps_of(page, parse_overrides(rest), Path(out).expanduser() if out else None)
    if dry:
        print_plans(sweeps, as_json=as_json)
        return 0
    count = 0 if sequential else None if jobs is None else number_of(jobs)
    return max([run_sweep(one, count) for one in sweeps])


def sweeps_of(name: str, options: dict[str, str], out: Path | None) -> list[Sweep]:
    """The sweep of a page, or those of a study, every one of which is read before any runs."""
    from straw.runs.sweeps.page import read_sweep

    if name in STUDIES and not is_there(Path(name)):
        say(f"{name}: the sweeps {', '.join(STUDIES[name])}, one after the other", error=True)
        return [read_sweep(page_at(page, SWEEPS), options, out / page if out else None) for page in STUDIES[name]]
    path = page_at(name, SWEEPS)
    if path.suffix != ENDING:
        near = did_you_mean(name, [*recipe_names(SWEEPS), *STUDIES])
        raise ConfigError(
            f"straw sweep takes a page first; got {name!r}. Write straw sweep PAGE.toml, or a name: {near}"
        )
    return [read_sweep(path, options, out)]


def number_of(jobs: str) -> int:
    return counted("jobs", jobs, least=1, most=1024, example=2)
