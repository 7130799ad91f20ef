"""Every way to spell an option, mapped to its one name.

    N=64    --N 64    --N=64    task.N=64         group_size=4    --group-size 4    lr=1e-3

The studies' words that differ from ours are in ALIASES, and nowhere else. Those of the memory study:

    bs       problems_at_once    its trainer takes bs problems, each with a whole group of replies, in a micro step
    gc       accumulation        and adds up the gradients of gc of them, so an update sees bs * gc groups
    L        max_tokens
    nepochs  num_epochs          n_batches = nepochs * problems / (bs * gc)

(In TRL 0.14, which it uses, `per_device_train_batch_size` counts prompts before they are repeated for a group.)
How many tokens are read at once has no part in this: our micro-batches are cut by tokens, and change no gradient.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from straw import outside
from straw.config.option import Option
from straw.config.owners import WORDS, Owners
from straw.config.page import options, options_of_algorithms
from straw.config.values import TRUTH, nearest, plain, put
from straw.errors import ConfigError
from straw.other_words import FLAGS, ours_for
from straw.registry import entry_for, names

ALIASES = {
    "lr": "learning_rate", "model": "model_name", "num_steps": "n_batches", "env": "env_type", "task": "kind",
    "bs": "problems_at_once", "gc": "accumulation", "L": "max_tokens", "nepochs": "num_epochs", "split": "eval_split",
    "start": "from_checkpoint", "reward": "reward_type", "loss": "loss_fn",
}  # fmt: skip

WITH_CODE = (
    "reward_weights",
    "environments",
    "tools",
)  # lists in which a name may be that of code, beside the options of a registry

SAME_THING = (  # several ways to say one number: who says it in one way overrules a page that said it in another
    (("batch_size",), ("samples_per_step",), ("problems_at_once", "accumulation")),
    (("n_batches",), ("num_epochs",)),
    (("lr_warmup",), ("lr_warmup_steps",)),
)

FIRST = Owners()


def overruled(names: Iterable[str]) -> set[str]:
    """The options that these say in other words: batch_size is one of them when `bs` was said."""
    said = set(names)
    return {
        other
        for ways in SAME_THING
        if any(said.intersection(way) for way in ways)
        for way in ways
        if not said.intersection(way)
        for other in way
    }


@cache
def options_of_all() -> Mapping[str, Option]:
    """The options of every task and every algorithm together, as far as they are installed."""
    of_tasks = {name: known for kind in names("tasks") for name, known in options(kind).items()}
    return of_tasks | {name: known for own in options_of_algorithms().values() for name, known in own.items()}


def known_option(name: str, owners: Owners) -> Option | None:
    """A page's own, or that of a page about something else: who it belongs to is judged when the page is whole."""
    return options(*owners).get(name) or options_of_all().get(name)


def first_to_know(spelling: str, owners: Owners, *others: Owners) -> Owners:
    """Whose pages have this option; where nobody's do, the first."""
    flat = spelling.replace("-", "_").rpartition(".")[2]
    known = (one for one in (owners, *others) if ALIASES.get(flat, flat) in options(*one))
    return next(known, owners)


def canonical(spelling: str, owners: Owners = FIRST) -> str:
    """The option's own name, or a ConfigError with its neighbour. `owners`: as far as they are known."""
    return canonical_option(spelling, owners).name


def canonical_option(spelling: str, owners: Owners) -> Option:
    section, _, flat = spelling.replace("-", "_").rpartition(".")
    name = ALIASES.get(flat, flat)
    known = known_option(name, owners)
    if known is None:
        raise unknown(spelling, (*options(*owners), *options_of_all(), *ALIASES))
    if section not in ("", known.section):
        raise ConfigError(
            f"{name} is an option of [{known.section}]; got {spelling!r}. Write {known.section}.{name} or just {name}."
        )
    return known


def unknown(spelling: str, known: Iterable[str], what: str = "option") -> ConfigError:
    word, names = spelling.replace("-", "_").rpartition(".")[2], set(known)
    ours = ours_for(word)
    if ours in names:
        return ConfigError(
            f"there is no {what} {spelling!r}: here it is {ours}; `straw train --help` says how it counts."
        )
    if word in FLAGS:
        return ConfigError(
            f"there is no {what} {spelling!r}: it is a flag of the command, {FLAGS[word]}, without a value."
        )
    near = nearest(word, names)
    guess = f"did you mean {near!r}? " if near else ""
    return ConfigError(f"there is no {what} {spelling!r}; {guess}`straw train --help` names every one.")


def parse_overrides(args: list[str], behind: Owners = FIRST) -> dict[str, str]:
    """Options from a command line, by name; one that is given twice has to say the same.

    A person wrote these, so the code that they name is trusted. `behind`: task and algorithm, where a page names them.
    """
    given: dict[str, str] = {}
    waiting = list(args)
    owners = owners_among(args, behind)
    while waiting:
        spelling, equals, value = waiting.pop(0).partition("=")
        if not equals and not spelling.startswith("--"):
            raise ConfigError(
                f"an option is key=value, --key value or --key=value; got {spelling!r}. Write for example N=64."
            )
        known = canonical_option(spelling.removeprefix("--"), owners)
        put(given, known.name, value if equals else next_value(known, waiting))
        if known.registry or known.name in WITH_CODE:
            trust_code_in(given[known.name])
    return given


def owners_among(words: list[str], behind: Owners = FIRST) -> Owners:
    """The task and the algorithm that these words name; code from outside is trusted, since its options have to be
    known.
    """
    said: dict[str, str] = {}
    for place, word in enumerate(words):
        spelling, equals, value = word.partition("=")
        name = spelling.removeprefix("--").rpartition(".")[2]
        owner = next((owner for owner, spellings in WORDS.items() if name in spellings), None)
        if owner is not None and owner not in said and (equals or spelling.startswith("--")):
            said[owner] = value if equals else "".join(words[place + 1 : place + 2])
            trust_code_in(said[owner])
    return behind._replace(**said)


def trust_code_in(text: str) -> None:
    """A value that a person wrote: one name, or several with weights."""
    for one in text.split(","):
        name = outside.code_in(one)
        if name is not None and (name.startswith(outside.SERVER) or not is_ours("tasks", name)):
            outside.trust(name)


def is_ours(kind: str, name: str) -> bool:
    """Whether this belongs to a family of names, such as gym:NAME."""
    return entry_for(name, names(kind)) is not None


def next_value(known: Option, waiting: list[str]) -> str:
    """What follows `--name`: taken from the front of `waiting`, or true for a bare flag."""
    if known.type is bool and not (waiting and waiting[0].lower() in TRUTH):
        return "true"
    if not waiting or waiting[0].startswith("--"):
        name = known.name
        raise ConfigError(f"--{name} needs {known.takes} behind it. Write for example {name}={plain(known.example)}.")
    return waiting.pop(0)
