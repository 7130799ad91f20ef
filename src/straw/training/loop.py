"""The loop of every run. Read this first.

    sample -> grade -> pay -> credit -> keep -> pack -> update -> publish -> log    a step
    bits known, or accuracy on held-out problems                                    every eval_every steps

A source has the rollouts of a step, sampled, graded and paid (`sources`); a learner packs them and updates the weights
(`learners`). Problem order and all randomness are functions of (seed, step), so a step does not depend on how the run
came to it. Supervised learning is the same loop without rollouts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from straw.algorithms.replay import BestReplay
from straw.engines.base import Engine, SamplingParams
from straw.measure.ledger.absorbed import Start
from straw.measure.ledger.ledger import Ledger
from straw.rollouts.datums import datum_of
from straw.runs.metrics import metrics_row
from straw.runs.records import rollout_record
from straw.runs.store import RunFolder
from straw.runs.tracking.tracker import Tracker
from straw.sandbox.programs import SPENT
from straw.tasks.base import Enumerable
from straw.training.intrinsic import intrinsic_of
from straw.training.learners.registry import keeps_a_log, learner_of, own_learner
from straw.training.monitor.alarms import Alarms
from straw.training.monitor.callbacks import Watcher
from straw.training.monitor.early_stopping import Patience
from straw.training.monitor.measure_step import has_enough, measure
from straw.training.monitor.play_metrics import failures_of
from straw.training.monitor.rollout_metrics import summary
from straw.training.monitor.transcript import spoken
from straw.training.plan import Plan
from straw.training.sources.base import NoRollouts, Source
from straw.training.sources.pass_rates import PassRates
from straw.training.sources.problems import among, kept_of, only
from straw.training.sources.registry import source_of
from straw.training.state import RunState
from straw.training.step import credited, with_bonuses
from straw.training.updates import Updates
from straw.types import Metric, Rollout

SAVE_EVERY_S = 60.0  # where the page leaves it open: what a kill may cost
Groups = Sequence[Sequence[Rollout]]


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
            ledger=Ledger.of(plan.task, plan.charged_channel),
            student=own_learner(plan, engine, sampling),
            patience=Patience(self.page.run.keep_best, self.page.run.patience),
            pass_rates=PassRates(self.page.problems.pass_rate_decay),
        )
        self.intrinsic = intrinsic_of(self.page, engine)
        self.updates = Updates(plan, engine, folder)
        self.learner = learner_of(plan, engine, self.updates, self.state.replay, self.state.student)
        self.source: Source = NoRollouts()  # until the run goes on
        self.tracker: Tracker | None = None
        self.num_steps = int(self.page.run.n_batches or 0)
        self.started = self.saved_at = time.monotonic()
        self.cpu_started = time.process_time()
        self.is_asked_to_stop = False
        self.said: set[str] = set()
        self.start = Start()  # what is known of it in this process
        self.rollouts: list[Rollout] = []  # of this step

    def run(self) -> dict[str, float]:
        """All steps, or those up to the one in which somebody asked to stop; returns the last measurement."""
        self.open_source()
        SPENT.taken()  # in this process so far, and in no step of this run
        with self.source.opened():
            if self.state.step == 0:
                self.is_better(self.log({}, self.measured()))
            while not (self.is_over or self.is_asked_to_stop):
                self.state.step += 1
                metrics, is_looked_at = self.step(), self.is_time_to_measure()
                row = self.log(metrics, self.measured() if is_looked_at else {})
                is_better = is_looked_at and self.is_better(row)
                if is_better or self.is_over or self.is_asked_to_stop or self.is_time_to_save():
                    self.save(row)
        return self.state.known

    def open_source(self) -> None:
        """Only now: what a checkpoint kept of it has been loaded."""
        self.source = source_of(
            self.plan, self.engine, self.sampling, self.state, self.watcher.say,
            lambda event, **facts: self.folder.write_event(event, self.state.step, **facts),
        )  # fmt: skip

    @property
    def is_over(self) -> bool:
        is_at_end = self.state.step == self.num_steps or has_enough(self.page.run, self.state.known)
        return is_at_end or self.state.patience.is_over

    def is_time_to_measure(self) -> bool:
        every = int(self.page.run.eval_every or self.num_steps)
        return self.state.step % every == 0 or self.state.step == self.num_steps

    def is_better(self, row: dict[str, float]) -> bool:
        """Whether this evaluation is the best so far, for a run that waits for one: then it is kept."""
        patience = self.state.patience
        found = patience.hear({**self.state.known, **row})
        if patience.is_over:
            self.folder.write_event(
                "out_of_patience", self.state.step, metric=patience.metric, best=patience.best, waited=patience.waited
            )
            self.watcher.say(
                f"step {self.state.step}: {patience.waited} evaluations brought no better {patience.metric} than "
                f"{patience.best:.4g}, so the run is over (patience)"
            )
        return found

    def is_time_to_save(self) -> bool:
        every = self.page.run.save_every
        if every is None:
            return time.monotonic() - self.saved_at > SAVE_EVERY_S
        return every > 0 and self.state.step % every == 0

    # --- a step ------------------------------------------------------------------------------

    def step(self) -> dict[str, Metric]:
        step = self.state.step
        told = self.source.rollouts(step)  # sample -> grade -> pay
        self.check_probabilities(told)
        paid = self.intrinsic.paid(told, step)
        kept = kept_of(self.plan, told)
        learned_from = with_bonuses(credited(only(kept, paid), self.state.credit)) if paid else []
        found = self.keep(told, among(kept, paid, learned_from))
        learned = self.learner.learn(step, only(kept, told), learned_from)  # pack -> update -> publish
        return {**found, **learned, **self.choices(told), **self.source.facts()}

    def choices(self, told: Groups) -> dict[str, Metric]:
        """What was drawn again, and how problems go; nothing where no page asks for it."""
        if self.page.problems.curriculum != "none":
            self.state.pass_rates.observe(told)
        again = told[self.page.algorithm.batch_size :]
        self.state.redrawn += sum(map(len, again))
        counts = {"redrawn_groups": Metric(len(again))} if self.page.problems.redraws else {}
        return {**counts, **self.state.pass_rates.metrics()}

    def keep(self, told: Groups, groups: Groups) -> dict[str, Metric]:
        """The ledger and the folder get what was said and paid; what a row of metrics says of it."""
        self.rollouts = [rollout for group in groups for rollout in group]
        if not self.rollouts:
            return {}
        self.state.ledger.enter(told, groups, is_logged=keeps_a_log(self.state.student))
        if isinstance(self.plan.task, Enumerable) and self.plan.task.space > self.page.run.eval_answers:
            self.state.said.add(self.plan.task, self.rollouts)
        self.write(groups)
        self.tell_failures()
        if self.page.run.verbose:
            for line in spoken(self.state.step, groups):
                self.watcher.say(line)
        self.state.num_tokens += sum(
            len(turn.prompt) + len(turn.reply) for rollout in self.rollouts for turn in rollout.turns[-1:]
        )
        return {**summary(groups), **self.intrinsic.metrics(), "num_tokens": Metric(self.state.num_tokens)}

    def tell_failures(self) -> None:
        """Environments that failed: each reason is said once, and counted in the events of its step."""
        for reason, count in failures_of(self.rollouts).items():
            self.folder.write_event("environment_failed", self.state.step, reason=reason, rollouts=count)
            self.say_once(f"an environment failed, and its rollout is paid nothing: {reason}")

    def check_probabilities(self, groups: Groups) -> None:
        """A policy of NaN draws nonsense that earns nothing, so no loss would tell."""
        rollouts = [rollout for group in groups for rollout in group]
        if not all(math.isfinite(logprob) for one in rollouts for turn in one.turns for logprob in turn.logprobs):
            data = [datum_of(replace(one, advantages=(0.0,) * len(one.turns)), 1 / len(rollouts)) for one in rollouts]
            raise self.updates.broken(self.state.step, "the policy has no finite probabilities", data)

    # --- looking and keeping -----------------------------------------------------------------

    def measured(self) -> dict[str, float]:
        """What the task can be asked, bits or accuracy, and the replies that tell; once for equal weights."""
        version = self.engine.policy_version
        if version == self.state.measured_version and self.plan.ceiling_bits is not None:
            return self.state.known
        self.state.measured_version = version
        self.state.known, answered = measure(
            self.plan, self.engine, self.sampling, self.state.ledger, self.start, self.rollouts, self.state.said,
            step=self.state.step,
        )  # fmt: skip
        self.folder.write_evaluations(one.record(self.state.step) for one in answered)
        return self.state.known

    def write(self, groups: Groups) -> None:
        self.folder.write_rollouts(
            rollout_record(self.state.step, rollout, rollout.problem.messages[-1].content)
            for group in groups
            for rollout in group
        )

    def log(self, metrics: dict[str, Metric], known: dict[str, float]) -> dict[str, float]:
        ledger, spent = self.state.ledger.row(known.get("ledger/absorbed_bits")), self.engine.spent()
        row = metrics_row(
            step=self.state.step,
            episodes=self.episodes,
            time_s=self.time_s,
            metrics={**metrics, **{name: Metric(value) for name, value in {**known, **ledger, **spent}.items()}},
        )
        self.folder.write_metrics(row)
        if self.tracker is not None:
            self.tracker.log(row)
        for alarm in self.state.alarms.watch(self.state.step, row):
            self.folder.write_event("alarm", self.state.step, name=alarm.name, value=alarm.value, advice=alarm.advice)
            self.watcher.say(f"alarm at step {self.state.step}, {alarm.name}: {alarm.advice}")
        self.is_asked_to_stop |= bool(self.watcher.update(self.state.step, row))
        self.heed_budget()
        return row

    def heed_budget(self) -> None:
        """A step that is paid for is kept: the run stops behind it, with a checkpoint."""
        if not self.is_over and (line := self.engine.out_of_budget()):
            self.folder.write_event("out_of_budget", self.state.step, reason=line)
            self.watcher.say(line)
            self.is_asked_to_stop = True

    @property
    def episodes(self) -> int:
        return self.state.step * self.plan.episodes_per_step + self.state.redrawn

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
            kept: dict[str, Any] = self.source.state()
            replace(self.state, time_s=self.time_s, cpu_s=self.cpu_s, **kept).save(staging)
            self.intrinsic.save(staging, self.folder.newest)
        self.intrinsic.kept()
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
        self.folder.newest = checkpoint
