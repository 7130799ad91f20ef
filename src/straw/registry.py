"""Names that a page may use, and where the thing behind each is found.

    find("tasks", "secret")             a name of ours: the class Secret of straw/tasks/secret/single_step.py
    find("tasks", "gym:chain_sum")      one of a family of names, gym:NAME
    find("rewards", "quiz")             what an installed package declares: the entry point quiz of straw.rewards
    find("rewards", "mine/pay.py:pay")  an attribute of a file        } where a person named it: see `outside`
    find("rewards", "my_lab.pay:pay")   an attribute of a module      }

A place is "module:attribute" and is imported when it is asked for, so that this low floor knows of the high ones by
name only, and `straw --help` loads no torch. A kind whose names live in a table beside their code points at the table
instead of repeating it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from straw import outside
from straw.errors import ConfigError, did_you_mean

ANY = "NAME"
REGISTRY: dict[str, dict[str, str] | str] = {
    "tasks": {
        "secret": "straw.tasks.secret.single_step:Secret",
        "sum_digits": "straw.tasks.digits:SumDigits",
        "reverse_digits": "straw.tasks.digits:ReverseDigits",
        "gsm8k": "straw.tasks.word_problems.tasks:Gsm8k",
        "math": "straw.tasks.word_problems.tasks:Mathematics",
        "mmlu": "straw.tasks.word_problems.tasks:Mmlu",
        "largest": "straw.tasks.largest:Largest",
        "countdown": "straw.tasks.countdown.task:Countdown",
        "code": "straw.tasks.code.task:Code",
        "livecodebench": "straw.tasks.code.task:LiveCodeBench",
        "one_line": "straw.tasks.code.one_line:OneLine",
        "data": "straw.tasks.word_problems.prompts:Prompts",
        "mixture": "straw.tasks.mixture:Mixture",
        "gym:NAME": "straw.tasks.reasoning_gym.task:Gym",
        "env": "straw.tasks.environments.task:Environment",
        "env:NAME": "straw.tasks.environments.task:Environment",
        "openenv:NAME": "straw.tasks.openenv.task:OpenEnv",
        "verifiers:NAME": "straw.tasks.verifiers.task:Verifiers",
    },
    "rewards": {
        "binary": "straw.rewards.outcome:Binary",
        "plus_minus": "straw.rewards.outcome:PlusMinus",
        "dense": "straw.rewards.outcome:Dense",
        "log_distance": "straw.rewards.log_distance:LogDistance",
        "binned_log_distance": "straw.rewards.log_distance:BinnedLogDistance",
        "tests_passed": "straw.rewards.tests_passed:TestsPassed",
        "random": "straw.rewards.controls:Random",
        "shuffled_bins": "straw.rewards.controls:ShuffledBins",
        "higher_lower": "straw.rewards.controls:HigherLower",
        "noisy_binary": "straw.rewards.controls:NoisyBinary",
        "told_in_words": "straw.rewards.words:ToldInWords",
        "told_which_digit": "straw.rewards.words:ToldWhichDigit",
        "weighted": "straw.rewards.weighted:Weighted",
        "environment": "straw.rewards.environment:EnvironmentPay",
    },
    "algorithms": "straw.algorithms.registry:NAMED",
    "baselines": "straw.algorithms.baselines:BASELINES",
    "losses": {
        "cross_entropy": "straw.algorithms.losses:cross_entropy",
        "importance_sampling": "straw.algorithms.losses:importance_sampling",
        "ppo": "straw.algorithms.losses:ppo",
        "gspo": "straw.algorithms.rows.gspo:gspo",
        "cispo": "straw.algorithms.rows.cispo:cispo",
    },
    "learners": {
        "surrogate": "straw.training.learners.surrogate:Surrogate",
        "reward_aware": "straw.training.learners.reward_aware:RewardAware",
        "regress": "straw.training.learners.regress:Regress",
        "expert_iteration": "straw.training.learners.expert_iteration:ExpertIteration",
        "es": "straw.training.learners.evolution.es:EvolutionStrategies",
        "opd": "straw.training.learners.distillation.opd:OnPolicyDistillation",
        "sdpo": "straw.training.learners.distillation.sdpo:SelfDistillation",
        "rltf_sd": "straw.training.learners.distillation.rltf_sd:TextFeedback",
        "ppo_critic": "straw.training.learners.critic.ppo_critic:Critic",
    },
    "graders": "straw.text.graders.registry:GRADERS",
    "encoders": {
        "minilm": "straw.engines.encoder:minilm_folder",
        "policy": "straw.engines.encoder:PolicyEncoder",
    },
    "generators": "straw.tasks.countdown.numbers:GENERATORS",
    "intrinsic": "straw.rewards.intrinsic.registry:INTRINSIC",
    "engines": {
        "local": "straw.engines.local.engine:in_this_process",
        "monarch": "straw.engines.monarch.engine:in_processes",
        "ranks": "straw.engines.ranks.engine:RanksEngine",
        "tinker": "straw.engines.tinker.build:Tinker",
    },
    "backends": {
        "straw": "straw.engines.backends.base:Own",
        "transformers": "straw.engines.backends.transformers:ContinuousBatching",
        "vllm": "straw.engines.backends.vllm:Vllm",
    },
}
OPTIONS = {  # the option by which a person writes a name of each kind
    "tasks": "task", "rewards": "reward_type", "algorithms": "algorithm", "baselines": "baseline", "losses": "loss_fn",
    "learners": "learner", "graders": "grader", "encoders": "encoder", "intrinsic": "use_ir", "engines": "engine",
    "generators": "countdown_generator", "backends": "generator",
}  # fmt: skip
KEYWORDS = {"rewards": "reward", "learners": "algorithm"}  # by which Python hands one in, where it is another


def find(kind: str, name: str) -> Any:
    """What `name` stands for, or a ConfigError with the nearest name there is."""
    known = entry_for(name, table(kind))
    if known is not None:
        entry = table(kind)[known]
        return at(entry) if isinstance(REGISTRY[kind], dict) else entry
    if name in declared(kind):
        return declared(kind)[name].load()
    if outside.is_spelled(name) and not is_like_a_family(kind, name):
        return checked(kind, name, outside.load(name, KEYWORDS.get(kind, OPTIONS[kind])))
    raise ConfigError(f"there is no {OPTIONS[kind]} {name!r}: {hint(name, names(kind))}")


def hint(name: str, known: list[str]) -> str:
    if name.endswith(".py"):
        return f"write what in this file it is, {name}:NAME"
    near = did_you_mean(name, known)
    return near if near.endswith("?") else f"{near}. One of your own is FILE.py:NAME or MODULE:NAME."


def is_like_a_family(kind: str, name: str) -> bool:
    """Whether gim:chain_sum was meant to be one of gym:NAME: nearly spelled so, and no module of this name is there."""
    heads = [entry.partition(":")[0] for entry in table(kind) if entry.endswith(f":{ANY}")]
    head = name.partition(":")[0]
    return bool(get_close_matches(head, heads, cutoff=0.6)) and "." not in head and find_spec(head) is None


def checked(kind: str, name: str, found: Any) -> Any:
    """Whatever kind it is of, it is a function or a class, or an object of ours."""
    if callable(found) or type(found).__module__.startswith("straw.") or hasattr(found, METHODS.get(kind, "__call__")):
        return found
    raise ConfigError(
        f"{OPTIONS[kind]}={name} is {type(found).__name__} {found!r:.40}, and has to be a function or "
        "a class: see examples/"
    )


METHODS = {"baselines": "of_batch", "graders": "judge"}  # by which an object that is neither may be known


def is_known(kind: str, name: str) -> bool:
    """Whether there is such a name, or it is spelled as one from outside."""
    return is_installed(kind, name) or outside.is_spelled(name)


def is_installed(kind: str, name: str) -> bool:
    """Whether it is one of ours or of an installed package, so that to look it up runs nobody else's code."""
    return entry_for(name, table(kind)) is not None or name in declared(kind)


def names(kind: str) -> list[str]:
    """Those of ours and of installed packages."""
    return sorted({*table(kind), *declared(kind)})


def table(kind: str) -> Mapping[str, Any]:
    entries = REGISTRY[kind]
    if isinstance(entries, dict):
        return entries
    found: Mapping[str, Any] = at(entries)
    return found


@cache
def declared(kind: str) -> dict[str, Any]:
    """Entry points of the group straw.KIND: a package that declares one was installed by a person."""
    return {point.name: point for point in entry_points(group=f"straw.{kind}")}


def at(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def entry_for(name: str, known: Container[str]) -> str | None:
    """The entry that `name` stands under: itself or its family's; None where there is none."""
    if name in known:
        return name
    head, colon, tail = name.partition(":")
    family = f"{head}:{ANY}"
    return family if colon and tail and family in known else None
