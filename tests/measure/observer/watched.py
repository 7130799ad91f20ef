"""Observers and reward tables of games that are spelled in words; what was watched once is kept."""

from __future__ import annotations

from functools import cache

from straw.config import load_page, parse_overrides
from straw.measure.observer import Observed, game_of, observe
from straw.measure.observer.table import Table, table_of


@cache
def watch(words: str, **options: int) -> Observed:
    return observe(*game_of(load_page(None, parse_overrides(words.split())).page), **options)


def table(words: str) -> Table:
    return table_of(*game_of(load_page(None, parse_overrides(words.split())).page))
