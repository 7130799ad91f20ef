"""The loop of every run. Read this first.

    sample -> grade -> pay -> credit -> pack -> update -> publish -> log            a step
    bits known, or accuracy on held-out problems                                    every eval_every steps

Problem order and all randomness are functions of (seed, step), so a step does not depend on how the
run came to it. Supervised learning is the same loop without sampling: an episode is then a reading of
the reference reply, on the same counter.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from straw.algorithms.replay import BestReplay
from straw.engines.base import Engine, Loss, Sampler, SamplingParams
from straw.errors import TrainingError
from straw.measure.absorbed import Start
from straw.measure.ledger import Ledger
from straw.rollouts.collect import Place, collect
from straw.rollouts.datums import datum_of
from straw.runs.metrics import metrics_row
from straw.runs.records import rollout_record
from straw.runs.store import RunFolder
from straw.runs.tracker import Tracker
from straw.tasks.base import Enumerable
from straw.tasks.forced import forced
from straw.training.alarms import Alarms
from straw.training.assemble import Plan
from straw.training.foresight import Foresight
from straw.training.intrinsic import intrinsic_of
from straw.training.measured import has_enough, measure
from straw.training.schedule import learning_rate_at, share_left
from straw.training.spoken import spoken
from straw.training.state import RunState
from straw.training.step import credited, replayed, training_data, weighed, with_bonuses
from straw.training.students import student_of
from straw.training.summary import summary
from straw.training.toward import Lesson, Student, batch_of
from straw.training.watcher import Watcher
from straw.types import Datum, Metric, Problem, Rollout

MEANS = ("entropy", "kl_sampler", "kl")  # of what an update reports: for each unit of weight
SAVE_EVERY_S = 60.0  # where the page leaves it open: what a kill may cost


class Loop:
    """One run: a plan, an engine, a folder, and the state that a checkpoint keeps."""

    def __init__(
        self, plan: Plan, engine: Engine, sampling: SamplingParams, folder: RunFolder, watcher: Watcher
    ) -> None:
        self.plan, self.page, self.engine = plan, plan.page, engine
        self.sampling, self.folder, self.watcher = sampling, folder, watcher
        self.state = RunState(
            credit=plan.credit(),
            replay=BestReplay(self.page.algorithm.replay or 0),
            alarms=Alarms(self.page.run.silence, best=plan.channel.highest + self.page.memory.highest),
            ledger=Ledger.of(plan.task, None if plan.is_sft else plan.channel),
            student=student_of(plan, engine, sampling),
        )
        self.intrinsic = intrinsic_of(self.page, engine)
        self.tracker: Tracker | None = None
        self.num_steps = int(self.page.run.n_batches or 0)
        self.started = self.saved_at = time.monotonic()
        self.cpu_started = time.process_time()
        self.is_asked_to_stop = False
        self.said: set[str] = set()
        self.foresight = Foresight(
            lambda steps: self.attempts_of_all(steps, self.engine),
            rows_per_step=plan.episodes_per_step,
            tokens_per_row=sampling.max_tokens * plan.task.max_turns,
        )
        self.start = Start()  # what is known of it in this process
        self.rollouts: list[Rollout] = []  # of this step

    def run(self) -> dict[str, float]:
        """All steps, or those up to the one in which somebody asked to stop; returns the last measurement."""
        if self.state.step == 0:
            self.log({}, self.measured())
        while not (self.is_over or self.is_asked_to_stop):
            self.state.step += 1
            metrics = self.supervised_step() if self.plan.is_sft else self.step()
            row = self.log(metrics, self.measured() if self.is_time_to_measure() else {})
            if self.is_over or self.is_asked_to_stop or self.is_time_to_save():
                self.save(row)
        return self.state.known

    @property
    def is_over(self) -> bool:
        return self.state.step == self.num_steps or has_enough(self.page.run, self.state.known)

    def is_time_to_measure(self) -> bool:
        every = int(self.page.run.eval_every or self.num_steps)
        return self.state.step % every == 0 or self.state.step == self.num_steps

    def is_time_to_save(self) -> bool:
        every = self.page.run.save_every
        if every is None:
            return time.monotonic() - self.saved_at > SAVE_EVERY_S
        return every > 0 and self.state.step % every == 0

    # --- a step ------------------------------------------------------------------------------

    def problems(self, step: int) -> list[Problem]:
        """Groups take the problems in turn, going on where the last step stopped."""
        size = self.page.algorithm.batch_size
        first = (step - 1) * size
        return [self.plan.task.problem(first + group) for group in range(size)]

    def attempts(self) -> list[list[Rollout]]:
        """The groups of this step, graded and paid."""
        if self.page.model.device != "cpu":  # nobody proved there that neighbours leave a row's bits alone
            return self.attempts_of(self.state.step, self.engine)
        return self.foresight.at(self.state.step, self.engine.policy_version, self.num_steps)

    def attempts_of(self, step: int, engine: Sampler) -> list[list[Rollout]]:
        return self.attempts_of_all([step], engine)[0]

    def attempts_of_all(self, steps: Sequence[int], engine: Sampler) -> list[list[list[Rollout]]]:
        """Of each step its groups."""
        size, task = self.page.algorithm.batch_size, self.plan.task
        problems = [problem for step in steps for problem in self.problems(step)]
        places = [Place(self.page.run.seed, step, group) for step in steps for group in range(size)]
        groups = collect(
            engine, task, self.plan.channel, problems, places, self.page.algorithm.group_size, self.sampling
        )
        return [groups[first : first + size] for first in range(0, len(groups), size)]

    def step(self) -> dict[str, Metric]:
        told = groups = self.attempts()
        self.check_probabilities(groups)
        groups = self.intrinsic.paid(groups, self.state.step)
        groups = with_bonuses(credited(groups, self.state.credit))
        self.state.ledger.enter(told, groups, is_logged=self.state.student is not None)
        self.rollouts = [rollout for group in groups for rollout in group]
        if isinstance(self.plan.task, Enumerable) and self.plan.task.space > self.page.run.eval_answers:
            self.state.said.add(self.plan.task, self.rollouts)
        extra = self.weighed(replayed(groups, self.state.replay))
        self.write(groups)
        if self.page.run.verbose:
            for line in spoken(self.state.step, groups):
                self.watcher.say(line)
        for rollout in (rollout for group in groups for rollout in group):
            self.state.replay.add(rollout)
        data = training_data(groups, extra, str(self.page.algorithm.weigh), self.loss)
        self.state.num_tokens += sum(
            len(turn.prompt) + len(turn.reply) for group in groups for one in group for turn in one.turns[-1:]
        )
        counted = {"num_tokens": Metric(self.state.num_tokens)}
        learned = self.update(data, self.loss) if self.state.student is None else self.learn(told, self.state.student)
        return {**summary(groups), **self.intrinsic.metrics(), **counted, **learned}

    def weighed(self, extra: list[Rollout]) -> list[Rollout]:
        """With importance weights, where the page wants them."""
        cap = self.page.algorithm.replay_cap
        if cap is None or not extra:
            return extra
        data = [datum_of(one, 1.0, replayed=True) for one in extra]
        return weighed(extra, self.engine.logprobs(data, temperature=self.page.sampling.temperature), cap)

    def supervised_step(self) -> dict[str, Metric]:
        problems = [
            problem for problem in self.problems(self.state.step) for _ in range(self.page.algorithm.group_size)
        ]
        weight = 1 / len(problems)
        data = [forced(self.engine.chat, self.plan.task, one, one.reference, weight) for one in problems]
        return self.update(data, Loss(name="cross_entropy"))

    @property
    def entropy_coef(self) -> float:
        start = self.page.algorithm.entropy_coef or 0.0
        if self.page.algorithm.entropy_schedule == "constant":
            return start
        return start * share_left(self.state.step - 1, self.num_steps)

    @property
    def loss(self) -> Loss:
        return Loss(
            name=str(self.page.algorithm.loss_fn),
            settings=self.plan.loss_settings,
            entropy_coef=self.entropy_coef,
            kl_coef=self.page.algorithm.kl_coef,
            kl_by_ratio=self.page.algorithm.use_bias_correction_kl,
            temperature=self.page.sampling.temperature,
        )

    def update(self, data: Sequence[Datum], loss: Loss) -> dict[str, Metric]:
        """Some optimiser steps on one batch, then the sampler gets the weights. No data, no step."""
        if not data:
            return {"updates": Metric(0.0)}
        sums: dict[str, float] = {}
        for _ in range(self.page.algorithm.updates_per_batch):
            sums = self.one_update(data, loss)
        self.engine.publish()
        sums |= {"updates": float(self.page.algorithm.updates_per_batch)}
        return {name: Metric(value) for name, value in sums.items()}

    def learn(self, told: Sequence[Sequence[Rollout]], student: Student) -> dict[str, Metric]:
        """Updates towards what the student believes now, until they have come near enough."""
        student.hear(told, self.state.step)
        lessons = [Lesson(belief) for belief in student.beliefs()]
        sums: dict[str, float] = {}
        ours = self.page.algorithm
        for update in range(1, int(ours.most_updates or 0) + 1):
            data, entropy = batch_of(lessons, self.page.run.seed, "toward", self.state.step, update)
            sums = self.one_update(data, Loss(name="cross_entropy"))
            sums |= {"updates": float(update), "kl_from_belief": sums["loss"] - entropy, **student.facts}
            if sums["kl_from_belief"] < float(ours.target_kl or 0):
                break
        self.engine.publish()
        return {name: Metric(value) for name, value in sums.items()}

    def one_update(self, data: Sequence[Datum], loss: Loss) -> dict[str, float]:
        rate = learning_rate_at(self.page.optimizer, self.state.step - 1, self.num_steps)
        sums = self.engine.forward_backward(data, loss).metrics
        if not math.isfinite(sums["loss"]):
            raise self.broken(f"the loss is {sums['loss']}", data)
        try:
            sums |= self.engine.optim_step(self.plan.adam(rate))
        except TrainingError as error:
            raise self.broken(str(error), data) from error
        weight = sums.pop("weight") or 1.0
        means: dict[str, float] = {name: sums[name] / weight for name in MEANS if name in sums}
        return {**sums, **means, "learning_rate": rate}

    def check_probabilities(self, groups: Sequence[Sequence[Rollout]]) -> None:
        """A policy of NaN draws nonsense that earns nothing, so no loss would tell."""
        rollouts = [rollout for group in groups for rollout in group]
        if not all(math.isfinite(logprob) for one in rollouts for turn in one.turns for logprob in turn.logprobs):
            data = [datum_of(replace(one, advantages=(0.0,) * len(one.turns)), 1 / len(rollouts)) for one in rollouts]
            raise self.broken("the policy has no finite probabilities", data)

    def broken(self, reason: str, data: Sequence[Datum]) -> TrainingError:
        path = self.folder.write_batch(self.state.step, data)
        return TrainingError(
            f"step {self.state.step} had to stop, {reason}. Its batch is kept in {path}. Try a smaller learning_rate."
        )

    # --- looking and keeping -----------------------------------------------------------------

    def measured(self) -> dict[str, float]:
        """What the task can be asked, bits or accuracy, and the replies that tell; once for equal weights."""
        version = self.engine.policy_version
        if version == self.state.measured_version and self.plan.ceiling_bits is not None:
            return self.state.known
        self.state.measured_version = version
        self.state.known, answered = measure(
            self.plan, self.engine, self.sampling, self.state.ledger, self.start, self.rollouts, self.state.said,
            is_start=self.state.step == 0,
        )  # fmt: skip
        self.folder.write_evaluations(one.record(self.state.step) for one in answered)
        return self.state.known

    def write(self, groups: Sequence[Sequence[Rollout]]) -> None:
        self.folder.write_rollouts(
            rollout_record(self.state.step, rollout, rollout.problem.messages[-1].content)
            for group in groups
            for rollout in group
        )

    def log(self, metrics: dict[str, Metric], known: dict[str, float]) -> dict[str, float]:
        ledger = self.state.ledger.row(known.get("ledger/absorbed_bits"))
        row = metrics_row(
            step=self.state.step,
            episodes=self.state.step * self.plan.episodes_per_step,
            time_s=self.time_s,
            metrics={**metrics, **{name: Metric(value) for name, value in {**known, **ledger}.items()}},
        )
        self.folder.write_metrics(row)
        if self.tracker is not None:
            self.tracker.log(row)
        for alarm in self.state.alarms.watch(self.state.step, row):
            self.folder.write_event("alarm", self.state.step, name=alarm.name, value=alarm.value, advice=alarm.advice)
            self.watcher.say(f"alarm at step {self.state.step}, {alarm.name}: {alarm.advice}")
        self.is_asked_to_stop |= bool(self.watcher.update(self.state.step, row))
        return row

    @property
    def time_s(self) -> float:
        """Since the run began, over all processes that worked on it."""
        return self.state.time_s + time.monotonic() - self.started

    @property
    def cpu_s(self) -> float:
        """Of the processes that ran this loop, one after the other."""
        return self.state.cpu_s + time.process_time() - self.cpu_started

    def save(self, row: dict[str, float]) -> None:
        """A checkpoint with the metrics of its step; older ones leave when it is whole."""
        with self.folder.checkpoint(self.state.step, metrics={**self.state.known, **row}) as staging:
            self.engine.save(staging)
            replace(self.state, time_s=self.time_s, cpu_s=self.cpu_s).save(staging)
            self.intrinsic.save(staging)
        if complaint := self.folder.keep_checkpoints(self.page.run.keep_last, self.page.run.keep_best):
            self.say_once(complaint)
        self.folder.write_event("checkpoint", self.state.step)
        self.saved_at = time.monotonic()

    def say_once(self, line: str) -> None:
        if line not in self.said:
            self.said.add(line)
            self.watcher.say(line)

    def resume(self, checkpoint: Path) -> None:
        """Go on from here instead of from the start."""
        self.engine.load(checkpoint)
        self.state.load(checkpoint)
        self.intrinsic.load(checkpoint)
