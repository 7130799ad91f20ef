"""What expert iteration keeps, what it learns from it, and that it goes on where it stopped."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from random import Random
from shutil import copytree
from typing import Any

import pytest
import torch
from tests.small_runs import Listener, Parts, small_page, small_plan, train
from tests.training.learners.test_learners import Dying, groups_of, rows

from straw.engines.base import Loss
from straw.errors import TrainingError
from straw.rollouts.collect import SeedKey, collect
from straw.runs.reading import read_metrics, read_rollouts
from straw.training.learners.expert_iteration import ALIKE, Best, ExpertIteration, datum_of, even
from straw.training.session import resume_run, run_page
from straw.training.sources.base import Collector
from straw.types import Datum, Metric, Rollout

PAGE = "algorithm=expert_iteration reward_type=binary"
DIGITS = "kind=sum_digits algorithm=expert_iteration warmup=none prompt=short group_size=4 batch_size=2 n_batches=2"


def datum(*tokens: int) -> Datum:
    return Datum(prompt=(9,), tokens=tokens, weights=(1.0,) * len(tokens))


def a_learner(*words: str) -> ExpertIteration:
    parts = Parts(*words)
    return ExpertIteration(parts.plan, parts.engine, parts.params)


def paid(group: Any, *rewards: float) -> list[Rollout]:
    """Of different replies, as many as there are rewards."""
    different = [*{one.turns[0].reply: one for one in group}.values()][: len(rewards)]
    assert len(different) == len(rewards)
    return [
        replace(one, rewards={"correctness": reward}, turn_rewards=None)
        for one, reward in zip(different, rewards, strict=True)
    ]


def test_what_was_paid_best_is_kept_and_equals_beside_it() -> None:
    best = Best(0.5)
    for reward, said in ((0.5, datum(1)), (0.5, datum(2)), (0.5, datum(1)), (0.4, datum(3))):
        best.hear(reward, said)
    assert best.reward == 0.5 and [one.tokens for one in best.said] == [(1,), (2,)]
    best.hear(0.9, datum(4))
    assert best.reward == 0.9 and [one.tokens for one in best.said] == [(4,)]
    for token in range(10, 20):
        best.hear(0.9, datum(token))
    assert len(best.said) == ALIKE


def test_right_replies_are_kept_and_wrong_ones_pull_nobody(home: Path) -> None:
    parts = Parts(f"{PAGE} learning_rate=2e-3 imitations=16")
    learner = ExpertIteration(parts.plan, parts.engine, parts.params)
    (group,) = groups_of(parts, size=32)
    wrong = paid(group, 0.0, 0.0)
    before = {name: p.detach().clone() for name, p in parts.engine.trained.items()}
    found = learner.learn(1, [wrong], [wrong])
    assert found["updates"].mean == 0 and not learner.best
    assert all(torch.equal(p, before[name]) for name, p in parts.engine.trained.items())
    some = paid(group, 0.0, 1.0, 0.0)
    found = learner.learn(2, [some], [some])
    (kept,) = learner.best.values()
    assert [one.tokens for one in kept.said] == [some[1].turns[0].reply]
    assert found["updates"].mean > 0 and found["kept_groups"] == Metric(1.0)
    told = kept.said[0]
    assert math.fsum(parts.engine.logprobs([told])[0]) > math.log(0.6)


def test_an_update_is_the_slope_of_the_mean_over_spoken_tokens(home: Path) -> None:
    """Against torch's own cross entropy of the model's own forward, gradients by autograd."""
    parts = Parts(PAGE)
    (group,) = groups_of(parts, size=32)
    learner = ExpertIteration(parts.plan, parts.engine, parts.params)
    for rollout in paid(group, 1.0, 1.0, 1.0):
        learner.heard([rollout])
    (kept,) = learner.best.values()
    assert len(kept.said) == 3
    data = even([*kept.said, kept.said[0]])
    assert math.fsum(sum(one.weights) for one in data) == pytest.approx(1.0)
    loss = parts.engine.forward_backward(data, Loss(name="cross_entropy")).metrics["loss"]
    mine = {name: p.grad.clone() for name, p in parts.engine.trained.items() if p.grad is not None}
    parts.engine.optimizer.zero_grad()
    nats, count = torch.zeros(()), 0
    for one in data:
        text = torch.tensor(one.prompt + one.tokens)
        logits = parts.engine.model(text[:-1])[len(one.prompt) - 1 :]
        nats = nats + torch.nn.functional.cross_entropy(logits, text[len(one.prompt) :], reduction="sum")
        count += len(one.tokens)
    (nats / count).backward()
    assert loss == pytest.approx(float(nats.detach()) / count, rel=1e-5)
    assert len(mine) == len(parts.engine.trained)
    for name, p in parts.engine.trained.items():
        assert p.grad is not None and torch.allclose(mine[name], p.grad, atol=2e-6), name


def test_half_of_what_is_imitated_is_new_and_each_problem_once(home: Path) -> None:
    learner = a_learner(f"{PAGE} imitated=8")
    learner.best = {str(number): Best(1.0, [datum(number)]) for number in range(100)}
    new = [str(number) for number in range(80, 100)]
    for seed in range(20):
        some = learner.some(Random(seed), new)
        assert len(some) == len(set(some)) == 8 and sum(one in new for one in some) >= 4
    assert len(learner.some(Random(0), new[:2])) == 8
    learner.best = {"1": Best(1.0, [datum(1)])}
    assert learner.some(Random(0), ["1"]) == ["1"]


def test_where_no_full_pay_is_declared_the_best_of_a_group_that_differs_is_kept(home: Path) -> None:
    learner = a_learner(PAGE)
    parts = Parts(PAGE)
    (group,) = groups_of(parts, size=32)
    assert learner.full == 1.0
    learner.full = None
    assert learner.heard(paid(group, 2.0, 2.0)) == "" and learner.heard([]) == ""
    some = paid(group, 2.0, 7.0, 7.0, 1.0)
    key = learner.heard(some)
    assert learner.best[key].reward == 7.0
    assert {one.tokens for one in learner.best[key].said} == {one.turns[0].reply for one in some[1:3]}


def test_the_oldest_problems_are_forgotten(home: Path) -> None:
    parts = Parts(f"{PAGE} remembered=3")
    learner = ExpertIteration(parts.plan, parts.engine, parts.params)
    learner.best = {str(number): Best(1.0, [datum(number + 1)]) for number in range(5)}
    learner.learn(1, [], [])
    assert [*learner.best] == ["2", "3", "4"]


def test_it_finds_a_secret_paying_for_no_reply_twice_and_stops_when_it_is_likely(home: Path, tmp_path: Path) -> None:
    run = train(tmp_path / "run", PAGE, "n_batches=12 group_size=2 eval_every=1 stop_at=0.9").folder
    found = read_metrics(run)
    assert found[-1]["bits_known"] > 0.9 * 3
    told = [*read_rollouts(run)]
    right = next(place for place, one in enumerate(told) if one["reward"] == 1.0)
    said = [one["replies"][0] for one in told[:right]]
    assert len(set(said)) == len(said)
    assert sum(row.get("unpaid_draws", 0) for row in found) > 0
    more = train(tmp_path / "more", PAGE, "n_batches=16 group_size=2 imitations=50 fixed_secret=3").folder
    assert 0 < [row["updates"] for row in read_metrics(more) if row.get("updates")][-1] < 50


def test_coins_and_conversations_are_paid_as_they_come(home: Path) -> None:
    assert a_learner(PAGE).candidates == 16
    assert a_learner("algorithm=expert_iteration reward_type=noisy_binary flip_probability=0.2").candidates == 0
    assert a_learner("algorithm=expert_iteration env_type=multi_step reward_type=dense").candidates == 0
    parts = Parts(PAGE)
    learner, collector = ExpertIteration(parts.plan, parts.engine, parts.params), Collector(parts.plan, parts.params)
    assert learner.source(collector) is learner.fresh and learner.fresh is not None
    ahead = small_plan(f"{PAGE} engine=monarch max_lag=1")
    assert ExpertIteration(ahead, parts.engine, parts.params).source(collector) is None
    learner.candidates = 0
    assert learner.source(collector) is None


def test_problems_that_never_come_again_are_learned_from_and_not_asked_for_again(home: Path, tmp_path: Path) -> None:
    run = train(tmp_path / "run", DIGITS).folder
    assert [row["episodes"] for row in read_metrics(run)][-1] == 16
    parts = Parts(DIGITS)
    learner = ExpertIteration(parts.plan, parts.engine, parts.params)
    problem = parts.task.problem(0)
    right = replace(a_rollout(parts), problem=problem, rewards={"correctness": parts.channel.highest})
    learner.learn(1, [[right]], [[right]])
    assert [*learner.best] == [problem.key] and not learner.paid.replies


def a_rollout(parts: Parts) -> Rollout:
    ((one,),) = collect(
        parts.engine, parts.task, parts.channel, [parts.task.problem(0)], [SeedKey(0, 1, 0)], 1, parts.params
    )
    return one


def test_a_run_that_goes_on_has_the_bits_of_one_that_never_stopped_but_not_without_its_memory(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"{PAGE} group_size=4 n_batches=4 save_every=2 eval_every=2 imitations=2"
    alone = train(tmp_path / "alone", page)
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={tmp_path / 'run'}", page), Dying())
    copytree(tmp_path / "run", tmp_path / "forgetful")
    resume_run(tmp_path / "run", Listener())
    assert rows(tmp_path / "run") == rows(alone.folder)
    monkeypatch.setattr(ExpertIteration, "load_state_dict", lambda self, state: None)
    resume_run(tmp_path / "forgetful", Listener())
    assert rows(tmp_path / "forgetful") != rows(alone.folder)


def test_its_state_is_plain_json(home: Path) -> None:
    learner, again = a_learner(PAGE), a_learner(PAGE)
    learner.best = {"a": Best(1.0, [datum(1, 2)]), "b": Best(0.5, [datum(3)])}
    learner.paid.hear((9,), (4,), 0.0)
    again.load_state_dict(json.loads(json.dumps(learner.state_dict())))
    assert again.best == learner.best and not again.paid.is_new((9,), (4,))
    assert datum_of({"prompt": [9], "tokens": [1], "weights": [1.0]}) == datum(1)


def test_a_loss_that_is_no_number_is_an_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = a_learner(PAGE)
    learner.best = {"a": Best(1.0, [datum(1, 2)])}
    with torch.no_grad():
        learner.engine.trained["model.norm.weight"].fill_(math.nan)  # type: ignore[attr-defined]
    with pytest.raises(TrainingError, match="smaller learning_rate"):
        learner.learn(1, [], [])
