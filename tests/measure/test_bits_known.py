from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from math import exp, inf, isclose, isfinite, isnan, log, log2, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.small_runs import Parts

from straw.measure.bits_known import (
    COLUMNS,
    Known,
    answer_logprobs,
    answer_nats,
    answers_at_large,
    asked,
    known_among,
    mean_known,
    places_kept,
)
from straw.measure.recent_replies import KEPT


def known(space: int, probabilities: Mapping[int, float], target: int, own: Sequence[int] = ()) -> Known:
    return known_among(space, {index: log(p) if p else -inf for index, p in probabilities.items()}, target, own)


def measured(parts: Parts, max_answers: int = 1024) -> Known:
    problem = parts.task.problem(0)
    target = parts.task.target_index(problem)
    nats = answer_nats(parts.engine, parts.task, problem, asked(parts.task.space, max_answers, [target]))
    return known_among(parts.task.space, nats, target)


def test_a_uniform_policy_knows_nothing() -> None:
    found = known(8, dict.fromkeys(range(8), 1 / 8), target=3)
    assert found.bits == pytest.approx(0)
    assert found.normalised == pytest.approx(0)
    assert found.entropy_bits == pytest.approx(3)
    assert found.distance_to_uniform == pytest.approx(0)
    assert found.valid_mass == pytest.approx(1)


def test_four_answers_by_hand() -> None:
    """1/2, 1/4, 1/8 and 1/16 of the mass; 1/16 is no answer."""
    found = known(4, {0: 1 / 2, 1: 1 / 4, 2: 1 / 8, 3: 1 / 16}, target=0)
    assert found.bits == pytest.approx(1)  # log2 4 + log2 1/2
    assert found.valid_mass == pytest.approx(15 / 16)
    assert found.normalised == pytest.approx(2 + log2(8 / 15))
    assert found.entropy_bits == pytest.approx(
        8 / 15 * log2(15 / 8) + 4 / 15 * log2(15 / 4) + 2 / 15 * log2(7.5) + log2(15) / 15
    )
    assert found.distance_to_uniform == pytest.approx((8 / 15 - 1 / 4) + (4 / 15 - 1 / 4))  # what has too much
    assert found.p_secret == pytest.approx(1 / 2)


def test_knowledge_of_something_else_is_negative_and_clamped_for_pictures() -> None:
    found = known(4, {0: 1 / 16, 1: 15 / 16, 2: 0, 3: 0}, target=0)
    assert found.bits == pytest.approx(-2)
    assert found.clamped == 0


def test_normalised_bits_do_not_see_the_format() -> None:
    """Half of all replies are no answer: one bit is missing raw, none among the answers."""
    sharp = {0: 0.7, 1: 0.1, 2: 0.1, 3: 0.1}
    tidy, sloppy = known(4, sharp, 0), known(4, {index: p / 2 for index, p in sharp.items()}, 0)
    assert sloppy.bits == pytest.approx(tidy.bits - 1)
    assert sloppy.normalised == pytest.approx(tidy.normalised)
    assert sloppy.distance_to_uniform == pytest.approx(tidy.distance_to_uniform)


def test_a_sample_stands_for_the_answers_that_were_not_asked_for() -> None:
    """S has 1/10; two of the 1,000 others have 0.0006 and 0.0008, so all others about 0.0007 x 1,000 = 0.7."""
    found = known(1001, {0: 0.1, 5: 0.0006, 9: 0.0008}, target=0)
    assert found.valid_mass == pytest.approx(0.8)
    assert found.bits == pytest.approx(log2(100.1))
    assert found.normalised == pytest.approx(log2(1001 / 8))
    assert found.entropy_bits is None
    too_much = (0.1 / 0.8 - 1 / 1001) + 500 * (0.0008 / 0.8 - 1 / 1001)  # S, and the half that 9 stands for
    assert found.distance_to_uniform == pytest.approx(too_much)


@given(st.integers(3, 40), st.floats(0.001, 0.999), st.data())
def test_a_sample_of_equal_answers_says_what_all_of_them_say(space: Any, p_secret: Any, data: Any) -> None:
    others = (1 - p_secret) / (space - 1)
    target = data.draw(st.integers(0, space - 1))
    sample = data.draw(st.sets(st.integers(0, space - 1).filter(lambda index: index != target), min_size=1))
    everything = {index: others for index in range(space)} | {target: p_secret}
    whole, part = known(space, everything, target), known(space, {i: everything[i] for i in {*sample, target}}, target)
    for name in ("bits", "clamped", "normalised", "p_secret", "valid_mass", "distance_to_uniform"):
        assert isclose(getattr(whole, name), getattr(part, name), rel_tol=1e-6, abs_tol=1e-9), name


