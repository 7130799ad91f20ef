"""straw demo: the first thing to try."""

from __future__ import annotations

from pathlib import Path

from straw.cli.words import print_options, take_option, wants_help

DEMO = """straw demo [out=FOLDER] [N=64] [key=value ...]

Measure how fast a model of 1M parameters memorises a secret through four reward channels (binary, 8 bins,
log distance, dense) beside supervised learning: warm-up, five runs, a table and a picture of bits known
against episodes. Under 3 minutes on 2 cores; nothing is downloaded.

  out=FOLDER   where the runs and the picture go; without it a new folder under runs

The options of `straw train` apply to every run, with these defaults, but eval_every=2. The demo itself sets
reward_type, env_type, algorithm and run_dir:
"""


def demo(words: list[str]) -> int:
    if wants_help(words):
        print_options(DEMO)
        return 0
    from straw.cli.demo_runs import run_demo
    from straw.config import parse_overrides

    out = take_option(words, "out")
    run_demo(Path(out) if out else None, parse_overrides(words))
    return 0
