from __future__ import annotations

from dataclasses import replace
from math import isclose
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.rollouts.datums import datum_of, spans, token_weights, tokens_behind_prompt, weighed_data
from straw.types import End, Grade, Message, Problem, Rollout, Turn

LENGTHS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4)), min_size=1, max_size=4)  # reply, then heard


def rollout_of(lengths: list[tuple[int, int]], prompt: int = 2) -> Rollout:
    """Reply tokens are 1, 2, 3, ... in the order in which they are written; what is heard is 0."""
    read, turns, number = (9,) * prompt, [], 0
    for reply, heard in lengths:
        written = tuple(range(number + 1, number + reply + 1))
        turns.append(Turn(prompt=read, reply=written, logprobs=tuple(-0.1 * t for t in written), policy_version=0))
        read, number = read + written + (0,) * heard, number + reply
    return Rollout(
        problem=Problem(key="", messages=(Message("user", "?"),), reference=("1",)),
        turns=tuple(turns),
        replies=("1",) * len(turns),
        end=End.ANSWERED,
        grade=Grade(hits=(True,), well_formed=True),
        advantages=tuple(float(turn + 1) for turn in range(len(turns))),
    )


def test_a_conversation_of_two_replies_by_hand() -> None:
    rollout = rollout_of([(2, 3), (1, 0)])
    assert tokens_behind_prompt(rollout) == (1, 2, 0, 0, 0, 3)
    assert spans(rollout) == [(0, 2), (5, 6)]
    datum = datum_of(rollout, 0.5)
    assert datum.prompt == (9, 9)
    assert datum.tokens == (1, 2, 0, 0, 0, 3)
    assert datum.weights == (0.5, 0.5, 0, 0, 0, 0.5)
    assert datum.advantages == (1, 1, 0, 0, 0, 2)  # each turn has its own
    assert datum.logprobs == pytest.approx((-0.1, -0.2, 0, 0, 0, -0.3))


def test_a_replayed_rollout_counts_as_drawn_just_now() -> None:
    assert datum_of(rollout_of([(2, 0)]), 1.0, replayed=True).logprobs == ()


@given(LENGTHS)
def test_weights_stand_on_reply_tokens_alone(lengths: Any) -> None:
    rollout = rollout_of(lengths)
    datum = datum_of(rollout, 0.25)
    trained = [token for token, weight in zip(datum.tokens, datum.weights, strict=True) if weight]
    assert trained == [token for turn in rollout.turns for token in turn.reply]
    assert set(datum.weights) <= {0.0, 0.25}
    for (start, end), turn in zip(spans(rollout), rollout.turns, strict=True):
        assert datum.tokens[start:end] == turn.reply


BATCH = [rollout_of([(1, 0)]), rollout_of([(2, 4), (3, 0)])]  # 1 and 5 reply tokens


@pytest.mark.parametrize(
    ("weigh", "weights"),
    [("rollout", [1 / 2, 1 / 2]), ("reply", [1 / 2, 1 / 10]), ("token", [1 / 6, 1 / 6])],
)
def test_the_three_weighings_by_hand(weigh: str, weights: Any) -> None:
    assert token_weights(BATCH, weigh) == pytest.approx(weights)


@given(st.lists(LENGTHS, min_size=1, max_size=5))
def test_what_the_weighings_add_up_to(batch: Any) -> None:
    """rollout: the mean number of tokens; reply and token: 1."""
    rollouts = [rollout_of(lengths) for lengths in batch]
    counts = [sum(reply for reply, _ in lengths) for lengths in batch]
    for weigh, total in (("rollout", sum(counts) / len(counts)), ("reply", 1), ("token", 1)):
        weights = token_weights(rollouts, weigh)
        found = sum(sum(datum_of(one, weight).weights) for one, weight in zip(rollouts, weights, strict=True))
        assert isclose(found, total, rel_tol=1e-9)


@given(st.lists(LENGTHS, min_size=1, max_size=5))
def test_each_reply_counts_the_same_when_replies_are_weighed(batch: Any) -> None:
    rollouts = [rollout_of(lengths) for lengths in batch]
    weights = token_weights(rollouts, "reply")
    shares = [sum(datum_of(one, weight).weights) for one, weight in zip(rollouts, weights, strict=True)]
    assert shares == pytest.approx([1 / len(batch)] * len(batch))


def test_an_unknown_weighing_is_a_bug() -> None:
    with pytest.raises(ValueError, match="unknown weighing 'words'"):
        token_weights(BATCH, "words")


def test_what_failed_is_counted_in_the_batch_and_is_no_data() -> None:
    whole = rollout_of([(2, 0)])
    failed, empty = (replace(whole, end=End.FAILED, **what) for what in ({}, {"turns": (), "advantages": ()}))
    kept, data = weighed_data([empty, whole, failed, whole], "rollout")
    assert kept == [whole, whole]
    assert [datum.weights for datum in data] == [(0.25, 0.25)] * 2
