"""What a page does on some number of generators, and from how many on more are of no use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from straw.errors import ConfigError
from straw.planning.bottleneck import Bottleneck, bottleneck_of
from straw.planning.costs import Costs
from straw.planning.layout import MOST_GENERATORS, Hosts, Layout
from straw.planning.memory import card_mb, machine_mb
from straw.planning.simulation.outcome import Outcome
from straw.planning.simulation.run import simulate
from straw.planning.workload import Workload

MILLION = 1e6
WORTH = 0.1  # twice as many generators have to bring so much more


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Of a plan: one number of generators."""

    layout: Layout
    found: Outcome
    bottleneck: Bottleneck
    machine_mb: float | None  # where somebody said or measured what processes take
    card_mb: float | None

    @property
    def device_s(self) -> float:
        """Of a million episodes: seconds of processors, or of cards that are held, whether they compute or not."""
        if self.layout.cards:
            processes = self.layout.generators + 1
            held = min(processes, self.layout.cards * self.layout.machines)
            return held / self.found.rollouts_per_s * MILLION
        return self.found.cpu_s * MILLION

    def record(self) -> dict[str, Any]:
        found = {name: round(value, 9) for name, value in asdict(self.found).items()}
        unit = "gpu" if self.layout.cards else "cpu"
        return {
            "generators": self.layout.generators, "machines": self.layout.machines, **found,
            f"{unit}_s_per_million_episodes": self.device_s, "machine_mb": self.machine_mb, "card_mb": self.card_mb,
            "bottleneck": self.bottleneck.name, "why": self.bottleneck.words, "gains": self.bottleneck.gains,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """`rates`: rollouts a second by the number of generators; `last`: twice as many bring less than a tenth more."""

    rates: Mapping[int, float]
    last: int
    words: str

    @property
    def ends(self) -> bool:
        return self.last < max(self.rates)


def row_of(work: Workload, costs: Costs, layout: Layout) -> Row:
    found = simulate(work, costs, layout)
    return Row(
        layout=layout, found=found, bottleneck=bottleneck_of(work, costs, layout, found),
        machine_mb=machine_mb(work, costs, layout) if costs.trainer_mb and costs.generator_mb else None,
        card_mb=card_mb(work, costs, layout) if layout.cards and costs.weights_mb else None,
    )  # fmt: skip


def scaling_of(work: Workload, costs: Costs, hosts: Hosts) -> Scaling:
    """Ever twice as many, until that is of no use."""
    rates: dict[int, float] = {}
    last = 0
    for count in doublings():
        rates[count] = simulate(work, costs, hosts.layout(count)).rollouts_per_s
        if last and rates[count] < (1.0 + WORTH) * rates[last]:
            layout = hosts.layout(count)
            why = bottleneck_of(work, costs, layout, simulate(work, costs, layout))
            return Scaling(rates=rates, last=last, words=why.words)
        last = count
    return Scaling(rates=rates, last=last, words="")


def doublings() -> list[int]:
    return [*(2**power for power in range(14)), MOST_GENERATORS]


def check_counts(counts: Sequence[int]) -> None:
    for count in counts:
        if not 1 <= count <= MOST_GENERATORS:
            raise ConfigError(
                f"a plan is for 1 to {MOST_GENERATORS:,} generators; got generators={count}. Write generators=1,8,64."
            )


def check_is_of(costs: Costs, about: Mapping[str, str]) -> None:
    """A calibration is of a model and a task on a device; another's would say nothing of this page."""
    for name, there in about.items():
        if (measured := costs.about.get(name)) not in (None, there):
            raise ConfigError(
                f"the calibration was made with {name}={measured} and the page has {name}={there}: make one of this "
                "page with --measure"
            )
