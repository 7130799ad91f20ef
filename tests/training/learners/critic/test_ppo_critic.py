"""Advantage estimation by hand and by its definition; the value head beside torch's Adam."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.small_runs import Parts
from tests.training.plain_objective import plainly

from straw.rollouts.collect import SeedKey, collect
from straw.training.learners.critic.ppo_critic import Critic, CriticOptions, spread, token_rewards, written
from straw.training.learners.critic.value_head import ValueHead, gae
from straw.training.step import credited
from straw.types import Datum


def test_gae_by_hand() -> None:
    """Paid 1 at the end, expected 1/2 everywhere: deltas 0, 0, 1/2, and each step back halves it."""
    assert gae([0, 0, 1], [0.5, 0.5, 0.5], gamma=1.0, decay=0.5) == [0.125, 0.25, 0.5]
    assert gae([0, 0, 1], [0, 0, 0], gamma=0.5, decay=1.0) == [0.25, 0.5, 1.0]
    assert gae([], [], 1, 1) == []


@pytest.mark.parametrize(("gamma", "decay"), [(1.0, 0.95), (0.9, 1.0), (0.99, 0.0)])
def test_gae_is_its_sum_of_discounted_deltas(gamma: float, decay: float) -> None:
    random = np.random.default_rng(0)
    rewards, values = random.normal(size=7), random.normal(size=7)
    ahead = np.append(values[1:], 0.0)
    deltas = rewards + gamma * ahead - values
    expected = [sum((gamma * decay) ** (t - s) * deltas[t] for t in range(s, 7)) for s in range(7)]
    assert gae(rewards.tolist(), values.tolist(), gamma, decay) == pytest.approx(expected)


def test_the_head_learns_as_torchs_adam_does() -> None:
    random = np.random.default_rng(1)
    head, layer = ValueHead(0.03), torch.nn.Linear(5, 1).double()
    torch.nn.init.zeros_(layer.weight), torch.nn.init.zeros_(layer.bias)
    adam = torch.optim.Adam(layer.parameters(), lr=0.03, eps=1e-8)
    for _ in range(20):
        states, returns = random.normal(size=(8, 5)), random.normal(size=8)
        loss = ((layer(torch.tensor(states))[:, 0] - torch.tensor(returns)) ** 2).mean() / 2
        adam.zero_grad()
        loss.backward()
        adam.step()
        assert head.learn(states, returns) == pytest.approx(float(loss.detach()))
    assert head.weights == pytest.approx(np.append(layer.weight.detach().numpy(), layer.bias.detach().numpy()))


def groups_of(parts: Parts) -> Any:
    problem = parts.task.problem(0)
    groups = collect(parts.engine, parts.task, parts.channel, [problem], [SeedKey(0, 1, 0)], 4, parts.params)
    return credited(groups, parts.plan.credit())


@pytest.mark.parametrize("game", ["reward_type=log_distance", "env_type=multi_step", "env_type=multi_step credit=sum"])
def test_every_token_is_judged_by_what_the_head_made_of_the_state_before_it(home: Path, game: str) -> None:
    """States by transformers, in float64, each conversation by itself."""
    parts = Parts(f"algorithm=ppo_critic gamma=0.9 gae_lambda=0.8 {game}")
    own, model = Critic(parts.plan, parts.engine, parts.params), plainly(parts.engine.model)
    groups = groups_of(parts)
    own.head.begin_at(0.25, model.config.hidden_size)
    own.head.weights[:-1] = np.random.default_rng(2).normal(size=model.config.hidden_size) / 10
    own.head.updates, weights = 1, own.head.weights.copy()
    data = own.data(1, groups, groups)
    for rollout, datum in zip(groups[0], data, strict=True):
        tokens = torch.tensor([[*datum.prompt, *datum.tokens]])
        with torch.no_grad():
            states = model.model(tokens).last_hidden_state[0].numpy()
        first, places = len(datum.prompt), written(rollout)
        assert [bool(weight) for weight in datum.weights] == [place in places for place in range(len(datum.tokens))]
        values = [float(states[first + place - 1] @ weights[:-1] + weights[-1]) for place in places]
        expected = gae(token_rewards(rollout), values, 0.9, 0.8)
        assert [datum.advantages[place] for place in places] == pytest.approx(expected, abs=1e-5)


def test_a_turn_is_paid_on_its_last_token(home: Path) -> None:
    parts = Parts("algorithm=ppo_critic env_type=multi_step")
    (rollout, *_), *_ = groups_of(parts)
    paid = token_rewards(rollout)
    assert sum(paid) == rollout.reward and len(paid) == len(written(rollout))
    ends = np.cumsum([len(turn.reply) for turn in rollout.turns]) - 1
    assert [paid[end] for end in ends] == list(rollout.turn_rewards)


def test_the_first_batch_is_known_before_it_is_judged(home: Path) -> None:
    parts = Parts("algorithm=ppo_critic reward_type=log_distance")
    own, groups = Critic(parts.plan, parts.engine, parts.params), groups_of(parts)
    data = own.data(1, groups, groups)
    first = [datum.advantages[0] for datum in data]
    assert min(first) < 0 < max(first)  # and not all of one sign, as against a head that expects nothing


def test_the_first_batch_is_learned_fifty_times_and_every_batch_four(home: Path) -> None:
    parts = Parts("algorithm=ppo_critic reward_type=log_distance")
    own, groups = Critic(parts.plan, parts.engine, parts.params), groups_of(parts)
    own.data(1, groups, groups)
    assert own.head.updates == 54
    first = own.facts["value_loss"]
    own.data(2, groups, groups)
    assert own.head.updates == 58
    assert own.facts["value_loss"] < first  # of the same batch, before it is learned again


def test_a_head_that_is_recalled_learns_on_as_one_that_never_stopped() -> None:
    random = np.random.default_rng(3)
    batches = [(random.normal(size=(4, 3)), random.normal(size=4)) for _ in range(6)]
    alone, before, after = ValueHead(0.01), ValueHead(0.01), ValueHead(0.01)
    for states, returns in batches:
        alone.learn(states, returns)
    for states, returns in batches[:3]:
        before.learn(states, returns)
    after.load_state_dict(json.loads(json.dumps(before.state_dict())))
    for states, returns in batches[3:]:
        after.learn(states, returns)
    assert after.state_dict() == alone.state_dict()


def test_a_head_begins_with_the_mean_of_what_was_paid_behind_each_token(home: Path) -> None:
    parts = Parts("algorithm=ppo_critic reward_type=log_distance critic_rate=1e-12")
    own, groups = Critic(parts.plan, parts.engine, parts.params), groups_of(parts)
    own.data(1, groups, groups)
    (group,) = groups
    paid = [one.reward for one in group for _ in one.turns[0].reply]  # all of it lies behind each of its tokens
    assert own.head.weights[-1] == pytest.approx(sum(paid) / len(paid), abs=1e-9)


# --- by hand


def talk(*replies: int, reward: float, turn_rewards: tuple[float, ...] | None = None) -> Any:
    """Turns with so many tokens each, three of the other side between them, behind a prompt of two."""
    turns, length = [], 2
    for size in replies:
        turns.append(SimpleNamespace(prompt=(9,) * length, reply=(1,) * size))
        length += size + 3
    return SimpleNamespace(turns=turns, reward=reward, turn_rewards=turn_rewards)


def test_all_of_a_rollout_is_paid_on_its_last_token_unless_turns_are_paid_one_by_one() -> None:
    assert token_rewards(talk(2, 1, 3, reward=0.5)) == [0, 0, 0, 0, 0, 0.5]
    assert token_rewards(talk(2, 1, 3, reward=0.5, turn_rewards=(1.0, 0.0, 2.0))) == [0, 1.0, 0.0, 0, 0, 2.0]
    assert token_rewards(talk(2, 1, reward=0.5, turn_rewards=(1.0, 0.25, 2.0))) == [0, 1.0, 0.25]


def test_a_token_s_worth_stands_at_its_own_place_and_what_was_only_read_has_none() -> None:
    one = talk(2, 1, reward=0.5)
    assert written(one) == [0, 1, 5]
    datum = Datum(prompt=(9, 9), tokens=(1, 1, 9, 9, 9, 1), weights=(1.0,) * 6)
    assert spread(datum, one, [0.5, -1.0, 2.0]).advantages == (0.5, -1.0, 0.0, 0.0, 0.0, 2.0)


def test_a_head_that_learned_nothing_expects_what_it_began_with_of_every_state() -> None:
    head = ValueHead(0.5)
    head.begin_at(0.25, 3)
    assert head.values(np.arange(6.0).reshape(2, 3)).tolist() == [0.25, 0.25]
    assert ValueHead(0.5).values(np.ones((2, 3))).tolist() == [0.0, 0.0] and head.updates == 0


def test_the_first_batch_is_known_by_what_was_paid_behind_each_token_and_the_loss_is_that_before_it_learned() -> None:
    page = SimpleNamespace(algorithm=CriticOptions(critic_rate=1e-9))
    plan: Any = SimpleNamespace(page=page)
    nobody: Any = None
    own = Critic(plan, nobody, nobody)
    assert own.facts == {"value_loss": 0.0}
    paid = [talk(1, 1, 1, reward=7.0, turn_rewards=(1.0, 2.0, 4.0)), talk(1, reward=5.0)]
    own.begin(paid, [np.zeros((3, 2)), np.zeros((1, 2))])
    assert own.head.weights.tolist() == pytest.approx([0, 0, (7 + 6 + 4 + 5) / 4], abs=1e-6)
    own.teach([np.zeros((2, 2))], [np.array([5.5, 7.5])])
    assert own.facts["value_loss"] == pytest.approx((0 + 4) / 2 / 2, abs=1e-6) and own.head.updates == 54


def test_what_a_page_says_nothing_of_is_as_published() -> None:
    options = CriticOptions()
    assert (options.gamma, options.gae_lambda, options.critic_rate, options.critic_updates) == (1.0, 0.95, 0.01, 4)
