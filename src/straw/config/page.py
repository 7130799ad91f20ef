"""The page: all sections of one run, refused at birth when they cannot work together.

A page that exists can be run. Rules between sections stand here, each with its reason and a way out;
what concerns one section alone stands in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import get_type_hints

from straw.config.memory_section import Memory
from straw.config.option import Option, options_of
from straw.config.owners import FIRST_ALGORITHM, FIRST_TASK, algorithm_section, task_section
from straw.config.sections import Algorithm, Engine, Model, Optimizer, Reward, Run, Sampling, WarmUp
from straw.config.task_section import Problems, TaskSection
from straw.errors import ConfigError
from straw.outside import is_at_hand
from straw.registry import find, is_known, names

MOST_ROLLOUTS = 524_288


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that a run can be told.

    Example: Page(task=SecretOptions(N=16), reward=Reward(reward_type="binary"))
    """

    task: TaskSection = field(default_factory=lambda: task_section(FIRST_TASK)())
    problems: Problems = field(default_factory=Problems)
    reward: Reward = field(default_factory=Reward)
    algorithm: Algorithm = field(default_factory=Algorithm)
    optimizer: Optimizer = field(default_factory=Optimizer)
    model: Model = field(default_factory=Model)
    engine: Engine = field(default_factory=Engine)
    sampling: Sampling = field(default_factory=Sampling)
    memory: Memory = field(default_factory=Memory)
    warmup: WarmUp = field(default_factory=WarmUp)
    run: Run = field(default_factory=Run)

    @property
    def channel(self) -> str:
        """The reward channel in use."""
        return self.reward.reward_type or self.task.default_channel

    def __post_init__(self) -> None:
        for complaint in (
            too_many_rollouts(self),
            lack_of_parts(self),
            lack_of_advantage(self),
            cut_distribution(self),
            lack_of_generators(self),
            lack_of_slots(self),
            lack_of_pace(self),
            lack_of_order(self),
            lack_of_shared_memory(self),
            lack_of_hosts(self),
            lack_of_a_service(self),
            lack_of_ranks(self),
            lack_of_rollouts(self),
        ):
            if complaint:
                raise ConfigError(complaint)


def says(kind: str, name: str, what: str) -> bool:
    """Whether this thing says so of itself. A name that nobody knows is refused later, where it is looked up."""
    return is_known(kind, name) and is_at_hand(name) and bool(getattr(find(kind, name), what, False))


def too_many_rollouts(page: Page) -> str | None:
    """Each of two options has its bound, and all rollouts of a step are in memory together."""
    algorithm = page.algorithm
    if (rollouts := algorithm.group_size * algorithm.batch_size) <= MOST_ROLLOUTS:
        return None
    return (
        f"a step has at most {MOST_ROLLOUTS:,} rollouts, got group_size={algorithm.group_size} with "
        f"batch_size={algorithm.batch_size}, which are {rollouts:,}. Write a smaller batch_size."
    )


def lack_of_parts(page: Page) -> str | None:
    """Of a reward that nobody knows something else is said, later."""
    if page.task.has_parts or not says("rewards", page.channel, "per_part"):
        return None
    has_turns = "env_type" in vars(page.task)
    way_out = "env_type=multi_step" if has_turns else f"reward_type={page.task.default_channel}"
    return f"{page.channel} pays a rollout part by part, and this task has one part only. Write {way_out}."


def lack_of_advantage(page: Page) -> str | None:
    """A reward compared with itself teaches nothing. A baseline that is not chosen yet is judged when it is."""
    algorithm = page.algorithm
    if (
        says("algorithms", algorithm.algorithm, "is_supervised")
        or algorithm.baseline is None
        or (algorithm.group_size, algorithm.batch_size) != (1, 1)
    ):
        return None
    if not says("baselines", algorithm.baseline, "needs_others"):
        return None
    return (
        f"baseline={algorithm.baseline} compares the rollouts of a group, got group_size=1 with batch_size=1: there is "
        "no advantage. Write group_size=4, or baseline=ema or baseline=constant."
    )


def lack_of_generators(page: Page) -> str | None:
    if page.engine.engine != "local" or page.engine.max_lag == 0:
        return None
    return (
        f"generators that run ahead are processes of their own, got max_lag={page.engine.max_lag} with engine=local. "
        "Write engine=monarch, or max_lag=0."
    )


def lack_of_slots(page: Page) -> str | None:
    if page.engine.rows_at_once is None or not page.task.has_turns:
        return None
    return (
        f"a conversation keeps its slot until its last turn, got rows_at_once={page.engine.rows_at_once} with several "
        "turns. Leave rows_at_once out."
    )


def lack_of_pace(page: Page) -> str | None:
    """Running free takes steps to run ahead in, room for every generator, and rollouts that one version can finish."""
    engine = page.engine
    if engine.fresh_weights and engine.generator != "straw":
        return (
            "weights are taken between two tokens by straw's own sampler, got fresh_weights=true with "
            f"generator={engine.generator}. Write generator=straw, or leave fresh_weights out."
        )
    if engine.pace == "exact" and engine.fresh_weights:
        return (
            "weights that change between two tokens are nobody's exact version, got fresh_weights=true with "
            "pace=exact. Write pace=free, or leave fresh_weights out."
        )
    if engine.pace == "exact":
        return None
    if engine.max_lag == 0:
        return "generators that run free run ahead, got pace=free with max_lag=0. Write max_lag=1, or pace=exact."
    if page.task.has_turns:
        return "a conversation is held by one version, got pace=free with several turns. Write pace=exact."
    return None


