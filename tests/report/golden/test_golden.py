from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from math import comb, inf, isclose, isnan, nan
from pathlib import Path
from random import Random
from typing import Any

import pytest

from straw.errors import ConfigError, RunError
from straw.report.curves.curve import Curve
from straw.report.golden.golden import Golden, at_end, below, ends, golden_path, height, read_golden

ROOT = Path(__file__).parents[3]


def golden_from(values: Sequence[Sequence[float]], **changes: object) -> Golden:
    made = Golden(
        recipe="r.toml", options={}, metric="bits_known", command="straw check r.toml --make",
        episodes=tuple(range(0, 10 * len(values[0]), 10)), values=tuple(map(tuple, values)),
        seeds=tuple(range(len(values))), horizon=10.0,
    )  # fmt: skip
    return replace(made, **changes)


RISING = [(0.0, 2.0 + index / 100) for index in range(96)]  # heights 1.000, 1.005, ... 1.475; none is lost


def curves(*ends_at: float) -> list[Curve]:
    return [Curve("", (0, 10), (0.0, value)) for value in ends_at]


def test_the_height_of_a_run_is_its_mean_over_the_first_episodes() -> None:
    curve = Curve("", (0, 10, 20), (0.0, 4.0, 100.0))
    assert height(curve, 10) == 2.0
    assert height(curve, 15) == (10 * 2 + 5 * 4) / 15  # what is measured behind the horizon does not count
    assert height(Curve("", (0, 10), (0.0, 4.0)), 20) == 3.0  # its last value holds to the end
    assert at_end(curve, 15) == 4.0 and isnan(at_end(Curve("", (), ()), 15))


def test_a_run_of_no_numbers_lies_below_everything_and_is_lost() -> None:
    golden = golden_from(RISING)
    for value in (nan, -inf):
        broken = Curve("", (0, 10), (0.0, value))
        assert height(broken, 10) == -inf and golden.is_lost(broken)
    assert golden.is_lost(Curve("", (), ())) and height(Curve("", (), ()), 10) == -inf


def test_a_run_is_lost_that_gained_less_than_half_of_what_the_median_run_did() -> None:
    """By 2.465, so less than 1.2325; each from where it began."""
    golden = golden_from([*RISING[:-2], (0.0, 1.2), (0.0, -13.0)])
    assert golden.least == pytest.approx((2.0 + 0.465) / 2, abs=0.01) and golden.num_lost == 2
    higher = [Curve("", (0, 10), (1.0, end)) for end in (2.2, 2.3, 1.0)]
    assert [golden.is_lost(one) for one in higher] == [True, False, True]
    assert [golden.is_lost(one) for one in curves(1.2, 1.3, -0.36)] == [True, False, True]
    assert golden.natural_rate == "2.1% (2 of 96, 95% interval 0.4% to 6.9%)"


def test_the_chance_is_that_of_counting_every_order() -> None:
    """Which ranks do 3 fresh runs among 5 golden ones take? At least two of them below the second golden."""
    golden, fresh, depth, count, seen = 5, 3, 2, 2, 0
    for ranks in combinations(range(golden + fresh), fresh):
        others = [rank for rank in range(golden + fresh) if rank not in ranks]
        seen += sum(rank < others[depth - 1] for rank in ranks) >= count
    assert isclose(below(golden, fresh, depth, count), seen / comb(8, 3))
    assert isclose(below(golden, fresh, depth, 0), 1.0)


def test_the_band_ends_where_the_median_of_a_sound_check_lies_in_all_but_a_thousandth_of_cases() -> None:
    golden = golden_from(RISING)
    assert below(96, 15, golden.depth, 8) < 0.0005 <= below(96, 15, golden.depth + 1, 8)
    assert golden.band == ends(golden.heights, golden.depth)
    assert ends([5, 1, 4, 2, 3], 2) == (2, 4) and ends([1, 2], 0) == (-inf, inf)


def test_one_bad_run_of_many_is_luck_and_a_few_are_not() -> None:
    """The learner that passed before: a quarter of its runs at -0.36, the others as they should be."""
    golden, sound = golden_from(RISING), [2.4 + index / 100 for index in range(15)]
    assert golden.fresh == 15 and golden.most_lost == 1 and golden.finds > 0.9
    assert golden.complaints(curves(*sound)) == []
    assert golden.complaints(curves(*sound[1:], -0.36)) == []
    (said,) = golden.complaints(curves(*sound[4:], *[-0.36] * 4))
    assert said == "4 of 15 runs are lost, and 1 are the most that luck explains"


