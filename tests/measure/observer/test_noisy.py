"""Against a slow simulation of the same rule, with the posterior that the ledger keeps."""

from __future__ import annotations

import numpy as np
import pytest

from straw.measure.ledger.received import Posterior
from straw.measure.ledger.reward_classes import classes_of
from straw.measure.observer.hits import hits_pace
from straw.measure.observer.noisy import bits_of, noisy_pace
from straw.rewards.controls import NoisyBinary
from straw.tasks.secret.numbers import Hidden
from straw.tasks.secret.single_step import Secret
from straw.types import End, Grade, Rollout, Turn

N, E, GROUP = 8, 0.1, 4


def slow_bits(secret: int, groups: int, chance: np.random.Generator) -> list[float]:
    """Bits known behind every episode, one secret."""
    task = Secret(Hidden(N=N, fixed_secret=secret))
    classes = classes_of(task, NoisyBinary(flip_probability=E))
    assert classes is not None
    observer, bits, problem = Posterior(classes, E), [], task.problem(0)
    turn = Turn(prompt=(1,), reply=(1,), logprobs=(0.0,), policy_version=0)
    for _ in range(groups):
        for guess in chance.choice(N, GROUP, p=observer.shares(problem.key)):
            paid = float((guess == secret) != (chance.random() < E))
            grade = Grade(hits=(bool(guess == secret),), well_formed=True, offsets=(int(guess) - secret,))
            rollout = Rollout(
                problem=problem, turns=(turn,), replies=(str(guess),), end=End.ANSWERED, grade=grade,
                rewards={"noisy_binary": paid},
            )  # fmt: skip
            observer.observe(rollout, secret)
            bits.append(observer.received_bits)
    return bits


def test_it_is_thompson_s_rule_on_the_ledger_s_posterior() -> None:
    """Within the first group, where no run is over yet: means over many runs, within their errors."""
    chance = np.random.default_rng(3)
    slow = np.array([slow_bits(secret % N, 1, chance) for secret in range(240)])
    fast = noisy_pace(N, E, group=GROUP, runs=4000, seed=1)
    for episode in (1, 4):
        error = slow[:, episode - 1].std() / 240**0.5
        assert fast.bits_at(episode) == pytest.approx(slow[:, episode - 1].mean(), abs=4 * error + 0.02)


def test_with_little_noise_it_is_the_exact_observer() -> None:
    exact, noisy = hits_pace(16, GROUP), noisy_pace(16, 1e-6, group=GROUP, runs=2000)
    assert noisy.to_nine_tenths == pytest.approx(exact.to_nine_tenths, abs=1.5)
    assert [noisy.bits_at(at) for at in (4, 8, 12)] == pytest.approx([exact.bits_at(at) for at in (4, 8, 12)], abs=0.12)


def test_more_noise_takes_longer() -> None:
    paces = [noisy_pace(16, e, group=GROUP, runs=200).to_nine_tenths for e in (0.01, 0.1, 0.2)]
    assert None not in paces and sorted(paces, key=float) == paces  # type: ignore[arg-type]


def test_bits_of_a_posterior_by_hand() -> None:
    nats = np.log(np.array([[0.5, 0.25, 0.125, 0.125], [1.0, 1.0, 1.0, 1.0]]))
    assert bits_of(nats, np.array([1, 3])) == pytest.approx([0.0, 0.0])
    assert bits_of(nats, np.array([0, 0])) == pytest.approx([1.0, 0.0])
