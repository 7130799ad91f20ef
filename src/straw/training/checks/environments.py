"""Is an environment alive, and does it repeat itself?

    alive      not every episode of the first few failed, or the run is refused with the reason
    repeats    the same seed and the same calls give the same texts and the same pay, twice

The calls are random ones of the right types. A world that does not repeat itself (a clock, a network, a generator
without a seed) may be trained in; what is lost is that a run that goes on has the bits of one that never stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from straw.errors import TrainingError
from straw.seeds import seed_for
from straw.tasks.base import World
from straw.tasks.environments.moves import WORDS, random_call
from straw.text.tools.calls import Read
from straw.types import Rollout

TURNS, WORLDS = 4, 2


def check_alive(groups: Sequence[Sequence[Rollout]]) -> None:
    plays = [one.play for group in groups for one in group if one.play is not None]
    if plays and all(play.reason for play in plays):
        raise TrainingError(f"all {len(plays)} episodes at the start failed: {plays[0].reason}.")


def repeats(task: World) -> str | None:
    """A line for a person where it does not."""
    for world in range(WORLDS):
        first, second = transcript(task, world), transcript(task, world)
        apart = next((pair for pair in zip(first, second, strict=False) if pair[0] != pair[1]), None)
        if apart is not None:
            return (
                f"{task.name} does not repeat itself: with one seed and the same calls it gave {apart[0]!r:.80} and "
                f"then {apart[1]!r:.80}. A run in it that goes on may differ from one that never stopped"
            )
    return None


def transcript(task: World, world: int) -> list[object]:
    """All that it said and paid."""
    problem, random = task.problem(world), Random(seed_for("repeats", world))
    episode = task.episode(problem, seed_for("repeats", "world", world))
    opened = episode.open()
    said: list[object] = [opened]
    schemas = task.schemas(problem)
    for _ in range(TURNS if opened is not None else 0):
        call = (random_call(schemas, random),) if schemas else ()
        results = episode.answer(Read("", call, random.choice(WORDS)))
        said.append(results and [one["content"] for one in results])
        if results is None:
            break
    play = episode.close()
    task.give_back(problem, episode)
    return [*said, *play.heard, play.reward, play.turn_rewards, play.solved, play.reason]
