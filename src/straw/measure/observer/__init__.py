"""The ideal observer: how fast anybody could come to know the secret through a channel.

    S uniform on [0, N), guesses g, a deterministic reward R(g, S)        bits = log2 (N / secrets that fit all rewards)

    game -> table of rewards -> hits, greedy or draws -> paces

`ideal` puts the strategies together and keeps what was found, `game` makes one from a page. Where only the secret
itself is paid for, `hits` knows the chances of everybody; elsewhere `greedy` walks its tree and the others are `draws`.
`forms` are closed forms of simple games, for tests.
"""

from __future__ import annotations

from straw.measure.observer.game import game_of, group_of, observed_page
from straw.measure.observer.ideal import STRATEGIES, Observed, cached_at, observe, observed

__all__ = [
    "STRATEGIES",
    "Observed",
    "cached_at",
    "game_of",
    "group_of",
    "observe",
    "observed",
    "observed_page",
]
