"""What a learner asks for through the wall is what the engine says, and the start cannot be trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.small_runs import Parts

from straw.benchmark.wall.away import EngineAway
from straw.benchmark.wall.verbs import Verbs
from straw.benchmark.wall.wire import MOST_SHARES, MOST_TOKENS
from straw.engines.base import AdamParams, Loss, SamplingParams
from straw.errors import RunError
from straw.types import Datum


class Wall:
    """Both sides in one process, with everything as a line of JSON between them."""

    def __init__(self, parts: Parts) -> None:
        self.verbs = Verbs(parts.engine)
        self.away = EngineAway(self.ask, lambda: parts.chat)

    def ask(self, verb: str, asked: dict[str, Any]) -> Any:
        found = json.loads(json.dumps(self.verbs.answer(json.loads(json.dumps({"verb": verb, "with": asked})))))
        if "error" in found:
            raise RunError(found["error"])
        return found["value"]


def data_of(parts: Parts) -> list[Datum]:
    prompt = parts.chat.opening(parts.task.problem(0).messages)
    replies = [parts.chat.encode_reply(text) for text in ("3", "5")]
    return [Datum(prompt=prompt, tokens=reply, weights=(1.0,) * len(reply)) for reply in replies]


def test_likeliest_tokens_layers_and_vectors_come_through_as_they_are(home: Path) -> None:
    parts = Parts()
    wall, data = Wall(parts), data_of(parts)
    assert wall.away.likeliest(data, 5, "start") == parts.engine.likeliest(data, 5, "start")
    for found, own in zip(wall.away.layers(data, 2), parts.engine.layers(data, 2), strict=True):
        np.testing.assert_array_equal(found, own)
    np.testing.assert_array_equal(wall.away.token_vectors([3, 5]), parts.engine.token_vectors([3, 5]))


def test_who_acts_as_the_start_cannot_train_it_and_is_back_afterwards(home: Path) -> None:
    parts = Parts()
    wall, data = Wall(parts), data_of(parts)
    before = wall.away.logprobs(data)
    wall.away.forward_backward(data, Loss(name="cross_entropy"))
    wall.away.optim_step(AdamParams(learning_rate=1e-2))
    learned = wall.away.logprobs(data)
    with wall.away.at_start():
        assert wall.away.logprobs(data) == before
        with pytest.raises(RunError, match="leave at_start"):
            wall.away.optim_step(AdamParams(learning_rate=1e-2))
    assert wall.away.logprobs(data) == learned != before
    assert wall.verbs.updates == 1


def test_a_learner_that_stays_at_the_start_does_not_reach_into_the_next_rollouts(home: Path) -> None:
    parts = Parts()
    wall, data = Wall(parts), data_of(parts)
    wall.away.forward_backward(data, Loss(name="cross_entropy"))
    wall.away.optim_step(AdamParams(learning_rate=1e-2))
    learned = parts.engine.logprobs(data)
    wall.ask("to_start", {})
    wall.verbs.turn_is_over()
    assert parts.engine.logprobs(data) == learned


@pytest.mark.parametrize("num", [-5, 0, 2.5, True, float("nan"), 2**40])
def test_a_count_of_draws_that_makes_no_sense_takes_nothing_back_from_those_counted(home: Path, num: Any) -> None:
    wall = Wall(Parts())
    wall.away.converse((1,), 3)
    for verb, asked in {
        "converse": {"prompt": [1], "num_rows": num},
        "sample": {"prompts": [[1]], "num_samples": num, "params": {}, "seeds": []},
    }.items():
        with pytest.raises(RunError, match="drawn at once"):
            wall.ask(verb, asked)
    assert wall.verbs.unpaid_draws == 3


def test_a_row_that_would_take_the_payer_s_memory_is_refused_before_it_is_read(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attention takes memory by the square of a row, and the payer is in no sandbox."""
    parts = Parts()
    wall, long = Wall(parts), (3,) * (MOST_TOKENS + 1)
    row = Datum(prompt=long[:1], tokens=long[1:], weights=(1.0,) * MOST_TOKENS)
    for verb in ("logprobs", "likeliest", "layers", "states", "forward_backward", "converse", "sample"):
        monkeypatch.setattr(parts.engine, verb, None)  # whoever calls it has a TypeError
    asked = [
        lambda: wall.away.logprobs([row]), lambda: wall.away.likeliest([row], 2), lambda: wall.away.layers([row], 2),
        lambda: wall.away.states([row]), lambda: wall.away.forward_backward([row], Loss(name="cross_entropy")),
        lambda: wall.away.converse(long, 2),
        lambda: wall.away.sample([long], 1, SamplingParams(max_tokens=1, stop=frozenset([1])), [[1]]),
    ]  # fmt: skip
    for ask in asked:
        with pytest.raises(RunError, match="at most 2,048 tokens"):
            ask()


def test_a_teacher_tells_so_many_probabilities_at_once_and_no_more(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told lies in the payer's memory, as lists and as a line of JSON."""
    parts = Parts()
    wall, data = Wall(parts), data_of(parts)
    monkeypatch.setattr(parts.engine, "likeliest", None)
    with pytest.raises(RunError, match="probabilities are told at once"):
        wall.away.likeliest(data, MOST_SHARES)


def test_what_is_put_behind_a_conversation_is_no_longer_than_a_row(home: Path) -> None:
    parts = Parts()
    wall = Wall(parts)
    talk = wall.away.converse(data_of(parts)[0].prompt, 1)
    with pytest.raises(RunError, match="at most 2,048 tokens"):
        talk.append([(3,) * (MOST_TOKENS + 1)])
