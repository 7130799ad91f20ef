"""From a page and rewards to a gradient: the loop's own way against the definition, `plain_objective`, in float64.

Rewards, replies and their log-probabilities are given; everything between them and the gradient is straw's: credit,
weights, which rollouts train, loss, KL penalty, entropy bonus, temperature, packing, micro-batches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from random import Random
from typing import Any

import pytest
import torch
from tests.engines.local.kinds import make_engine
from tests.small_runs import Listener, small_plan
from tests.training.plain_objective import Objective, gradient, plainly
from torch import Tensor
from transformers import PreTrainedModel

from straw.engines.base import AdamParams, Loss, SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.measure.ledger.ledger import Ledger
from straw.training.loop import Loop
from straw.training.sources.base import NoRollouts
from straw.types import Datum, End, Grade, Message, Problem, Rollout, Turn

BASELINES = ("group", "leave_one_out", "zscore", "ema", "constant", "optimistic")
ROWS = {  # baseline, whether it is clipped, weighing and KL coefficient of each algorithm, by its paper
    "reinforce": ("group", False, "rollout", 0.0),
    "reinforce_ema": ("ema", False, "reply", 0.0),
    "reinforce_constant": ("constant", False, "rollout", 0.0),
    "rloo": ("leave_one_out", False, "rollout", 0.0),
    "grpo": ("zscore", True, "reply", 0.04),
    "dr_grpo": ("group", True, "rollout", 0.0),
    "ppo": ("group", True, "rollout", 0.0),
    "optimistic": ("optimistic", False, "rollout", 0.0),
}
RUNNING_MEAN = 0.5
WITHOUT_ADVANTAGE = {"constant": 0.5, "ema": RUNNING_MEAN, "optimistic": 1.0}  # what all of such a group are paid
GROUP_SIZE = 4


@dataclass(frozen=True)
class Case:
    """`zeros`: whether no group, the first of two, or both have no advantage."""

    algorithm: str
    baseline: str | None  # None: the algorithm's own
    kl_coef: float | None  # None: the algorithm's own
    entropy_coef: float
    zeros: str
    temperature: float
    tokens_at_once: int | None
    num_turns: int
    kl_by_ratio: bool = False

    def __str__(self) -> str:
        cut = "whole" if self.tokens_at_once is None else "cut"
        kl = f"{self.kl_coef}{' by ratio' if self.kl_by_ratio else ''}"
        return (
            f"{self.algorithm}-{self.baseline or 'own'}-kl {kl}-entropy{self.entropy_coef}-{self.zeros} zero-"
            f"T{self.temperature}-{cut}-{self.num_turns} turns"
        )

    @property
    def objective(self) -> Objective:
        baseline, is_clipped, weigh, kl_coef = ROWS[self.algorithm]
        return Objective(
            baseline=self.baseline or baseline, is_clipped=is_clipped, weigh=weigh,
            kl_coef=kl_coef if self.kl_coef is None else self.kl_coef, kl_by_ratio=self.kl_by_ratio,
            entropy_coef=self.entropy_coef, temperature=self.temperature, running_mean=RUNNING_MEAN,
        )  # fmt: skip

    @property
    def page(self) -> str:
        words = [
            f"algorithm={self.algorithm} temperature={self.temperature} entropy_coef={self.entropy_coef}",
            f"entropy_schedule=constant group_size={GROUP_SIZE} batch_size=2 n_batches=9 replay=0 fixed_secret=1",
        ]
        words += [f"baseline={self.baseline}"] if self.baseline else []
        words += [f"kl_coef={self.kl_coef}"] if self.kl_coef is not None else []
        words += ["env_type=multi_step N=4"] if self.num_turns > 1 else []
        words += ["use_bias_correction_kl=true"] if self.kl_by_ratio else []
        return " ".join(words)


def every_case() -> list[Case]:
    """Entropy bonuses, second turns and the way of the KL fall on the product evenly."""
    axes = (ROWS, (None, *BASELINES), (None, 0.0, 0.3), ("none", "half", "both"), (1.0, 0.7), (None, 16))
    return [
        Case(*point[:3], (0.0, 0.2)[number // 2 % 2], *point[3:], 1 + (number % 5) // 3, kl_by_ratio=number % 7 < 3)
        for number, point in enumerate(product(*axes))
    ]


def some_cases(count: int = 32) -> list[Case]:
    """Each algorithm as it comes and with a KL penalty, half of its advantages zero; and a sample of the rest."""
    plain = [Case(algorithm, None, kl, 0.0, "half", 0.7, 16, 1) for algorithm in ROWS for kl in (None, 0.3)]
    return plain + Random(7).sample(every_case(), count - len(plain))


# --- what is given -------------------------------------------------------------------------------


@cache
def policy() -> tuple[LocalEngine, PreTrainedModel, PreTrainedModel]:
    """An engine whose weights have left their start; its model and the one that it started from, in float64."""
    engine, start = make_engine("llama"), plainly(make_engine("llama").model)
    lesson = Datum(prompt=(11, 12, 13), tokens=(14, 15, 16), weights=(1.0,) * 3)
    for _ in range(4):
        engine.forward_backward([lesson], Loss(name="cross_entropy"))
        engine.optim_step(AdamParams(learning_rate=0.02))
    engine.publish()
    return engine, plainly(engine.model), start


def groups_of(case: Case) -> list[list[Rollout]]:
    return some_groups(
        case.zeros, WITHOUT_ADVANTAGE.get(case.objective.baseline, 0.2), case.temperature, case.num_turns
    )


@cache
def some_groups(zeros: str, paid_alike: float, temperature: float, num_turns: int) -> list[list[Rollout]]:
    random = Random(3)
    out = []
    for group in (0, 1):
        is_zero = zeros == "both" or (zeros == "half" and group == 0)
        rewards = [[random.choice((0.0, 0.2, 0.9)) for _ in range(num_turns)] for _ in range(GROUP_SIZE)]
        rewards = [[paid_alike] * num_turns] * GROUP_SIZE if is_zero else rewards
        out.append([rollout(random, group, row, temperature) for row in rewards])
    return out


def rollout(random: Random, group: int, rewards: list[float], temperature: float) -> Rollout:
    """A conversation with replies of one to five tokens."""
    turns: list[Turn] = []
    read = tuple(range(20, 24 + 3 * group))
    for _ in rewards:
        turns.append(turn(random, read, temperature))
        read = read + turns[-1].reply + (30, 31)
    return Rollout(
        problem=Problem(key=str(group), messages=(Message("user", "?"),), reference=("1",)),
        turns=tuple(turns), replies=("1",) * len(turns), end=End.ANSWERED,
        grade=Grade(hits=(False,) * len(turns), well_formed=True), rewards={"paid": sum(rewards)},
        turn_rewards=tuple(rewards) if len(rewards) > 1 else None,
    )  # fmt: skip


def turn(random: Random, prompt: tuple[int, ...], temperature: float) -> Turn:
    """With the log-probabilities of a sampler that was not quite this policy: ratios lie on both sides of the clip."""
    reply = tuple(random.choices(range(10, 90), k=random.randint(1, 5)))
    datum = Datum(prompt=prompt, tokens=reply, weights=(1.0,) * len(reply))
    (now,) = policy()[0].logprobs([datum], temperature=temperature)
    return Turn(
        prompt=prompt, reply=reply, logprobs=tuple(one + random.uniform(-0.4, 0.4) for one in now), policy_version=4
    )


# --- what straw makes of it ----------------------------------------------------------------------


class OneStep(Loop):
    """The first step of a run, on these rollouts; what would update keeps the gradient instead."""

    def __init__(self, page: str, groups: list[list[Rollout]], engine: LocalEngine) -> None:
        self.found = dict[str, Tensor]()
        super().__init__(small_plan(page), engine, SamplingParams(max_tokens=5), NoFolder(), Listener())  # type: ignore[arg-type]
        self.state.ledger, self.state.step = Ledger(), 1
        self.state.credit.running_mean = RUNNING_MEAN
        self.source, self.updates.one = There(groups), self.one_update  # type: ignore[method-assign]

    def one_update(self, data: Any, loss: Loss, step: int) -> dict[str, float]:
        engine: Any = self.engine
        engine.optimizer.zero_grad()
        engine.forward_backward(data, loss)
        self.found = {name: p.grad.clone() for name, p in engine.trained.items() if p.grad is not None}
        return {}


class There(NoRollouts):
    """Rollouts that were made before."""

    def __init__(self, groups: list[list[Rollout]]) -> None:
        self.groups = groups

    def rollouts(self, step: int) -> list[list[Rollout]]:
        return self.groups


class NoFolder:
    def write_rollouts(self, records: Any) -> None:
        list(records)


def found(case: Case, *words: str) -> dict[str, Tensor]:
    """By one step of the loop; `words` for what a case does not name."""
    engine = policy()[0]
    before = engine.tokens_at_once
    engine.tokens_at_once = case.tokens_at_once or before
    try:
        loop = OneStep(" ".join([case.page, *words]), groups_of(case), engine)
        loop.step()
    finally:
        engine.tokens_at_once = before
    return loop.found


def distance(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """Relative, over all parameters together."""
    flat = [torch.cat([side[name].double().flatten() for name in sorted(theirs)]) for side in (ours, theirs)]
    return float((flat[0] - flat[1]).norm() / flat[1].norm())


def check(case: Case) -> None:
    _, model, start = policy()
    expected = gradient(model, start, groups_of(case), case.objective)
    ours = found(case)
    if not any(float(one.norm()) for one in expected.values()):
        assert not any(float(one.norm()) for one in ours.values())
        return
    assert ours.keys() == expected.keys()
    assert distance(ours, expected) < 1e-5


@pytest.mark.parametrize("case", some_cases(), ids=str)
def test_the_gradient_is_that_of_the_definition(case: Case) -> None:
    check(case)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ROWS)
def test_every_combination_has_the_gradient_of_the_definition(algorithm: str) -> None:
    for case in every_case():
        if case.algorithm == algorithm:
            check(case)


def test_a_rollout_without_advantage_is_still_held_to_the_reference() -> None:
    """grpo as it comes, one group of two paid alike: without that group's KL the gradient would be another."""
    case = Case("grpo", None, 0.3, 0.0, "half", 1.0, None, 1)
    _, model, start = policy()
    groups = groups_of(case)
    alone = gradient(model, start, groups[1:], case.objective)
    assert distance(found(case), {name: one / 2 for name, one in alone.items()}) > 0.05
    both = found(replace(case, zeros="both"))
    assert all(float(one.norm()) > 0 for one in both.values())
