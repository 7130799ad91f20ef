"""What can be said of the observer in closed form, in bits and episodes. S is uniform on [0, N).

binary            one guess says h2(1/N), about (log2 N + 1.44) / N. Guesses that are never repeated know
                  (t/N) log2 N + (1 - t/N) log2 (N / (N-t)) in the mean after t of them, and S after (N-1)(N+2) / (2N).
log distance      a reward names |g - S|: log2 N - 2 min(g, N-1-g) / N for a guess g, log2 N at either end
dense by turn     log2 N: every bit is told
dense summed      H(Bin(k, 1/2)) where N = 2^k
"""

from __future__ import annotations

from math import comb, log2

from straw.information import binary_entropy_bits, entropy_bits


def binary_bits(N: int) -> float:
    """Of one guess."""
    return binary_entropy_bits(1 / N)


def binary_bits_after(N: int, episodes: int) -> float:
    """Of so many different guesses."""
    left = N - min(episodes, N - 1)
    if left == 1:
        return log2(N)
    share = (N - left) / N
    return share * log2(N) + (1 - share) * log2(N / left)


def binary_episodes_to_know(N: int) -> float:
    return (N - 1) * (N + 2) / (2 * N)


def log_distance_bits(N: int, guess: int) -> float:
    return log2(N) - 2 * min(guess, N - 1 - guess) / N


def log_distance_bits_of_any(N: int) -> float:
    """Of one uniform guess: log2 N - (N - 2) / (2N) where N is even."""
    return sum(log_distance_bits(N, guess) for guess in range(N)) / N


def dense_sum_bits(num_bits: int) -> float:
    return entropy_bits([comb(num_bits, hits) / 2**num_bits for hits in range(num_bits + 1)])
