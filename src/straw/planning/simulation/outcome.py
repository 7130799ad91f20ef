"""What is counted while a run is simulated: from the end of the warm-up steps to the end of the last."""

from __future__ import annotations

from dataclasses import dataclass, field

from straw.planning.simulation.site import Site


@dataclass(frozen=True, slots=True)
class Reading:
    """Of every meter, at one moment."""

    now: float
    trainer_s: float
    directing_s: float
    generating_s: float
    cpu_s: float
    card_s: float

    @staticmethod
    def of(site: Site) -> Reading:
        return Reading(
            site.clock.now, site.trainer.busy_s, site.directing.busy_s, site.generating_s, site.cpu_s, site.card_s
        )


@dataclass(slots=True)
class Log:
    """Steps as they end."""

    site: Site
    ends: list[Reading] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)  # of each step, in the mean over its rollouts
    waits: list[float] = field(default_factory=list)  # of each step, for its rollouts
    syncs: list[float] = field(default_factory=list)  # seconds of each publish, weights on every machine
    dropped: int = 0  # groups that were too old

    def step(self, lag: float, wait: float) -> None:
        self.lags.append(lag)
        self.waits.append(wait)
        self.ends.append(Reading.of(self.site))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Per second of the clock, over the steps that count."""

    rollouts_per_s: float
    step_s: float
    trainer_idle: float  # shares of the time
    directing_busy: float
    generators_busy: float
    waiting: float  # of the run, for rollouts
    lag: float
    sync_s: float
    dropped: float  # of the groups that were written
    cpu_s: float  # of a rollout
    card_s: float


def outcome_of(log: Log, rollouts: int, groups: int, skipped: int) -> Outcome:
    """`rollouts` and `groups` of a step; the first steps are not those of a run that is under way."""
    begin, end = log.ends[skipped - 1], log.ends[-1]
    steps, seconds = len(log.ends) - skipped, max(end.now - begin.now, 1e-12)
    generators = len(log.site.generators)
    syncs = log.syncs[skipped:] or log.syncs
    return Outcome(
        rollouts_per_s=steps * rollouts / seconds, step_s=seconds / steps,
        trainer_idle=1.0 - (end.trainer_s - begin.trainer_s) / seconds,
        directing_busy=(end.directing_s - begin.directing_s) / seconds,
        generators_busy=(end.generating_s - begin.generating_s) / seconds / generators,
        waiting=sum(log.waits[skipped:]) / seconds, lag=sum(log.lags[skipped:]) / steps,
        sync_s=sum(syncs) / max(1, len(syncs)),
        dropped=log.dropped / (log.dropped + len(log.ends) * groups),
        cpu_s=(end.cpu_s - begin.cpu_s) / steps / rollouts, card_s=(end.card_s - begin.card_s) / steps / rollouts,
    )  # fmt: skip
