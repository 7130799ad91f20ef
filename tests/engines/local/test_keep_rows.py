"""Rows whose conversation is over leave, and the bits of the others do not change."""

from __future__ import annotations

import pytest
import torch

from straw.engines.base import SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.engines.local.models.tiny import make_embedded
from straw.text.chat.chat import Chat
from straw.types import Message

ROWS, KEPT = 40, [1, 5, 6, 17, 18, 30, 39]
PARAMS = SamplingParams(max_tokens=5)


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    model, tokenizer = make_embedded("tiny-0.2M", 0)
    return LocalEngine(model, Chat(tokenizer))


def replies(engine: LocalEngine, *, leaves: bool) -> list[tuple[int, ...]]:
    """Of the kept rows, three turns; every row hears something of a length of its own."""
    talk, rows = engine.converse(engine.chat.opening([Message("user", "?")]), ROWS), list(range(ROWS))
    found: dict[int, list[int]] = {row: [] for row in KEPT}
    for turn in range(3):
        for row, reply in zip(rows, talk.generate(PARAMS, [1000 * turn + row for row in rows]), strict=True):
            if row in found:
                found[row] += reply.tokens
                found[row] += [round(1e9 * logprob) for logprob in reply.logprobs]
        if leaves and talk.keep([rows.index(row) for row in KEPT]):
            rows = list(KEPT)
        talk.append([engine.chat.continuation(Message("user", "x" * (1 + row % 7))) for row in rows])
    assert (rows == KEPT) == leaves
    return [tuple(found[row]) for row in KEPT]


def test_kept_rows_have_the_bits_that_they_would_have_among_all(engine: LocalEngine) -> None:
    with torch.no_grad():
        assert replies(engine, leaves=True) == replies(engine, leaves=False)


def test_few_that_leave_are_not_worth_it(engine: LocalEngine) -> None:
    talk = engine.converse(engine.chat.opening([Message("user", "?")]), 20)
    talk.generate(PARAMS, list(range(20)))
    assert not talk.keep(list(range(18)))
    assert not talk.keep([])
