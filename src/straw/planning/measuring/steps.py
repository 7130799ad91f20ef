"""Some steps of the run itself, with the processor time of everybody in each of their parts."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean
from typing import Any

from straw.engines.monarch.engine import MonarchEngine
from straw.planning.measuring.meters import Meter
from straw.training.loop import Loop
from straw.types import Rollout

STEPS = 5  # the first of which is not counted


class Steps:
    """`parts`: of each step, seconds by the name of the part."""

    def __init__(self, loop: Loop, engine: MonarchEngine, by_clock: bool) -> None:
        self.loop, self.engine = loop, engine
        self.directing, self.trainer = Meter(None), Meter(engine.trainer.pid, by_clock)
        self.generators = [Meter(pid) for pid in engine.pool.pids()]
        self.parts: list[dict[str, float]] = []
        self.rollouts: list[Rollout] = []
        for verb in ("forward_backward", "optim_step", "publish"):
            setattr(engine, verb, self.timed(verb, getattr(engine, verb)))

    def timed(self, verb: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def acted(*given: Any) -> Any:
            self.trainer.since()
            found = act(*given)
            self.add(verb, self.trainer.since())
            return found

        return acted

    def add(self, part: str, seconds: float) -> None:
        self.parts[-1][part] = self.parts[-1].get(part, 0.0) + seconds

    def make(self) -> None:
        """All of them; between two steps generators go to the new weights."""
        write = self.loop.source.rollouts
        setattr(self.loop.source, "rollouts", self.written(write))  # noqa: B010
        for _ in range(STEPS):
            self.parts.append({})
            self.loop.state.step += 1
            self.directing.since()
            metrics = self.loop.step()
            self.add("keep", self.directing.since())
            self.loop.log(metrics, {})
            self.add("log", self.directing.since())
            self.rollouts += self.loop.rollouts
            self.take()

    def written(self, write: Callable[[int], Any]) -> Callable[[int], Any]:
        def acted(step: int) -> Any:
            for meter in self.generators:
                meter.since()
            found = write(step)
            self.add("grade", self.directing.since())
            self.add("sample", sum(meter.since() for meter in self.generators))
            return found

        return acted

    def take(self) -> None:
        pool, version = self.engine.pool, self.engine.version
        for index, meter in enumerate(self.generators):
            meter.since()
            pool.submit("take", version, None, prefer=index).answer.result()
            self.add("take", meter.since() / len(self.generators))

    def of(self, part: str) -> float:
        """Of a step, in the mean over the faster half of those that count: what disturbs only makes longer."""
        took = sorted(parts.get(part, 0.0) for parts in self.parts[1:])
        return fmean(took[: -(-len(took) // 2)])
