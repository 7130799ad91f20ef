"""What was tuned for something: a task, a reward, an algorithm.

Equal learning rates would confound the width of a channel with the scale of its advantages, so each has its own, found
on other secrets (seeds 100 and up) than those that are judged. `notebook/LOG.md` has the command and the table.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Values = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Values for options that nobody chose.

    `values` has the learning rate for all weights of an embedded model. `whole` and `adapters` are what it is times for
    such a model: LoRA wants two to ten times the rate of full fine-tuning. `large` is what a real model of more than
    300M parameters takes of the rate of a smaller one, all weights. `episodes_per_bit` is what it takes to learn a
    listed answer; None where it has to be found by luck, which takes a time that grows with their number.
    """

    values: Values = field(default_factory=dict)
    whole: float = 1.0
    adapters: float = 5.0
    large: float = 1.0
    episodes_per_bit: float | None = None

    @property
    def is_luck(self) -> bool:
        return self.episodes_per_bit is None


MODEST = Tuning(values={"learning_rate": 2e-4})  # for what nobody tuned
