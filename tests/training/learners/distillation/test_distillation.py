"""opd, sdpo and rltf_sd: every token's advantage by two plain forward passes, in float64."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.small_runs import Parts, small_plan, train
from tests.training.plain_objective import distributions, plainly

from straw.engines.base import AdamParams, Loss
from straw.errors import ConfigError
from straw.rollouts.collect import SeedKey, collect
from straw.runs.reading import read_metrics
from straw.tasks.teacher_forcing import forced
from straw.training.learners.distillation.opd import OnPolicyDistillation
from straw.training.learners.distillation.rltf_sd import TextFeedback
from straw.training.learners.distillation.sdpo import SelfDistillation
from straw.training.sources.base import Collector
from straw.training.step import credited
from straw.types import Message


def groups_of(parts: Parts) -> Any:
    problem = parts.task.problem(0)
    groups = collect(parts.engine, parts.task, parts.channel, [problem], [SeedKey(0, 1, 0)], 4, parts.params)
    return credited(groups, parts.plan.credit())


def nats(model: Any, prompt: Any, reply: Any, temperature: float = 1.0) -> list[float]:
    with torch.no_grad():
        logp = distributions(model, prompt, reply, temperature)
    return logp.gather(1, torch.tensor(reply)[:, None])[:, 0].tolist()


# --- opd


@pytest.fixture
def teacher(home: Path, tmp_path: Path) -> Path:
    """A model folder that says 5 far more often than anything else."""
    parts = Parts()
    lesson = forced(parts.chat, parts.task, parts.task.problem(0), ("5",))
    for _ in range(8):
        parts.engine.forward_backward([lesson], Loss(name="cross_entropy"))
        parts.engine.optim_step(AdamParams(learning_rate=3e-3))
    parts.engine.model.save_pretrained(tmp_path / "teacher")
    parts.chat.tokenizer.save_pretrained(tmp_path / "teacher")
    return tmp_path / "teacher"


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_a_token_is_worth_what_the_teacher_gives_to_it_more(teacher: Path, temperature: float) -> None:
    parts = Parts(f"algorithm=opd teacher={teacher} temperature={temperature}")
    own, groups = OnPolicyDistillation(parts.plan, parts.engine, parts.params), groups_of(parts)
    data = own.data(1, groups, groups)
    ours, theirs = plainly(parts.engine.model), plainly(own.teacher.model)  # type: ignore[attr-defined]
    apart = []
    for datum in data:
        pairs = [nats(model, datum.prompt, datum.tokens, temperature) for model in (theirs, ours)]
        expected = [a - b for a, b in zip(*pairs, strict=True)]
        assert datum.advantages == pytest.approx(expected, abs=1e-4)
        assert datum.weights == pytest.approx([1 / 4] * len(datum.tokens))
        apart += expected
    assert own.facts["kl_to_teacher"] == pytest.approx(-np.mean(apart), abs=1e-4)


def test_in_the_mean_its_gradient_is_that_of_the_reverse_kl() -> None:
    logits = torch.tensor([0.3, -1.0, 0.8], dtype=torch.float64, requires_grad=True)
    q, logp = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64).log(), logits.log_softmax(0)
    p, worth = logp.exp().detach(), (q - logp).detach()
    ours = -(p * worth * logp).sum()
    kl = (logp.exp() * (logp - q)).sum()
    slopes = [torch.autograd.grad(one, logits, retain_graph=True)[0].tolist() for one in (ours, kl)]
    assert slopes[0] == pytest.approx(slopes[1])


def test_a_run_comes_to_say_what_its_teacher_says_and_has_no_ledger(teacher: Path, tmp_path: Path) -> None:
    words = f"algorithm=opd teacher={teacher} fixed_secret=5 group_size=8 n_batches=8 eval_every=8 learning_rate=2e-3"
    rows = read_metrics(train(tmp_path / "run", words).folder)
    assert rows[-1]["bits_known"] > rows[0]["bits_known"] + 1.5
    assert rows[-1]["kl_to_teacher"] < rows[1]["kl_to_teacher"]
    assert not any("received" in name or "offered" in name for row in rows for name in row)


def test_a_teacher_has_to_be_named_and_to_read_the_same_tokens(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"none is named\. Write teacher=FOLDER"):
        small_plan("algorithm=opd")
    with pytest.raises(ConfigError, match="replay is of rollouts"):
        small_plan("algorithm=opd teacher=tiny-1M replay=1")


# --- words

WORDS = "reward_type=told_in_words fixed_secret=3"


def read_by(algorithm: str, words: str = "") -> Parts:
    """The page of a learner of words, with a model that was warmed up for any: what it reads is no matter here."""
    shared = [word for word in words.split() if not word.startswith(("self_teacher", "distill"))]
    parts = Parts(WORDS, *shared)
    parts.plan = small_plan(f"algorithm={algorithm} {WORDS} {words}")
    return parts


def reads(parts: Parts, rollout: Any) -> tuple[int, ...]:
    """Prompt, reply and words by the chat template, where the reply ended by itself."""
    messages = (*rollout.problem.messages, Message("assistant", rollout.replies[0]), Message("user", rollout.words))
    return parts.chat.opening(messages)


@pytest.mark.parametrize("words", ["self_teacher=current", "temperature=0.8"])
def test_a_drawn_token_of_sdpo_is_worth_what_hindsight_gives_to_it_more(home: Path, words: str) -> None:
    parts = read_by("sdpo", f"{words} distill_tokens=0")
    heat, start = parts.plan.page.sampling.temperature, plainly(parts.engine.model)
    lesson = replace(forced(parts.chat, parts.task, parts.task.problem(0), ("5",)))
    parts.engine.forward_backward([lesson], Loss(name="cross_entropy"))
    parts.engine.optim_step(AdamParams(learning_rate=1e-3))
    parts.engine.publish()
    own, groups = SelfDistillation(parts.plan, parts.engine, parts.params), groups_of(parts)
    data, now = own.data(1, groups, groups), plainly(parts.engine.model)
    for rollout, datum in zip(groups[0], data, strict=True):
        assert rollout.words in ("right", "higher", "lower")
        behind = nats(now if "current" in words else start, reads(parts, rollout), datum.tokens, heat)
        before = nats(now, datum.prompt, datum.tokens, heat)
        assert datum.advantages == pytest.approx([a - b for a, b in zip(behind, before, strict=True)], abs=1e-4)


@pytest.mark.parametrize("count", [3, 100])
def test_sdpo_teaches_what_hindsight_would_have_written(home: Path, count: int) -> None:
    parts = read_by("sdpo", f"temperature=0.8 distill_tokens={count}")
    own, groups = SelfDistillation(parts.plan, parts.engine, parts.params), groups_of(parts)
    model = plainly(parts.engine.model)
    for rollout, datum in zip(groups[0], own.data(1, groups, groups), strict=True):
        with torch.no_grad():
            q = distributions(model, reads(parts, rollout), datum.tokens, 0.8).exp()
        for place, targets in enumerate(datum.soft_targets or ()):
            most = q[place].topk(min(count, q.shape[1]))
            expected = dict(zip(most.indices.tolist(), (most.values / most.values.sum()).tolist(), strict=True))
            assert targets == pytest.approx(expected, abs=1e-4)
        assert len(datum.soft_targets or ()) == len(datum.tokens) and not datum.logprobs
    assert own.loss_fn == "cross_entropy"


def test_half_of_a_group_of_rltf_are_second_tries_behind_their_words(home: Path) -> None:
    parts = read_by("rltf_sd", "group_size=6 batch_size=2")
    own = TextFeedback(parts.plan, parts.engine, parts.params)
    groups = own.source(Collector(parts.plan, parts.params)).rollouts(1)
    assert [len(group) for group in groups] == [6, 6]
    for group in groups:
        for first, second in zip(group[:3], group[3:], strict=True):
            assert second.turns[0].prompt == reads(parts, first)
            assert second.problem == first.problem and second.words and first.words
            assert second.turns[0].logprobs == pytest.approx(
                nats(plainly(parts.engine.model), second.turns[0].prompt, second.turns[0].reply), abs=1e-4
            )
    assert len({one.turns[0].reply for group in groups for one in group}) > 2  # seeds of their own


def test_second_tries_are_learned_as_first_ones_by_hand(home: Path) -> None:
    """First tries are paid 1, 0 and second ones 1, 1: of these only the distilled advantage is left."""
    parts = read_by("rltf_sd", "distill_coef=0.5")
    own = TextFeedback(parts.plan, parts.engine, parts.params)
    (group,) = own.source(Collector(parts.plan, parts.params)).rollouts(1)
    group = [replace(one, rewards={"paid": pay}) for one, pay in zip(group, (1.0, 0.0, 1.0, 1.0), strict=True)]
    first, taught, other, again = own.data(1, [group], [group])
    assert [one.advantages[0] for one in (first, taught, other, again)] == [0.5, 0.5, -0.5, 0.5]
    assert [one.weights[0] for one in (first, taught, other, again)] == [0.25, 0.125, 0.25, 0.125]
    assert taught.prompt == group[0].turns[0].prompt and taught.tokens == group[2].turns[0].reply
    assert not taught.logprobs and first.logprobs == group[0].turns[0].logprobs


@pytest.mark.parametrize(("words", "count"), [("", 0), ("kl_coef=0.04", 6), ("entropy_coef=0.1", 6)])
def test_tries_without_advantage_are_still_held_to_the_reference(home: Path, words: str, count: int) -> None:
    """All are paid alike: two first tries, two second ones and two as first ones have no gradient but of a penalty."""
    parts = read_by("rltf_sd", words)
    own = TextFeedback(parts.plan, parts.engine, parts.params)
    (group,) = own.source(Collector(parts.plan, parts.params)).rollouts(1)
    alike = [replace(one, rewards={"paid": 1.0}) for one in group]
    found = own.data(1, [alike], [alike])
    assert len(found) == count and not any(any(one.advantages) for one in found)


@pytest.mark.parametrize("algorithm", ["sdpo", "rltf_sd"])
def test_who_learns_from_words_wants_a_channel_that_has_some(algorithm: str) -> None:
    with pytest.raises(ConfigError, match=r"learns from words, and binary has none\. Write reward_type=told_in_words"):
        small_plan(f"algorithm={algorithm}")
    with pytest.raises(ConfigError, match="Write an even one" if algorithm == "rltf_sd" else "one number in one reply"):
        words = "group_size=3" if algorithm == "rltf_sd" else "env_type=multi_step"
        small_plan(f"algorithm={algorithm} reward_type=told_in_words {words}")
