"""A worker that freezes in the middle of what it does."""

from __future__ import annotations

import os
import signal
from typing import Any

from tests.engines.contract import lesson, prompts_of
from tests.small_runs import small_plan

from straw.engines.base import Loss, SamplingParams
from straw.engines.local import heartbeat as pulse
from straw.engines.local.build import load_engine
from straw.engines.local.engine import LocalEngine


class Freezing:
    """A small engine that stops itself at a beat: in a layer of prefill, of decoding or of training."""

    def __init__(self) -> None:
        self.engine: LocalEngine = load_engine(small_plan("warmup=none").page)
        self.real = pulse.beat

    def work(self, kind: str, at: int) -> Any:
        beats = iter(range(1, at + 1))

        def beat() -> None:
            self.real()
            if next(beats, None) == at:
                os.kill(os.getpid(), signal.SIGSTOP)

        pulse.watch(beat if at else self.real)
        if kind == "train":
            return self.engine.forward_backward(lesson(self.engine), Loss(name="cross_entropy")).metrics["loss"]
        return self.engine.sample(prompts_of(self.engine)[2:3], 16, SamplingParams(max_tokens=6), [range(16)])
