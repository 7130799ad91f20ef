from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from tests.made_data import gsm8k_folder
from tests.small_runs import small_page, small_plan

from straw.config import Page, dump, load_page, parse_overrides
from straw.errors import ConfigError
from straw.training.resolve import generators as processes
from straw.training.resolve.page_to_plan import plan_of


def page_of(*words: str) -> Any:
    return plan_of(load_page(None, parse_overrides(list(words)))).page


def test_the_study_s_defaults() -> None:
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


CODE = {
    "algorithm": {"ema_decay": 0.9, "ema_start": 0.5, "ema_update": "batch", "kl_coef": 0.0, "entropy_coef": 0.0},
    "optimizer": {
        "learning_rate": 5e-6, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01, "grad_clip": 1.0,
        "schedule": "constant", "lr_warmup": 0.0,
    },
    "sampling": {"temperature": 0.7, "max_tokens": 256},
    "run": {"eval_temperature": 0.0, "eval_samples": 20, "n_batches": 20},
    "model": {"lora_rank": 0},
    "warmup": {"warmup": "none"},
}  # fmt: skip


@pytest.mark.parametrize("task", ["sum_digits", "reverse_digits"])
def test_a_real_model_takes_what_the_study_s_code_says(task: str) -> None:
    page = page_of(f"task={task}", "model_name=Qwen/Qwen2.5-0.5B-Instruct")
    assert {
        section: {name: getattr(getattr(page, section), name) for name in CODE[section]} for section in CODE
    } == CODE


def test_an_embedded_model_keeps_what_was_tuned_for_it() -> None:
    page = page_of("task=reverse_digits")
    assert (page.optimizer.learning_rate, page.optimizer.beta2, page.optimizer.weight_decay) == (1e-4, 0.95, 0.0)
    assert (page.algorithm.ema_start, page.algorithm.ema_update) == (0.0, "reply")
    assert (page.sampling.temperature, page.run.eval_temperature) == (1.0, None)


def test_the_study_s_values_give_way_to_what_the_page_says() -> None:
    real = ("task=sum_digits", "model_name=some/model")
    assert page_of(*real, "temperature=1", "ema_start=0").sampling.temperature == 1
    assert page_of(*real, "eval_replies=4").run.eval_temperature is None
    assert page_of(*real, "prompt=short").sampling.max_tokens is None
    assert page_of(*real, "lora_rank=8").optimizer.learning_rate == 5e-5
    with pytest.raises(ConfigError, match=r"got eval_replies=4 with eval_temperature=0\. Write eval_temperature=1"):
        page_of(*real, "eval_replies=4", "eval_temperature=0")


def test_hosts_that_are_said_from_outside_mean_processes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAW_HOSTS", "here,tls://b:26100,tls://c:26100")
    plan = plan_of(load_page(None, {"task": "secret"}))
    assert (plan.page.engine.engine, plan.page.engine.num_generators, plan.page.engine.hosts) == ("monarch", 3, ())
    assert "STRAW_HOSTS=here,tls://b:26100,tls://c:26100 means processes: engine=monarch" in plan.notes
    assert plan_of(load_page(None, {"task": "secret", "engine": "local"})).page.engine.engine == "local"


@pytest.mark.parametrize(
    ("words", "reason", "engine", "said"),
    [
        ("num_generators=3", None, "monarch", "num_generators=3 means processes: engine=monarch (write engine=local"),
        ("num_generators=3", "it is not there", "local", "means processes; it is not there, so engine=local, one"),
        ("num_generators=3 engine=local", None, "local", ""),
        ("num_generators=3 engine=monarch", "it is not there", "monarch", ""),
        ("batch_size=3", None, "local", ""),
    ],
)
@pytest.mark.parametrize("task", ["task=sum_digits", "task=secret"])
def test_who_names_generators_means_processes(
    words: str, reason: str | None, engine: str, said: str, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "lack_of_monarch", lambda: reason)
    plan = plan_of(load_page(None, parse_overrides([task, *words.split()])))
    assert plan.page.engine.engine == engine
    assert [said in note for note in plan.notes] == [True] * bool(said)


def test_what_is_missing_of_monarch_is_told_in_a_few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", missing)
    assert processes.lack_of_monarch() == "engine=monarch needs torchmonarch 0.7 and it is not installed"


def test_a_model_that_can_talk_gets_the_long_prompt_and_no_warm_up() -> None:
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
def test_a_batch_has_a_rollout_of_each_generator_unless_it_is_told_its_size(
    words: str, group_size: int, batch_size: int
) -> None:
    ours = page_of("task=sum_digits", *words.split()).algorithm
    assert (ours.group_size, ours.batch_size, ours.samples_per_step) == (group_size, batch_size, None)


def test_rollouts_that_make_no_whole_groups_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"got samples_per_step=6 with group_size=4\. Leave batch_size out"):
        page_of("task=sum_digits", "group_size=4", "samples_per_step=6")
    with pytest.raises(ConfigError, match="samples_per_step=8 with group_size=4 and batch_size=3"):
        page_of("task=sum_digits", "group_size=4", "samples_per_step=8", "batch_size=3")


