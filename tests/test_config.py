from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from straw.config import (
    ALIASES,
    Algorithm,
    Loaded,
    Page,
    describe_options,
    load_page,
    parse_overrides,
)
from straw.config.page import task_section
from straw.errors import ConfigError
from straw.registry import names
from straw.tasks.secret.numbers import SecretOptions


def load(*args: str, page: Path | None = None) -> Loaded:
    return load_page(page, parse_overrides(list(args)))


def complaint(*args: str, page: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(*args, page=page)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def written(folder: Path, text: str) -> Path:
    path = folder / "page.toml"
    path.write_text(text)
    return path


# --- one name, many spellings


@pytest.mark.parametrize(
    "args",
    [
        ["group_size=8"],
        ["group-size=8"],
        ["--group_size", "8"],
        ["--group-size", "8"],
        ["--group-size=8"],
        ["algorithm.group_size=8"],
        ["group_size=8", "--group-size", "8"],
    ],
)
def test_every_spelling_means_the_same(args: list[str]) -> None:
    assert parse_overrides(args) == {"group_size": "8"}


def test_a_bare_flag_is_true_and_does_not_swallow_its_neighbour() -> None:
    assert parse_overrides(["--trust-remote-code", "N=4"]) == {"trust_remote_code": "true", "N": "4"}
    assert parse_overrides(["--fast-llama", "no", "--seed", "1"]) == {"fast_llama": "no", "seed": "1"}


def test_values_may_begin_with_a_dash_and_hold_an_equals_sign() -> None:
    assert parse_overrides(["--baseline-constant", "-1", "--question=a=b"]) == {
        "baseline_constant": "-1",
        "question": "a=b",
    }


def test_the_words_of_the_studies_are_understood() -> None:
    page = load("lr=1e-4", "--num-steps", "20", "model=tiny-5M", "env=multi_step").page
    assert (page.optimizer.learning_rate, page.run.n_batches) == (1e-4, 20)
    assert (page.model.model_name, page.task.env_type) == ("tiny-5M", "multi_step")


def test_the_words_of_the_memory_study_are_understood() -> None:
    words = "--model_name=org/name --use_ir=no --k=3 --nepochs=2 --seed 0 --bs 2 --gc 8 --L 200"
    page = load("kind=gsm8k", "--num_shots=1", *words.split()).page
    assert (page.model.model_name, page.memory.use_ir, page.memory.k, page.task.num_shots) == ("org/name", "no", 3, 1)
    assert (page.run.num_epochs, page.run.seed, page.sampling.max_tokens) == (2, 0, 200)
    assert (page.algorithm.problems_at_once, page.algorithm.accumulation) == (2, 8)


@pytest.mark.parametrize(
    ("text", "arg", "expected"),
    [
        ("batch_size = 16", "bs=2", {"problems_at_once": 2, "batch_size": 1}),
        ("bs = 2\ngc = 8", "batch_size=3", {"problems_at_once": None, "accumulation": None, "batch_size": 3}),
        ("bs = 2\ngc = 8", "gc=4", {"problems_at_once": 2, "accumulation": 4}),
        ("bs = 2", "samples_per_step=8", {"problems_at_once": None, "samples_per_step": 8}),
        ("batch_size = 16", "bs=none", {"problems_at_once": None, "batch_size": 16}),
    ],
)
def test_other_words_for_the_same_thing_overrule_the_page(tmp_path: Path, text: str, arg: str, expected: dict) -> None:
    ours = load(arg, page=written(tmp_path, text)).page.algorithm
    assert {name: getattr(ours, name) for name in expected} == expected


def test_passes_and_batches_overrule_each_other(tmp_path: Path) -> None:
    assert load("n_batches=5", page=written(tmp_path, "nepochs = 1")).page.run.num_epochs is None
    assert load("nepochs=2", page=written(tmp_path, "n_batches = 5")).page.run.n_batches is None
    assert load("lr_warmup_steps=2", page=written(tmp_path, "lr_warmup = 0.1")).page.optimizer.lr_warmup == 0.0


def test_an_alias_leads_to_an_option_and_hides_none() -> None:
    names = {option.name for option in describe_options("gsm8k")} | {option.name for option in describe_options()}
    assert set(ALIASES.values()) <= names
    assert not set(ALIASES) & names


def test_every_name_is_unique_over_all_sections() -> None:
    assert Counter(option.name for option in describe_options()).most_common(1)[0][1] == 1


def test_every_option_has_a_line_of_help_and_an_example() -> None:
    for option in describe_options():
        assert 5 < len(option.help) < 80, option.name
        assert option.example not in (None, "", ()), option.name


@pytest.mark.parametrize("kind", names("tasks"))
def test_the_options_of_every_task_have_one_too(kind: str) -> None:
    for option in describe_options(kind):
        assert option.section != "task" or 5 < len(option.help) < 80, option.name
    assert task_section(kind)().kind in (kind, "gym:chain_sum", "env")


# --- values


@pytest.mark.parametrize(
    ("arg", "section", "value"),
    [
        ("N=1024", "task", 1024),
        ("fixed_secret=none", "task", None),
        ("reward_type=dense", "reward", "dense"),
        ("learning_rate=1e-4", "optimizer", 1e-4),
        ("grad_clip=.5", "optimizer", 0.5),
        ("baseline=null", "algorithm", None),
        ("gradient_checkpointing=yes", "model", True),
        ("fast_llama=False", "model", False),
        ("stop=END,Question:", "sampling", ("END", "Question:")),
        ("stop=", "sampling", ()),
        ("warmup=none", "warmup", "none"),
    ],
)
def test_text_becomes_a_value_of_the_option_s_type(arg: str, section: str, value: object) -> None:
    found = getattr(getattr(load(arg, "env_type=multi_step").page, section), arg.partition("=")[0])
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("arg", "message"),
    [
        ("N=sixteen", "N is a whole number; got 'sixteen'. Write for example N=64."),
        ("N=1e3", "N is a whole number; got '1e3'. Write for example N=64."),
        ("N=1_000", "N is a whole number; got '1_000'. Write for example N=64."),
        ("N=٣", "N is a whole number; got '٣'. Write for example N=64."),
        ("replay=x", "replay is a whole number or none; got 'x'. Write for example replay=1."),
        ("lr=nan", "learning_rate is a finite number or none; got 'nan'. Write for example learning_rate=0.0003."),
        ("eps=1e999", "eps is a finite number; got '1e999'. Write for example eps=1e-08."),
        (
            "env_type=multistep",
            "env_type is one of single_step, multi_step; got 'multistep'. Did you mean 'multi_step'?",
        ),
        ("form=q", "form is one of normalised, raw; got 'q'. Write for example form=normalised."),
        ("fast_llama=maybe", "fast_llama is true or false; got 'maybe'. Write for example fast_llama=true."),
        ("run_dir=", "run_dir is text or none; got ''. Write for example run_dir=runs/first."),
        ("question=\udcff", r"question is text; got '\udcff'. Write for example question=how fast?."),
    ],
)
def test_a_value_of_the_wrong_kind_gets_rule_value_and_way_out(arg: str, message: str) -> None:
    assert complaint(arg) == message


