"""The options of an environment of verifiers."""

from __future__ import annotations

from dataclasses import dataclass

from straw.config.option import option
from straw.tasks.environments.options import WorldOptions


@dataclass(frozen=True, kw_only=True)
class VerifiersOptions(WorldOptions):
    """An installed environment of verifiers: verifiers:NAME."""

    kind: str = option("verifiers:NAME", "the task", registry="tasks")
    env_seconds: float = option(
        300.0, "the most seconds that an environment may take in an episode", above=0
    )  # its tools are processes of their own, which import verifiers first
    taskset: tuple[str, ...] = option(
        (), "options of the taskset, name=value, as behind --env.taskset", example=("num_tasks=10",)
    )
    solved_at: float | None = option(
        None, "the episode's reward from which it counts as solved; none: nobody knows", example=1.0
    )
