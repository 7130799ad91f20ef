"""How a step of `surrogate`'s belief grows with the log and with the pool.

    python benchmarks/belief_growth.py           CPU-ms of a group of four, by episodes and by replies in the pool
    python benchmarks/belief_growth.py --anew    the same by fields that are solved anew at every step, as before rows

    step         four new rows and the belief that follows      goal: grows as episodes^1 at most
    whole run    all steps up to there

What is in a row: its likeness to all replies, ranks by two metrics, 22 kernels, 29 factors. The pool is numbers in
digits, none of which is ever paid in full, so the log can be as long as the pool.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from math import log
from statistics import median
from time import process_time

import numpy as np
from rich.console import Console
from rich.table import Table

from straw.algorithms.reward_model.belief import Belief
from straw.algorithms.reward_model.fields import full_shares
from straw.algorithms.reward_model.likeness import Replies

GROUP, END = 4, 10**6
EPISODES, POOLS = (16, 64, 256, 1024), (256, 1024, 4096)
MOST = 1.0  # the exponent, by episodes
ROUNDS = 5  # steps that are measured at each length


def spelled(N: int) -> list[tuple[int, ...]]:
    return [(*map(int, str(number)), END) for number in range(N)]


def pay(N: int) -> np.ndarray:
    """Of each number, none in full."""
    return np.asarray(0.9 - 0.8 * np.log2(1 + np.abs(np.arange(N) - N / 3)) / np.log2(N))


def steps_s(N: int, lengths: tuple[int, ...]) -> tuple[dict[int, float], dict[int, float]]:
    """CPU-seconds of a step behind so many episodes, and of all steps up to there."""
    belief, order, paid = Belief(Replies(spelled(N)), 1.0), np.random.default_rng(0).permutation(N), pay(N)
    spent: list[float] = []
    for begin in range(0, min(lengths[-1], N), GROUP):
        start = process_time()
        belief.append(order[begin : begin + GROUP].tolist(), paid[order[begin : begin + GROUP]].tolist())
        belief.log_chances()
        spent.append(process_time() - start)
    ends = {length: min(length, N) // GROUP for length in lengths}
    return {at: median(spent[max(0, end - ROUNDS) : end]) for at, end in ends.items()}, {
        at: sum(spent[:end]) for at, end in ends.items()
    }


def anew_s(N: int, length: int) -> float:
    order, paid, replies = np.random.default_rng(0).permutation(N)[:length], pay(N), [(one,) for one in spelled(N)]
    start = process_time()
    full_shares([replies[one] for one in order], [(paid[one],) for one in order], replies, np.ones(N), 1.0)
    return process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anew", action="store_true")
    asked = parser.parse_args()
    console, N = Console(highlight=False, width=100), 1024
    found, whole = steps_s(N, EPISODES)
    table = Table(
        "episodes", "a step, CPU-ms", "the whole run, CPU-s", *(["solved anew, CPU-ms"] if asked.anew else [])
    )
    for length in EPISODES:
        more = [f"{anew_s(N, length) * 1e3:,.0f}"] if asked.anew else []
        table.add_row(f"{length:,}", f"{found[length] * 1e3:.1f}", f"{whole[length]:.2f}", *more)
    console.print(f"N={N:,}, a pool of {N:,}", table)
    for a, b in pairwise(EPISODES):
        exponent = log(found[b] / found[a]) / log(b / a)
        verdict = "holds" if exponent <= MOST else "does not hold"
        console.print(f"{a:,} to {b:,} episodes: exponent {exponent:.2f}, at most {MOST:g} {verdict}")
    table = Table("pool", "a step behind 32 episodes, CPU-ms")
    for N in POOLS:
        table.add_row(f"{N:,}", f"{steps_s(N, (32,))[0][32] * 1e3:.1f}")
    console.print(table)


if __name__ == "__main__":
    main()
