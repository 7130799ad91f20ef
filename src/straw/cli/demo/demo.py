"""straw demo: the first thing to try."""

from __future__ import annotations

from pathlib import Path

from straw.cli.arguments import ALL, print_options, take_flag, take_option, take_whole, wants_help
from straw.errors import ConfigError

MOST = 64

DEMO = """straw demo [out=FOLDER] [secrets=6] [N=64] [key=value ...]
straw demo --real [out=FOLDER] [key=value ...]

Measure how fast a model of 1M parameters memorises a secret through four reward channels (binary, 8 bins,
log distance, dense) beside supervised learning: warm-up, six secrets a channel, a table, what it says in two
sentences, and a picture of bits known against episodes. One to two minutes on 2 cores; nothing is downloaded.

  out=FOLDER   where the runs and the picture go; without it a new folder under runs
  --real       instead: SmolLM2 (straw models add smollm2) learns from right or wrong alone to say the largest of three
               numbers, and is asked before and after, also what it was never trained on; some minutes
  secrets=6    secrets a channel; fewer than six have no 95% interval, and a range is shown

The options of `straw train` apply to every run, with these defaults, but stop_at=0.66, eval_every=4 (1 for binary and
SFT), save_every=0, keep_weights=false, learning_rate=3e-4 for dense, 4e-4 for 8 bins and log distance and 1.2e-3 for
SFT, warmup_distance=0.025 for dense, and ten steps a bit for all but binary. The demo itself sets reward_type,
env_type, algorithm, the seeds and run_dir:
"""


def demo(words: list[str]) -> int:
    if wants_help(words):
        print_options(DEMO, every=ALL in words)
        return 0
    from straw.config import Owners, parse_overrides

    if take_flag(words, "--real"):
        from straw.cli.demo.real import run_real

        folder = take_option(words, "out")
        return run_real(Path(folder) if folder else None, parse_overrides(words, Owners("largest")))
    out, secrets = take_option(words, "out"), take_whole(words, "secrets", 6)
    if not 1 <= secrets <= MOST:
        raise ConfigError(f"the demo takes 1 to {MOST} secrets a channel; got secrets={secrets}. Write secrets=6.")
    from straw.library.jobs.worker_pool import preload

    preload()
    from straw.cli.demo.runs import run_demo

    run_demo(Path(out) if out else None, parse_overrides(words), secrets)
    return 0
