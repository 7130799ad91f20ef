"""A sweep as a page.

    name = "bandwidth"
    question = "How fast is a reward of more levels?"
    seeds = [0, 1, 2]             or "0-15"; each makes one run per condition, and sets secret_seed and seed; with
                                  seed_options = ["secret_seed"] the secret alone
    own_draws = true              optional: conditions share secrets and no guesses, `seed` being a function of both

    [base]                        options of every run, as on a run's page; where the algorithm is varied, one that only
    N = 64                        some of them have is for those

    [grid]                        every combination of these values is a condition
    reward_bins = [4, 8]

    [[condition]]                 or conditions by hand; with a grid too, each is combined with all of it
    name = "binary"
    reward_type = "binary"

    [tune]                        optional: the best of these rates, found on other secrets, for every condition
    multiply = [0.3, 1, 3]        of the rate that the condition has without; or learning_rate = [1e-4, 3e-4]
    seeds = [100, 101]
    same_secrets = true           allowed where the judged seeds leave no secret that is not judged

What would be ambiguous is refused: an option that is varied and given for every run, two runs of one name, seeds that
find the rate and are judged by it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

from straw.config.load import TRUST, flat, naming, read_toml
from straw.config.names import ALIASES, canonical
from straw.config.option import MOST_SEED
from straw.config.owners import Owners, algorithm_section, named_in, owners_in
from straw.config.page import options, options_beside
from straw.config.values import plain, read_number, read_text, read_whole
from straw.errors import ConfigError, did_you_mean
from straw.runs.sweeps.sweep import DRAWS, RATE, Condition, Sweep, Tune, slug

KEYS = ("name", "question", "seeds", "seed_options", "own_draws", "base", "grid", "condition", "tune")
MOST_RUNS = 20_000
SEED_OPTIONS = ("secret_seed", "seed")
Said = tuple[Mapping[str, Any], ...]


def read_sweep(path: Path, overrides: Mapping[str, Any], out: Path | None = None) -> Sweep:
    """The sweep on a page; `overrides` are options for every run."""
    with naming(path):
        page = read_toml(path)
        for key in page:
            if key not in KEYS:
                raise ConfigError(f"a sweep's page has no {key!r}; {did_you_mean(key, KEYS)}. Options go under [base].")
        name, said = slug(text(page, "name") or path.stem), (overrides, table(page, "base"))
        owners = owners_in(*said)
        base = {**flat(table(page, "base"), owners, *varied_owners(page, owners)), **overrides}
        sweep = Sweep(
            name=name,
            question=text(page, "question"),
            folder=out or Path("runs") / "sweeps" / name,
            seeds=seeds(page, "seeds", [0]),
            seed_options=seed_options(page, owners),
            base=base,
            conditions=with_unread(base, tuple(conditions(page, said))),
            tune=tune_of(table(page, "tune")) if "tune" in page else None,
            own_draws=truth(page, "own_draws", "own_draws"),
        )
        for complaint in complaints(sweep, overrides, flat(table(page, "grid"), owners)):
            raise ConfigError(complaint)
    return sweep


def varied_owners(page: Mapping[str, Any], owners: Owners) -> Iterator[Owners]:
    """Those of runs whose algorithm is varied: options of every one of them may stand under [base]."""
    hands = page.get("condition", [])
    for one in (page.get("grid"), *(hands if isinstance(hands, list) else [])):
        for named in named_in(one, "algorithm") if isinstance(one, Mapping) else ():
            names = named if isinstance(named, list) else [named]
            yield from (owners._replace(algorithm=name) for name in names if isinstance(name, str))


def conditions(page: Mapping[str, Any], said: Said) -> Iterator[Condition]:
    """Those by hand, each with every combination of the grid. `said`: of every run."""
    varied_by = flat(table(page, "grid"), owners_in(*said))
    grid = {name: values(f"[grid] {name}", listed) for name, listed in varied_by.items()}
    hands = list(by_hand(page.get("condition", []), said))
    if (count := len(hands) * prod(map(len, grid.values()))) > MOST_RUNS:
        raise ConfigError(f"a sweep has at most {MOST_RUNS:,} runs; this one has {count:,} conditions. Vary less.")
    for label, by_name in hands:
        for combination in product(*grid.values()):
            varied = dict(zip(grid, combination, strict=True))
            words = [label, *(f"{name}={spelled(value)}" for name, value in varied.items())]
            yield Condition(label=", ".join(filter(None, words)), options={**by_name, **varied})


def with_unread(base: Mapping[str, Any], conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """What is said for every run is for those whose algorithm has such an option, where the algorithm is varied."""
    own = [options_beside(algorithm_section(owners_in(one.options, base).algorithm)).keys() for one in conditions]
    of_some = {name for name in base if any(name in names for names in own)}
    return tuple(replace(one, unread=frozenset(of_some - names)) for one, names in zip(conditions, own, strict=True))


def by_hand(tables: Any, said: Said) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise ConfigError("a condition by hand is a table of its own. Begin it with [[condition]].")
    for one in tables or [{"name": ""}]:
        if tables and not text(one, "name"):
            raise ConfigError('a [[condition]] has a name. Write for example name = "binary".')
        told = {key: value for key, value in one.items() if key != "name"}
        yield one["name"], flat(told, owners_in(told, *said))


def tune_of(written: Mapping[str, Any]) -> Tune:
    section = {ALIASES.get(key, key): value for key, value in written.items()}
    for key in section:
        if key not in (known := ("seeds", "multiply", RATE, "same_secrets")):
            raise ConfigError(f"[tune] has no {key!r}; {did_you_mean(key, known)}")
    if ("multiply" in section) == (RATE in section):
        raise ConfigError("[tune] has either multiply or learning_rate. Write for example multiply = [0.3, 1, 3].")
    if "seeds" not in section:
        raise ConfigError("[tune] needs seeds of its own. Write for example seeds = [100, 101, 102].")
    rates = {
        key: distinct(f"[tune] {key}", values(f"[tune] {key}", section[key], above_zero, "numbers above 0, [1, 3]"))
        for key in ("multiply", RATE)
        if key in section
    }
    same = truth(section, "same_secrets", "[tune] same_secrets")
    return Tune(seeds=seeds(section, "[tune] seeds"), same_secrets=same, **rates)


def seed_options(page: Mapping[str, Any], owners: Owners) -> tuple[str, ...]:
    """Those of the page; without any the secret's seed, where the task has a secret, and the run's."""
    known = options(*owners)
    usual = [name for name in SEED_OPTIONS if name in known]
    listed = values("seed_options", page.get("seed_options", usual), read_text, f"options, {list(SEED_OPTIONS)}")
    return distinct("seed_options", tuple(canonical(name, owners) for name in listed))


def complaints(sweep: Sweep, overrides: Mapping[str, Any], grid: Mapping[str, Any]) -> Iterator[str]:
    """What would be ambiguous, or would let one thing silently win over another."""
    by_condition = {name for condition in sweep.conditions for name in condition.options}
    if TRUST in by_condition or (TRUST in sweep.base and TRUST not in overrides):
        yield f"{TRUST} is said by whoever runs a sweep, not by its page. Write {TRUST}=true behind the command."
    for name in sorted({*sweep.base, *by_condition} & {*sweep.seed_options}):
        yield f"{name} is set by seeds, and written a second time. Leave it out, or name others in seed_options."
    if sweep.own_draws and DRAWS not in sweep.seed_options:
        yield "own_draws makes seed a matter of the condition, and seed is not in seed_options: leave one of them out."
    if "run_dir" in {*sweep.base, *by_condition}:
        yield "every run of a sweep has a folder of its own. Leave run_dir out; out=FOLDER moves the whole sweep."
    for name in sorted(grid.keys() & sweep.base.keys()):
        yield f"{name} is varied by [grid], and given for every run as well. Leave one of them out."
    for name in sorted(overrides.keys() & by_condition):
        yield f"{name} is varied by the sweep, got {name}={plain(overrides[name])} for every run. Leave it out."
    if sweep.tune and RATE in by_condition:
        yield "learning_rate is found by [tune], and varied by a condition. Leave one of them out."
    if sweep.tune and (both := sorted({*sweep.seeds} & {*sweep.tune.seeds})):
        yield f"[tune] finds the rate on secrets that are not judged; seed {both[0]} is in both. Write others there."
    if (count := num_runs(sweep)) > MOST_RUNS:
        yield f"a sweep has at most {MOST_RUNS:,} runs; this one has {count:,}. Take fewer seeds, or vary less."
        return
    yield from same_names(sweep)


def num_runs(sweep: Sweep) -> int:
    """Those that are judged, and those that find their learning rates."""
    tune = sweep.tune
    trials = len(tune.seeds) * max(len(tune.multiply), len(tune.learning_rate)) if tune else 0
    return len(sweep.conditions) * (len(sweep.seeds) + trials)


def same_names(sweep: Sweep) -> Iterator[str]:
    """A disk may not tell N from n."""
    names = Counter(run.name.lower() for condition in sweep.conditions for run in sweep.runs(condition))
    for name, count in names.items():
        if count > 1:
            yield f"every run has a name of its own; {count} are called {name!r}. Give their conditions other names."


# --- single values


def text(page: Mapping[str, Any], key: str) -> str:
    try:
        return read_text(page.get(key, ""))
    except ValueError:
        raise ConfigError(f'{key} is text; got {page[key]!r}. Write {key} = "...".') from None


def truth(page: Mapping[str, Any], key: str, name: str) -> bool:
    found = page.get(key, False)
    if not isinstance(found, bool):
        raise ConfigError(f"{name} is true or false; got {found!r}.")
    return found


def table(page: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = page.get(key, {})
    if not isinstance(section, dict):
        raise ConfigError(f"{key} is a table; got {section!r}. Begin it with [{key}].")
    return section


def values(
    name: str, listed: Any, read: Callable[[Any], Any] = lambda value: value, takes: str = "values, [4, 8]"
) -> tuple[Any, ...]:
    """A list with something in it."""
    rule = f"{name} is a list of {takes}; got {shortened(listed)}."
    if not isinstance(listed, list | tuple):
        raise ConfigError(f"{rule} Write [{spelled(listed)[:40]}], or what is the same for every run under [base].")
    if not listed:
        raise ConfigError(f"{rule} An empty one makes no runs: leave it out, or write a value.")
    try:
        return tuple(read(value) for value in listed)
    except ValueError:
        raise ConfigError(rule) from None


def distinct(name: str, listed: Sequence[Any]) -> tuple[Any, ...]:
    for value, count in Counter(listed).items():
        if count > 1:
            raise ConfigError(f"{name} has {value} {count} times. Leave one of them.")
    return tuple(listed)


def seeds(page: Mapping[str, Any], name: str, default: Any = None) -> tuple[int, ...]:
    listed = page.get("seeds", default)
    if isinstance(listed, str) and (ends := re.fullmatch(r"([0-9]{1,18})-([0-9]{1,18})", listed.strip())):
        first, last = int(ends[1]), int(ends[2])
        if last - first >= MOST_RUNS:
            raise ConfigError(f"{name} are at most {MOST_RUNS:,}; got {listed}, which are {last - first + 1:,}.")
        listed = list(range(first, last + 1))
    listed = values(name, listed, from_zero, 'whole numbers from 0 up, [0, 1, 2] or "0-15"')
    return distinct(name, listed)


def from_zero(value: Any) -> int:
    number = read_whole(value)
    if not 0 <= number <= MOST_SEED:
        raise ValueError
    return number


def above_zero(value: Any) -> float:
    number = read_number(value)
    if number <= 0:
        raise ValueError
    return number


def spelled(value: Any) -> str:
    return plain(tuple(map(str, value)) if isinstance(value, list) else value)
