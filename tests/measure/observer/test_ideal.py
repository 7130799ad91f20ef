from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.measure.observer.watched import table, watch

from straw.config import load_page, parse_overrides
from straw.measure.observer import STRATEGIES, cached_at, game_of, ideal, observed
from straw.measure.observer.table import Table


def test_a_sequence_of_secrets_is_one_secret_of_many() -> None:
    assert watch("N=4 length=2").paces["greedy"] == watch("N=16").paces["greedy"]


@pytest.mark.parametrize("words", ["N=1", "N=2", "N=64 env_type=multi_step"])
def test_what_is_told_at_once(words: str) -> None:
    found = watch(words)
    assert {pace.to_know for pace in found.paces.values()} == {0 if words == "N=1" else 1}
    assert {pace.bits[-1] for pace in found.paces.values()} == {found.ceiling_bits}


def test_better_strategies_know_more() -> None:
    paces = watch("N=64 reward_type=binned_log_distance").paces
    for episode in (2, 3, 4, 6):
        greedy, thompson, group, uniform = (paces[name].bits_at(episode) for name in STRATEGIES)
        assert greedy >= thompson - 1e-9 > group - 0.1 >= uniform - 0.2


def test_what_was_found_is_kept_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path))
    game = game_of(load_page(None, {"N": "20", "reward_type": "higher_lower"}).page)
    first = observed(*game)
    monkeypatch.setattr(ideal, "observe", lambda *_, **__: pytest.fail("made again"))
    assert observed(*game) == first
    with pytest.raises(pytest.fail.Exception):
        observed(*game, group=8)


def cached(words: str, group: int = 4) -> Path:
    return cached_at(*game_of(load_page(None, parse_overrides(words.split())).page), group)


def test_whatever_decides_the_numbers_has_a_place_of_its_own() -> None:
    games = [
        "N=16", "N=17", "N=16 length=2", "N=16 env_type=multi_step reward_type=binary", "N=16 reward_type=log_distance",
        "N=16 reward_type=binned_log_distance reward_bins=4", "N=16 reward_type=binned_log_distance reward_bins=5",
    ]  # fmt: skip
    paths = [cached(words) for words in games] + [cached("N=16", group=5)]
    assert len(set(paths)) == len(paths) and cached("N=16") == paths[0] == cached("N=16 seed=9 learning_rate=1")
    assert paths[0].name.startswith("binary-N16-") and paths[0].parent.name == "observer"


@pytest.mark.parametrize(
    ("most", "asked", "drawn"), [(4096, None, 2000), (16, None, 600), (16, 30, 30), (17, None, 2000)]
)
def test_strategies_that_draw_differ_in_how_many_guess_before_rewards_come_back(
    monkeypatch: pytest.MonkeyPatch, most: int, asked: int | None, drawn: int
) -> None:
    """Two thousand secrets are drawn, and six hundred of the largest game, unless somebody asks for others."""
    calls: list[Any] = []
    monkeypatch.setattr(ideal, "MOST", most)
    monkeypatch.setattr(ideal, "draw_pace", lambda codes, **how: calls.append(how))
    found = ideal.paces_of(table("N=16 reward_type=higher_lower"), 7, 3, asked)
    assert [(how["group"], how["runs"], how["seed"]) for how in calls] == [
        (1, drawn, 3), (7, drawn, 3), (None, drawn, 3),
    ]  # fmt: skip
    assert (*found,) == STRATEGIES and found["greedy"] is not None


def test_where_only_hits_are_paid_each_strategy_has_its_own_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ideal, "hits_pace", lambda N, group: (N, group))
    found: Any = ideal.paces_of(table("N=16"), 7, 3, None)
    assert found == {"greedy": (16, 1), "thompson": (16, 1), "thompson_group": (16, 7), "uniform": (16, None)}


def test_the_first_reward_is_told_in_the_mean_and_of_the_best_guess() -> None:
    """A distance among four: an end tells all of them apart, 2 bits, and a guess between all but two, 1.5."""
    found = watch("N=4 reward_type=log_distance", runs=10)
    assert (found.N, found.group, found.levels, found.ceiling_bits) == (4, 4, 4, 2)
    assert (found.first_bits, found.best_first_bits) == pytest.approx((1.75, 2))


def test_a_table_pays_hits_only_where_all_misses_are_paid_alike_and_tells_all_where_every_guess_does() -> None:
    def made(rows: list[list[int]]) -> tuple[bool, bool]:
        found = Table(np.array(rows), len({one for row in rows for one in row}))
        return found.pays_hits_only, found.tells_all

    assert made([[1, 0, 0], [0, 1, 0], [0, 0, 1]]) == (True, False)
    assert made([[1, 0, 0], [0, 1, 0], [0, 2, 1]]) == (False, False)
    assert made([[0, 0, 0], [0, 1, 0], [0, 0, 1]]) == (False, False)
    assert made([[1, 0], [0, 1]]) == (False, True)  # of two, a miss tells as much as a hit
    assert made([[0, 1, 2], [1, 2, 0], [2, 0, 1]]) == (False, True)
    assert made([[0, 1, 2], [1, 1, 0], [2, 0, 1]]) == (False, False)
