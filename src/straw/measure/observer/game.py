"""From a page to the game that an observer plays. No torch."""

from __future__ import annotations

from dataclasses import replace

from straw.config import Page
from straw.errors import ConfigError
from straw.measure.observer.ideal import Observed, observed
from straw.registry import find
from straw.rewards.channel import Channel
from straw.rewards.outcome import make_channel
from straw.tasks.base import Task


def game_of(page: Page) -> tuple[Task, Channel]:
    if page.task.num_guesses is None:
        raise ConfigError(
            f"the observer lists all answers, and those of {page.task.kind} cannot be listed: ask for kind=secret"
        )
    task: Task = find("tasks", page.task.kind).from_options(page.task)
    reward = replace(page.reward, reward_type=page.channel)
    return task, make_channel(reward, page.task.num_guesses, task.max_turns, page.task.num_items)


def group_of(page: Page) -> int:
    """How many rollouts at one secret are made before any reward comes back."""
    groups = page.algorithm.batch_size // getattr(page.task, "num_secrets", 1)
    return page.algorithm.group_size * max(1, groups)


def observed_page(page: Page) -> Observed:
    """From the cache, or made now."""
    return observed(*game_of(page), group=group_of(page))
