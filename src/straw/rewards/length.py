"""Reward by length, from the memory study and from DAPO.

A right answer had better be short, and a wrong one may have thought longer:

    right    0.75 + 0.25 cos(pi t / L)      1.0 at no tokens, 0.5 from L on
    wrong   -0.75 - 0.25 cos(pi t / L)     -1.0 at no tokens, -0.5 from L on

And DAPO's soft punishment of what is overlong (arXiv 2503.14476), with a last fifth of L to fall in (its 4,096 of
20,480 tokens), so that a reply that is cut off does not lose all of a sudden:

    0 up to 4/5 L, then a straight line to -1 at L

t is counted in tokens, as L is, and goes no further than L: the cosine never turns back.
"""

from __future__ import annotations

from math import cos, pi


def cosine_length(is_right: bool, num_tokens: int, limit: int) -> float:
    """Example: right with half of L is 0.75, wrong with all of it -0.5."""
    size = 0.75 + 0.25 * cos(pi * min(num_tokens, limit) / limit)
    return size if is_right else -size


SHARE = 1 / 5  # of the most tokens


def overlong_length(num_tokens: int, limit: int) -> float:
    """Example: with L = 20, 16 tokens are 0, 18 are -0.5 and 20 are -1."""
    return -min(1.0, max(0.0, (num_tokens - (1 - SHARE) * limit) / (SHARE * limit)))
