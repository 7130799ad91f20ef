"""How the time of a step grows with the prompt and with the group.

    shared   straw: the prompt of a group is read once
    plain    transformers alone: every reply reads the prompt again, in sampling and in training

Reading the prompt once, a step costs about (prompt + group * 7) tokens, so that doubling the prompt costs
less than a doubling until the prompt outweighs the replies. `floor` is what the doubling costs in FLOPs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from job import BETAS, Job, prompt_of, reward
from machine_limits import needs_of
from rich.console import Console
from rich.table import Table
from straw_side import StrawSide

from straw.algorithms.advantages import zscore
from straw.engines.local.models.resolve import load_model

MOST = 1.3  # times the time for twice the prompt, group of 64
PLAIN_TOKENS = 64 * 140  # the plain arrangement is shown up to this many tokens a step


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    prompt: int
    group: int
    shared_s: float  # CPU-seconds of a step
    plain_s: float | None
    flops: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    model: str
    by_prompt: list[Point]  # each twice the prompt of the one before
    by_group: list[Point]


PLANS: dict[str, tuple[Sequence[int], Sequence[int], int]] = {  # prompts, groups, times each is measured
    "tiny-1M": ((30, 60, 120, 240, 480, 960), (4, 16, 64, 256), 7),
    "smollm2": ((30, 60, 120, 240), (16, 64), 1),
}


def growth(model: str) -> Curve:
    prompts, groups, times = PLANS.get(model, PLANS["smollm2"])
    with_plain = model in PLANS and model != "smollm2"  # there a plain step takes a minute
    return Curve(
        model=model,
        by_prompt=[measure(model, prompt, 64, times, with_plain) for prompt in prompts],
        by_group=[measure(model, 60, group, times, with_plain) for group in groups],
    )


def measure(model: str, prompt: int, group: int, times: int, with_plain: bool) -> Point:
    text, tokens = prompt_of(load_model(model).tokenizer, prompt)
    job = Job(model=model, text=text, prompt=tokens, steps_per_round=1, group_size=group)
    side = StrawSide(job, fast_llama=True)
    plain = PlainSide(job) if with_plain and prompt * group <= PLAIN_TOKENS else None
    return Point(
        prompt=prompt,
        group=group,
        shared_s=cpu_s(side.step, times),
        plain_s=cpu_s(plain.step, max(1, times // 3)) if plain else None,
        flops=sum(needs.flops for needs in needs_of(side.engine.model, job).values()),
    )


def cpu_s(step: Callable[[], object], times: int) -> float:
    step()
    return statistics.median(spent(step) for _ in range(times))


def spent(step: Callable[[], object]) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


class PlainSide:
    """The same job with transformers and torch alone."""

    def __init__(self, job: Job) -> None:
        self.job, self.model = job, load_model(job.model).model
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=job.learning_rate, betas=BETAS, weight_decay=0.0, fused=True
        )

    def step(self) -> None:
        length = self.job.reply_tokens
        prompts = torch.tensor(self.job.prompt).expand(self.job.group_size, -1)
        tokens = self.model.generate(
            prompts, attention_mask=torch.ones_like(prompts), do_sample=True, top_k=0, use_cache=True,
            min_new_tokens=length, max_new_tokens=length, pad_token_id=0,
        )  # fmt: skip
        replies = tokens[:, -length:]
        advantages = torch.tensor(zscore([reward(reply) for reply in replies.tolist()]))
        logits = self.model(input_ids=tokens, logits_to_keep=length + 1).logits[:, :-1]
        logprobs = logits.log_softmax(-1).gather(2, replies.unsqueeze(2)).squeeze(2)
        (-(logprobs * advantages.unsqueeze(1)).mean()).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.job.grad_clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)


def doublings(points: Sequence[Point]) -> list[tuple[int, int, float, float]]:
    """(from, to, times the time, times the FLOPs)."""
    return [(a.prompt, b.prompt, b.shared_s / a.shared_s, b.flops / a.flops) for a, b in pairwise(points)]


def show(curve: Curve, console: Console) -> None:
    console.print(table(f"{curve.model}: a group of 64, longer prompts", curve.by_prompt))
    for before, after, factor, floor in doublings(curve.by_prompt):
        verdict = "holds" if factor <= MOST else "does not hold"
        console.print(
            f"  prompt {before:>3} to {after:>3}: {factor:.2f} times the time, at most {MOST} {verdict} "
            f"(floor: {floor:.2f} times the FLOPs)"
        )
    console.print(table(f"{curve.model}: a prompt of 60, larger groups", curve.by_group))


def table(title: str, points: Sequence[Point]) -> Table:
    out = Table(title=title, title_justify="left")
    for name in ("prompt", "group", "shared, CPU-ms", "episodes/CPU-s", "plain, CPU-ms", "plain / shared"):
        out.add_column(name, justify="right")
    for point in points:
        plain = ("", "")
        if point.plain_s is not None:
            plain = (f"{point.plain_s * 1e3:.0f}", f"{point.plain_s / point.shared_s:.1f}")
        cells = (str(point.prompt), str(point.group), f"{point.shared_s * 1e3:.0f}")
        out.add_row(*cells, f"{point.group / point.shared_s:.1f}", *plain)
    return out
