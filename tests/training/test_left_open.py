from __future__ import annotations

import pytest
from tests.small_runs import small_page, small_plan

from straw.config import dump, load_page, parse_overrides
from straw.errors import ConfigError
from straw.training.assemble import plan_of


def page_of(*words: str):
    return plan_of(load_page(None, parse_overrides(list(words)))).page


def test_the_study_s_defaults():
    page = page_of("task=sum_digits", "model_name=some/model")
    assert (page.task.kind, page.run.n_batches, page.run.eval_samples, page.run.verbose) == (
        "sum_digits",
        20,
        20,
        False,
    )
    assert (page.engine.num_generators, page.algorithm.group_size, page.algorithm.batch_size) == (2, 1, 2)
    assert (page.reward.reward_type, page.algorithm.algorithm) == ("plus_minus", "reinforce_ema")
    assert (page.algorithm.baseline, page.algorithm.weigh) == ("ema", "reply")


def test_a_model_that_can_talk_gets_the_long_prompt_and_no_warm_up():
    real, small = page_of("task=reverse_digits", "model_name=some/model"), page_of("task=reverse_digits")
    assert (real.task.prompt, real.warmup.warmup, real.warmup.warmup_accuracy) == ("long", "none", None)
    assert (small.task.prompt, small.warmup.warmup, small.warmup.warmup_accuracy) == ("short", "auto", 0.35)
    asked = page_of("task=reverse_digits", "model_name=some/model", "warmup=auto", "prompt=short")
    assert (asked.task.prompt, asked.warmup.warmup, asked.warmup.warmup_accuracy) == ("short", "auto", 0.35)


@pytest.mark.parametrize(
    ("words", "group_size", "batch_size"),
    [
        ("num_generators=4", 1, 4),
        ("num_generators=4 samples_per_step=6", 1, 6),
        ("num_generators=4 batch_size=3", 1, 3),
        ("num_generators=4 group_size=2", 2, 2),
        ("num_generators=3 group_size=2", 2, 2),  # whole groups
        ("group_size=4 samples_per_step=8", 4, 2),
        ("group_size=4 samples_per_step=8 batch_size=2", 4, 2),
    ],
)
def test_a_batch_has_an_attempt_of_each_generator_unless_it_is_told_its_size(words, group_size, batch_size):
    ours = page_of("task=sum_digits", *words.split()).algorithm
    assert (ours.group_size, ours.batch_size, ours.samples_per_step) == (group_size, batch_size, None)


def test_attempts_that_make_no_whole_groups_are_refused():
    with pytest.raises(ConfigError, match=r"got samples_per_step=6 with group_size=4\. Leave batch_size out"):
        page_of("task=sum_digits", "group_size=4", "samples_per_step=6")
    with pytest.raises(ConfigError, match="samples_per_step=8 with group_size=4 and batch_size=3"):
        page_of("task=sum_digits", "group_size=4", "samples_per_step=8", "batch_size=3")


def test_the_secret_game_keeps_its_batches_whatever_the_generators():
    ours = small_plan("num_generators=4").page.algorithm
    assert (ours.group_size, ours.batch_size) == (4, 1)
    assert small_plan("samples_per_step=12").page.algorithm.batch_size == 3


def test_no_generators_are_refused():
    with pytest.raises(
        ConfigError, match=r"num_generators is the number of generators and has to be >= 1; got num_gene"
    ):
        page_of("task=sum_digits", "num_generators=0")


def test_a_warm_up_for_a_secret_cannot_be_measured_by_accuracy():
    with pytest.raises(ConfigError, match=r"got warmup_accuracy=0\.5\. Write warmup_mass and warmup_distance"):
        small_plan("warmup_accuracy=0.5")


def test_what_pays_by_parts_or_distance_is_refused_for_digits():
    with pytest.raises(ConfigError, match="Write reward_type=plus_minus"):
        page_of("task=sum_digits", "reward_type=dense")
    with pytest.raises(ConfigError, match="write reward_type=plus_minus"):
        page_of("task=sum_digits", "reward_type=log_distance")


def test_options_of_one_task_are_none_of_another():
    with pytest.raises(ConfigError, match="there is no option 'N'"):
        page_of("task=sum_digits", "N=8")
    with pytest.raises(ConfigError, match="there is no option 'prompt'"):
        page_of("task=secret", "prompt=short")


@pytest.mark.parametrize(
    "words", ["task=sum_digits", "task=reverse_digits model_name=a/b num_generators=3 algorithm=sft"]
)
def test_a_plan_of_digits_written_as_a_page_is_the_same_plan(words, tmp_path):
    page = plan_of(small_page(words)).page
    (tmp_path / "page.toml").write_text(dump(page))
    assert plan_of(load_page(tmp_path / "page.toml")).page == page


@pytest.mark.parametrize(
    ("words", "steps", "every"),
    [
        ("N=64 reward_type=binary", 96, 2),
        ("N=64 reward_type=log_distance", 150, 3),
        ("N=64 env_type=multi_step", 105, 4),  # 64 answers of 6 turns
        ("N=64 reward_type=binary n_batches=8", 8, 1),
        ("N=64 reward_type=binary n_batches=100000", 100_000, 100),  # the study's, where the run is long
        ("N=1024 reward_type=log_distance", 250, 11),  # a measurement reads 1,024 answers: 1,024 / (25 x 4)
        ("N=1024 reward_type=log_distance n_batches=2500", 2500, 62),
        ("N=64 reward_type=binary eval_every=50", 96, 50),
        ("kind=reverse_digits", 20, 100),  # accuracy: before and after
    ],
)
def test_bits_are_measured_often_enough_to_draw_a_curve_unless_somebody_chose(words, steps, every):
    page = page_of(*words.split())
    assert (page.run.n_batches, page.run.eval_every) == (steps, every)
