"""What the gates of an engine found, kept for the next run that begins with the same weights and options.

    sampler_equals_trainer, update_reaches_sampler, rows_are_independent     of weights, prompt and engine alone

The other gates are about a run's own secret, reward and draws, and are passed by each. A gate that fails is not kept.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from straw.engines.base import Engine, SamplingParams
from straw.engines.local.engine import LocalEngine

if TYPE_CHECKING:
    from straw.training.plan import Plan

OF_ENGINE = ("sampler_equals_trainer", "update_reaches_sampler", "rows_are_independent")
Found = tuple[str, bool]  # what it says, and whether that is news


class GatesOnce:
    """One for a process in which many runs begin."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Found]] = {}

    def of(self, start: str) -> dict[str, Found]:
        """By the gate's name; to be added to."""
        return self.found.setdefault(start, {})

    def start(self, plan: Plan, engine: Engine, sampling: SamplingParams) -> str | None:
        """All that those gates depend on. None: somebody else's engine, or a model that takes longer to read."""
        if type(engine) is not LocalEngine or not engine.is_made:
            return None
        page, digest = plan.page, blake2b(digest_size=16)
        prompt = engine.chat.opening(plan.task.problem(0).messages)
        digest.update(repr((page.model, page.engine, sampling, prompt, sorted(sampling.stop))).encode())
        for name, parameter in engine.model.named_parameters():
            digest.update(name.encode())
            digest.update(parameter.detach().cpu().contiguous().view(-1).numpy().data)
        return digest.hexdigest()
