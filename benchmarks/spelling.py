"""How far `algorithm=surrogate` rests on how numbers are spelled: episodes until it says the secret.

    python benchmarks/spelling.py                       N=256, 8 bins, 64 secrets, four spellings
    python benchmarks/spelling.py --N 1000 --secrets 6 --most 400 digits "one token"

    digits       207 is 2 0 7                      numbers that are near begin alike
    permuted     207 is 9 3, the digits of another number
    one token    207 is one token of its own, as in vocabularies with numbers of up to three digits
    guessing     no number twice, and no use made of any reward

There is no network: the belief is drawn from as it is, in groups of four, and all answers are in the pool. So this is
what the belief itself can do; a model that is trained towards it can do no better.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import mean, quantiles

import numpy as np
from rich.console import Console
from rich.table import Table

from straw.algorithms.reward_model import Turns, full_shares
from straw.rewards.log_distance import closeness

END, GROUP, BINS = -1, 4, 8
Spell = Callable[[int], tuple[int, ...]]


def spelled(spelling: str, N: int, seed: int) -> list[Turns]:
    permuted = np.random.default_rng([seed, 1]).permutation(N)
    ways: dict[str, Spell] = {
        "digits": lambda number: tuple(map(int, str(number))),
        "permuted": lambda number: tuple(map(int, str(permuted[number]))),
        "one token": lambda number: (10 + number,),
    }
    return [((*ways[spelling](number), END),) for number in range(N)]


def episodes_to_say(secret: int, spelling: str, N: int, most: int) -> int:
    """Rounded up to a group; more than `most` where it was not said by then."""
    chance, replies = np.random.default_rng([secret, N]), spelled(spelling, N, secret)
    pays = [round(closeness(abs(guess - secret), N) * (BINS - 1)) / (BINS - 1) for guess in range(N)]
    shares, said, paid = np.full(N, 1 / N), [], []
    for episodes in range(GROUP, most + 1, GROUP):
        guesses = chance.choice(N, GROUP, p=shares)
        if secret in guesses:
            return episodes
        said += [replies[guess] for guess in guesses]
        paid += [(pays[guess],) for guess in guesses]
        shares = full_shares(said, paid, replies, np.ones(N), 1.0)
    return most + GROUP


def guessed(secret: int, N: int) -> int:
    place = int(np.random.default_rng([secret, N, 2]).permutation(N).tolist().index(secret))
    return GROUP * (place // GROUP + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spellings", nargs="*", default=["digits", "permuted", "one token", "guessing"])
    parser.add_argument("--N", type=int, default=256)
    parser.add_argument("--secrets", type=int, default=64)
    parser.add_argument("--most", type=int, default=10**6, help="episodes")
    asked = parser.parse_args()
    secrets = [int(one) for one in np.random.default_rng(asked.N).permutation(asked.N)[: asked.secrets]]
    table = Table("spelling", "said", "episodes: median", "quartiles", "mean")
    for spelling in asked.spellings:
        found = [
            guessed(secret, asked.N)
            if spelling == "guessing"
            else episodes_to_say(secret, spelling, asked.N, asked.most)
            for secret in secrets
        ]
        low, middle, high = quantiles(found, n=4, method="inclusive")
        there = sum(one <= asked.most for one in found)
        table.add_row(spelling, f"{there} of {len(found)}", f"{middle:g}", f"{low:g} to {high:g}", f"{mean(found):.0f}")
    Console(highlight=False).print(f"N={asked.N}, {BINS} bins, groups of {GROUP}", table)


if __name__ == "__main__":
    main()
