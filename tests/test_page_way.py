"""A page's way through the house is short: down from the session, and seldom back up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType

from tests.small_runs import Listener, small_page
from tests.test_floors import FLOOR

from straw.config import Loaded, Page
from straw.training.session import run_page

MOST_CLIMBS = 6


@contextmanager
def stays() -> Iterator[dict[str, int]]:
    """Every function of the house that is handed a whole page, in the order of first calls, with its floor."""
    seen: dict[str, int] = {}

    def look(frame: FrameType, event: str, _: object) -> None:
        module = str(frame.f_globals.get("__name__"))
        if event != "call" or not module.startswith("straw."):
            return
        code = frame.f_code
        given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if any(isinstance(frame.f_locals.get(name), Page | Loaded) for name in given):
            seen.setdefault(f"{module}.{code.co_qualname}", FLOOR[module.split(".")[1]])

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield seen
    finally:
        sys.setprofile(before)


def test_a_page_climbs_back_up_seldom_on_its_way_to_its_use(home: Path, tmp_path: Path) -> None:
    loaded = small_page(f"n_batches=1 run_dir={tmp_path / 'run'}")
    with stays() as seen:
        run_page(loaded, Listener())
    climbs = [name for (_, below), (name, floor) in pairwise(seen.items()) if floor > below]
    assert "straw.training.resolve.rules.resolved" in seen
    assert len(climbs) <= MOST_CLIMBS, climbs
