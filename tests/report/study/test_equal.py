from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.made_runs import write_run
from tests.report.study.in_memory import cell_of, knowing, run_of

from straw.report.study import equal as equals
from straw.report.study.analysis import studied
from straw.report.study.cells import cells_of
from straw.report.study.equal import Equal, bits_at, cpu_s, draws_unpaid, equals_of, is_told, name_in, shortest
from straw.report.study.load_runs import gathered
from straw.report.study.verdicts import verdicts_of


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


def test_conditions_with_one_reward_are_compared_where_the_shortest_of_them_ended(tmp_path: Path) -> None:
    learner(tmp_path, "plain", [2.0, 4.0])
    learner(tmp_path, "bonus", [4.0, 4.0], until=150, entropy_coef=0.05)
    equal = equal_at(tmp_path)
    assert (equal.reward, equal.N, equal.episodes) == ("binary", 16, 100)
    found = {name_in(cell, equal): bits_at(cell, equal.episodes).value for cell in equal.ranked}
    assert found == pytest.approx({"entropy_coef=none": 3.0, "entropy_coef=0.05": 2.0})


def test_a_run_that_knew_enough_keeps_what_it_knew(tmp_path: Path) -> None:
    learner(tmp_path, "plain", [2.0, 2.0])
    learner(tmp_path, "bonus", [4.0, 4.0], until=60, entropy_coef=0.05, stop_at=0.9)
    equal = equal_at(tmp_path)
    assert equal.episodes == 100
    assert bits_at(equal.ranked[0], 100).value == 4.0


def test_what_is_told_the_formula_is_marked_and_comes_last(tmp_path: Path) -> None:
    learner(tmp_path, "aware", [4.0, 4.0], algorithm="reward_aware")
    learner(tmp_path, "plain", [1.0, 1.0])
    equal = equal_at(tmp_path)
    assert [name_in(cell, equal) for cell in equal.ranked] == ["as it is by default", "reward_aware"]


def test_one_condition_or_a_control_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    learner(tmp_path, "plain", [1.0, 1.0])
    learner(tmp_path, "coin", [0.0], reward_type="random")
    learner(tmp_path, "coin2", [0.0], reward_type="random", entropy_coef=0.05)
    assert list(equals_of(cells_of(gathered([tmp_path]).runs))) == []


def test_one_episode_of_each_is_enough_to_compare_and_none_is_not(tmp_path: Path) -> None:
    for name, entropy in (("plain", None), ("bonus", 0.05)):
        options = {} if entropy is None else {"entropy_coef": entropy}
        rows = [{"step": step, "episodes": step, "time_s": 1.0, "bits_known": float(step)} for step in range(2)]
        write_run(tmp_path / "one" / name, rows, N=16, secret_seed=0, seed=0, **options)
        write_run(tmp_path / "none" / name, rows[:1], N=16, secret_seed=0, seed=0, **options)
    assert equal_at(tmp_path / "one").episodes == 1
    assert list(equals_of(cells_of(gathered([tmp_path / "none"]).runs))) == []


def sentences(folder: Path) -> list[str]:
    return [one.text for one in verdicts_of(studied(gathered([folder]))) if one.about == "equal"]


SIX = [3.9, 4.0, 3.8, 3.7, 3.6, 3.5]


def test_a_sentence_names_the_first_and_what_cannot_be_told_from_it(home: Path, tmp_path: Path) -> None:
    learner(tmp_path, "plain", [0.1 * place for place in range(6)])
    learner(tmp_path, "bonus", SIX, entropy_coef=0.05)
    learner(tmp_path, "replay", [3.8, 3.9, 3.9, 3.65, 3.65, 3.4], replay=1)
    (text,) = sentences(tmp_path)
    assert text.startswith("After 100 episodes of binary at N = 16: ")
    assert "entropy_coef=0.05, replay=none with 3.75 [3.5, 4] bits in the median comes out ahead" in text
    assert "entropy_coef=none, replay=none with 0.25 [0, 0.5] bits in the median last" in text
    assert "entropy_coef=none, replay=1 is not told from the first, the other 1 can be" in text
    assert text.endswith("(tiny-1M, all weights, reinforce, 6 runs each).")


def test_three_runs_of_each_cannot_tell(home: Path, tmp_path: Path) -> None:
    learner(tmp_path, "plain", [0.1, 0.2, 0.3])
    learner(tmp_path, "bonus", [3.9, 4.0, 3.8], entropy_coef=0.05)
    (text,) = sentences(tmp_path)
    assert "entropy_coef=0.05 with 3.9 (3.8 to 4) bits in the median to entropy_coef=none with 0.2 (0.1 to 0.3)" in text
    assert "bits in the median, not told apart (tiny-1M" in text and "ahead" not in text


def test_one_run_of_each_is_no_comparison(home: Path, tmp_path: Path) -> None:
    learner(tmp_path, "plain", [0.1])
    learner(tmp_path, "bonus", [3.9], entropy_coef=0.05)
    assert sentences(tmp_path) == []


