"""Who computes: the engine in this process, one that takes over from it, or one that is somewhere else.

An engine is a function (page, local, say) -> context manager, which yields what keeps the contract of `engines.base`.
It begins where `local` is. One that has a model of its own (`has_own_model`) has `opened(page, run, say)` instead, and
no model is loaded here. The loop cannot tell one from another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from straw.engines.base import Engine
from straw.engines.local.build import starting_again
from straw.registry import find
from straw.tasks.base import World
from straw.training.plan import Plan
from straw.training.resolve.generators import check_hosts
from straw.training.warmup.initial_policy import starting_engine
from straw.training.warmup.remote_policy import starting_elsewhere


@contextmanager
def crew(plan: Plan, say: Callable[[str], None], run: Path | None = None) -> Iterator[Engine]:
    """The page's engine, at the start of the run; `run`: the folder of one that goes on.

    What the task began for it, a server or a process, ends with it.
    """
    try:
        with engine_for(plan, say, run) as engine:
            yield engine
    finally:
        if isinstance(plan.task, World):
            plan.task.close()


def engine_for(plan: Plan, say: Callable[[str], None], run: Path | None) -> AbstractContextManager[Engine]:
    found = find("engines", plan.page.engine.engine)
    if getattr(found, "has_own_model", False):
        return starting_elsewhere(found, plan, run, say)
    check_hosts(plan.page)
    local = starting_engine(plan, say) if run is None else starting_again(plan.page, run)
    started: AbstractContextManager[Engine] = found(plan.page, local, say)
    return started
