"""The options of `straw eval` that no page has: what is asked, how often, and who judges.

grader=exact,extract num_problems=200 num_samples=4     taken off the words; all other words are a page's
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from straw.config.option import MOST_SEED, MOST_STEPS, Option, Section, option, options_of
from straw.config.values import plain, put, read_value
from straw.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Evaluation(Section):
    """What an evaluation asks, and who judges the replies."""

    grader: tuple[str, ...] = option(
        (), "the graders of the replies, any number at once; none: the task's own", example=("exact", "extract"),
        registry="graders",
    )  # fmt: skip
    num_problems: int | None = option(
        None, "how many problems are asked; none: all, or 200 where they never end",
        example=200, at_least=1, at_most=MOST_STEPS,
    )  # fmt: skip
    num_samples: int = option(
        1, "the number of replies to each problem; several give pass@k", at_least=1, at_most=4_096
    )
    split: Literal["test", "train"] = option("test", "the problems that are asked: held out, or trained on")
    temperature: float | None = option(
        None, "the sampling temperature; none: a run's own, as it measured; of a model 0 for one reply, 1 for several",
        example=0.7, at_least=0,
    )  # fmt: skip
    max_tokens: int | None = option(
        None, "the most tokens in one reply; none: the run's own, or 512", example=512, at_least=1, at_most=262_144
    )
    seed: int = option(0, "the seed of the replies", at_least=0, at_most=MOST_SEED)
    at_once: int = option(
        64, "the number of replies that are written together; no reply depends on it", at_least=1, at_most=65_536
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_samples > 1 and self.temperature == 0:
            raise ConfigError(
                f"the likeliest reply is always the same; got num_samples={self.num_samples} with temperature=0. "
                "Write temperature=1, or num_samples=1."
            )


OPTIONS: dict[str, Option] = {known.name: known for known in options_of(Evaluation)}


def take_evaluation(words: list[str]) -> Evaluation:
    """The options of an evaluation, taken off the words; one that is given twice has to say the same."""
    given: dict[str, str] = {}
    left, waiting = [], list(words)
    while waiting:
        word = waiting.pop(0)
        spelling, equals, value = word.partition("=")
        name = spelling.removeprefix("--").replace("-", "_")
        if name not in OPTIONS or not (equals or spelling.startswith("--")):
            left.append(word)
            continue
        if not equals and not waiting:
            known = OPTIONS[name]
            raise ConfigError(f"--{name} needs {known.takes} behind it. Write {name}={plain(known.example)}.")
        put(given, name, value if equals else waiting.pop(0))
    words[:] = left
    return Evaluation(**{name: read_value(OPTIONS[name], value) for name, value in given.items()})
