from __future__ import annotations

from pathlib import Path

import pytest
from tests.made_runs import write_run

from straw.report.study.cells import cells_of
from straw.report.study.equal import Equal, bits_at, equals_of, name_in
from straw.report.study.gathered import gathered
from straw.report.study.verdicts import verdicts_of
from straw.report.study.whole import studied


def learner(folder: Path, name: str, ends: list[float], *, until: int = 100, **options: object) -> None:
    """A run a number: nothing known at 0, half of it at 50, all at the end."""
    for secret, bits in enumerate(ends):
        rows = [
            {"step": step, "episodes": episodes, "time_s": 1.0, "bits_known": known, "p_secret": 2**known / 16}
            for step, (episodes, known) in enumerate([(0, 0.0), (50, bits / 2), (until, bits)])
        ]
        write_run(folder / f"{name}-{secret}", rows, N=16, secret_seed=secret, seed=secret, **options)


def equal_at(folder: Path) -> Equal:
    (found,) = equals_of(cells_of(gathered([folder]).runs))
    return found


def test_conditions_with_one_reward_are_compared_where_the_shortest_of_them_ended(tmp_path):
    learner(tmp_path, "plain", [2.0, 4.0])
    learner(tmp_path, "bonus", [4.0, 4.0], until=150, entropy_coef=0.05)
    equal = equal_at(tmp_path)
    assert (equal.reward, equal.N, equal.episodes) == ("binary", 16, 100)
    found = {name_in(cell, equal): bits_at(cell, equal.episodes).value for cell in equal.ranked}
    assert found == pytest.approx({"entropy_coef=none": 3.0, "entropy_coef=0.05": 2.0})


def test_a_run_that_knew_enough_keeps_what_it_knew(tmp_path):
    learner(tmp_path, "plain", [2.0, 2.0])
    learner(tmp_path, "bonus", [4.0, 4.0], until=60, entropy_coef=0.05, stop_at=0.9)
    equal = equal_at(tmp_path)
    assert equal.episodes == 100
    assert bits_at(equal.ranked[0], 100).value == 4.0


def test_what_is_told_the_formula_is_marked_and_comes_last(tmp_path):
    learner(tmp_path, "aware", [4.0, 4.0], algorithm="reward_aware")
    learner(tmp_path, "plain", [1.0, 1.0])
    equal = equal_at(tmp_path)
    assert [name_in(cell, equal) for cell in equal.ranked] == ["as it is by default", "reward_aware"]


def test_one_condition_or_a_control_has_nothing_to_be_compared_with(tmp_path):
    learner(tmp_path, "plain", [1.0, 1.0])
    learner(tmp_path, "coin", [0.0], reward_type="random")
    learner(tmp_path, "coin2", [0.0], reward_type="random", entropy_coef=0.05)
    assert list(equals_of(cells_of(gathered([tmp_path]).runs))) == []


def sentences(folder: Path) -> list[str]:
    return [one.text for one in verdicts_of(studied(gathered([folder]))) if one.about == "equal"]


def test_a_sentence_names_the_best_and_what_cannot_be_told_from_it(home, tmp_path):
    learner(tmp_path, "plain", [0.5, 0.6, 0.7])
    learner(tmp_path, "bonus", [3.9, 4.0, 3.8], entropy_coef=0.05)
    learner(tmp_path, "replay", [3.9, 4.0, 3.7], replay=1)
    (text,) = sentences(tmp_path)
    assert text.startswith("After 100 episodes of binary at N = 16: ")
    assert "entropy_coef=0.05, replay=none knows most, 3.9 [" in text
    assert "and entropy_coef=none, replay=1 cannot be told from it" in text
    assert "entropy_coef=none, replay=none knows least, 0.6 [" in text


def test_the_sentence_changes_when_the_data_do(home, tmp_path):
    learner(tmp_path, "plain", [3.9, 4.0, 3.8])
    learner(tmp_path, "bonus", [0.5, 0.6, 0.7], entropy_coef=0.05)
    (text,) = sentences(tmp_path)
    assert "entropy_coef=none knows most" in text and "cannot be told" not in text
    assert "entropy_coef=0.05 knows least" in text
