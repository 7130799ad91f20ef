"""What a model reads when it was told something about its reply, and speaks again.

prompt | reply, end | words, as the user says them | ...            no token is decoded and encoded again
"""

from __future__ import annotations

from straw.errors import ConfigError
from straw.rewards.channel import Channel
from straw.tasks.base import Task
from straw.text.chat.chat import Chat
from straw.types import Message, Rollout


def behind_words(chat: Chat, rollout: Rollout) -> tuple[int, ...]:
    """Of one turn; a reply that was cut short is closed first."""
    (turn,) = rollout.turns
    end = () if turn.reply and turn.reply[-1] in chat.closes else (chat.end,)
    return turn.prompt + turn.reply + end + chat.continuation(Message("user", rollout.words))


def check_words(algorithm: str, task: Task, channel: Channel) -> None:
    if not channel.speaks:
        raise ConfigError(
            f"algorithm={algorithm} learns from words, and {channel.name} has none. Write reward_type=told_in_words."
        )
    if task.max_turns > 1:
        raise ConfigError(f"algorithm={algorithm} is told about one reply, and {task.name} has several turns.")
