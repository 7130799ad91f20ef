"""Options of some algorithms alone, who chose a value, and pages as TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.test_config import complaint, load, written

from straw.config import (
    Algorithm,
    Page,
    describe_options,
    dump,
    load_page,
    with_values,
)

# --- options that only some algorithms have


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            "algorithm=grpo pool=4096",
            "pool is an option of surrogate; got pool=4096 with algorithm=grpo. Leave it out, or write "
            "algorithm=surrogate.",
        ),
        (
            "most_updates=4",
            "most_updates is an option of reward_aware and surrogate; got most_updates=4 with algorithm=reinforce. "
            "Leave it out, or write algorithm=reward_aware.",
        ),
        ("fresh=64", "fresh is an option of surrogate; got fresh=64 with algorithm=reinforce."),
        ("algorithm=reward_aware pool=8", "pool is an option of surrogate; got pool=8 with algorithm=reward_aware."),
        ("algorithm=grop pool=4096", "there is no algorithm 'grop': did you mean 'grpo'?"),
        ("algorithm=surrogate pool=0", "pool is the unrewarded completions that surrogate samples first"),
        ("algorithm=surrogate poool=8", "there is no option 'poool'; did you mean 'pool'?"),
        ("run.pool=8", "pool is an option of [algorithm]; got 'run.pool'."),
    ],
)
def test_an_option_of_another_algorithm_is_refused_with_whose_it_is(args: str, message: str) -> None:
    assert complaint(*args.split()).startswith(message)


def test_an_algorithm_s_own_options_are_read_in_whatever_order_and_from_a_page(tmp_path: Path) -> None:
    for args in (
        "pool=8 algorithm=surrogate",
        "--algorithm surrogate --pool 8",
        "algorithm.algorithm=surrogate pool=8",
    ):
        assert load(*args.split()).page.algorithm.pool == 8
    path = written(tmp_path, '[algorithm]\nalgorithm = "surrogate"\npool = 8')
    assert load("fresh=3", page=path).page.algorithm.fresh == 3
    assert load_page(path).page.algorithm.pool == 8


OLD = '[algorithm]\nalgorithm = "{}"\nmost_updates = "none"\ntarget_kl = "none"\npool = {}\nfresh = 64\n'


def test_a_page_of_before_which_has_every_option_at_its_default_is_read(tmp_path: Path) -> None:
    loaded = load_page(written(tmp_path, OLD.format("grpo", '"none"')))
    assert loaded.page == load("algorithm=grpo").page and loaded.named == {"algorithm"}
    path = written(tmp_path, OLD.format("grpo", 4096))
    assert complaint(page=path).startswith(f"{path}: pool is an option of surrogate; got pool=4096 with algorithm=grpo")
    assert load_page(path, code={}).page == load("algorithm=grpo").page  # a run never read it


def test_who_replaces_an_algorithm_replaces_its_options(tmp_path: Path) -> None:
    path = written(tmp_path, 'algorithm = "surrogate"\npool = 8\nmost_updates = 3\ngroup_size = 8')
    assert load("algorithm=grpo", page=path).page == load("algorithm=grpo", "group_size=8").page
    assert load("algorithm=reward_aware", page=path).page.algorithm.most_updates == 3
    assert "pool is an option of surrogate" in complaint("algorithm=grpo", "pool=8", page=path)
    path = written(tmp_path, "pool = 8")  # which was nobody's
    assert load("algorithm=surrogate", page=path).page.algorithm.pool == 8
    assert "pool is an option of surrogate" in complaint("algorithm=grpo", page=path)


def test_another_algorithm_keeps_all_that_it_has_an_option_for() -> None:
    page = load("algorithm=surrogate", "most_updates=3", "pool=8", "group_size=8").page
    aware = with_values(page, {"algorithm": "reward_aware"}).algorithm
    assert (aware.group_size, aware.most_updates) == (8, 3) and not hasattr(aware, "pool")  # type: ignore[attr-defined]
    again = with_values(with_values(page, {"algorithm": "grpo"}), {"algorithm": "surrogate"}).algorithm
    assert (again.group_size, again.pool) == (8, None)  # type: ignore[attr-defined]
    made = Page(algorithm=Algorithm(algorithm="surrogate", group_size=8))  # in code
    assert with_values(made, {"pool": 8}).algorithm.pool == 8  # type: ignore[attr-defined]


def test_a_page_of_an_algorithm_names_all_its_options_and_loads_as_the_same(tmp_path: Path) -> None:
    page = load("algorithm=surrogate", "pool=8").page
    assert len([line for line in dump(page).splitlines() if " = " in line]) == len(
        describe_options("secret", "surrogate")
    )
    assert load(page=written(tmp_path, dump(page))).page == page


# --- who chose what


def test_the_command_line_comes_before_the_page_and_the_page_before_the_defaults(tmp_path: Path) -> None:
    page = load("N=16", page=written(tmp_path, "N = 32\ngroup_size = 8")).page
    assert (page.task.N, page.algorithm.group_size, page.algorithm.batch_size) == (16, 8, 1)


def test_tuned_values_never_replace_what_somebody_named(tmp_path: Path) -> None:
    loaded = load("lr=1e-3", page=written(tmp_path, "group_size = 8"))
    assert loaded.named == {"learning_rate", "group_size"}
    page = loaded.with_defaults({"learning_rate": 3e-4, "group_size": 2, "replay": 1})
    assert (page.optimizer.learning_rate, page.algorithm.group_size, page.algorithm.replay) == (1e-3, 8, 1)


def test_none_asks_for_the_tuned_value(tmp_path: Path) -> None:
    loaded = load("lr=none", page=written(tmp_path, "lr = 1e-3"))
    assert loaded.named == frozenset()
    assert loaded.with_defaults({"learning_rate": 3e-4}).optimizer.learning_rate == 3e-4


def test_a_page_may_be_valid_only_together_with_the_command_line(tmp_path: Path) -> None:
    assert load("N=1024", page=written(tmp_path, "fixed_secret = 700")).page.task.fixed_secret == 700


# --- TOML


@pytest.mark.parametrize(
    "text",
    [
        'N = 16\nreward_type = "dense"\nenv_type = "multi_step"',
        '[task]\nN = 16\nenv_type = "multi_step"\n[reward]\nreward_type = "dense"',
        'task = { N = 16, env_type = "multi_step" }\nreward = { reward_type = "dense" }',
        'reward_type = "dense"\n[task]\nenv = "multi_step"\nN = 16\n',
    ],
)
def test_a_page_has_sections_or_has_none(tmp_path: Path, text: str) -> None:
    page = load(page=written(tmp_path, text)).page
    assert (page.task.N, page.task.env_type, page.reward.reward_type) == (16, "multi_step", "dense")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[algorithm]\ngrup_size = 4", "there is no option 'algorithm.grup_size'; did you mean 'group_size'?"),
        ("[algoritm]\ngroup_size = 4", "there is no section 'algoritm'; did you mean 'algorithm'?"),
        ("[run]\nN = 4", "N is an option of [task]; got 'run.N'."),
        ("N = 4.0", "N is a whole number; got 4.0."),
        ("N = true", "N is a whole number; got True."),
        ("fast_llama = 1", "fast_llama is true or false; got 1."),
        ("learning_rate = inf", "learning_rate is a finite number or none; got inf."),
        ("question = 7", "question is text; got 7."),
        ("stop = [1]", "stop is texts, a,b; got [1]."),
        ("reward_type = [1]", "reward_type is one of the rewards or none; got [1]."),
        ("dtype = [1]", "dtype is one of auto, float32, bfloat16; got [1]."),
        ("lr = 1e-3\nlearning_rate = 1e-3", "learning_rate is written twice."),
        ("N = sixteen", "this page is not TOML: "),
    ],
)
def test_a_wrong_page_is_named_with_its_key(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    assert complaint(page=path).startswith(f"{path}: {message}")


def test_a_page_that_is_not_there_is_a_clear_line(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        assert complaint(page=path).startswith(f"{path}: this page cannot be read (")


def test_a_page_that_is_no_text_is_a_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "page.toml"
    path.write_bytes(b"\xff\xfe")
    assert "this page is not TOML" in complaint(page=path)


def test_a_dumped_page_names_every_option_in_its_section() -> None:
    lines = dump(Page()).splitlines()
    assert lines[:4] == ["[task]", 'kind = "secret"', 'env_type = "single_step"', "N = 64"]
    assert len([line for line in lines if " = " in line]) == len(describe_options())


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "N": st.integers(1, 10**15),
            "question": st.text(),
            "stop": st.lists(st.text()).map(tuple),
            "run_dir": st.none() | st.text(min_size=1).filter(lambda text: text.lower() not in ("none", "null")),
            "learning_rate": st.none() | st.floats(1e-300, 1),
            "fixed_secret": st.sampled_from([None, 0]),
            "fast_llama": st.booleans(),
            "credit": st.sampled_from(["turn", "sum"]),
        },
    )
)
def test_a_dumped_page_loads_as_the_same_page(tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]) -> None:
    page = with_values(Page(), values)
    path = tmp_path_factory.getbasetemp() / "page.toml"
    path.write_text(dump(page), encoding="utf-8")
    assert load_page(path).page == page