def test_no_sample_makes_all_answers_more_likely_than_certain() -> None:
    """Three of 63 others with .01 each would stand for .63 beside the secret's .9."""
    found = known(64, {0: 0.9, 1: 0.01, 30: 0.01, 60: 0.01}, target=0)
    assert found.valid_mass == pytest.approx(1)
    assert found.normalised == pytest.approx(found.bits)
    assert found.distance_to_uniform == pytest.approx(0.9 - 1 / 64)
    assert known(64, {0: 1.0, 1: 0.01}, target=0).valid_mass == pytest.approx(1)


@pytest.mark.parametrize("space", [2, 100, 10**6, 10**400])
def test_a_memorised_secret_is_all_of_log2_n_and_as_far_from_uniform_as_can_be(space: Any) -> None:
    found = known(space, {0: 1.0, 1: 0.0}, target=0)
    assert found.bits == pytest.approx(log2(space))
    assert found.normalised == pytest.approx(log2(space))
    assert found.distance_to_uniform == pytest.approx(1 - 1 / space)


def test_a_policy_that_gives_no_answer_any_mass_is_no_division_by_zero() -> None:
    far = known_among(4, dict.fromkeys(range(4), -1000.0), target=0)  # e^-1000 is 0 in a float
    assert far.bits == pytest.approx(2 - 1000 / log(2))
    assert far.normalised == pytest.approx(0)
    assert far.valid_mass == 0
    none = known_among(4, dict.fromkeys(range(4), -inf), target=0)
    assert none.bits == -inf
    assert isnan(none.normalised)


def test_one_possible_answer_is_known_from_the_start() -> None:
    found = known(1, {0: 0.5}, target=0)
    assert (found.bits, found.normalised, found.distance_to_uniform) == pytest.approx((-1, 0, 0))


# --- a sample


def test_few_answers_are_all_asked_for() -> None:
    assert asked(10, 10, [3]) == list(range(10))


