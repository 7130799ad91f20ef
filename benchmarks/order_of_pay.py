"""Which reply to pay for first: by the policy's own likelihood, or by a model of the reward that all problems share?

    OMP_NUM_THREADS=1 python benchmarks/order_of_pay.py      reverse_digits at its start, 200 problems judged: 20 s

Sixteen replies are drawn to each problem and the six likeliest different ones kept. Counted is how many are paid for
until the right one is found, where it is among them; 1 would be the best. The model is a logistic regression, fitted to
what all six replies of some other problems were paid:

    likelihood       nothing is fitted
    three numbers    log-probability of the reply, of its least likely token, how often it was drawn
    hidden states    the same, and the policy's last layer: the mean over a reply, and its last token
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize

from straw.config import load_page
from straw.engines.base import Engine, SamplingParams
from straw.training.engine_factory import crew
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import plan_of, sampling_of
from straw.types import Datum, End

PAGE = Path(__file__).parents[1] / "recipes" / "reverse_digits.toml"
FIRST, JUDGED, FITTED = 10_000, 200, (50, 100, 200)
DRAWN, KEPT, TOGETHER = 16, 6, 50
Array = np.ndarray[Any, Any]


def replies(plan: Plan, engine: Engine, first: int) -> list[tuple[int, list[float], Array, bool]]:
    """Of some problems: the problem, three numbers, hidden states, and whether it is right."""
    params = sampling_of(plan, engine.chat)
    params = SamplingParams(max_tokens=params.max_tokens, temperature=1.0, stop=params.stop)
    problems = [plan.task.problem(FIRST + first + place) for place in range(TOGETHER)]
    prompts = [engine.chat.opening(problem.messages) for problem in problems]
    seeds = [[(first + place) * DRAWN + sample for sample in range(DRAWN)] for place in range(TOGETHER)]
    found = []
    groups = engine.sample(prompts, DRAWN, params, seeds)
    for place, (problem, prompt, group) in enumerate(zip(problems, prompts, groups, strict=True)):
        nats = {reply.tokens: reply.logprobs for reply in group}
        kept = sorted(nats, key=lambda tokens: -math.fsum(nats[tokens]))[:KEPT]
        states = engine.states([Datum(prompt=prompt, tokens=one, weights=(1.0,) * len(one)) for one in kept])
        for tokens, state in zip(kept, states, strict=True):
            often = sum(reply.tokens == tokens for reply in group)
            numbers = [math.fsum(nats[tokens]), min(nats[tokens]), math.log(often)]
            is_right = all(plan.task.grade(problem, [engine.chat.decode(tokens)], End.ANSWERED).hits)
            found.append((first + place, numbers, np.concatenate([state.mean(0), state[-1]]), is_right))
    return found


def fitted(x: Array, right: Array, some: Array, penalty: float = 1.0) -> Array:
    """How likely each is right, by those of `some`."""
    scaled = (x - x[some].mean(0)) / (x[some].std(0) + 1e-6)
    z = np.c_[scaled, np.ones(len(x))]
    signs = 2.0 * right[some] - 1

    def loss(w: Array) -> tuple[float, Array]:
        logits = z[some] @ w
        slope = z[some].T @ (1 / (1 + np.exp(-logits)) - right[some])
        slope[:-1] += 2 * penalty * w[:-1]
        return float(np.logaddexp(0, -logits * signs).sum() + penalty * (w[:-1] ** 2).sum()), slope

    return np.asarray(z @ minimize(loss, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B").x)


def paid_until_right(scores: Array, problems: Array, right: Array) -> float:
    """In the mean over problems with a right reply."""
    counts = []
    for problem in np.unique(problems):
        its = np.flatnonzero(problems == problem)
        in_order = right[its[np.argsort(-scores[its])]]
        if in_order.any():
            counts.append(int(in_order.argmax()) + 1)
    return float(np.mean(counts))


def main() -> None:
    plan = plan_of(load_page(PAGE, {"task_seed": "0"}))
    with crew(plan, print) as engine:
        rows = [row for first in range(0, max(FITTED) + JUDGED, TOGETHER) for row in replies(plan, engine, first)]
    problems, right = np.array([row[0] for row in rows]), np.array([row[3] for row in rows], dtype=float)
    numbers, states = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    judged = problems >= max(FITTED)
    table = Table("fitted to", "likelihood", "three numbers", "hidden states")
    table.title = f"paid for until right, {JUDGED} problems"
    for count in FITTED:
        some = problems < count
        scores = (numbers[:, 0], fitted(numbers, right, some), fitted(np.c_[3 * numbers, states], right, some))
        told = [f"{paid_until_right(score[judged], problems[judged], right[judged]):.2f}" for score in scores]
        table.add_row(f"{count} problems, {int(some.sum()):,} replies", *told)
    Console().print(table)


if __name__ == "__main__":
    main()
