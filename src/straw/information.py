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


def bits_to_nats(bits: float) -> float:
    return bits * math.log(2)


def num_bits(N: int) -> int:
    """Binary digits that write every number below N, at least one: 6 for 64, 7 for 65."""
    return max(1, (N - 1).bit_length())


def bits_known(N: int, logp_nats: float) -> float:
    """log2 N + log2 p, raw: below 0 when the answer is less likely than by chance."""
    return math.log2(N) + nats_to_bits(logp_nats)


def bits_known_clamped(N: int, logp_nats: float) -> float:
    """For pictures. The ledger's law holds for the raw and the smoothed value, not for this one."""
    return max(0.0, bits_known(N, logp_nats))


def bits_known_among(logps_nats: Sequence[float], target: int) -> float:
    """log2 N + log2 [p(S) / sum of p(s)]: knowledge of the secret with that of the format taken out."""
    return bits_known(len(logps_nats), logps_nats[target] - log_total(logps_nats))


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


def renormalised(logps_nats: Sequence[float]) -> list[float]:
    """The distribution over these answers alone. No answer has any mass: nothing to renormalise, all nan."""
    total = log_total(logps_nats)
    return [math.exp(logp - total) for logp in logps_nats]


def entropy_bits(probabilities: Sequence[float]) -> float:
    return math.fsum(-p * math.log2(p) for p in probabilities if p > 0)


def total_variation_from_uniform(probabilities: Sequence[float]) -> float:
    """Half the sum of |p - 1/N|: the share of mass that would have to move. 0 uniform, 1 - 1/N one answer."""
    uniform = 1 / len(probabilities)
    return 0.5 * math.fsum(abs(p - uniform) for p in probabilities)
