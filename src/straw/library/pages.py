"""From what Python says to a page: the same options as the command line, and objects where it has names.

load("secret", N=64)                            a task, by name or FILE.py:Class, or a task itself
load("recipes/secret_dense.toml", seed=1)       a page
load(rows, reward=f, model="smollm2")           a data set: a list of dicts, a Dataset, a file, a folder
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from straw import outside, registry
from straw.config import Loaded, Owners, dump, load_page, owners_in
from straw.config.load import naming, read_toml
from straw.config.names import WITH_CODE, canonical_option, trust_code_in
from straw.config.recipes import ENDING, is_there, recipe_named, recipe_names
from straw.errors import ConfigError
from straw.library.objects import HandedIn, options_of_task
from straw.outside import Handed
from straw.tasks.word_problems.data_loading import KINDS
from straw.tasks.word_problems.given_rows import kept_rows, name_of

if TYPE_CHECKING:
    from straw.tasks.base import Task

SPLITS = ("test", "validation", "eval")  # of a data set: the first that is there is held out
Values = dict[str, Any]


@dataclass(frozen=True)
class LoadedPage:
    """An experiment as a page: typed options, checked, which `straw.train` runs.

    >>> page = straw.load("secret", N=16, reward="binary", model="tiny-0.2M")
    >>> page.options["N"], page.options["reward_type"]
    (16, 'binary')
    >>> straw.load(page, seed=1).options["seed"]
    1
    """

    loaded: Loaded
    path: Path | None = None
    said: Mapping[str, Any] = field(default_factory=dict)  # over what stands there
    handed: Mapping[str, Handed] = field(default_factory=dict)
    code: Mapping[str, bytes] = field(default_factory=dict)  # files that it names, as they were read

    @property
    def options(self) -> Values:
        """Every option by name; None is what a run chooses by itself."""
        return {name: value for body in vars(self.loaded.page).values() for name, value in vars(body).items()}

    @property
    def task(self) -> Task:
        """The task with its options, as a run would have it."""
        from straw.training.resolve.page_to_plan import plan_of

        self.use()
        return plan_of(self.loaded).task

    @property
    def toml(self) -> str:
        """The page as a file would have it."""
        return dump(self.loaded.page, self.loaded.origins)

    def use(self) -> None:
        """Its objects and files are those that names stand for, from now on."""
        HandedIn(dict(self.handed)).use()
        outside.begin(self.code)

    def __repr__(self) -> str:
        chosen = ", ".join(f"{name}={self.options[name]!r}" for name in sorted(self.loaded.named))
        return f"straw.load({chosen})"


def load(
    what: Any = None,
    *,
    reward: Any = None,
    reward_weights: Sequence[str | float] | None = None,
    model: Any = None,
    tokenizer: Any = None,
    environment: Any = None,
    tools: Sequence[Any] = (),
    trust_code: str = "",
    **options: Any,
) -> LoadedPage:
    """A page of options, checked: from a task, a page file or a data set, and what is said over it.

    Takes what `straw.train` takes, and runs nothing.

    >>> page = straw.load("secret", N=64, reward_type="dense", env_type="multi_step", lr=1e-4)
    >>> page.options["learning_rate"]
    0.0001
    """
    outside.trust_marks(mark for mark in trust_code.split(",") if mark)
    hand = HandedIn()
    path, said = first_words(what, hand)
    if environment is not None or tools:
        said = in_environment(said, environment, tools, hand)
    owners = owners_of(path, said, options, hand)
    options |= reward_options(reward, reward_weights, hand) | model_options(model, tokenizer)
    hand.use()
    said |= {name: value for name, value in said_in(options, owners, hand).items() if value is not None}
    return read(path, said, hand)


def read(path: Path | None, said: Values, hand: HandedIn) -> LoadedPage:
    hand.use()
    loaded = load_page(path, said)
    origins = {name: "python" if where == "command line" else where for name, where in loaded.origins.items()}
    return LoadedPage(replace(loaded, origins=origins), path, said, dict(hand.things), outside.in_use())


# --- what comes first


def first_words(what: Any, hand: HandedIn) -> tuple[Path | None, Values]:
    """The page that is named, if one is, and the options that the first argument stands for."""
    if what is None:
        return None, {}
    if isinstance(what, LoadedPage):
        hand.things.update(what.handed)
        return what.path, dict(what.said)
    if isinstance(what, str | os.PathLike):
        return source_of(os.fspath(what))
    if hasattr(what, "problem") and callable(what.problem):
        return None, task_options(what, hand)
    return None, {"kind": "data", **data_options(what)}


def source_of(first: str) -> tuple[Path | None, Values]:
    """A page, a data set or a task, by the word that comes first on a command line too."""
    if first.endswith(ENDING):
        found = None if is_there(Path(first)) else recipe_named(first)
        return Path(first) if found is None else found.path, {}
    if is_data(first):
        return None, {"kind": "data", "path": first}
    trust_code_in(first)
    if not registry.is_known("tasks", first):
        if (page := recipe_named(first)) is not None:
            return page.path, {}
        if Path(first).expanduser().is_dir():  # a word that names nothing of ours
            return None, {"kind": "data", "path": first}
        known = sorted({*registry.names("tasks"), *recipe_names()})
        raise ConfigError(f"there is no task {first!r}: {registry.hint(first, known)}")
    return None, {"kind": first}


def is_data(word: str) -> bool:
    """Whether it is a data set: a file by its ending, or a folder."""
    path = Path(word).expanduser()
    return path.suffix in KINDS or (os.sep in word and path.is_dir())


def task_options(task: Any, hand: HandedIn) -> Values:
    """A class as it is; of an object the options that make it again, where there are such."""
    values = None if isinstance(task, type) else options_of_task(task)
    if values is not None:
        return {"kind": hand.name_of("tasks", type(task)), **values}
    return {"kind": hand.name_of("tasks", task)}


def data_options(rows: Any) -> Values:
    """Rows as files that a page can name; of several splits what is trained on and what is held out."""
    if not isinstance(rows, Mapping):
        return {"path": name_of(kept_rows(plain_rows(rows)))}
    held_out = next((name for name in SPLITS if name in rows), None)
    if "train" not in rows:
        raise ConfigError(f"a data set of several splits has one called train; got {', '.join(map(str, rows))}")
    found = {"path": name_of(kept_rows(plain_rows(rows["train"])))}
    if held_out is not None:
        found["eval_path"] = name_of(kept_rows(plain_rows(rows[held_out])))
    return found


def plain_rows(rows: Any) -> Any:
    """Frames have columns, and we want rows."""
    if hasattr(rows, "to_dicts"):  # polars
        return rows.to_dicts()
    if type(rows).__module__.partition(".")[0] == "pandas":
        return rows.to_dict("records")
    if not hasattr(rows, "__iter__"):
        raise ConfigError(
            f"what is trained comes first: a task, a page, or data (a list of dicts, a Dataset, a path); got "
            f"{type(rows).__name__}"
        )
    return rows


def in_environment(said: Values, environment: Any, tools: Sequence[Any], hand: HandedIn) -> Values:
    """The rows that come first, if any, are played in it: `environment` as TRL's environment_factory, `tools` too."""
    if said.get("kind") not in (None, "data"):
        raise ConfigError(
            f"an environment is a task of its own; got environment and {said['kind']}: give rows in its place, or "
            "nothing"
        )
    found: Values = {"kind": "env"}
    if isinstance(environment, Mapping):
        found["environments"] = tuple(f"{name}={named_code(one, hand)}" for name, one in environment.items())
    elif environment is not None:
        found["kind"] = f"{outside.ENVIRONMENT}:{named_code(environment, hand)}"
    if tools:
        found["tools"] = tuple(named_code(one, hand) for one in tools)
    return {**said, **found}


