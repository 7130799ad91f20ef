"""An experiment is a page: typed options with defaults that live once, and overrides.

    dataclass defaults  <  a TOML page  <  the command line

    loaded = load_page("page.toml", parse_overrides(["N=64", "--reward-type", "binary"]))
    page = loaded.with_defaults({"learning_rate": 3e-4})     # never over what the user named

`sections` holds the options, `page` puts them together and refuses what cannot be run,
`names` knows every spelling, `values` reads and writes single values, `load` does the rest.
What a name such as "binary" stands for is the registry's to say, not ours. The options of a task, and of an algorithm's
learner, stand in their own files (`owners`).
"""

from __future__ import annotations

from straw.config.evaluation import Evaluation, take_evaluation
from straw.config.load import TRUST, Loaded, dump, load_page, with_values
from straw.config.memory_section import Memory
from straw.config.names import ALIASES, parse_overrides
from straw.config.option import Option, Section
from straw.config.owners import FIRST_ALGORITHM, FIRST_TASK, Owners, owners_in
from straw.config.page import Page, describe_options
from straw.config.sections import Algorithm, Engine, Model, Optimizer, Reward, Run, Sampling, WarmUp
from straw.config.task_section import Problems, TaskSection
from straw.config.tuning import MODEST, Tuning, Values
from straw.config.values import plain, put

__all__ = [
    "ALIASES",
    "FIRST_ALGORITHM",
    "FIRST_TASK",
    "MODEST",
    "TRUST",
    "Algorithm",
    "Engine",
    "Evaluation",
    "Loaded",
    "Memory",
    "Model",
    "Optimizer",
    "Option",
    "Owners",
    "Page",
    "Problems",
    "Reward",
    "Run",
    "Sampling",
    "Section",
    "TaskSection",
    "Tuning",
    "Values",
    "WarmUp",
    "describe_options",
    "dump",
    "load_page",
    "owners_in",
    "parse_overrides",
    "plain",
    "put",
    "take_evaluation",
    "with_values",
]
