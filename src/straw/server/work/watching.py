"""What the page, /metrics and the log may know of the work: counts, and the last numbers of every model."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import time

from straw.engines.base import AdamParams
from straw.engines.tenants.records import Gradient, Sampled
from straw.server.wire.training import ForwardBackward

MOST_POINTS, MOST_MODELS = 500, 256


@dataclass(frozen=True, slots=True)
class Point:
    """One optimiser step of a model, with the loss summed since the step before."""

    step: int
    time: float
    loss: float
    num_tokens: int
    reward: float | None
    learning_rate: float


@dataclass(slots=True)
class Curve:
    """Of one model. What is not in `points` adds up until its next step."""

    points: deque[Point] = field(default_factory=lambda: deque(maxlen=MOST_POINTS))
    step: int = 0
    loss: float = 0.0
    num_tokens: int = 0
    advantage: float = 0.0
    num_advantages: int = 0


@dataclass(slots=True)
class Watching:
    """Written by the thread that computes, read by the one that answers."""

    say: Callable[[str], None] = lambda line: None
    num_sampled_tokens: int = 0
    num_prompt_tokens: int = 0
    num_trained_tokens: int = 0
    num_samples: int = 0
    num_steps: int = 0
    num_replayed: int = 0
    num_errors: int = 0
    busy_s: float = 0.0
    curves: dict[str, Curve] = field(default_factory=dict)

    def tell(self, line: str) -> None:
        self.say(line)

    def sampled(self, num_prompt_tokens: int, sampled: Sampled) -> None:
        self.num_samples += len(sampled.sequences)
        self.num_sampled_tokens += sum(len(one.tokens) for one in sampled.sequences)
        self.num_prompt_tokens += num_prompt_tokens - sampled.cached_prompt_tokens

    def trained(self, model: str, read: ForwardBackward, gradient: Gradient) -> None:
        num_tokens = sum(example.num_tokens for example in read.data)
        if read.forward_only:
            self.num_prompt_tokens += num_tokens
            return
        self.num_trained_tokens += num_tokens
        curve = self.curve(model)
        curve.loss += gradient.metrics.get("loss:sum", 0.0)
        curve.num_tokens += num_tokens
        for example in read.data:
            if (advantages := example.inputs.get("advantages")) is not None and advantages.any():
                curve.advantage += float(advantages[advantages != 0].mean())
                curve.num_advantages += 1

    def stepped(self, model: str, params: AdamParams, metrics: Mapping[str, float]) -> None:
        self.num_steps += 1
        curve = self.curve(model)
        curve.step += 1
        reward = curve.advantage / curve.num_advantages if curve.num_advantages else None
        curve.points.append(Point(curve.step, time(), curve.loss, curve.num_tokens, reward, params.learning_rate))
        curve.loss, curve.num_tokens, curve.advantage, curve.num_advantages = 0.0, 0, 0.0, 0

    def curve(self, model: str) -> Curve:
        while len(self.curves) >= MOST_MODELS and model not in self.curves:
            self.curves.pop(next(iter(self.curves)))
        return self.curves.setdefault(model, Curve())
