"""Where only hits are paid, the chances are exact: the tree and the draws have to agree with them."""

from __future__ import annotations

import pytest
from tests.measure.observer.watched import table

from straw.measure.observer.draws import draw_pace
from straw.measure.observer.greedy import greedy_pace
from straw.measure.observer.hits import hits_pace


@pytest.mark.parametrize("N", [5, 16, 33])
def test_the_tree_and_the_chances_agree_where_only_hits_are_paid(N: int) -> None:
    tree, chances = greedy_pace(*vars(table(f"N={N}")).values()), hits_pace(N, 1)
    assert tree.bits[:N] == pytest.approx(chances.bits[:N], abs=1e-9)
    assert tree.to_know == pytest.approx(chances.to_know, abs=1e-7)


@pytest.mark.parametrize("group", [1, 4, None])
def test_drawn_and_exact_agree_where_only_hits_are_paid(group: int | None) -> None:
    drawn = draw_pace(table("N=16").codes, group=group, runs=4000, seed=1)
    exact = hits_pace(16, group)
    assert drawn.to_know == pytest.approx(exact.to_know, abs=4 * drawn.to_know_error)
    for episode in (1, 2, 5, 8, 16):
        assert drawn.bits_at(episode) == pytest.approx(exact.bits_at(episode), abs=4 * max(drawn.errors[: episode + 1]))


def test_uniform_guesses_hit_after_N_in_the_mean() -> None:
    """Or know the secret when all others are excluded, which takes one guess less in the mean."""
    assert hits_pace(16, None).to_know == pytest.approx(15, abs=1e-6)
