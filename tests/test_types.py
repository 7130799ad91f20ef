"""Records are checked when they are made, and what nobody says of them is nothing."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from straw.types import Datum, End, Grade, Message, Metric, Payment, Play, Played, Problem, Rollout, ToolCall, Turn

ASKED = Message("user", "?")
PROBLEM = Problem(key="a", messages=(ASKED,), reference=("1",))
GRADE = Grade(hits=(True,), well_formed=True)


@pytest.mark.parametrize(("messages", "reference"), [((), ("1",)), ((ASKED,), ()), ((), ())])
def test_a_problem_has_messages_and_a_reference(messages: Any, reference: Any) -> None:
    with pytest.raises(ValueError, match="a Problem has messages and a reference reply; 'a' lacks one"):
        Problem(key="a", messages=messages, reference=reference)


@pytest.mark.parametrize("logprobs", [(), (-0.1,), (-0.1, -0.2, -0.3)])
def test_a_turn_has_one_logprob_for_each_token_of_its_reply(logprobs: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=f"one logprob per reply token; got {len(logprobs)} for 2"):
        Turn(prompt=(1,), reply=(2, 3), logprobs=logprobs, policy_version=0)


def test_what_was_cut_short() -> None:
    assert [end for end in End if end.was_cut_short] == [End.OUT_OF_TOKENS, End.OUT_OF_TURNS]


def datum(**changes: Any) -> Datum:
    said = {"prompt": (1,), "tokens": (2, 3), "weights": (0.5, 0.5), "advantages": (1.0, 1.0), "logprobs": (-1.0, -1.0)}
    return Datum(**(said | changes))


@pytest.mark.parametrize("changes", [{"prompt": ()}, {"tokens": (), "weights": ()}])
def test_a_datum_has_a_prompt_and_a_token_behind_it(changes: Any) -> None:
    with pytest.raises(ValueError, match="at least one prompt token and one token behind it"):
        datum(**{"advantages": (), "logprobs": (), **changes})


@pytest.mark.parametrize("name", ["weights", "advantages", "logprobs"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_datum_has_one_of_each_for_each_token(name: str, count: int) -> None:
    with pytest.raises(ValueError, match=f"a Datum has one of {name} per token; got {count} for 2"):
        datum(**{name: (0.5,) * count})


def test_advantages_and_logprobs_may_be_left_out_and_weights_may_not() -> None:
    assert datum(advantages=(), logprobs=()).soft_targets is None
    with pytest.raises(ValueError, match="one of weights per token; got 0 for 2"):
        datum(weights=())


def test_means_are_added_by_their_counts() -> None:
    assert Metric(0.5, 4) + Metric(1.0, 2) == Metric(4 / 6, 6)
    assert Metric(3.0) + Metric(5.0) == Metric(4.0, 2) and Metric(3.0).count == 1
    assert Metric(7.0, 0) + Metric(9.0, 0) == Metric(0.0, 0)
    assert Metric(7.0, 0) + Metric(9.0, 3) == Metric(9.0, 3)


def test_a_rollout_is_paid_the_sum_of_its_parts() -> None:
    one = Rollout(
        problem=PROBLEM, turns=(), replies=(), end=End.ANSWERED, grade=GRADE, rewards={"a": 1.0, "b": -0.25, "c": 0.5}
    )
    assert one.reward == 1.25


def test_what_is_kept_of_a_rollout_that_was_played_is_all_but_its_environment() -> None:
    said = {"problem": PROBLEM, "turns": (), "replies": ("x",), "end": End.FAILED, "grade": GRADE, "words": "higher"}
    played = Played(**said, environment=object())  # type: ignore[arg-type]
    played.leave()
    assert type(played.plain) is Rollout and played.plain == Rollout(**said)  # type: ignore[arg-type]
    assert {one.name for one in fields(Played)} - {one.name for one in fields(Rollout)} == {"environment", "leave"}


def test_what_nobody_says_is_nothing() -> None:
    assert not PROBLEM.is_conversation and (PROBLEM.facts, PROBLEM.columns) == ({}, {})
    assert (GRADE.offsets, GRADE.answer, GRADE.text, GRADE.form, GRADE.num_tokens) == ((), None, None, {}, None)
    paid = Payment(total=1.0)
    assert (paid.per_turn, paid.words, paid.parts, paid.raw, paid.extra, paid.metrics) == (None, "", None, {}, {}, {})
    call = ToolCall(turn=0, name="add")
    assert (call.arguments, call.result, call.status) == ({}, "", "answered")
    play = Play(environment="game")
    assert (play.calls, play.heard, play.tools, play.reason, play.seconds) == ((), (), (), "", 0.0)
    assert (play.reward, play.turn_rewards, play.solved) == (None, None, None)
