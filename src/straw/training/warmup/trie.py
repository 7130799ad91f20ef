"""How a uniform answer goes on after what has been said, token by token: soft targets for a warm-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from straw.types import Datum


class Trie:
    """How a uniform answer goes on after what has been said, token by token."""

    def __init__(self, data: Sequence[Datum], complete: bool = True) -> None:
        self.complete = complete
        self.counts: dict[tuple[int, ...], dict[int, int]] = {}
        for datum in data:
            for place, token in enumerate(datum.tokens):
                if datum.weights[place]:
                    children = self.counts.setdefault(datum.tokens[:place], {})
                    children[token] = children.get(token, 0) + 1

    def soften(self, datum: Datum) -> Datum:
        targets = []
        for place in range(len(datum.tokens)):
            children = self.counts.get(datum.tokens[:place], {datum.tokens[place]: 1})
            total = sum(children.values())
            if not self.complete and total < 50:  # too few to tell a distribution by
                children, total = {datum.tokens[place]: 1}, 1
            targets.append({token: count / total for token, count in children.items()})
        return replace(datum, soft_targets=tuple(targets))
