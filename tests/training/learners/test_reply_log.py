"""What is known of one prompt: its pool, its states piece by piece, and the way through a checkpoint."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from straw.training.learners import reply_log
from straw.training.learners.reply_log import ReplyLog
from straw.types import Datum


def datum(*tokens: int) -> Datum:
    return Datum(prompt=(1, 2), tokens=tokens, weights=(1.0,) * len(tokens))


def log_of(*pieces: tuple[int, ...]) -> ReplyLog:
    """Replies of one token, which came into the pool in these pieces; 5 has -5 nats."""
    log = ReplyLog()
    for piece in pieces:
        log.add({((token,),): (datum(token), -float(token)) for token in piece})
    return log


class Reader:
    """States are the token itself; what was read together is written down."""

    def __init__(self) -> None:
        self.read: list[list[int]] = []

    def layers(self, data: Any, count: int) -> list[Any]:
        self.read.append([one.tokens[0] for one in data])
        return [np.full((count, 2), one.tokens[0]) for one in data]

    def token_vectors(self, tokens: Any) -> list[Any]:
        return [np.full(3, token) for token in tokens]


def test_nothing_new_is_no_piece() -> None:
    log = log_of((5, 6), (), (7,))
    assert log.pieces == [2, 1] and [*log.pool] == [((5,),), ((6,),), ((7,),)]


def test_states_are_read_once_in_the_pieces_in_which_replies_came() -> None:
    log, engine = log_of((5, 6), (7,)), Reader()
    any_engine: Any = engine
    found = log.replies(any_engine, 2, False)
    assert engine.read == [[5, 6], [7]] and [len(piece) for piece in log.states] == [2, 1]
    log.add({((8,),): (datum(8), -8.0)})
    log.replies(any_engine, 2, False)
    assert engine.read == [[5, 6], [7], [8]]
    assert [state[0][0] for piece in log.states for state in piece] == [5, 6, 7, 8]
    assert found is not None
    log.replies(any_engine, 0, True)
    assert len(engine.read) == 3  # where no layer is compared none is read


def test_a_belief_is_asked_for_with_the_prior_as_a_share_of_the_likeliest(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def shares(*what: Any) -> Any:
        asked.append(what)
        return np.array([0.75, 0.25])

    monkeypatch.setattr(reply_log, "shares", shares)
    log, engine = log_of((2, 1)), None
    log.said, log.paid = [((2,),)], [(0.5,)]
    found = log.belief(engine, 0, False, 1.0)  # type: ignore[arg-type]
    assert found.data == (datum(2), datum(1)) and found.shares.tolist() == [0.75, 0.25]
    ((model, _, said, paid, replies, prior, full),) = asked
    assert (model, said, paid, replies, full) == (log.model, log.said, log.paid, [((2,),), ((1,),)], 1.0)
    assert prior.tolist() == [pytest.approx(np.exp(-1)), 1.0]


def test_a_log_goes_through_a_checkpoint() -> None:
    log = log_of((5, 6), (7,))
    log.said, log.paid, log.is_whole = [((5,),), ((7,),)], [(0.5, 0.25), (1.0, 0.0)], True
    state = json.loads(json.dumps(log.state_dict()))
    again = ReplyLog.recalled(state)
    assert (again.pool, again.said, again.paid, again.pieces) == (log.pool, log.said, log.paid, [2, 1])
    assert again.is_whole and state["prompts"] == [[1, 2]] and again.states == []
    for name in ("pieces", "is_whole", "model"):
        del state[name]
    older = ReplyLog.recalled(state)
    assert (older.pieces, older.is_whole, older.pool) == ([3], False, log.pool)


def test_a_log_begins_empty() -> None:
    log = ReplyLog()
    assert (log.pool, log.said, log.paid, log.pieces, log.states, log.is_whole) == ({}, [], [], [], [], False)
    assert log.state_dict()["prompts"] == []