def named_code(thing: Any, hand: HandedIn) -> str:
    """A class or function by its name; one that is a name already is trusted, since a person wrote it."""
    if not isinstance(thing, str):
        return hand.keep(thing, thing)
    trust_code_in(thing)
    return thing.removeprefix(f"{outside.ENVIRONMENT}:")


# --- options


def owners_of(path: Path | None, said: Mapping[str, Any], options: Values, hand: HandedIn) -> Owners:
    """Task and algorithm, whose options have to be known before they are read; an object gets its name here."""
    name = next((name for name in ("task", "kind") if options.get(name) is not None), None)
    if name is not None and not isinstance(options[name], str):
        options |= {**task_options(options.pop(name), hand), **options}
    if options.get("algorithm") is not None and not isinstance(options["algorithm"], str):
        options["algorithm"] = hand.name_of("algorithms", options["algorithm"])
    for owner in ("task", "kind", "algorithm"):
        if options.get(owner) is not None:
            trust_code_in(options[owner])
    with naming(path):
        return owners_in(options, said, {} if path is None else read_toml(path))


def said_in(options: Mapping[str, Any], owners: Owners, hand: HandedIn) -> Values:
    """By the options' own names; code that a person names is trusted, and objects are handed in."""
    found: Values = {}
    for spelling, value in options.items():
        known = canonical_option(spelling, owners)
        if known.name in found and found[known.name] != value:
            raise ConfigError(f"{known.name} is given twice. Leave one of them out.")
        found[known.name] = value_of(known.registry, value, hand)
        if known.name in WITH_CODE:  # a list, or one text
            trust_code_in(value if isinstance(value, str) else ",".join(map(str, value or ())))
    return found


def value_of(kind: str, value: Any, hand: HandedIn) -> Any:
    if kind and isinstance(value, str):
        trust_code_in(value)
    elif kind and value is not None:
        return hand.name_of(kind, value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def reward_options(reward: Any, weights: Sequence[str | float] | None, hand: HandedIn) -> Values:
    """One reward, or several with their weights: a sum of parts, each logged under its own name.

    Weights may be spelled as on a command line, in one text.
    """
    if isinstance(weights, str):
        weights = weights.split(",")
    if not isinstance(reward, list | tuple):
        said = {} if reward is None else {"reward_type": reward}
        return said if weights is None else said | {"reward_weights": tuple(map(str, weights))}
    if weights is not None and len(weights) != len(reward):
        raise ConfigError(f"there is one of reward_weights for each reward; got {len(weights)} for {len(reward)}")
    if any(hasattr(one, "from_options") for one in reward):
        raise ConfigError("a part of a weighted reward is a function, and a Channel is none: give it alone, reward=IT")
    names = [part_name(one, hand) for one in reward]
    parts = [f"{name}={weight}" for name, weight in zip(names, weights or [1] * len(names), strict=True)]
    return {"reward_type": "weighted", "reward_weights": tuple(parts)}


def part_name(part: str | Callable[..., Any], hand: HandedIn) -> str:
    if not isinstance(part, str):
        return hand.name_of("rewards", part)
    trust_code_in(part)
    return part


def model_options(model: Any, tokenizer: Any) -> Values:
    """A model by its name; an object is written into straw's cache and has the name that it gets there."""
    if model is None or isinstance(model, str | os.PathLike):
        if tokenizer is not None:
            raise ConfigError("tokenizer= goes with a model that is an object, and a model by name has its own")
        return {} if model is None else {"model_name": os.fspath(model)}
    from straw.library.models import kept_model

    return {"model_name": kept_model(model, tokenizer)}
