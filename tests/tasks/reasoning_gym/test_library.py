from __future__ import annotations

import pytest

from straw.errors import ConfigError
from straw.tasks.reasoning_gym.library import EVALUATORS, check_scorer, evaluators_in, read_settings

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
