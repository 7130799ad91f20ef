"""An experiment is a page: typed options with defaults that live once, and overrides.

    dataclass defaults  <  a TOML page  <  the command line

    loaded = load_page("page.toml", parse_overrides(["N=64", "--reward-type", "binary"]))
    page = loaded.with_defaults({"learning_rate": 3e-4})     # never over what the user named

`sections` holds the options, `page` puts them together and refuses what cannot be run,
`names` knows every spelling, `values` reads and writes single values, `load` does the rest.
What a name such as "binary" stands for is the catalogue's to say, not ours.
"""

from __future__ import annotations

from straw.config.evaluation import Evaluation, take_evaluation
from straw.config.load import TRUST, Loaded, dump, load_page, with_values
from straw.config.memory_section import Memory
from straw.config.names import ALIASES, parse_overrides
from straw.config.option import Option, Section
from straw.config.page import TASKS, Page, describe_options
from straw.config.problem_sections import CountdownTask, DataTask, GymTask, MadeTask, ProblemTask
from straw.config.sections import (
    Algorithm,
    DigitsTask,
    Engine,
    Model,
    Optimizer,
    Reward,
    Run,
    Sampling,
    SecretTask,
    TaskSection,
    WarmUp,
)
from straw.config.values import plain, put

__all__ = [
    "ALIASES",
    "TASKS",
    "TRUST",
    "Algorithm",
    "CountdownTask",
    "DataTask",
    "DigitsTask",
    "Engine",
    "Evaluation",
    "GymTask",
    "Loaded",
    "MadeTask",
    "Memory",
    "Model",
    "Optimizer",
    "Option",
    "Page",
    "ProblemTask",
    "Reward",
    "Run",
    "Sampling",
    "SecretTask",
    "Section",
    "TaskSection",
    "WarmUp",
    "describe_options",
    "dump",
    "load_page",
    "parse_overrides",
    "plain",
    "put",
    "take_evaluation",
    "with_values",
]
