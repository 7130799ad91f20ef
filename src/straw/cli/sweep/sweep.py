"""straw sweep: many runs from one page."""

from __future__ import annotations

from pathlib import Path

from straw.cli.arguments import counted, take_flag, take_option, wants_help
from straw.errors import ConfigError
from straw.text.shown.say import say_lines

SWEEP = """straw sweep PAGE.toml [out=FOLDER] [key=value ...]

Run what is missing of a sweep, go on with what was stopped or failed, and leave alone what is done: the same command
finishes a sweep, however it ended before. Exit status 1 when a run failed; the others are not kept from running.

  straw sweep recipes/sweeps/bandwidth-small.toml                on a laptop, in half an hour
  straw sweep recipes/sweeps/bandwidth-small.toml --dry-run      what there is to do, and what it will cost

  --jobs N        so many runs at a time; without it as many as there are cores, or one on a GPU
  --sequential    one after the other, in this process
  --dry-run       print every run with its state, and the episodes that are left, and stop; with --json for a program
  out=FOLDER      where the sweep lives; without it runs/sweeps/NAME

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
    if not page.endswith(".toml"):
        raise ConfigError(f"straw sweep takes a page first; got {page!r}. Write straw sweep PAGE.toml.")
    from straw.cli.sweep.show import print_plan, run_sweep
    from straw.config import parse_overrides
    from straw.runs.sweeps.page import read_sweep

    read = read_sweep(Path(page), parse_overrides(rest), Path(out).expanduser() if out else None)
    if dry:
        print_plan(read, as_json=as_json)
        return 0
    return run_sweep(read, 0 if sequential else None if jobs is None else number_of(jobs))


def number_of(jobs: str) -> int:
    return counted("jobs", jobs, least=1, most=1024, example=2)
