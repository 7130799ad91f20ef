"""A conversation in which the model says just these replies: for teacher forcing, SFT and the warm-up."""

from __future__ import annotations

from collections.abc import Sequence

from straw.tasks.base import Task
from straw.text.chat import Chat
from straw.types import Datum, Problem


def forced(chat: Chat, task: Task, problem: Problem, replies: Sequence[str], weight: float = 1.0) -> Datum:
    """Only the replies, end tokens included, have weight; what the user says in between has none."""
    tokens: list[int] = []
    weights: list[float] = []
    for turn, reply in enumerate(replies):
        said = chat.encode_reply(reply)
        tokens += said
        weights += [weight] * len(said)
        message = task.hear(problem, replies[: turn + 1])
        if message is not None and turn + 1 < len(replies):
            heard = chat.continuation(message)
            tokens += heard
            weights += [0.0] * len(heard)
    return Datum(prompt=chat.opening(problem.messages), tokens=tuple(tokens), weights=tuple(weights))
