from __future__ import annotations

import pytest
from tests.report.study.in_memory import cell_of, run_of

from straw.report.study.cells import Cell
from straw.report.study.setting import at_size, few, num_runs, setting


@pytest.mark.parametrize(
    ("noun", "values", "words"),
    [
        ("model", [], ""),
        ("model", ["", "a", "a"], "a"),
        ("set of weights", ["all weights", "adapters of rank 4"], "all weights or adapters of rank 4"),
        ("set of weights", ["all weights", "rank 1", "rank 4"], "3 sets of weights"),
        ("model", ["a", "b", "c"], "3 models"),
    ],
)
def test_two_are_named_and_more_are_counted_in_their_plural(noun: str, values: list[str], words: str) -> None:
    assert few(noun, values) == words


def condition(count: int = 1, ceiling: float | None = 4.0, **options: object) -> Cell:
    return cell_of(*[run_of(ceiling=ceiling, **options)] * count)


def test_a_setting_says_N_what_learns_how_and_how_many_runs() -> None:
    one = condition(12, N=64, model_name="tiny-1M")
    other = condition(3, N=256, model_name="tiny-5M", lora_rank=4, algorithm="grpo")
    assert setting([one]) == "N = 64, tiny-1M, all weights, reinforce, 12 runs"
    assert setting([one], with_N=False) == "tiny-1M, all weights, reinforce, 12 runs"
    assert setting([one, other]) == (
        "N = 64 to 256, tiny-1M or tiny-5M, all weights or rank 4, reinforce or grpo, 3 to 12 runs each"
    )


def test_without_N_the_task_is_named_however_a_sentence_begins() -> None:
    one = condition(2, ceiling=None, N=64, kind="gsm8k", model_name="tiny-1M")
    assert setting([one]) == setting([one], with_N=False) == "gsm8k, tiny-1M, all weights, reinforce, 2 runs"
    assert setting([one, condition(N=64, model_name="tiny-1M")]).startswith("N = 64, tiny-1M")


def test_runs_are_counted_for_each_of_several_conditions() -> None:
    one, three = condition(), condition(3)
    assert (num_runs([one]), num_runs([three])) == ("1 run", "3 runs")
    assert (num_runs([one, one]), num_runs([three, one])) == ("1 run each", "1 to 3 runs each")


def test_a_size_is_said_where_there_is_one() -> None:
    assert (at_size(1024), at_size(None)) == (" at N = 1,024", "")