def lack_of_order(page: Page) -> str | None:
    """Who chooses by what came of earlier rollouts has to have them."""
    problems, engine = page.problems, page.engine
    if problems.curriculum != "none" and engine.max_lag:
        return (
            f"a curriculum chooses problems by the rollouts before; got curriculum={problems.curriculum} with max_lag="
            f"{engine.max_lag}. Write max_lag=0, or leave the curriculum out."
        )
    if problems.redraws and engine.pace == "free":
        return (
            f"generators that run free finish no step together; got redraws={problems.redraws} with pace=free. Write "
            "pace=exact, or redraws=0."
        )
    if problems.redraws and page.algorithm.group_size == 1:
        return (
            f"a group of one has no variance; got redraws={problems.redraws} with group_size=1. Write redraws=0, or "
            "group_size=4."
        )
    return None


def lack_of_shared_memory(page: Page) -> str | None:
    engine = page.engine
    if engine.weights == "shared":
        return None
    if engine.engine == "local":
        return "there is nobody to push weights to, got weights=pushed with engine=local. Leave weights out."
    if engine.fresh_weights:
        return (
            "weights are taken between two tokens where they lie in shared memory, got fresh_weights=true with "
            "weights=pushed. Leave one of them out."
        )
    return None


def lack_of_hosts(page: Page) -> str | None:
    """What is about other machines must not look as if somebody minded it."""
    engine = page.engine
    if not engine.hosts:
        if engine.trainer_host != "here":
            return f"the trainer is on one of the hosts, got trainer_host={engine.trainer_host} without hosts."
        return None
    said = f"got hosts={','.join(engine.hosts)}"
    if engine.engine not in ("local", "monarch"):  # who wrote no engine gets monarch: see `training.resolve.generators`
        return f"hosts are for processes, {said} with engine={engine.engine}. Write engine=monarch."
    if engine.fresh_weights or engine.weights == "pushed":
        name = "fresh_weights=true" if engine.fresh_weights else "weights=pushed"
        return f"weights go to each host once, and are shared there, {said} with {name}. Leave {name} out."
    return None


def lack_of_a_service(page: Page) -> str | None:
    """What is about a Tinker server must not look as if somebody minded it."""
    engine = page.engine
    if engine.engine in ("local", "monarch", "ranks"):
        for name in ("base_url", "budget_usd", "prices", "train_unembed"):
            if value := getattr(engine, name):
                said = ",".join(value) if isinstance(value, tuple) else str(value).lower()
                got = f"got {name}={said} with engine={engine.engine}"
                return f"{name} is about a Tinker server, {got}. Write engine=tinker."
    return None


def lack_of_ranks(page: Page) -> str | None:
    """A trainer that is divided is an engine of its own; whose engine nobody wrote gets it: `training.resolve`."""
    engine = page.engine
    if engine.trainer_ranks == 1 or engine.engine in ("local", "ranks"):
        return None
    return (
        f"a trainer is divided by engine=ranks, got trainer_ranks={engine.trainer_ranks} with engine={engine.engine}. "
        "Write engine=ranks, or leave trainer_ranks out."
    )


def lack_of_rollouts(page: Page) -> str | None:
    if not page.memory.is_on or not says("algorithms", page.algorithm.algorithm, "is_supervised"):
        return None
    return (
        f"an intrinsic reward is for rollouts, and algorithm=sft makes none; got use_ir={page.memory.use_ir}. "
        "Write use_ir=no, or another algorithm."
    )


def cut_distribution(page: Page) -> str | None:
    sampling = page.sampling
    if sampling.top_p == 1 and sampling.top_k == 0:
        return None
    return (
        f"training needs the whole distribution, got top_p={sampling.top_p} and top_k={sampling.top_k}: with tokens "
        "left out every importance ratio is wrong by the mass that was kept. Write top_p=1 top_k=0."
    )


def options(task: str = FIRST_TASK, algorithm: str = FIRST_ALGORITHM) -> Mapping[str, Option]:
    """Every option of a page about this task and this algorithm, by name."""
    sections = task_section(task), algorithm_section(algorithm)
    if sections not in DESCRIBED:
        DESCRIBED[sections] = options_with(*sections)
    return DESCRIBED[sections]


DESCRIBED: dict[tuple[type, type], Mapping[str, Option]] = {}  # by those that bring options of their own


def options_with(task: type[TaskSection], algorithm: type[Algorithm]) -> Mapping[str, Option]:
    """The sections in their order; who brings options of its own takes no name that another section has."""
    found: dict[str, Option] = {}
    for section, kind in (get_type_hints(Page) | {"task": task, "algorithm": algorithm}).items():
        for known in options_of(kind):
            if known.name in found:
                raise ConfigError(
                    f"every option has a name of its own; got {known.name} in [{found[known.name].section}] and in "
                    f"[{section}] ({kind.__name__}). Give one of them another name."
                )
            found[known.name] = replace(known, section=section)
    return found


@cache
def options_of_algorithms() -> Mapping[str, Mapping[str, Option]]:
    """What every algorithm of ours, or of an installed package, has beside the options that all have: by algorithm."""
    return {name: options_beside(algorithm_section(name)) for name in names("algorithms")}


def options_beside(section: type[Algorithm]) -> Mapping[str, Option]:
    """An algorithm's own."""
    shared = {item.name for item in fields(Algorithm)}
    return {one.name: replace(one, section="algorithm") for one in options_of(section) if one.name not in shared}


def read_by(name: str) -> Mapping[str, Option]:
    """Which algorithms have an option that not all have, and what it is there."""
    return {algorithm: own[name] for algorithm, own in options_of_algorithms().items() if name in own}


def describe_options(task: str = FIRST_TASK, algorithm: str = FIRST_ALGORITHM) -> list[Option]:
    """What --help shows: section, name, default, what it takes, help."""
    return list(options(task, algorithm).values())