def test_a_change_that_slows_or_speeds_all_is_seen_though_none_is_lost() -> None:
    golden = golden_from(RISING)
    low, high = golden.band
    for end, side in ((2 * low - 0.02, "below"), (2 * high + 0.02, "above")):
        (said,) = golden.complaints(curves(*[end] * 15))
        assert f"lies {side} the band" in said


def test_runs_that_broke_are_lost_and_lie_below() -> None:
    said = golden_from(RISING).complaints(curves(2.4), broken=14)
    assert len(said) == 2 and said[0].startswith("14 of 15 runs are lost")


def study(rng: Random, lost: float, count: int) -> list[tuple[float, float]]:
    """Runs of a learner with two humps and a tail, of which some are lost far below."""
    draw = lambda: rng.choice([rng.gauss(4, 0.3), 5 + rng.expovariate(5)])  # noqa: E731
    return [(0.0, rng.uniform(-9, 0.5) if rng.random() < lost else draw()) for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0.0, 0.01, 0.06])
def test_sound_learners_fail_in_fewer_than_one_of_a_hundred_checks(lost: float) -> None:
    """2,000 golden files, each with a check of the same learner."""
    rng, failed, checks = Random(1), 0, 2000
    for _ in range(checks):
        golden = golden_from(study(rng, lost, 96))
        failed += bool(golden.complaints(curves(*(end for _, end in study(rng, lost, golden.fresh)))))
    assert failed / checks < 0.01


GOLDEN = sorted((ROOT / "recipes" / "golden").glob("*.json"))


def drawn(golden: Golden, rng: Random, ruined: float) -> list[Curve]:
    """A check of runs like the golden ones, of which some stay where they began."""
    rows = [rng.choice(golden.values) for _ in range(golden.fresh)]
    return [
        Curve("", golden.episodes, row if rng.random() >= ruined else (min(row[0], -0.36),) * len(row)) for row in rows
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_shipped_golden_curve_holds_its_word(path: Any) -> None:
    """1,000 checks drawn from its own runs: sound ones pass, and a ruined quarter is found in nine of ten."""
    golden, rng = read_golden(path), Random(0)
    if not golden.is_enough:
        pytest.skip(f"{len(golden.seeds)} golden runs are too few: {golden.command}")
    checks = 1000
    failed = sum(bool(golden.complaints(drawn(golden, rng, 0.0))) for _ in range(checks)) / checks
    found = sum(bool(golden.complaints(drawn(golden, rng, 0.25))) for _ in range(checks)) / checks
    assert failed < 0.01 and found >= 0.9 - 0.02  # two standard errors of 1,000 checks


def test_a_golden_file_reads_back_and_says_what_it_means(tmp_path: Path) -> None:
    golden = golden_from(RISING, options={"N": "16"}, versions={"torch": "2"}, metric="accuracy", unit="", cpu_s=1.5)
    golden.save(tmp_path / "golden" / "r.json")
    rounded = tuple(tuple(round(value, 4) for value in row) for row in RISING)
    assert read_golden(golden_path(tmp_path / "r.toml")) == replace(golden, values=rounded)
    assert read_golden(golden_path(tmp_path / "r.toml")).fresh == 15
    facts = json.loads((tmp_path / "golden" / "r.json").read_text())
    assert facts["median"] == [0.0, 2.475] and facts["lost"] == 0 and facts["fresh"] == 15
    assert len(facts["low"]) == len(facts["high"]) == len(facts["episodes"])
    assert facts["metric"] == "accuracy" and facts["command"] and len(facts["seeds"]) == 96


def test_a_file_of_few_runs_can_be_read_and_tells_that_it_can_tell_little() -> None:
    few = golden_from(RISING[:8])
    assert not few.is_enough and few.fresh == 9 and few.finds < 0.5
    assert few.complaints(curves(*[0.0] * 9)), "a learner that never learns is found even so"


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="one row a seed"):
        golden_from(RISING, seeds=(1, 2))
    with pytest.raises(ConfigError, match="one value a measured episode"):
        golden_from([(0.0, 1.0), (0.0,)], episodes=(0.0, 10.0))


def test_a_golden_file_that_is_missing_or_damaged_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no golden curve .* --make"):
        read_golden(tmp_path / "none.json")
    for text in ("{", "[]", '{"recipe": "r"}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(RunError, match=r"cannot be (used|read)|holds a JSON object"):
            read_golden(tmp_path / "bad.json")
