"""A run of some steps, simulated: as many as it takes to be in the middle of things."""

from __future__ import annotations

from straw.errors import ConfigError
from straw.planning.costs import Costs
from straw.planning.layout import Layout
from straw.planning.simulation.clock import Clock
from straw.planning.simulation.exact import Exact
from straw.planning.simulation.free import Free
from straw.planning.simulation.outcome import Log, Outcome, outcome_of
from straw.planning.simulation.processors import Others
from straw.planning.simulation.site import Site
from straw.planning.workload import Workload

MOST_PIECES, MOST_STEPS, LEAST_STEPS = 6_000, 40, 3  # of work, and of steps that count
MOST_SKIPPED = 12


def simulate(work: Workload, costs: Costs, layout: Layout, others: Others = (), is_quick: bool = False) -> Outcome:
    """`others`: whose processes are on the directing machine, too; `is_quick`: over fewer steps, to be compared."""
    if work.is_free and costs.max_turns > 1:
        raise ConfigError("a conversation is held by one version, and pace=free has the newest: write pace=exact")
    clock = Clock()
    site = Site(clock, costs, layout, are_nice=work.max_lag > 0, others=others)
    log, (skipped, counted) = Log(site), steps_for(work, layout.generators, is_quick)
    kind = Free if work.is_free else Exact
    clock.begin(kind(work, costs, site, log, skipped + counted).run())
    clock.run()
    return outcome_of(log, work.rollouts, work.groups, skipped)


def steps_for(work: Workload, generators: int, is_quick: bool = False) -> tuple[int, int]:
    """That are not counted, and that are."""
    pieces = max(1, min(generators, work.rollouts), generators // 8)
    if is_quick:
        return 1 + min(work.max_lag, MOST_SKIPPED), max(1, min(MOST_STEPS // 2, MOST_PIECES // pieces // 4))
    counted = max(LEAST_STEPS, min(MOST_STEPS, MOST_PIECES // pieces))
    return 1 + min(2 * work.max_lag, MOST_SKIPPED), counted
