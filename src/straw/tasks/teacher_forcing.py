"""A conversation in which the model says just these replies: for teacher forcing, SFT and the warm-up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from straw.tasks.base import Task
from straw.text.chat.chat import Chat
from straw.types import Datum, Problem

# A measurement reads the same few texts behind a thousand answers, and rendering them would be most of its time.
opening = lru_cache(maxsize=256)(Chat.opening)
continuation = lru_cache(maxsize=256)(Chat.continuation)
encoded = lru_cache(maxsize=4096)(Chat.encode_reply)


def forced(chat: Chat, task: Task, problem: Problem, replies: Sequence[str], weight: float = 1.0) -> Datum:
    """Only the replies, end tokens included, have weight; what the user says in between has none."""
    tokens: list[int] = []
    weights: list[float] = []
    for turn, reply in enumerate(replies):
        said = encoded(chat, reply)
        tokens += said
        weights += [weight] * len(said)
        message = task.next_message(problem, replies[: turn + 1])
        if message is not None and turn + 1 < len(replies):
            heard = continuation(chat, message)
            tokens += heard
            weights += [0.0] * len(heard)
    return Datum(prompt=opening(chat, problem.messages), tokens=tuple(tokens), weights=tuple(weights))
