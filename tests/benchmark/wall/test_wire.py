from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from straw.benchmark.wall import wire
from straw.engines.base import AdamParams, Loss, Reply, SamplingParams
from straw.errors import RunError
from straw.types import Datum, End, Grade, Message, Problem, Rollout, Turn

SECRET = 3217
TURNS = (Turn(prompt=(5, 6), reply=(7, 1), logprobs=(-0.1, -1e-300), policy_version=3),)
ROLLOUT = Rollout(
    problem=Problem(
        key="secret-0", messages=(Message("user", "Name it."),), reference=(str(SECRET),), facts={"secret": SECRET},
        columns={"secret": SECRET},
    ),
    turns=TURNS, replies=("12",), end=End.ANSWERED,
    grade=Grade(hits=(False,), well_formed=True, offsets=(12 - SECRET,)),
    rewards={"binary": 0.1 + 0.2}, words="higher", extra={"secret": SECRET}, metrics={"secret": SECRET},
    advantages=(float(SECRET),),
)  # fmt: skip


def values(found: Any) -> Iterator[Any]:
    if isinstance(found, dict):
        for name, value in found.items():
            yield name
            yield from values(value)
    elif isinstance(found, list | tuple):
        for one in found:
            yield from values(one)
    else:
        yield found


def test_nothing_that_a_learner_gets_names_the_secret_or_how_far_it_is() -> None:
    plain = json.loads(wire.line_of(wire.blind(ROLLOUT)))
    said = [*values(plain)]
    assert not any(str(SECRET) in str(one) or one == 12 - SECRET or one == SECRET - 12 for one in said)
    assert "12" in said and 0.1 + 0.2 in said and said.count("higher") == 1


def test_a_blind_rollout_keeps_what_was_said_and_paid_to_the_last_bit() -> None:
    got = wire.unblinded(json.loads(wire.line_of(wire.blind(ROLLOUT))))
    assert (got.turns, got.replies, got.rewards, got.end) == (TURNS, ROLLOUT.replies, ROLLOUT.rewards, End.ANSWERED)
    assert got.words == "higher"
    assert (got.problem.reference, got.problem.facts, got.grade.hits, got.grade.offsets) == (("?",), {}, (), ())
    assert got.problem.messages == ROLLOUT.problem.messages


finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 10**6), finite, finite, finite), min_size=1, max_size=5), st.booleans())
def test_data_come_back_equal(rows: list[tuple[int, float, float, float]], soft: bool) -> None:
    tokens, weights, advantages, logprobs = zip(*rows, strict=True)
    targets = tuple({token: weight, token + 1: 0.5} for token, weight, _, _ in rows) if soft else None
    datum = Datum(
        prompt=(1, 2), tokens=tokens, weights=weights, advantages=advantages, logprobs=logprobs, soft_targets=targets
    )
    assert wire.data_of(json.loads(wire.line_of({"data": wire.plain_data([datum])}))["data"]) == [datum]


def test_all_that_verbs_take_and_give_comes_back_equal() -> None:
    loss = Loss(name="ppo", settings={"clip_low": 0.2}, kl_coef=0.04, temperature=0.7)
    params = SamplingParams(max_tokens=3, temperature=0.1, top_p=0.9, stop=frozenset({4, 1}))
    replies = [Reply((1, 2), (-0.1, -0.2), True), Reply((), (), False)]
    there = json.loads(
        wire.line_of(
            {"loss": wire.plain_loss(loss), "params": wire.plain_params(params), "got": wire.plain_replies(replies)}
        )
    )
    assert wire.loss_of(there["loss"]) == loss and wire.params_of(there["params"]) == params
    assert wire.replies_of(there["got"]) == replies
    assert wire.adam_of({"learning_rate": 1e-3}) == AdamParams(learning_rate=1e-3)


@pytest.mark.parametrize("line", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000, b"nonsense\n"])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(RunError, match="speaks JSON"):
        wire.message_in(line)


def test_a_loss_that_is_not_ours_would_run_beside_the_secret() -> None:
    with pytest.raises(RunError, match="where the secret is"):
        wire.loss_of({"name": "evil.py:loss"})