def test_the_sentence_changes_when_the_data_do(home: Path, tmp_path: Path) -> None:
    learner(tmp_path, "plain", SIX)
    learner(tmp_path, "bonus", [0.1 * place for place in range(6)], entropy_coef=0.05)
    (text,) = sentences(tmp_path)
    assert "entropy_coef=none with 3.75" in text and "the other can be told from the first" in text


def test_of_eleven_conditions_with_six_secrets_the_worst_are_told_from_the_best(home: Path, tmp_path: Path) -> None:
    """Two by two, six secrets could never be unlikely enough; but that one of eleven is first in each of six can."""
    for place in range(11):
        learner(tmp_path, f"g{place}", [place / 3 + 0.1 * one for one in range(6)], entropy_coef=0.01 * (place + 1))
    equal = equal_at(tmp_path)
    assert 3 <= equal.num_told_apart(0.01) <= 9


# --- in memory ------------------------------------------------------------------------------------


def test_the_shortest_is_that_of_who_went_on_and_of_who_was_measured() -> None:
    knew = run_of({"bits_known": ([0, 4], [0, 4]), "p_secret": ([4], [0.95])}, stop_at=0.9)
    assert shortest(cell_of(knew, knowing(0, 0, 0), knowing(0, 0, 0, 0), run_of())) == 8
    assert shortest(cell_of(knew)) == np.inf


def test_where_all_knew_enough_there_is_no_place_to_compare_them() -> None:
    knew = [
        run_of({"bits_known": ([0, 4], [0, 4]), "p_secret": ([4], [0.95])}, stop_at=0.9, N=16, kl_coef=kl)
        for kl in (0, 1)
    ]
    assert list(equals_of([cell_of(run) for run in knew])) == []
    (found,) = equals_of([cell_of(knew[0]), cell_of(knowing(0, 1)), cell_of(run_of(N=16)), cell_of(knowing(0, 1, N=8))])
    assert (found.episodes, len(found.cells)) == (4, 2)


def test_learners_that_are_told_the_formula_stand_behind_the_others_in_their_own_order() -> None:
    ends = {"plain": 1, "better": 3, "reward_aware": 4, "surrogate": 2}
    cells = [
        cell_of(knowing(0, bits, algorithm=name if name in ("reward_aware", "surrogate") else "reinforce"), label=name)
        for name, bits in ends.items()
    ]
    found = Equal(reward="binary", N=16, episodes=4, cells=cells)
    assert [cell.label for cell in found.fair] == ["better", "surrogate", "plain"]
    assert [cell.label for cell in found.told] == ["reward_aware"]
    assert [cell.label for cell in found.ranked] == ["better", "surrogate", "plain", "reward_aware"]
    assert [is_told(cell) for cell in cells] == [False, False, True, False]
    assert [draws_unpaid(cell) for cell in cells] == [False, False, False, True]
    assert draws_unpaid(cell_of(knowing(0, 1, algorithm="regress")))


def test_the_order_is_that_of_mean_ranks_and_equals_keep_theirs() -> None:
    """By a sum of ranks the one with three runs would come first."""
    one = cell_of(knowing(0, 4), label="one")
    three = cell_of(*[knowing(0, 2, secret=secret) for secret in range(3)], label="three")
    same = cell_of(knowing(0, 2), label="same")
    found = Equal(reward="binary", N=16, episodes=4, cells=[three, same, one])
    assert [cell.label for cell in found.ordered(found.cells)] == ["one", "three", "same"]
    assert found.ordered([]) == []


def test_from_the_last_one_upward_each_is_told_from_the_first_until_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [cell_of(*[knowing(0, 4 - place, secret=secret) for secret in range(6)]) for place in range(4)]
    found = Equal(reward="binary", N=16, episodes=4, cells=cells)
    chances = {4: 0.01, 3: 0.05, 2: 0.051}
    monkeypatch.setattr(equals, "chance_of_range", lambda runs: chances[runs.num_groups])
    assert (found.num_told_apart(0.05), found.num_told_apart(0.04)) == (2, 1)
    chances[2] = 0.01
    assert found.num_told_apart(0.05) == 3
    monkeypatch.setattr(equals, "can_tell", lambda runs, level: runs.num_groups > 3)
    assert found.num_told_apart(0.05) == 1


def test_what_a_run_cost_is_a_mean_over_those_that_say_it() -> None:
    assert cpu_s(cell_of(run_of(cpu_s=2.0), run_of(), run_of(cpu_s=4.0))) == 3
    assert cpu_s(cell_of(run_of())) is None


def test_bits_are_the_median_after_so_many_episodes() -> None:
    cell = cell_of(knowing(0, 1, 3), knowing(0, 2, 4, secret=1), run_of(), knowing(0, 3, 3.5, secret=2))
    assert (bits_at(cell, 4).value, bits_at(cell, 8).value, bits_at(cell, 4).num_runs) == (2, 3.5, 3)


def test_a_name_beside_others_leaves_out_the_reward_that_all_have() -> None:
    found = Equal(reward="8 bins", N=16, episodes=4, cells=[])
    names = [name_in(cell_of(run_of(), label=name), found) for name in ("8 bins, replay=1", "8 bins", "mine, 8 bins")]
    assert names == ["replay=1", "as it is by default", "mine, 8 bins"]
