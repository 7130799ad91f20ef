"""Processes that share out the members of evolution strategies; they exchange steps, rollouts and rewards.

    this process        step s ->         everybody writes its members' rollouts of step s      -> rollouts
                        rewards of s ->   everybody makes the same update

They are forked from this one when the run goes on, so each begins with the very weights. Messages are JSON over a pipe.
A helper whose pipe is closed ends itself: who is killed leaves nobody behind.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from straw.errors import TrainingError
from straw.runs.files.jsonl import json_line
from straw.training.learners.evolution.members import Members
from straw.training.sources.base import Groups, NoRollouts
from straw.training.state import rollout_from
from straw.types import Metric, Rollout

Move = Callable[[int, Sequence[float]], Mapping[str, float]]


class Helpers(NoRollouts):
    """The source of rollouts of a run, with `count` - 1 processes beside this one."""

    def __init__(self, members: Members, move: Move, count: int) -> None:
        self.members, self.move, self.count = members, move, count
        self.pipes: list[Connection] = []

    @contextmanager
    def opened(self) -> Iterator[None]:
        fork = get_context("fork")
        self.processes: list[Any] = []
        for rank in range(1, self.count):
            here, there = fork.Pipe()
            self.pipes.append(here)
            self.processes.append(fork.Process(target=self.help, args=(rank, there), daemon=True))
            self.processes[-1].start()
            there.close()
        try:
            yield
        finally:
            for pipe in self.pipes:
                pipe.close()
            self.pipes.clear()
            for process in self.processes:
                process.join()

    def share(self, rank: int) -> range:
        return range(rank, self.members.size, self.count)

    def rollouts(self, step: int) -> Groups:
        self.send({"step": step})
        answers = {member: self.members.of(step, member) for member in self.share(0)}
        for pipe in self.pipes:
            answers |= self.heard_from(pipe)
        return self.members.paid(step, answers)

    def heard_from(self, pipe: Connection) -> dict[int, list[Rollout]]:
        try:
            found = json.loads(pipe.recv_bytes())
        except (EOFError, OSError) as error:
            raise TrainingError(
                "a process of es ended in the middle of its work: go on from the newest checkpoint (straw resume), "
                "with es_processes=1 where memory was short"
            ) from error
        return {int(member): [rollout_from(one) for one in rollouts] for member, rollouts in found.items()}

    def tell(self, step: int, rewards: Sequence[float]) -> None:
        self.send({"step": step, "rewards": list(rewards)})

    def send(self, message: Mapping[str, Any]) -> None:
        for pipe in self.pipes:
            try:
                pipe.send_bytes(json_line(dict(message)).encode())
            except OSError:
                continue  # it is missed when it is listened to

    def facts(self) -> dict[str, Metric]:
        return {}

    # --- in the other process

    def help(self, rank: int, pipe: Connection) -> None:
        """Until the pipe is closed. Ends of pipes to others are closed, or nobody would see that theirs is."""
        for other in self.pipes:
            other.close()
        try:
            while True:
                said = json.loads(pipe.recv_bytes())
                if "rewards" in said:
                    self.move(said["step"], said["rewards"])
                else:
                    found = {
                        str(member): [asdict(one) for one in self.members.of(said["step"], member)]
                        for member in self.share(rank)
                    }
                    pipe.send_bytes(json_line(found).encode())
        except (EOFError, OSError, KeyboardInterrupt):
            os._exit(0)
