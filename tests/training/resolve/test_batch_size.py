"""One spelling of the batch inside: group_size x batch_size. The studies' other words end where a page is resolved."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.small_runs import small_plan

import straw

HOUSE = Path(straw.__file__).parent
IN_FRONT = {"samples_per_step", "problems_at_once", "accumulation"}


@pytest.mark.parametrize(
    ("words", "batch_size"),
    [
        ("batch_size=6", 6),
        ("samples_per_step=24", 6),
        ("problems_at_once=2 accumulation=3", 6),
        ("bs=6", 6),
        ("gc=6", 6),
        ("kind=sum_digits num_generators=6 warmup=none group_size=1", 6),
    ],
)
def test_whatever_the_word_a_plan_has_groups_and_their_size(words: str, batch_size: int) -> None:
    algorithm = small_plan(words).page.algorithm
    assert algorithm.batch_size == batch_size
    assert [getattr(algorithm, name) for name in sorted(IN_FRONT)] == [None, None, None]


def test_nobody_behind_the_resolved_page_reads_another_word() -> None:
    readers = {
        path.relative_to(HOUSE).parent.as_posix()
        for path in HOUSE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in IN_FRONT)
        or (isinstance(node, ast.Constant) and node.value in IN_FRONT)
    }
    told = {".", "benchmark"}  # `other_words` names them, and the benchmark refuses them in front of a page
    assert readers == {"config", "training/resolve", *told}
