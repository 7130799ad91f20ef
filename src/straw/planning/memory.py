"""Memory of a plan: of the fullest machine, and of the fullest card.

    machine    the directing process, the trainer, what all map, and for each generator its own, with keys and values
    card       weights of the process that is on it; of a generator keys and values, of the trainer gradient and moments

More lag wants more slots for versions. Activations are in what a trainer was measured to take, and not in a card's.
"""

from __future__ import annotations

from straw.planning.costs import Costs
from straw.planning.layout import Layout
from straw.planning.workload import Workload

MEASURED_SLOTS = 2


def machine_mb(work: Workload, costs: Costs, layout: Layout) -> float:
    return max(one_machine_mb(work, costs, layout, machine) for machine in {0, layout.others})


def one_machine_mb(work: Workload, costs: Costs, layout: Layout, machine: int) -> float:
    shared = costs.shared_mb + (work.slots - MEASURED_SLOTS) * costs.weights_mb
    own = (machine == 0) * (costs.directing_mb + costs.trainer_mb)
    return own + shared + layout.on(machine) * (costs.generator_mb + keys_mb(work, costs, layout))


def card_mb(work: Workload, costs: Costs, layout: Layout) -> float:
    base = max(0.0, costs.shared_mb - MEASURED_SLOTS * costs.weights_mb)
    trainer, generator = base + 4 * costs.weights_mb, base + costs.weights_mb + keys_mb(work, costs, layout)
    processes = max(layout.on(machine) + (machine == 0) for machine in {0, layout.others})
    together = -(-processes // max(1, layout.cards))  # on one card
    return max(trainer, generator) + (together - 1) * generator


def keys_mb(work: Workload, costs: Costs, layout: Layout) -> float:
    """Of the rows that a generator decodes together, each as long as the longest."""
    rows = -(-work.rollouts // layout.generators)
    rows = min(rows, work.rows_at_once or rows)
    longest = costs.prompt_tokens + max(map(sum, costs.replies))
    return rows * longest * costs.keys_kb / 1e3
