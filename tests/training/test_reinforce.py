"""REINFORCE of the digits study, by numbers that a person can redo.

loss = - (1/B) sum over rollouts of  A  (1/T) sum over its T tokens of  log p,      A = r - running mean
"""

from __future__ import annotations

import pytest
import torch
from tests.small_runs import small_plan

from straw.algorithms.losses import TokenBatch, importance_sampling
from straw.engines.base import Loss
from straw.training.step import credited, training_data
from straw.types import Datum, End, Grade, Message, Problem, Rollout, Turn


def rollout(key: str, reward: float, length: int) -> Rollout:
    turn = Turn(prompt=(7,), reply=(1,) * length, logprobs=(-1.0,) * length, policy_version=0)
    return Rollout(
        problem=Problem(key=key, messages=(Message("user", "?"),), reference=("1",)), turns=(turn,), replies=("1",),
        end=End.ANSWERED, grade=Grade(hits=(reward > 0,), well_formed=True), rewards={"plus_minus": reward},
    )  # fmt: skip


def gradients(data: list[Datum]) -> list[list[float]]:
    """Of the loss, by the log-probability of every token."""
    out = []
    for datum in data:
        logprobs = torch.tensor(datum.logprobs, requires_grad=True)
        batch = TokenBatch(
            logprobs, torch.tensor(datum.logprobs), torch.tensor(datum.advantages), torch.tensor(datum.weights)
        )
        importance_sampling(batch, {}).backward()
        out.append(logprobs.grad.tolist())
    return out


def test_a_rollout_counts_the_same_however_long_it_is() -> None:
    """Right in two tokens, wrong in four: B = 2, so -(1/2)(+1)(1/2) a token and -(1/2)(-1)(1/4)."""
    plan = small_plan("task=reverse_digits")
    groups = credited([[rollout("a", 1.0, 2)], [rollout("b", -1.0, 4)]], plan.credit())
    data = training_data(groups, [], str(plan.page.algorithm.weigh), Loss(name="importance_sampling"))
    assert gradients(data) == [pytest.approx([-0.25] * 2), pytest.approx([0.125] * 4)]


def test_the_running_mean_moves_after_the_batch_and_stays_for_the_next() -> None:
    """0 -> .1 * 1 = .1 -> .9 * .1 - .1 = -.01; the next right rollout is worth 1.01."""
    credit = small_plan("task=reverse_digits").credit()
    credited([[rollout("a", 1.0, 2)], [rollout("b", -1.0, 4)]], credit)
    assert credit.state_dict() == {"running_mean": pytest.approx(-0.01)}
    again = small_plan("task=reverse_digits").credit()
    again.load_state_dict(credit.state_dict())  # as from a checkpoint
    (group,) = credited([[rollout("c", 1.0, 1)]], again)
    assert group[0].advantages == pytest.approx((1.01,))


def test_a_real_model_gets_the_advantages_of_the_study_s_own_loop() -> None:
    """Recorded from its `run_sync_loop` (torchtitan dba4ece) with four replies a batch, rewarded as told here."""
    rewards = [[-1, -1, -1, -1], [-1, 1, -1, -1], [-1, -1, -1, -1], [1, 1, -1, 1], [1, 1, 1, 1], [-1, 1, 1, 1]]
    recorded = [
        [-1.5, -1.5, -1.5, -1.5], [-1.35, 0.65, -1.35, -1.35], [-1.265, -1.265, -1.265, -1.265],
        [0.8615, 0.8615, -1.1385, 0.8615], [0.82535, 0.82535, 0.82535, 0.82535],
        [-1.257185, 0.742815, 0.742815, 0.742815],
    ]  # fmt: skip
    credit = small_plan("task=sum_digits model_name=some/model num_generators=4 engine=local").credit()
    for step, batch in enumerate(rewards):
        groups = credited([[rollout(str(place), float(one), 3)] for place, one in enumerate(batch)], credit)
        assert [group[0].advantages[0] for group in groups] == pytest.approx(recorded[step])


def test_several_samples_of_a_problem_may_be_compared_with_each_other_instead() -> None:
    """Of four rollouts at one problem one is right: its mean is -.5, so +1.5 and three times -.5."""
    credit = small_plan("task=reverse_digits group_size=4 baseline=group").credit()
    groups = credited([[rollout("a", reward, 1) for reward in (1.0, -1.0, -1.0, -1.0)]], credit)
    assert [one.advantages for one in groups[0]] == [(1.5,), (-0.5,), (-0.5,), (-0.5,)]
