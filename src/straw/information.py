"""Bits: how much of a secret a probability gives away.

    bits_known = log2 N + log2 p(S)        0: guessing uniformly, log2 N: memorised, negative: worse than guessing

Everything here is a number from numbers. Log-probabilities are in nats, as models give them; whatever ends in
`_bits` is in bits. N is the number of answers there are: N**length for a sequence of secrets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def nats_to_bits(nats: float) -> float:
    return nats / math.log(2)


def num_bits(N: int) -> int:
    """Binary digits that write every number below N, at least one: 6 for 64, 7 for 65."""
    return max(1, (N - 1).bit_length())


def bits_known(N: int, logp_nats: float) -> float:
    """log2 N + log2 p, raw: below 0 when the answer is less likely than by chance."""
    return math.log2(N) + nats_to_bits(logp_nats)


def bits_known_clamped(N: int, logp_nats: float) -> float:
    """For pictures. The ledger's law holds for the raw and the smoothed value, not for this one."""
    return max(0.0, bits_known(N, logp_nats))


def smoothed_absorbed_bits(N: int, logp_nats: float, e: float = 0.01) -> float:
    """log2((1 - e) N p + e): bounded below by log2 e, and a mean over secrets that no single failure rules."""
    if not 0 < e < 1:
        raise ValueError(f"the share of smoothing lies between 0 and 1, got e={e}")
    known, floor = bits_known(N, logp_nats) + math.log2(1 - e), math.log2(e)
    larger, smaller = max(known, floor), min(known, floor)
    return larger + math.log2(1 + 2.0 ** (smaller - larger))  # stays finite where 2**known would not


def log_total(logps_nats: Sequence[float]) -> float:
    """log of the sum of probabilities: the mass on valid answers, in nats."""
    top = max(logps_nats)
    if top == -math.inf:
        return top
    return top + math.log(math.fsum(math.exp(logp - top) for logp in logps_nats))


def entropy_bits(probabilities: Sequence[float]) -> float:
    return math.fsum(-p * math.log2(p) for p in probabilities if p > 0)


def binary_entropy_bits(p: float) -> float:
    """h2: what one answer to a yes-no question says when yes has the probability p."""
    return entropy_bits((p, 1 - p))


def plug_in_entropy_bits(counts: Sequence[int]) -> float:
    """-sum (n/G) log2 (n/G) of the symbols of a group: a diagnostic, never above log2 G, and too low."""
    total = sum(counts)
    return abs(math.fsum(-n / total * math.log2(n / total) for n in counts if n)) if total else 0.0


def miller_madow_bits(counts: Sequence[int], levels: int | None) -> float:
    """The plug-in entropy with its first-order bias taken out, and at most log2 levels.

    Example: one hit in four is 0.811 bits as counted, and 0.811 + 1 / (8 ln 2) = 0.992 so. What never came stays
    unseen: a group that agrees has 0.
    """
    reached = sum(1 for n in counts if n)
    if reached < 2:
        return 0.0
    corrected = plug_in_entropy_bits(counts) + (reached - 1) / (2 * sum(counts) * math.log(2))
    return corrected if levels is None else min(corrected, math.log2(levels))


def kl_bits(ps: Sequence[float], qs: Sequence[float]) -> float:
    """KL(p || q): what it costs to have expected q."""
    return math.fsum(p * math.log2(p / q) for p, q in zip(ps, qs, strict=True) if p > 0)


def pass_rate_bits(right: int, asked: int, right_before: int, asked_before: int) -> float:
    """log2 of how often it is right now over how often it was; rates are (c + 1/2) / (n + 1), so none is 0.

    Example: from 0 of 20 to 15 of 20 is log2 (15.5 / 0.5) = 4.95 bits, at best a lower bound.
    """
    return math.log2((right + 0.5) / (asked + 1)) - math.log2((right_before + 0.5) / (asked_before + 1))


def ratio(part: float | None, whole: float | None) -> float | None:
    """An efficiency; None, neither 0 nor infinite, where there is nothing to compare with."""
    return part / whole if part is not None and whole is not None and whole > 0 else None