def test_the_secret_game_keeps_its_batches_whatever_the_generators() -> None:
    ours = small_plan("num_generators=4").page.algorithm
    assert (ours.group_size, ours.batch_size) == (4, 1)
    assert small_plan("samples_per_step=12").page.algorithm.batch_size == 3


def test_no_generators_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"num_generators is the number of generator processes .* and has to be >= 1"):
        page_of("task=sum_digits", "num_generators=0")


def test_a_warm_up_for_a_secret_cannot_be_measured_by_accuracy() -> None:
    with pytest.raises(ConfigError, match=r"got warmup_accuracy=0\.5\. Write warmup_mass and warmup_distance"):
        small_plan("warmup_accuracy=0.5")


def test_what_pays_by_parts_or_distance_is_refused_for_digits() -> None:
    with pytest.raises(ConfigError, match="Write reward_type=plus_minus"):
        page_of("task=sum_digits", "reward_type=dense")
    with pytest.raises(ConfigError, match="write reward_type=plus_minus"):
        page_of("task=sum_digits", "reward_type=log_distance")


def test_options_of_one_task_are_none_of_another() -> None:
    with pytest.raises(ConfigError, match="there is no option 'N'"):
        page_of("task=sum_digits", "N=8")
    with pytest.raises(ConfigError, match="there is no option 'prompt'"):
        page_of("task=secret", "prompt=short")


@pytest.mark.parametrize(
    "words", ["task=sum_digits", "task=reverse_digits model_name=a/b num_generators=3 algorithm=sft"]
)
def test_a_plan_of_digits_written_as_a_page_is_the_same_plan(words: str, tmp_path: Path) -> None:
    page = plan_of(small_page(words)).page
    (tmp_path / "page.toml").write_text(dump(page))
    assert plan_of(load_page(tmp_path / "page.toml")).page == page


# --- the memory study's paper, its code, and ours

MEMORY = (
    "novelty", "write_first", "embed", "memory_values", "explore_warmup", "explore_warmup_keys", "constant_window",
    "groups_per_key",
)  # fmt: skip
OURS = ("outside", False, "reasoning", 100, 50, 0, 0.5, 1)


def study(folder: Path, *words: str) -> Page:
    return page_of("task=gsm8k", f"path={gsm8k_folder(folder)}", "model_name=some/model", "encoder=policy", *words)


def memory_of(page: Page) -> tuple[object, ...]:
    return tuple(getattr(page.memory, name) for name in MEMORY)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("use_ir=knn+", ("inside", False, "response", 100, 50, 0, 0.0, 1)),
        ("use_ir=knn", ("inside", False, "response", 100, 50, 0, 0.0, 1)),
        ("use_ir=knn+ write_first=true bs=2 gc=8", ("inside", True, "reasoning", 100, 0, 500, 0.5, 2)),
        ("use_ir=knn write_first=true", ("inside", True, "reasoning", 1000, 0, 500, 0.5, 1)),
        ("use_ir=elliptical", OURS),
        ("use_ir=extra", OURS),
    ],
)
def test_problems_that_are_read_get_the_study_s_memory(words: str, values: Any, tmp_path: Path) -> None:
    page = study(tmp_path, *words.split())
    assert memory_of(page) == values
    assert page.sampling.temperature == 0.9


def test_a_value_that_somebody_names_stays(tmp_path: Path) -> None:
    words = "use_ir=knn write_first=true memory_values=7 embed=response explore_warmup_keys=3 temperature=1"
    page = study(tmp_path, *words.split())
    assert memory_of(page) == ("inside", True, "response", 7, 0, 3, 0.5, 1)
    assert page.sampling.temperature == 1
    assert study(tmp_path, "use_ir=knn+", "novelty=outside").memory.novelty == "outside"


@pytest.mark.parametrize("task", ["countdown", "secret", "sum_digits"])
def test_problems_that_are_made_get_ours(task: str) -> None:
    page = page_of(f"task={task}", "use_ir=knn+", "encoder=policy")
    assert (memory_of(page), page.sampling.temperature) == (OURS, 1)
    as_published = page_of(f"task={task}", "use_ir=knn+", "encoder=policy", "write_first=true", "bs=3", "gc=2")
    assert memory_of(as_published) == ("inside", True, "reasoning", 100, 50, 0, 0.5, 3)


@pytest.mark.parametrize("words", ["use_ir=knn+", "use_ir=knn write_first=true bs=2 gc=2"])
def test_a_plan_of_the_study_written_as_a_page_is_the_same_plan(words: str, tmp_path: Path) -> None:
    page = study(tmp_path, *words.split())
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
def test_bits_are_measured_often_enough_to_draw_a_curve_unless_somebody_chose(
    words: str, steps: int, every: int
) -> None:
    page = page_of(*words.split())
    assert (page.run.n_batches, page.run.eval_every) == (steps, every)
