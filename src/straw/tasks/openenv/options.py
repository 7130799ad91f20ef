"""The options of a world behind an OpenEnv server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from straw.config.option import option
from straw.tasks.environments.options import WorldOptions


@dataclass(frozen=True, kw_only=True)
class OpenEnvOptions(WorldOptions):
    """An OpenEnv server: openenv:http://HOST:PORT, or openenv:FOLDER, begun for the run."""

    kind: str = option("openenv:NAME", "the task", registry="tasks")
    action: Literal["auto", "text", "tools"] = option(
        "auto", "an action is the whole completion or a tool call; auto: by the server's schema"
    )
    observation: tuple[str, ...] = option(
        (), "the fields of an observation that the model reads; none: all", example=("prompt",)
    )
    episode_reward: Literal["sum", "last"] = option(
        "sum", "what the steps' rewards make an episode's: their sum, by turn, or the last"
    )
    solved_at: float | None = option(
        None, "the episode's reward from which it counts as solved; none: nobody knows", example=1.0
    )
