"""Evolution strategies beside the paper's own lines, in float64; noise; processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.small_runs import Listener, Parts, small_page, small_plan, train
from tests.torture import differing
from tests.training.plain_objective import distributions, plainly

from straw.config import Algorithm
from straw.errors import ConfigError, TrainingError
from straw.rollouts.collect import SeedKey
from straw.seeds import seed_for
from straw.training.learners.evolution.es import EvolutionStrategies, member_rewards, z_scores
from straw.training.sources.base import Collector

WORDS = "algorithm=es group_size=4 batch_size=2 reward_type=log_distance sigma=0.03 learning_rate=0.01"


def learner(words: str = WORDS) -> tuple[Parts, EvolutionStrategies, Any]:
    parts = Parts(words)
    own = EvolutionStrategies(parts.plan, parts.engine, parts.params)
    return parts, own, own.source(Collector(parts.plan, parts.params))


def noise(parts: Parts, seed: int) -> dict[str, np.ndarray]:
    """As anybody would draw it: one generator, parameter after parameter."""
    generator = torch.Generator().manual_seed(seed % 2**63)
    return {
        name: torch.randn(p.shape, generator=generator).double().numpy() for name, p in parts.engine.trained.items()
    }


def weights(parts: Parts) -> dict[str, np.ndarray]:
    return {name: p.detach().double().numpy().copy() for name, p in parts.engine.trained.items()}


def test_z_scores_by_hand() -> None:
    assert z_scores([1.0, 0.0, 0.0, 0.0]) == pytest.approx([3**0.5, *[-(3**-0.5)] * 3])  # mean 1/4, variance 3/16
    assert z_scores([0.1] * 3) == [0.0] * 3


def test_the_update_is_the_papers(home: Path) -> None:
    parts, own, source = learner()
    before, groups = weights(parts), source.rollouts(1)
    metrics = own.learn(1, groups, groups)
    rewards = np.array([[one.reward for one in group] for group in groups]).mean(0)
    assert member_rewards(groups) == pytest.approx(rewards.tolist())
    scores = (rewards - rewards.mean()) / rewards.std()
    every = [noise(parts, seed_for(0, "member", 1, member)) for member in range(4)]
    for name, after in weights(parts).items():
        moved = sum(0.01 / 4 * z * e[name] for z, e in zip(scores, every, strict=True))
        np.testing.assert_allclose(after, before[name] + moved, atol=1e-6)
    assert metrics["updates"].mean == 1 and parts.engine.policy_version == 1


def test_a_member_writes_with_its_own_weights_and_greedily(home: Path) -> None:
    """By transformers, in float64, whatever straw's own reader does."""
    parts, _, source = learner()
    groups = source.rollouts(1)
    for member in range(4):
        model, moved = plainly(parts.engine.model), noise(parts, seed_for(0, "member", 1, member))
        for name, p in model.named_parameters():
            p.data += 0.03 * torch.from_numpy(moved[name])
        for group in groups:
            (turn,) = group[member].turns
            with torch.no_grad():
                logp = distributions(model, turn.prompt, turn.reply, 1.0)
            assert logp.argmax(1).tolist() == list(turn.reply)
            assert logp.max(1).values.tolist() == pytest.approx(list(turn.logprobs), abs=1e-4)
    assert len({one.replies for one in groups[0]}) > 1


def test_noise_is_put_back_bit_for_bit(home: Path) -> None:
    parts = Parts()
    before = {name: p.detach().clone() for name, p in parts.engine.trained.items()}
    with pytest.raises(ZeroDivisionError), parts.engine.noisy(5, 0.1):
        assert not any(torch.equal(p, before[name]) for name, p in parts.engine.trained.items())
        raise ZeroDivisionError
    assert all(torch.equal(p, before[name]) for name, p in parts.engine.trained.items())
    assert parts.engine.is_published


def test_members_that_are_paid_alike_move_nothing(home: Path) -> None:
    parts, own, source = learner(f"{WORDS} sigma=1e-9")
    before, groups = weights(parts), source.rollouts(1)
    assert own.learn(1, groups, groups)["updates"].mean == 0
    assert all((weights(parts)[name] == before[name]).all() for name in before)
    assert parts.engine.policy_version == 0


SHORT = f"{WORDS} n_batches=2 save_every=1 eval_every=2 group_size=5 batch_size=1"


def test_any_number_of_processes_leaves_the_same_bits(home: Path, tmp_path: Path) -> None:
    for count in (1, 2, 4):
        train(tmp_path / str(count), f"{SHORT} es_processes={count}")
    for count in (2, 4):
        assert differing(tmp_path / "1", tmp_path / str(count)) == []


def test_a_process_that_is_killed_ends_the_run_in_one_line(home: Path) -> None:
    _, own, source = learner(f"{WORDS} es_processes=2")
    with source.opened():
        groups = source.rollouts(1)
        own.learn(1, groups, groups)
        os.kill(source.processes[0].pid, signal.SIGKILL)
        with pytest.raises(TrainingError, match="go on from the newest checkpoint"):
            source.rollouts(2)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("group_size=1 batch_size=2", "got group_size=1. Write for example group_size=32"),
        ("es_processes=2 threads=2", "es_processes=2 with device=cpu and threads=2"),
        ("kl_coef=0.1", "belong to a policy gradient"),
    ],
)
def test_what_it_cannot_do_is_refused_before_a_model_is_loaded(words: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        small_plan(f"algorithm=es {words}")


def test_an_engine_that_cannot_move_its_weights_is_refused_before_there_is_a_folder(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from straw.engines.base import Engine
    from straw.engines.local.engine import LocalEngine
    from straw.training.session import run_page

    monkeypatch.setattr(LocalEngine, "add_noise", Engine.add_noise)
    with pytest.raises(ConfigError, match="the verb add_noise, which engine=local lacks"):
        run_page(small_page(f"run_dir={tmp_path / 'run'} algorithm=es n_batches=1"), Listener())
    assert not (tmp_path / "run").exists()


def test_seeds_of_members_stand_for_their_place() -> None:
    assert seed_for(0, "member", 1, 0) != seed_for(0, "sample", 1, 0, 0, 0)
    assert SeedKey(0, 1, 0).sample_seed(0, 0) == seed_for(0, "sample", 1, 0, 0, 0)
    assert issubclass(EvolutionStrategies.Options, Algorithm)
