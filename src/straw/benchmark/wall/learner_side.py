"""The process of a learner: it never holds a secret, and every run has one that knows of no other run.

    python -m straw.benchmark.wall.learner_side        waits, and forks for each run

What is imported before the first run is straw's alone; code of others is first met in the fork. There the page is the
run's own, but for the secret, of which it has none: its task hides a number that has nothing to do with what is paid.
Whatever a learner prints goes to stderr, since the pipe belongs to the messages.
"""

from __future__ import annotations

import os
import random
import resource
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from straw import outside
from straw.algorithms.replay import BestReplay
from straw.benchmark.wall import wire
from straw.benchmark.wall.away import EngineAway
from straw.config import load_page
from straw.engines.base import SamplingParams
from straw.engines.local.models.cache import cached_model
from straw.engines.local.models.resolve import load_model
from straw.engines.local.models.tiny import SHAPES
from straw.errors import RunError, StrawError
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.training.learners.distillation.rltf_sd import TextFeedback
from straw.training.learners.evolution.es import EvolutionOptions
from straw.training.learners.registry import learner_of, own_learner
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import plan_of
from straw.training.step import credited
from straw.training.updates import Updates

Plain = dict[str, Any]


class Pipe:
    """Lines from the payer, and to it."""

    def __init__(self, reader: IO[bytes], writer: IO[bytes]) -> None:
        self.reader, self.writer = reader, writer

    def read(self) -> Plain:
        line = self.reader.readline(wire.LONGEST)
        if not line:
            raise EOFError
        return wire.message_in(line)

    def write(self, message: Plain) -> None:
        self.writer.write(wire.line_of(message))
        self.writer.flush()

    def ask(self, verb: str, asked: Plain) -> Any:
        self.write({"verb": verb, "with": asked})
        found = self.read()
        if "error" in found:
            raise RunError(found["error"])
        return found["value"]


class NoFolder:
    """A run folder is the payer's; a batch that broke a run is not kept."""

    def write_batch(self, step: int, data: Any) -> Path:
        return Path("nowhere, in the benchmark")


class Player:
    """A learner at one game."""

    def __init__(self, pipe: Pipe, options: Plain, sampling: SamplingParams, code: dict[str, bytes]) -> None:
        self.plan: Plan = plan_of(load_page(None, options, code=code))
        check_is_blind(self.plan)
        model = str(self.plan.page.model.model_name)
        self.engine = EngineAway(pipe.ask, lambda: chat_of(model))
        self.credit = self.plan.credit()
        self.own = own = own_learner(self.plan, self.engine, sampling)
        folder: Any = NoFolder()
        updates = Updates(self.plan, self.engine, folder)
        replay = BestReplay(self.plan.page.algorithm.replay or 0)
        self.learner = learner_of(self.plan, self.engine, updates, replay, own)

    def ready(self) -> Plain:
        """What the payer hears before the first rollout: by weights with noise (es), new ones, or in two tries."""
        told = self.plan.page.algorithm
        if (candidates := getattr(self.own, "candidates", None)) is not None:
            return {"ready": True, "candidates": int(candidates)}
        if not callable(getattr(self.own, "source", None)):
            return {"ready": True}
        if getattr(type(self.own), "source", None) is TextFeedback.source:
            return {"ready": True, "second_tries": True}
        if not isinstance(told, EvolutionOptions):
            raise RunError(
                f"the benchmark draws the rollouts; algorithm={told.algorithm} brings a source of its own, so it "
                "cannot play"
            )
        return {"ready": True, "noise": {"sigma": told.sigma or 0.0, "greedy": told.es_greedy}}

    def learn(self, step: int, groups: list[list[Plain]]) -> dict[str, float]:
        told = [[wire.unblinded(one) for one in group] for group in groups]
        learned = self.learner.learn(step, told, credited(told, self.credit))
        return {name: metric.mean for name, metric in learned.items()}


def check_is_blind(plan: Plan) -> None:
    if plan.is_sft or plan.row.learner == "reward_aware":
        raise RunError(
            f"a learner of the benchmark sees replies and what was paid for them; "
            f"algorithm={plan.page.algorithm.algorithm} looks at the answer as well, so it cannot play"
        )


def chat_of(model: str) -> Chat:
    if model in SHAPES:
        return Chat(character_tokenizer(model))
    if cached_model(model) is None:
        raise RunError(f"the benchmark plays embedded models and those of straw's cache; {model} is neither")
    return load_model(model).chat()


def play(pipe: Pipe, begun: Plain) -> None:
    """One run, from its first message to the last."""
    random.seed(begun["options"]["seed"])
    np.random.seed(begun["options"]["seed"] % 2**32)
    code = {file: text.encode() for file, text in begun["code"].items()}
    outside.adopt(code)  # the text of the entry, whatever lies under that name here
    player = Player(pipe, begun["options"], wire.params_of(begun["sampling"]), code)
    pipe.write(player.ready())
    while True:
        message = pipe.read()
        if "learn" not in message:
            return
        player.engine.policy_version = message["version"]
        pipe.write({"learned": player.learn(message["learn"], message["groups"])})


def told_errors(writer: IO[bytes], begun: Plain) -> int:
    """A run in a fork; what a learner does wrong is the last line of it."""
    pipe = Pipe(os.fdopen(os.dup(0), "rb"), writer)
    try:
        play(pipe, begun)
        return 0
    except (EOFError, BrokenPipeError):  # who paid is gone
        return 0
    except StrawError as error:
        pipe.write({"failed": str(error)})
    except BaseException as error:
        traceback.print_exc()
        pipe.write({"failed": f"{type(error).__name__}: {error}"[:400]})
    return 1


def forked(work: Callable[[], int]) -> float:
    """CPU seconds of a process of its own that does this."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = work()
        finally:
            os._exit(status)
    os.waitpid(child, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> NoReturn:
    private = os.dup(1)
    os.dup2(2, 1)
    # Read byte by byte: whatever follows the first line of a run is for the fork.
    with os.fdopen(0, "rb", buffering=0) as reader, os.fdopen(private, "wb") as writer:
        pipe, used = Pipe(reader, writer), 0.0
        while True:
            try:
                begun = pipe.read()
                total = forked(lambda: told_errors(writer, begun))  # noqa: B023
                pipe.write({"ended": True, "cpu_s": round(total - used, 3)})
            except (EOFError, BrokenPipeError):
                os._exit(0)  # who paid is gone, and closing would write to it again
            used = total


if __name__ == "__main__":
    main()