def test_a_number_too_long_to_read_is_not_repeated_in_full() -> None:
    assert len(complaint("N=" + "9" * 5000)) < 120


# --- names that are not there


def test_an_unknown_option_is_told_its_neighbour_and_where_all_are() -> None:
    assert complaint("grup_size=3") == (
        "there is no option 'grup_size'; did you mean 'group_size'? `straw train --help` names every one."
    )
    assert "did you mean 'N'?" in complaint("n=3")
    assert "did you mean" not in complaint("xyzzy=3")


def test_an_option_of_another_section_is_sent_home() -> None:
    assert complaint("run.N=3") == "N is an option of [task]; got 'run.N'. Write task.N or just N."


def test_an_unknown_task_is_refused() -> None:
    assert complaint("kind=secrets") == "there is no task 'secrets': did you mean 'secret'?"


def test_words_that_are_no_option_are_refused() -> None:
    assert "got 'secret'" in complaint("secret")
    assert complaint("--N", "--seed=1") == "--N needs a whole number behind it. Write for example N=64."


# --- pages that cannot be run


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("N=0", "N is the number of possible secrets and has to be >= 1; got N=0. Write for example N=64."),
        ("reward_bins=1", "got reward_bins=1. One bin always pays the same: for a 3-bit channel write reward_bins=8."),
        ("fixed_secret=64", "fixed_secret is one of the N=64 numbers 0 to 63; got fixed_secret=64."),
        ("fixed_secret=-1", "got fixed_secret=-1."),
        ("num_secrets=0", "got num_secrets=0."),
        ("length=0", "got length=0."),
        ("length=2 env_type=multi_step", "got length=2 with env_type=multi_step. Write length=1"),
        ("reward_type=dense", "Write env_type=multi_step."),
        ("group_size=1 baseline=group", "got group_size=1 with batch_size=1: there is no advantage."),
        ("group_size=1 baseline=zscore", "Write group_size=4, or baseline=ema or baseline=constant."),
        ("flip_probability=0.6", "has to be <= 0.5; got flip_probability=0.6."),
        ("temperature=0", "has to be > 0; got temperature=0.0."),
        ("top_p=0.9", "got top_p=0.9 and top_k=0"),
        ("top_k=5", "Write top_p=1 top_k=0."),
        ("learning_rate=0", "got learning_rate=0.0."),
        ("group_size=0", "got group_size=0."),
        ("n_batches=0", "got n_batches=0."),
        ("threads=0", "got threads=0."),
        ("beta2=1", "has to be < 1; got beta2=1.0."),
        ("lr_warmup=0.1 lr_warmup_steps=3", "got lr_warmup_steps=3 with lr_warmup=0.1. Leave one of them out."),
    ],
)
def test_what_cannot_be_run_is_refused_with_a_reason(args: str, message: str) -> None:
    assert message in complaint(*args.split())


@pytest.mark.parametrize(
    "args",
    [
        "N=1",
        "fixed_secret=63",
        "reward_bins=2",
        "env_type=multi_step reward_type=binary",
        "env_type=multi_step reward_type=log_distance",
        "reward_type=dense length=3 credit=sum",
        "group_size=1 baseline=ema",
        "group_size=1 baseline=constant",
        "group_size=1 baseline=group algorithm=sft",
        "group_size=1 batch_size=4 baseline=group",
        "flip_probability=0.5",
        "lora_rank=0",
    ],
)
def test_what_lies_just_inside_is_accepted(args: str) -> None:
    load(*args.split())


def test_a_page_made_in_code_is_checked_too() -> None:
    with pytest.raises(ConfigError, match="got N=0"):
        SecretOptions(N=0)
    with pytest.raises(ConfigError, match="no advantage"):
        Page(algorithm=Algorithm(group_size=1, baseline="group"))
    Page(algorithm=Algorithm(group_size=1, baseline="group", algorithm="sft"))


def test_rules_are_judged_when_a_default_arrives() -> None:
    with pytest.raises(ConfigError, match="no advantage"):
        load("group_size=1").with_defaults({"baseline": "group"})


def test_the_channel_follows_the_game() -> None:
    assert load().page.channel == "binary"
    assert load("env_type=multi_step").page.channel == "dense"
    assert load("env_type=multi_step", "reward_type=binary").page.channel == "binary"