@given(st.integers(1, 10**400), st.integers(2, 200), st.data())
def test_the_sample_is_ordered_distinct_and_inside_and_has_those_that_count_for_themselves(
    space: Any, most: Any, data: Any
) -> None:
    alone = data.draw(st.lists(st.integers(0, space - 1), max_size=most // 2))
    chosen = asked(space, most, alone)
    assert len(chosen) == min(space, most)
    assert chosen == sorted(set(chosen)) and {*alone} <= {*chosen}
    assert chosen[0] >= 0 and chosen[-1] < space
    assert chosen == asked(space, most, alone)


def test_all_others_are_equally_likely_to_be_drawn() -> None:
    """Three of the seven that do not count for themselves, 7,000 times: each about 3,000 times."""
    draws = Counter(index for seed in range(7000) for index in asked(9, 5, [2, 4], seed))
    assert draws.pop(2) == draws.pop(4) == 7000
    assert all(abs(count - 3000) < 4 * sqrt(7000 * 12 / 49) for count in draws.values())


@given(st.integers(2, 5000))
def test_some_that_were_drawn_are_left_when_what_was_said_is_taken_out_of_them(most: Any) -> None:
    """Beside the secret, at the worst all that was said had been drawn."""
    assert most - places_kept(most) - 1 > places_kept(most) >= 0


N, SECRET, WRONG = 5000, 4321, 77


@cache
def locked_in() -> np.ndarray:
    """0.6 on one answer that is wrong, 0.02 on the secret, 0.18 on all others unevenly; 0.2 is no answer."""
    shares = np.random.default_rng(0).lognormal(0, 0.5, N)
    shares[[SECRET, WRONG]] = 0
    shares *= 0.18 / shares.sum()
    shares[WRONG], shares[SECRET] = 0.6, 0.02
    return shares


def estimated(seed: int, most: int, replies: int) -> Known:
    """From a sample, and what the policy itself said in so many replies."""
    shares = locked_in()
    draws = np.random.default_rng([1, seed]).choice(N + 1, replies, p=[*shares, 1 - shares.sum()])
    own = [one for one in dict.fromkeys(map(int, draws)) if one not in (SECRET, N)][: min(KEPT, places_kept(most))]
    chosen = {*asked(N, most - places_kept(most), [SECRET], seed), *own}
    return known(N, {index: shares[index] for index in chosen}, SECRET, own)


def test_of_a_policy_that_is_locked_in_its_own_replies_tell_where_the_mass_is() -> None:
    """Among the answers log2 (5000 x 0.02 / 0.8) = 6.97 bits are known; a sample of 32 alone says 9."""
    truth = known(N, dict(enumerate(locked_in())), SECRET)
    assert truth.normalised == pytest.approx(log2(125))
    with_replies = [estimated(seed, 32, replies=40) for seed in range(60)]
    without = [estimated(seed, 32, replies=0) for seed in range(60)]
    assert max(abs(one.normalised - truth.normalised) for one in with_replies) < 0.25
    assert max(abs(one.distance_to_uniform - truth.distance_to_uniform) for one in with_replies) < 0.08
    assert np.median([one.normalised for one in without]) == pytest.approx(9, abs=0.2)
    assert all(one.valid_mass <= 1 + 1e-12 for one in with_replies + without)


def test_the_mass_is_right_in_the_mean_whatever_was_said() -> None:
    found = [estimated(seed, 64, replies=24).valid_mass for seed in range(500)]
    assert max(found) < 1  # so none was held back
    assert abs(np.mean(found) - 0.8) < 4 * np.std(found) / sqrt(500) < 0.005


@given(st.integers(20, 60), st.lists(st.floats(0, 1), min_size=60, max_size=60), st.integers(0, 10**6), st.data())
def test_no_estimate_of_the_mass_is_above_all_there_is(space: Any, weights: Any, seed: Any, data: Any) -> None:
    shares = np.array(weights[:space]) + 1e-9
    shares /= shares.sum()
    said = data.draw(st.lists(st.integers(0, space - 1), max_size=5))
    own = [one for one in dict.fromkeys(said) if one != 0]
    found = known(space, {index: shares[index] for index in {*asked(space, 7, [0], seed), *own}}, 0, own)
    assert found.valid_mass <= 1 + 1e-9
    assert shares[[0, *own]].sum() - 1e-9 <= found.valid_mass
    assert 0 <= found.distance_to_uniform <= 1


@pytest.mark.parametrize("secret", [0, 500, 999_999])
def test_how_uniform_answers_are_at_large_does_not_depend_on_the_secret(home: Path, secret: int) -> None:
    parts = Parts("N=1000000", "warmup=none", f"fixed_secret={secret}")
    found = answers_at_large(parts.engine, parts.task, parts.task.problem(0), max_answers=16)
    other = Parts("N=1000000", "warmup=none", "fixed_secret=123")
    assert found == answers_at_large(other.engine, other.task, other.task.problem(0), max_answers=16)


def test_the_mean_over_problems_leaves_out_what_one_of_them_lacks() -> None:
    listed, sampled = known(2, {0: 1.0, 1: 0.0}, 0), known(3, {0: 1 / 3, 1: 1 / 3}, 0)
    row = mean_known([listed, sampled])
    assert row["bits_known"] == pytest.approx(0.5)
    assert set(row) == set(COLUMNS.values()) - {"answer_entropy_bits"}


@pytest.mark.parametrize("words", ["N=8", "N=8 env_type=multi_step", "N=3 length=2"])
@pytest.mark.parametrize("warmup", ["none", "auto"])
def test_all_answers_together_have_at_most_all_of_the_mass(home: Path, words: str, warmup: str) -> None:
    parts = Parts(words, f"warmup={warmup}")
    problem = parts.task.problem(0)
    answers = [parts.task.answer_at(index) for index in range(parts.task.space)]
    logps = answer_logprobs(parts.engine, parts.task, problem, answers)
    mass = sum(map(exp, logps))
    assert mass <= 1 + 1e-5
    assert mass > 0.9 if warmup == "auto" else mass < 1e-3
    found = measured(parts)
    target = parts.task.target_index(problem)
    assert answers[target] == problem.reference
    assert found.bits == pytest.approx(log2(parts.task.space) + logps[target] / log(2), abs=1e-4)
    assert found.valid_mass == pytest.approx(mass, rel=1e-4)


def test_a_million_answers_are_measured_by_a_sample(home: Path) -> None:
    parts = Parts("N=1000000", "warmup=none", "fixed_secret=777777")
    found = measured(parts, max_answers=16)
    assert isfinite(found.bits) and isfinite(found.normalised)
    assert found.entropy_bits is None
