from __future__ import annotations

import pytest

from straw.errors import ConfigError
from straw.tasks.reasoning_gym.library import (
    EVALUATORS,
    check_scorer,
    dataset,
    evaluators_in,
    read_settings,
    read_value,
    within,
)

pytest.importorskip("reasoning_gym")


def test_options_are_read_as_numbers_switches_and_words() -> None:
    words = ["min_terms=2", "allow_negation=true"]
    assert read_settings("chain_sum", words) == (("min_terms", 2), ("allow_negation", True))


def test_every_scorer_that_is_let_through_has_no_way_to_evaluate() -> None:
    from reasoning_gym.factory import DATASETS

    allowed = 0
    for name in DATASETS:
        try:
            check_scorer(name)
        except ConfigError:
            continue
        allowed += 1
    assert 60 < allowed < len(DATASETS) - 5


def test_evaluators_are_found_by_their_calls() -> None:
    assert evaluators_in("x = eval('1')\nsympy.parse_expr(x)\nre.compile('a')") == ["eval", "parse_expr"]
    assert evaluators_in("def evaluate(): return 'eval'") == []
    assert "eval" in EVALUATORS


def test_a_value_is_a_switch_a_whole_number_a_number_or_a_text() -> None:
    found = [read_value(text) for text in ("true", "false", "3", "-3", "0.5", "1e3", "True", "a", "")]
    assert found == [True, False, 3, -3, 0.5, 1000.0, "True", "a", ""]
    assert [type(one) for one in found[:6]] == [bool, bool, int, int, float, float]


@pytest.mark.parametrize("value", [0, 999_999, -999_999, 0.5, True, "1000000", 1.0])
def test_numbers_up_to_a_million_less_one_and_all_that_is_none_may_be_given(value: object) -> None:
    assert within("a", value, 3) == value and within("a", value, None) == value and within("a", value, "x") == value


@pytest.mark.parametrize("value", [1_000_000, -1_000_000, float("nan"), float("inf"), 10**400])
def test_larger_numbers_are_refused(value: float) -> None:
    with pytest.raises(ConfigError, match="gym_options take numbers up to 999,999; got a="):
        within("a", value, 3)


def test_a_generator_whose_own_default_is_larger_takes_numbers_up_to_it_on_both_sides() -> None:
    for default in (2_000_000, -2_000_000):
        assert within("a", -2_000_000, default) == -2_000_000 and within("a", 2_000_000, default) == 2_000_000
        with pytest.raises(ConfigError, match=r"up to 2,000,000; got a=2000001\. Write a smaller"):
            within("a", 2_000_001, default)


def test_the_seed_and_the_size_are_not_for_a_page_to_choose() -> None:
    for word in ("seed=1", "size=1", "min_terms", "=2", "min_term=2"):
        with pytest.raises(ConfigError, match="gym_options are name=value, got"):
            read_settings("chain_sum", ["min_terms=2", word])
    assert read_settings("chain_sum", []) == ()


def test_any_call_that_runs_a_text_is_found_once_however_it_is_written() -> None:
    source = "exec('1')\na.b.sympify(x)\nsympify(y)\n(lambda: 1)()\nf = eval\n"
    assert evaluators_in(source) == ["exec", "sympify"]


def test_a_generator_has_one_problem_and_its_seed_and_options() -> None:
    made = dataset("chain_sum", (("min_terms", 2), ("max_terms", 2)), 7)
    assert len(made) == 1 and made.config.seed == 7 and made.config.max_terms == 2
    assert made[0] == dataset("chain_sum", (("min_terms", 2), ("max_terms", 2)), 7)[0]
