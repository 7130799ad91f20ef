"""Who computes: the engine in this process, or the processes that take over from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from straw.engines.base import Engine
from straw.engines.local.engine import LocalEngine
from straw.training.assemble import Plan


@contextmanager
def crew(plan: Plan, local: LocalEngine, say: Callable[[str], None]) -> Iterator[Engine]:
    """The page's engine, begun where `local` is. The loop cannot tell one from another."""
    ours = plan.page.engine
    if ours.engine == "local":
        with local:
            yield local
        return
    from straw.engines.monarch.engine import MonarchEngine

    say(f"starting a trainer and {ours.num_generators} generators")
    with MonarchEngine(plan.page, local, ours.num_generators) as engine:
        local.let_go()
        yield engine
