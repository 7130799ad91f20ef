"""What all worlds that others wrote have in common as tasks: rows to begin with, limits, and facts of a play.

Environment      a class, in this process            env:FILE.py:Class
OpenEnv          a server, over a web socket         openenv:URL
Verifiers        a taskset, in a process of its own  verifiers:NAME
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from straw.tasks.environments.episode import Limits
from straw.tasks.environments.options import WorldOptions
from straw.tasks.environments.rows import Row, Rows, asked_in, key_of
from straw.types import End, Grade, Play, Problem


@dataclass(frozen=True, kw_only=True)
class WorldTask:
    """An episode answers, which knows what happened before: `next_message` and `grade` have nothing to say."""

    name: str
    rows: Rows
    limits: Limits
    tool_form: str = "auto"
    has_golds: bool = False

    @property
    def max_turns(self) -> int:
        return self.limits.turns

    @property
    def reply_limit(self) -> int:
        return 0

    @property
    def num_problems(self) -> int | None:
        return self.rows.num_trained

    @property
    def num_held_out(self) -> int | None:
        return None if self.rows.path is None else len(self.rows.sides[1])

    def problem(self, index: int) -> Problem:
        return self.asked(self.rows.trained(index))

    def held_out(self, index: int) -> Problem:
        return self.asked(self.rows.asked(index))

    def asked(self, row: Row) -> Problem:
        return Problem(
            key=key_of(self.name, row), messages=asked_in(row), reference=("",), columns=row, is_conversation=True
        )

    def next_message(self, problem: Problem, replies: Sequence[str]) -> None:
        return None

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        return Grade(hits=(False,), well_formed=end is End.ANSWERED)

    def grade_of(self, play: Play, end: End) -> Grade:
        """Right where the environment says so; well formed where every call was one."""
        is_sound = all(one.status not in ("malformed", "unknown") for one in play.calls)
        return Grade(hits=(play.solved is True,), well_formed=is_sound and not end.was_cut_short)

    def room_for(self, wanted: int) -> int:
        """How many episodes can be played at once, `wanted` at most."""
        return wanted

    def close(self) -> None:
        """What was begun for a run ends: nothing was."""


def rows_in(options: WorldOptions) -> Rows:
    return Rows(path=options.path, eval_path=options.eval_path, limit=options.num_problems, seed=options.task_seed or 0)


def limits_in(options: WorldOptions) -> Limits:
    return Limits(
        turns=options.max_turns, seconds=options.env_seconds, result=options.max_result,
        tokens=options.max_episode_tokens,
    )  # fmt: skip
