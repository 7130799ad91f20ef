"""Who computes: the engine in this process, or one that takes over from it.

An engine is a function (page, local, say) -> context manager, which yields what keeps the contract of `engines.base`.
It begins where `local` is. The loop cannot tell one from another.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from straw.engines.base import Engine
from straw.engines.local.engine import LocalEngine
from straw.registry import find
from straw.training.plan import Plan


def crew(plan: Plan, local: LocalEngine, say: Callable[[str], None]) -> AbstractContextManager[Engine]:
    """The page's engine."""
    started: AbstractContextManager[Engine] = find("engines", plan.page.engine.engine)(plan.page, local, say)
    return started
