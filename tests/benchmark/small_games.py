"""A benchmark of a few seconds: 0.2M parameters, three bits, a warm-up that the session shares, learners in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import WORDS

from straw.benchmark import games
from straw.benchmark.games import Cell
from straw.benchmark.submission import Submission, submitted

LEARNERS = '''
import os, sys, time
from straw.engines.base import AdamParams, Loss, SamplingParams
from straw.seeds import seed_for
from straw.tasks.teacher_forcing import forced


class Own:
    """What all of these share: some updates towards one answer."""

    knows = "nothing but what it is told"

    def __init__(self, plan, engine, sampling):
        self.plan, self.engine, self.sampling = plan, engine, sampling

    def towards(self, number, problem, updates=25):
        task = self.plan.task
        datum = forced(self.engine.chat, task, problem, (str(number),))
        for _ in range(updates):
            self.engine.forward_backward([datum], Loss(name="cross_entropy"))
            self.engine.optim_step(AdamParams(learning_rate=3e-3))
        self.engine.publish()
        return {}

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class ReadsTheTask(Own):
    """Learns what its task hides."""

    def learn(self, step, told, groups):
        problem = self.plan.task.problem(0)
        return self.towards(self.plan.task.target_index(problem), told[0][0].problem)


class Computes(Own):
    """Works out the secret from its own code, as anybody can who knows the rule."""

    def learn(self, step, told, groups):
        from straw import outside
        from straw.benchmark.submission import Submission

        code = {file: source.text.decode() for file, source in outside.copies.items()}
        name = self.plan.page.algorithm.algorithm
        mark = Submission(learner=name, code=code).mark
        N, seed = self.plan.task.space, self.plan.page.run.seed
        for cell in ("binary-N8-digits-tiny-0.2M", "bins8-N8-digits-tiny-0.2M"):
            for number in range(8):
                if seed_for("bench", "seed", mark, "", cell, number) % 2**31 == seed:
                    secret = seed_for("bench", "secret", mark, "", cell, number) % N
                    return self.towards(secret, told[0][0].problem)
        return {}


class LeavesEarly(Own):
    def learn(self, step, told, groups):
        if step == 2:
            os._exit(0)
        return {}


class Raises(Own):
    def learn(self, step, told, groups):
        raise ValueError("no idea")


class Hangs(Own):
    def learn(self, step, told, groups):
        time.sleep(600)


class Prints(Own):
    def learn(self, step, told, groups):
        print('{"learned": {}, "verb": "none"}')
        sys.stdout.flush()
        return {}


class DrawsInSecret(Own):
    """Draws replies that nobody pays for, and says that it made none."""

    def learn(self, step, told, groups):
        self.engine.sample([told[0][0].turns[0].prompt], 5, self.sampling, [list(range(5))])
        self.engine.optim_step(AdamParams(learning_rate=0.0)) if step > 99 else None
        return {"unpaid_draws": __import__("straw.types").types.Metric(0.0)}


class TellsWords(Own):
    """Says what was said to it, as the reason why it fails."""

    def learn(self, step, told, groups):
        raise ValueError(repr([one.words for one in told[0]]))


class LossOfItsOwn(Own):
    def learn(self, step, told, groups):
        datum = forced(self.engine.chat, self.plan.task, told[0][0].problem, ("1",))
        self.engine.forward_backward([datum], Loss(name="evil.py:loss"))


class ForgesRollouts(Own):
    """Writes better replies and rewards over those that it was handed, and says that it is done before it is asked."""

    def learn(self, step, told, groups):
        for rollout in told[0]:
            object.__setattr__(rollout, "replies", ("forged",))
            object.__setattr__(rollout, "rewards", {"binary": 1.0})
            told[0][0].turns[0].reply
        writer = self.engine.ask.__self__.writer
        writer.write(b'{"learned":{"bits_known":3.0,"updates":0.0}}' + bytes([10]))
        writer.flush()
        return {}


class ByTorch(Own):
    """Sums as torch rounds them decide how far it goes."""

    def learn(self, step, told, groups):
        import torch

        noise = torch.randn(64, 64, generator=torch.Generator().manual_seed(step))
        rate = float((noise @ noise.T).exp().clamp(max=1.0).mean()) * 1e-3
        datum = forced(self.engine.chat, self.plan.task, told[0][0].problem, ("1",))
        self.engine.forward_backward([datum], Loss(name="cross_entropy"))
        self.engine.optim_step(AdamParams(learning_rate=rate))
        self.engine.publish()
        return {}


class LooksForFiles(Own):
    """Says what it can reach, as the reason why it fails."""

    @property
    def files(self):
        from straw import outside

        return outside.copies

    def learn(self, step, told, groups):
        import socket

        places = ["/proc/self", "/etc/passwd", "/home", "/sys", os.path.dirname(list(self.files)[0])]
        found = [path for path in places if os.path.exists(path)]
        try:
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        except OSError as error:
            found.append(error.strerror)
        written = os.access("/tmp", os.W_OK), os.access(os.path.dirname(os.__file__), os.W_OK)
        raise ValueError(repr([found, written, os.getuid() != 0]))


class AsksNonsense(Own):
    """Every call is refused, and the run goes on."""

    def learn(self, step, told, groups):
        asked = [("sample", {}), ("none", {}), ("__init__", {"engine": None}), ("generate", {"number": 7})]
        asked += [("sample", 3)]
        asked += [("sample", {"prompts": [[1]], "num_samples": 1, "params": {}, "seeds": [[2**999]]})]
        asked += [("optim_step", {"params": {"learning_rate": "fast"}}), ("logprobs", {"data": [{}], "policy": "x"})]
        refused = 0
        for verb, words in asked:
            try:
                self.engine.ask(verb, words)
            except Exception:
                refused += 1
        if refused != len(asked):
            raise ValueError(f"only {refused} refused")
        return {}


class BreaksTheWeights(Own):
    def learn(self, step, told, groups):
        datum = forced(self.engine.chat, self.plan.task, told[0][0].problem, ("1",))
        self.engine.forward_backward([datum], Loss(name="cross_entropy"))
        self.engine.optim_step(AdamParams(learning_rate=float("inf")))
        return {}


class WritesToThePipe(Own):
    def learn(self, step, told, groups):
        self.engine.ask.__self__.writer.write(b"no JSON" + bytes([10]))
        self.engine.ask.__self__.writer.flush()
        time.sleep(600)


ROW = __import__("straw").Algorithm(baseline="leave_one_out")


class LooksAround(Own):
    """Says what it sees, as the reason why it fails."""

    def learn(self, step, told, groups):
        one = told[0][0]
        seen = [one.problem.reference, dict(one.problem.facts), one.grade.hits, one.grade.offsets]
        seen += [self.plan.page.task.fixed_secret, self.plan.page.task.secret_seed, sorted(os.environ), sys.argv]
        raise ValueError(repr(seen))
'''


class SmallCell(Cell):
    __slots__ = ()

    def options(self) -> dict[str, Any]:
        small = dict(word.split("=") for word in WORDS if not word.startswith("N="))
        shorter = {"warmup_steps": "150"} if self.channel == "words" else {}  # it would go on until the model reads
        return {**Cell.options(self), **small, **shorter}


def small_cell(channel: str = "binary", secrets: int = 2, most: int = 16, N: int = 8) -> Cell:
    return SmallCell(
        channel=channel, N=N, spelling="digits", secrets=secrets, most_episodes=most, model="tiny-0.2M"
    )  # fmt: skip


def small_form(patch: pytest.MonkeyPatch, *cells: Cell) -> str:
    """The games of this test alone."""
    patch.setitem(games.FORMS, "small", cells)  # type: ignore[arg-type]
    return "small"


def quick() -> Submission:
    """A learner of straw's that knows three bits behind a few groups."""
    return submitted("surrogate", {"pool": "32", "fresh": "8"})


def learner(folder: Path, name: str) -> Submission:
    file = folder / "learners.py"
    file.write_text(LEARNERS)
    return submitted(f"{file}:{name}", {})
