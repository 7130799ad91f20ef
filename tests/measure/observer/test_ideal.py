from __future__ import annotations

from pathlib import Path

import pytest
from tests.measure.observer.watched import watch

from straw.config import load_page
from straw.measure.observer import STRATEGIES, game_of, ideal, observed


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
