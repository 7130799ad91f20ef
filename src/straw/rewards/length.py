"""Reward by length: a right answer had better be short, and a wrong one may have thought longer.

    right    0.75 + 0.25 cos(pi t / L)      1.0 at no tokens, 0.5 from L on
    wrong   -0.75 - 0.25 cos(pi t / L)     -1.0 at no tokens, -0.5 from L on

t is counted in tokens, as L is, and goes no further than L: the cosine never turns back.
"""

from __future__ import annotations

from math import cos, pi


def cosine_length(is_right: bool, num_tokens: int, limit: int) -> float:
    """Example: right with half of L is 0.75, wrong with all of it -0.5."""
    size = 0.75 + 0.25 * cos(pi * min(num_tokens, limit) / limit)
    return size if is_right else -size
