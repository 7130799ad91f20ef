"""How the numbers of a game are written down, so that it can be told what a learner owes to their digits.

    digits      57 is "57": numbers that are near each other begin alike
    permuted    57 is "9", the digits of another number: the same replies, and no order in them
    reversed    57 is "75": numbers that are near each other end alike
    tagged      57 is "<57>": one token of its own, where a model's vocabulary has such tokens (tiny-1M-numbers)

A permutation is a draw of its own, from secret_seed. What a reply is worth, and what an observer learns from it, is a
matter of the numbers; only what is written differs.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random

from straw.seeds import seed_for
from straw.text.reading.parse import strict_ints

SPELLINGS = ("digits", "permuted", "reversed", "tagged")


def spelled(numbers: list[int], spelling: str, N: int, seed: int) -> str:
    if spelling == "permuted":
        written, _ = permutation(N, seed)
        numbers = [written[number] for number in numbers]
    if spelling == "reversed":
        return " ".join(str(number)[::-1] for number in numbers)
    return " ".join(f"<{number}>" if spelling == "tagged" else str(number) for number in numbers)


def read(text: str, spelling: str, N: int, seed: int, length: int) -> tuple[int, ...] | None:
    """The numbers that a reply consists of, or None."""
    if spelling == "tagged":
        words = text.strip().split(" ")
        if not all(word.startswith("<") and word.endswith(">") for word in words):
            return None
        found = strict_ints(" ".join(word[1:-1] for word in words), N, length)
        return found if found is not None and text.strip() == spelled([*found], spelling, N, seed) else None
    if spelling == "reversed":
        found = strict_ints(" ".join(word[::-1] for word in text.strip().split(" ")), N, length)
        return found if found is not None and text.strip() == spelled([*found], spelling, N, seed) else None
    found = strict_ints(text, N, length)
    if found is None or spelling == "digits":
        return found
    _, meant = permutation(N, seed)
    return tuple(meant[number] for number in found)


@lru_cache(maxsize=64)
def permutation(N: int, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How each number is written, and which number each writing means."""
    written = list(range(N))
    Random(seed_for(seed, "labels", N)).shuffle(written)
    meant = [0] * N
    for number, writing in enumerate(written):
        meant[writing] = number
    return tuple(written), tuple(meant)
