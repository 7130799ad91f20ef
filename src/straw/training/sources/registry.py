"""Which source of rollouts a page gets."""

from __future__ import annotations

from straw.engines.base import Engine, SamplingParams
from straw.training.plan import Plan
from straw.training.sources.base import Collector, NoRollouts, Source
from straw.training.sources.free import Free, Say, Tell
from straw.training.sources.lagged import Lagged
from straw.training.sources.prefetch import Prefetching
from straw.training.state import RunState


def source_of(plan: Plan, engine: Engine, sampling: SamplingParams, state: RunState, say: Say, tell: Tell) -> Source:
    collector = Collector(plan, sampling, state.pass_rates)
    if plan.is_sft:
        return NoRollouts()
    make = getattr(state.student, "source", None)
    own: Source | None = None if make is None else make(collector)
    if own is not None:
        return own
    if not plan.page.engine.max_lag:
        return Prefetching(collector, engine)
    if plan.page.engine.pace == "free":
        return Free(collector, engine, state.next_group, say, tell)
    return Lagged(collector, engine, state.ahead)
