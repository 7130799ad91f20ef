"""Seeds as a function of what they are for, never of what was drawn before.

    seed_for(run_seed, "sample", step, problem, sample, turn)  ->  a 64-bit number

So a resumed run draws what the uninterrupted one would have drawn, no two places share a seed by
accident, and the secret has no influence on the randomness of training.
"""

from __future__ import annotations

from hashlib import blake2b


def seed_for(*what: int | str) -> int:
    """A hash of all its arguments; the order counts, and 1 is not "1"."""
    digest = blake2b(repr(what).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def uniform_for(*what: int | str) -> float:
    """The same as a number in [0, 1)."""
    return (seed_for(*what) >> 11) / 2**53
