"""Environments that others wrote, as tasks: env:FILE.py:Class, env:MODULE:Class, or an object that a program hands in.

    straw train env:mine.py:Game                                     straw.train(environment=Game)
    straw train env environments=a=mine.py:A,b=mine.py:B path=rows.jsonl
    straw train env tools=mine.py:add path=rows.jsonl reward=mine.py:right

An instance is made once and reset often: those of a step that was paid go back into a pool. What it may do is bounded
in turns, tokens, seconds and characters; `contract` says what a class has to have, `episode` what happens in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from straw import outside
from straw.errors import ConfigError, did_you_mean
from straw.tasks.environments.contract import Contract, contract_of, made
from straw.tasks.environments.episode import Episode, Failed, Limits
from straw.tasks.environments.luck import Luck
from straw.tasks.environments.options import EnvironmentOptions
from straw.tasks.environments.rows import Row, Rows, asked_in, key_of
from straw.text.tools.calls import Parameters
from straw.text.tools.forms import Schema, parameters_of
from straw.types import End, Grade, Play, Problem

ALONE = ""  # the name of an environment that has no other beside it
MAKING = 1  # the seed of what an instance draws while it is made


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A task whose other side is a program of somebody else."""

    Options = EnvironmentOptions

    name: str
    contracts: Mapping[str, Contract]
    rows: Rows
    limits: Limits
    tool_form: str = "auto"
    has_golds: bool = False
    pool: dict[str, list[Any]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_options(cls, options: EnvironmentOptions) -> Environment:
        contracts = contracts_of(options)
        names = [one.name for one in contracts.values()]
        return cls(
            name="-".join(dict.fromkeys(names)),
            contracts=contracts,
            rows=Rows(
                path=options.path, eval_path=options.eval_path, limit=options.num_problems, seed=options.task_seed or 0
            ),
            limits=Limits(
                turns=options.max_turns, seconds=options.env_seconds, result=options.max_result,
                tokens=options.max_episode_tokens, stops_when_done=options.stop_when_done,
            ),
            tool_form=options.tool_form,
        )  # fmt: skip

    def __post_init__(self) -> None:
        if self.rows.path is None and (ALONE not in self.contracts or self.contracts[ALONE].factory is None):
            raise ConfigError(
                "without data an environment says what is asked, and tools alone, or several environments, do not: "
                "write path=FILE with rows (a prompt, and for several the column environment)"
            )

    # --- a task

    @property
    def max_turns(self) -> int:
        return self.limits.turns

    @property
    def reply_limit(self) -> int:
        return 0

    @property
    def num_problems(self) -> int | None:
        return self.rows.num_trained

    @property
    def num_held_out(self) -> int | None:
        return None if self.rows.path is None else len(self.rows.sides[1])

    @property
    def pays(self) -> bool:
        return all(one.pays or one.pays_by_turn for one in self.contracts.values())

    @property
    def knows_success(self) -> bool:
        return all(one.knows_success for one in self.contracts.values())

    def problem(self, index: int) -> Problem:
        return self.asked(self.rows.trained(index))

    def held_out(self, index: int) -> Problem:
        return self.asked(self.rows.asked(index))

    def asked(self, row: Row) -> Problem:
        return Problem(
            key=key_of(self.name, row), messages=asked_in(row), reference=("",), columns=row, is_conversation=True
        )

    def next_message(self, problem: Problem, replies: Sequence[str]) -> None:
        """An episode answers, which knows what happened before."""
        return None

    def grade(self, problem: Problem, replies: Sequence[str], end: End) -> Grade:
        return Grade(hits=(False,), well_formed=end is End.ANSWERED)

    def grade_of(self, play: Play, end: End) -> Grade:
        """Right where the environment says so; well formed where every call was one."""
        is_sound = all(one.status not in ("malformed", "unknown") for one in play.calls)
        return Grade(hits=(play.solved is True,), well_formed=is_sound and not end.was_cut_short)

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


__all__ = ["ALONE", "Environment", "Failed"]
