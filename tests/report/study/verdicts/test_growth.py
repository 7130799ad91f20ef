from __future__ import annotations

from pathlib import Path

import pytest
from tests.made_studies import by_bits, in_proportion, make_study, never
from tests.report.study.verdicts.said import said, verdicts_at

from straw.report.study.analysis import studied
from straw.report.study.load_runs import gathered
from straw.report.study.verdicts import growth, level_of
from straw.report.study.verdicts.growth import beside_N, known_of

SIZES = [16, 64, 256]


def test_a_time_in_proportion_to_N_is_not_told_from_it(tmp_path: Path) -> None:
    make_study(tmp_path, in_proportion(SIZES, 8, spread=0.3))
    text = said(tmp_path, "Binary: episodes to 0.9 of the bits")
    assert "scale as N^1.0" in text or "scale as N^0.9" in text
    assert "not told from N" in text
    assert "more for a log2 N" in text
    assert text.endswith("(N = 16 to 256, tiny-1M, all weights, reinforce, 8 runs each).")


def test_a_log_law_is_said_to_be_one(tmp_path: Path) -> None:
    make_study(tmp_path, by_bits(SIZES, 8, spread=0.02), reward_type="binned_log_distance")
    text = said(tmp_path, "8 bins: episodes")
    assert "are fitted best by a log2 N" in text
    assert " 40" in text or " 39" in text


def test_a_square_is_faster_than_N(tmp_path: Path) -> None:
    make_study(tmp_path, {N: [N**2, 1.1 * N**2, 0.9 * N**2, 1.2 * N**2] for N in SIZES}, cap=1e6)
    assert "scale as N^2.0" in said(tmp_path, "episodes to 0.9", "scale as")
    assert ", faster than N;" in said(tmp_path, "episodes to 0.9", "scale as")


def test_slower_than_N_is_a_decision_of_the_whole_report(tmp_path: Path) -> None:
    """Beside whether the ledger keeps its law, it has half of 5%."""
    study = studied(
        gathered([make_study(tmp_path, {N: [4 * N**0.8 * x for x in (0.8, 0.9, 1.1, 1.2)] for N in SIZES})])
    )
    (found,) = known_of(study).values()
    p = found.chance_of(1.0)
    assert 0.001 < p < 0.5
    assert beside_N(found, p * 1.01) == ", slower than N"
    assert beside_N(found, p * 0.99) == ", not told from N"
    assert level_of(study) == pytest.approx(0.05 / 2)


def test_discovery_and_consolidation_are_told_apart(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [30, 30, 30], 64: [120, 120, 120]})
    text = said(tmp_path, "the first hit alone")
    assert "N^1.00" in text
    assert "at N = 64: 80 episodes" in text


@pytest.mark.slow
def test_of_many_series_the_flattest_and_the_steepest_are_told(tmp_path: Path) -> None:
    for place in range(7):
        times = {N: [2 * N ** (0.5 + place / 10)] * 3 for N in SIZES}
        make_study(tmp_path, times, name=f"g{place}", group_size=place + 2)
    text = said(tmp_path, "Episodes to 0.9 of the bits of 7 series scale as")
    assert "N^0.50 [0.50, 0.50] (binary, group_size=2) to N^1.10 [1.10, 1.10] (binary, group_size=8)" in text


@pytest.mark.parametrize("most", [1, 2])
def test_a_few_series_are_told_one_by_one_and_more_by_their_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(growth, "MANY", most)
    for size in (2, 3):
        make_study(tmp_path, {N: [2 * N**0.5, 2 * N**0.5 + 1] for N in SIZES}, name=f"g{size}", group_size=size)
    texts = [one.text for one in verdicts_at(tmp_path) if one.about == "scaling"]
    alone = sum("group_size=" in one and ": episodes to 0.9 of the bits" in one for one in texts)
    assert alone >= 2 if most == 2 else alone == 0
    assert any("of 2 series scale as" in one for one in texts) == (most == 1)


def test_an_exponent_that_stands_on_censored_runs_alone_has_no_number_for_an_end(tmp_path: Path) -> None:
    make_study(tmp_path, {16: [20, 22, 24, 26], 64: [60, never, never, never]}, cap=500)
    assert ", more]" in said(tmp_path, "Binary: episodes to 0.9 of the bits scale as")
