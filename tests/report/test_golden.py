from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from math import comb, inf, isclose, nan
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.errors import ConfigError, RunError
from straw.report.curve import Curve
from straw.report.golden import Golden, ends, fails_soundly, golden_path, height, read_golden


def golden_from(values: Sequence[Sequence[float]], **changes: object) -> Golden:
    made = Golden(
        recipe="r.toml", options={}, metric="bits_known", command="straw check r.toml --make",
        episodes=tuple(range(0, 10 * len(values[0]), 10)), values=tuple(map(tuple, values)),
        seeds=tuple(range(len(values))), horizon=10.0, fresh=4,
    )  # fmt: skip
    return replace(made, **changes)


RISING = [(0.0, 2.0 + index / 10) for index in range(16)]  # heights 1.00, 1.05, ... 1.75


def test_the_height_of_a_run_is_its_mean_over_the_first_episodes():
    curve = Curve("", (0, 10, 20), (0.0, 4.0, 100.0))
    assert height(curve, 10) == 2.0
    assert height(curve, 15) == (10 * 2 + 5 * 4) / 15  # what is measured behind the horizon does not count
    assert height(Curve("", (0, 10), (0.0, 4.0)), 20) == 3.0  # its last value holds to the end


def test_a_run_of_no_numbers_lies_below_everything():
    assert height(Curve("", (0, 10), (0.0, nan)), 10) == -inf
    assert height(Curve("", (0, 10), (0.0, -inf)), 10) == -inf


def test_the_band_goes_from_the_third_lowest_to_the_third_highest_of_sixteen():
    golden = golden_from(RISING)
    assert golden.depth == 3
    assert golden.band == (pytest.approx(1.1), pytest.approx(1.65))
    assert golden.fails_soundly == 30 / 4845
    assert ends([5, 1, 4, 2, 3], 2) == (2, 4)


def test_the_chance_is_that_of_counting_every_order():
    """Which ranks do 3 fresh runs among 5 golden ones take? Below the second golden: all before it."""
    golden, fresh, depth, bad = 5, 3, 2, 0
    for ranks in combinations(range(golden + fresh), fresh):
        others = [rank for rank in range(golden + fresh) if rank not in ranks]
        bad += max(ranks) < others[depth - 1] or min(ranks) > others[-depth]
    assert isclose(fails_soundly(golden, fresh, depth), bad / comb(8, 3))


@given(st.integers(8, 40))
def test_no_number_of_runs_makes_a_sound_check_fail_often(count):
    golden = golden_from([(0.0, index / 10) for index in range(count)])
    assert 0 < golden.fails_soundly < 0.01
    assert fails_soundly(count, 4, golden.depth + 1) >= 0.01 or golden.depth == count // 2


def test_sound_learners_fail_as_rarely_as_is_said():
    """Any distribution will do: here it has two humps and a tail."""
    rng, failed, checks = Random(0), 0, 4000
    draw = lambda: rng.choice([rng.gauss(0, 1), 5 + rng.expovariate(1)])  # noqa: E731
    for _ in range(checks):
        golden = golden_from([(0.0, draw()) for _ in range(16)])
        failed += golden.side([draw() / 2 for _ in range(4)]) is not None
    assert failed / checks < 0.01
    assert failed / checks == pytest.approx(30 / 4845, abs=0.004)


def test_fresh_runs_are_outside_when_all_lie_beyond_the_same_end():
    golden = golden_from(RISING)
    assert golden.side([1.0, 1.05, 0.0, -9.0]) == "below"
    assert golden.side([1.0, 1.05, 0.0, 1.2]) is None
    assert golden.side([2.0, 9.0, 1.7, 1.66]) == "above"
    assert golden.side([-9.0, 9.0, -9.0, 9.0]) is None
    assert golden.side([1.1] * 4) is None  # on the end is inside


def test_two_golden_runs_that_went_wrong_leave_the_band_where_it_is():
    unlucky = [(0.0, -90.0), (0.0, 0.0), *RISING[2:]]
    assert golden_from(unlucky).band == golden_from(RISING).band


def test_too_few_golden_runs_are_refused():
    with pytest.raises(ConfigError, match="5 golden runs beside 4 fresh ones cannot tell a broken learner"):
        golden_from(RISING[:5])


def test_a_golden_file_reads_back_and_says_what_it_means(tmp_path: Path):
    golden = golden_from(RISING, options={"N": "16"}, versions={"torch": "2"}, metric="accuracy", unit="")
    golden.save(tmp_path / "golden" / "r.json")
    assert read_golden(golden_path(tmp_path / "r.toml")) == golden
    facts = json.loads((tmp_path / "golden" / "r.json").read_text())
    assert facts["mean"] == facts["median"] == [0.0, 2.75]
    assert facts["band_of_heights"] == [1.1, 1.65]
    assert len(facts["low"]) == len(facts["high"]) == len(facts["episodes"])
    assert facts["metric"] == "accuracy" and facts["command"] and len(facts["seeds"]) == 16


def test_a_golden_file_that_is_missing_or_damaged_is_one_line(tmp_path: Path):
    with pytest.raises(RunError, match=r"there is no golden curve .* --make"):
        read_golden(tmp_path / "none.json")
    for text in ("{", "[]", '{"recipe": "r"}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(RunError, match=r"cannot be (used|read)|holds a JSON object"):
            read_golden(tmp_path / "bad.json")
