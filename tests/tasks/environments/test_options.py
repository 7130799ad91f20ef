"""What a run in an environment is set to where nobody chose."""

from __future__ import annotations

from typing import Any

import pytest

from straw.config import load_page
from straw.errors import ConfigError
from straw.tasks.environments.options import EnvironmentOptions, WorldOptions
from straw.tasks.openenv.options import OpenEnvOptions
from straw.tasks.verifiers.options import VerifiersOptions

GUESS = "env:straw.tasks.environments.guess:Guess"
RUN = {
    "algorithm": "grpo", "group_size": 8, "batch_size": 4, "kl_coef": 0.0, "max_tokens": 256, "eval_every": 25,
    "eval_samples": 64, "n_batches": 100,
}  # fmt: skip


def page(**words: Any) -> Any:
    return load_page(None, {"kind": GUESS, **words}).page


@pytest.mark.parametrize("kind", [EnvironmentOptions, OpenEnvOptions, VerifiersOptions])
def test_a_run_in_a_world_is_grpo_for_a_hundred_steps_and_a_model_from_nothing_is_warmed_up(
    kind: type[WorldOptions],
) -> None:
    options = kind()
    assert options.defaults(page(model_name="smollm2", seed=7)) == RUN | {"task_seed": 7}
    warm_up = {"warmup_batch": 16, "warmup_learning_rate": 2e-3, "warmup_steps": 600}
    assert options.defaults(page(model_name="tiny-0.2M", seed=7)) == RUN | {"task_seed": 7} | warm_up


def test_all_weights_of_a_real_model_take_a_tenth_of_the_rate_and_adapters_all_of_it() -> None:
    tuning = EnvironmentOptions().tuning(page())
    assert (tuning.values, tuning.whole, tuning.large) == ({"learning_rate": 2e-4}, 10.0, 0.25)


def test_a_world_has_turns_pays_by_itself_and_wants_calls_that_are_well_formed() -> None:
    options = WorldOptions(kind="env")
    assert options.has_turns and options.references_explain and options.default_channel == "environment"
    assert options.enough_accuracy == 0.95


def test_what_an_episode_may_take_is_bounded_on_both_sides() -> None:
    make: Any = EnvironmentOptions
    for name, least, most in (
        ("max_turns", 1, 1_000), ("max_episode_tokens", 2, 1_048_576), ("max_result", 16, 1_000_000),
        ("num_problems", 1, None),
    ):  # fmt: skip
        for value in (least, most or least):
            assert getattr(make(kind="env", **{name: value}), name) == value
        for value in (least - 1, *([most + 1] if most else [])):
            with pytest.raises(ConfigError, match=name):
                make(kind="env", **{name: value})
    for seconds in (0.0, -1.0):
        with pytest.raises(ConfigError, match="env_seconds"):
            EnvironmentOptions(kind="env", env_seconds=seconds)


def test_nothing_else_is_chosen_for_anybody() -> None:
    options: Any = EnvironmentOptions(kind="env")
    assert (options.environments, options.tools, options.stop_when_done) == ((), (), False)
    assert options.max_episode_tokens is options.path is options.eval_path is options.num_problems is None
    assert options.task_seed is None and options.tool_form == "auto"
