"""One run of the benchmark: the loop of every run, with the learner on the other side of a wall.

    sample -> grade -> pay                here, where weights and secret are
    credit -> pack -> update -> publish   over there asked for, here done
    bits known                            here, after every step

The rollouts are those that `straw train` leaves with the same options (a test compares them), and their hash is that of
the lines that it would write, less the advantages, which only the learner knows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from straw.benchmark.draws import Draw
from straw.benchmark.games import GROUP
from straw.benchmark.submission import Submission
from straw.benchmark.wall.process import LearnerFailed, LearnerProcess
from straw.benchmark.wall.verbs import Verbs
from straw.benchmark.wall.wire import Way
from straw.config import load_page
from straw.engines.base import Engine
from straw.information import bits_known
from straw.measure.bits_known import answer_logprobs
from straw.runs.files.jsonl import json_line
from straw.runs.records import rollout_record
from straw.seeds import seed_for
from straw.tasks.base import Enumerable
from straw.training.engine_factory import crew
from straw.training.learners.distillation.rltf_sd import SecondTries
from straw.training.learners.evolution.members import Members
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import plan_of, sampling_of
from straw.training.sources.base import Collector, Groups
from straw.training.sources.fresh import AlreadyPaid, FreshSampler

EXAMPLE_SEED = 0  # of the decoy that the learner's side plays with
Say = Callable[[str], None]
Keep = Callable[[str], None]  # a line of the rollouts


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """`known` says whether 0.9 of the bits were there behind so many `episodes`; else it took longer than these."""

    number: int
    episodes: int
    known: bool
    updates: int
    unpaid_draws: int
    cpu_s: float
    start: str  # a hash of how likely each answer was at the start
    rollouts: str  # a hash of their lines
    bits: tuple[tuple[int, float], ...]  # episodes and bits known
    failed: str = ""


def options_here(draw: Draw) -> dict[str, Any]:
    """The page of the side that pays. Who learns makes no difference to it; a game of words names an algorithm, so
    that everybody begins with a model that was taught to read them."""
    return {
        "algorithm": "reinforce", **draw.cell.options(), "fixed_secret": draw.secret, "secret_seed": draw.labels_seed,
        "seed": draw.seed,
    }  # fmt: skip


def options_there(draw: Draw, submission: Submission) -> dict[str, Any]:
    """The page of the learner's side, which hides a decoy."""
    return {**draw.cell.options(), **submission.page_options(), "secret_seed": EXAMPLE_SEED, "seed": draw.seed}


def played(draw: Draw, submission: Submission, away: LearnerProcess, say: Say, keep: Keep | None = None) -> Played:
    plan = plan_of(load_page(None, options_here(draw)))
    with crew(plan, say) as engine:
        return Run(plan, engine, draw, keep).over(submission, away)


class Run:
    def __init__(self, plan: Plan, engine: Engine, draw: Draw, keep: Keep | None) -> None:
        self.plan, self.engine, self.draw, self.keep = plan, engine, draw, keep
        self.sampling = sampling_of(plan, engine.chat)
        self.verbs, self.digest = Verbs(engine), sha256()
        self.paid = AlreadyPaid(plan.channel.highest)
        self.bits: list[tuple[int, float]] = []

    def over(self, submission: Submission, away: LearnerProcess) -> Played:
        begun_s, failed, start = time.process_time(), "", start_mark(self.plan, self.engine)
        self.measure(0)
        try:
            way = self.allowed(away.begin(options_there(self.draw, submission), self.sampling))
            for step in range(1, self.draw.cell.most_episodes // GROUP + 1):
                self.step(step, away, way)
                if self.is_known:
                    break
        except LearnerFailed as error:
            failed = str(error)
        there_s = ended(away)
        return Played(
            number=self.draw.number, episodes=self.bits[-1][0] if not failed else self.draw.cell.most_episodes,
            known=self.is_known and not failed, updates=self.verbs.updates, unpaid_draws=self.verbs.unpaid_draws,
            cpu_s=round(time.process_time() - begun_s + there_s, 2), start=start, rollouts=self.digest.hexdigest(),
            bits=thinned(self.bits), failed=failed,
        )  # fmt: skip

    @property
    def is_known(self) -> bool:
        return self.bits[-1][1] >= self.draw.cell.enough_bits

    def step(self, step: int, away: LearnerProcess, way: Way) -> None:
        groups = self.rollouts(step, way)
        self.write(step, groups)
        away.learn(step, groups, self.engine.policy_version, self.verbs)
        self.measure(step * GROUP)

    def allowed(self, way: Way) -> Way:
        if way.second_tries and not self.plan.channel.speaks:
            raise LearnerFailed("a second try answers what was said of the first, and this game says nothing in words")
        return way

    def rollouts(self, step: int, way: Way) -> Groups:
        """By the weights as they are, all at once or in two halves; or each by weights with noise of its own."""
        collector, noise = Collector(self.plan, self.sampling), way.noise
        if way.second_tries:
            return SecondTries(collector, self.engine).rollouts(step)
        if noise is None:
            return self.fresh(step, collector, way.candidates)
        members = Members(collector, self.engine, noise.sigma, noise.greedy, self.noise_seeds)
        return members.paid(step, {one: members.of(step, one) for one in range(members.size)})

    def fresh(self, step: int, collector: Collector, candidates: int) -> Groups:
        """With candidates, what was paid before is passed over, as long as there is something new."""
        sampler = FreshSampler(self.engine, self.paid, candidates)
        groups = collector.of(step, sampler)
        self.verbs.unpaid_draws += sampler.unpaid_draws
        if candidates:
            self.paid.add(groups)
        return groups

    def noise_seeds(self, step: int) -> list[int]:
        return [seed_for(self.draw.seed, "member", step, member) for member in range(GROUP)]

    def write(self, step: int, groups: Groups) -> None:
        for rollout in (rollout for group in groups for rollout in group):
            line = json_line(rollout_record(step, rollout, rollout.problem.messages[-1].content))
            self.digest.update(line.encode("ascii"))
            if self.keep is not None:
                self.keep(line)

    def measure(self, episodes: int) -> None:
        """Of the weights that would write the next rollouts, whatever the learner says of them."""
        task = self.plan.task
        assert isinstance(task, Enumerable)
        problem = task.problem(0)
        (nats,) = answer_logprobs(self.engine, task, problem, [task.answer_at(task.target_index(problem))])
        known = bits_known(task.space, nats)
        if not math.isfinite(known):
            raise LearnerFailed(f"behind {episodes} episodes the policy has no finite probabilities")
        self.bits.append((episodes, known))


def ended(away: LearnerProcess) -> float:
    try:
        return away.end()
    except LearnerFailed:
        return 0.0


def start_mark(plan: Plan, engine: Engine) -> str:
    """So that a run that does not replay can be told from one that began elsewhere."""
    task = plan.task
    assert isinstance(task, Enumerable)
    answers = [task.answer_at(index) for index in range(min(task.space, 16))]
    found = answer_logprobs(engine, task, task.problem(0), answers)
    return sha256(json_line({"nats": sorted(found)}).encode()).hexdigest()[:16]


def thinned(bits: list[tuple[int, float]], most: int = 64) -> tuple[tuple[int, float], ...]:
    """Evenly, with the first and the last; three places behind the point."""
    step = max(1, -(-len(bits) // most))
    kept = [*bits[:-1:step], bits[-1]] if len(bits) > 1 else bits
    return tuple((episodes, round(max(known, -99.0), 3)) for episodes, known in kept)


def record_of(one: Played) -> Mapping[str, Any]:
    return {name: getattr(one, name) for name in Played.__slots__}
