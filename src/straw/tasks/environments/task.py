"""Environments that others wrote, as tasks: env:FILE.py:Class, env:MODULE:Class, or an object that a program hands in.

    straw train env:mine.py:Game                                     straw.train(environment=Game)
    straw train env environments=a=mine.py:A,b=mine.py:B path=rows.jsonl
    straw train env tools=mine.py:add path=rows.jsonl reward=mine.py:right

An instance is made once and reset often: those of a step that was paid go back into a pool. What it may do is bounded
in turns, tokens, seconds and characters; `contract` says what a class has to have, `episode` what happens in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from straw import outside
from straw.errors import ConfigError, did_you_mean
from straw.tasks.environments.contract import Contract, contract_of, made
from straw.tasks.environments.episode import Episode
from straw.tasks.environments.luck import Luck
from straw.tasks.environments.options import EnvironmentOptions
from straw.tasks.environments.world import WorldTask, limits_in, rows_in
from straw.text.tools.calls import Parameters
from straw.text.tools.forms import Schema, parameters_of
from straw.types import Problem

ALONE = ""  # the name of an environment that has no other beside it
MAKING = 1  # the seed of what an instance draws while it is made


@dataclass(frozen=True, kw_only=True)
class Environment(WorldTask):
    """A task whose other side is a class of somebody else, in this process."""

    Options = EnvironmentOptions

    contracts: Mapping[str, Contract]
    pool: dict[str, list[Any]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_options(cls, options: EnvironmentOptions) -> Environment:
        contracts = contracts_of(options)
        names = [one.name for one in contracts.values()]
        return cls(
            name="-".join(dict.fromkeys(names)),
            contracts=contracts,
            rows=rows_in(options),
            limits=replace(limits_in(options), stops_when_done=options.stop_when_done),
            tool_form=options.tool_form,
        )

    def __post_init__(self) -> None:
        if self.rows.path is None and (ALONE not in self.contracts or self.contracts[ALONE].factory is None):
            raise ConfigError(
                "without data an environment says what is asked, and tools alone, or several environments, do not: "
                "write path=FILE with rows (a prompt, and for several the column environment)"
            )

    @property
    def pays(self) -> bool:
        """Rollouts of a class that pays nothing, beside one that does, have no part of it, as in TRL."""
        return any(one.pays or one.pays_by_turn for one in self.contracts.values())

    @property
    def knows_success(self) -> bool:
        return all(one.knows_success for one in self.contracts.values())

    # --- a world

    def schemas(self, problem: Problem) -> Sequence[Schema]:
        return self.contract(problem).schemas

    def parameters(self, problem: Problem) -> Parameters:
        return parameters_of(self.schemas(problem))

    def contract(self, problem: Problem) -> Contract:
        return self.contracts[self.named(problem)]

    def named(self, problem: Problem) -> str:
        if ALONE in self.contracts:
            return ALONE
        name = problem.columns.get("environment")
        if name not in self.contracts:
            raise ConfigError(
                f"a row names its environment, one of {', '.join(self.contracts)}; got environment={name!r:.40}: "
                f"{did_you_mean(str(name), self.contracts)}"
            )
        return str(name)

    def episode(self, problem: Problem, seed: int) -> Episode:
        """One instance for it; its `open` says whether the environment came along."""
        name = self.named(problem)
        contract = self.contracts[name]
        waiting = self.pool.setdefault(name, [])
        row = {key: value for key, value in problem.columns.items() if name == ALONE or key != "environment"}
        instance = None
        if contract.factory is not None:
            with Luck(MAKING):
                instance = waiting.pop() if waiting else made(contract.name, contract.factory)
        return Episode(contract, instance, problem.messages, row, self.limits, Luck(seed))

    def give_back(self, problem: Problem, episode: Episode) -> None:
        """One that failed is not used again."""
        if episode.instance is not None and not episode.reason:
            self.pool[self.named(problem)].append(episode.instance)


def contracts_of(options: EnvironmentOptions) -> dict[str, Contract]:
    tools = [outside.load(name) for name in options.tools]
    own = options.kind.partition(":")[2]
    if own and options.environments:
        raise ConfigError(f"there is one environment or several; got {options.kind} and environments: leave one out")
    if own:
        return {ALONE: contract_of(own, outside.load(own), tools)}
    if options.environments:
        named = [entry.partition("=") for entry in options.environments]
        if bad := [name for name, _, place in named if not place]:
            raise ConfigError(f"environments are NAME=FILE.py:Class; got {bad[0]!r}")
        return {name: contract_of(place, outside.load(place), tools) for name, _, place in named}
    if not tools:
        raise ConfigError(
            "env wants an environment: write env:FILE.py:Class, environments=NAME=FILE.py:Class, or tools=FILE.py:f"
        )
    return {ALONE: contract_of("tools", None, tools)}
