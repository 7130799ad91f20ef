from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.made_runs import curve_rows, write_run

from straw.errors import ConfigError
from straw.report.curves.curve import Curve
from straw.report.runs.summary import FACTS, Crossing, age, check_metric, episodes_to, late_mean, summary_of


def test_a_summary_has_the_last_of_every_number(tmp_path: Path) -> None:
    found = summary_of(write_run(tmp_path / "run", curve_rows(0.0, 2.0, 3.5), N=16, n_batches=9))
    assert (found.state, found.step, found.n_batches, found.episodes, found.time_s) == ("done", 2, 9, 20, 4.0)
    assert (found.bits_known, found.ceiling_bits, found.measured_at) == (3.5, 4.0, 20)
    assert found.episodes_per_s == 5.0
    assert (found.episodes_to_half, found.episodes_to_most) == ((0, 10), None)  # 2 of 4 bits by 10; 3.6 never
    assert found.num_tokens is None and found.p_secret is None


def test_a_number_that_a_run_has_not_is_none_and_reads_as_a_dash(tmp_path: Path) -> None:
    found = summary_of(write_run(tmp_path / "run", done=False))
    assert (found.state, found.step, found.reward, found.bits_known) == ("stopped", None, None, None)
    assert {FACTS[name](found) for name in FACTS if name not in ("state", "started")} == {"-"}


def test_bits_that_were_measured_and_too_few_are_not_reached(tmp_path: Path) -> None:
    found = summary_of(write_run(tmp_path / "run", curve_rows(0.0, 1.0), N=16))
    assert FACTS["episodes to 0.9 of the bits"](found) == "not by 10"
    assert FACTS["bits known"](found) == "1.00 of 4.00"


def test_what_a_run_spends_beside_its_episodes_is_a_fact_too(tmp_path: Path) -> None:
    rows = [{**row, "updates": 8.0, "unpaid_draws": 64.0} if row["step"] else row for row in curve_rows(0.0, 1.0, 2.0)]
    found = summary_of(write_run(tmp_path / "run", rows, N=16, algorithm="surrogate"))
    assert (FACTS["updates"](found), FACTS["unpaid draws"](found)) == ("16", "128")


def test_the_reward_is_the_mean_of_the_last_ten_rows_that_have_one() -> None:
    rows = [{"reward": 100.0}, *({"reward": float(value)} for value in range(8)), {"reward": None}, {}]
    assert late_mean(rows, "reward") == 3.5  # 0 to 7: the 100 is too old
    assert late_mean(rows, "hits") is None


def test_bits_that_the_run_has_gone_on_from_say_how_old_they_are(tmp_path: Path) -> None:
    rows = [*curve_rows(0.0, 1.0), {"step": 2, "episodes": 20, "time_s": 4.0, "reward": 1.0}]
    assert FACTS["bits known"](summary_of(write_run(tmp_path / "run", rows, N=16))) == "1.00 of 4.00 at 10"


def test_a_height_was_come_to_between_two_measurements() -> None:
    """Reached by 64 and not yet at 0: nobody knows more, so nobody says 64."""
    curve = Curve("", (0, 64, 128, 192), (0.0, 3.5, 2.0, 6.0))
    assert episodes_to(curve, 0.5, 6.0) == Crossing(after=0, by=64)
    assert episodes_to(curve, 0.9, 6.0) == Crossing(after=128, by=192)
    assert str(episodes_to(curve, 0.9, 6.0)) == "128 to 192"
    assert str(episodes_to(Curve("", (0, 64), (6.0, 6.0)), 0.9, 6.0)) == "0"
    assert episodes_to(curve, 0.5, None) is None
    assert episodes_to(Curve("", (), ()), 0.5, 6.0) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "5 s"), (300, "5 min"), (3 * 3600, "3 h"), (4 * 86400, "4 d"), (-9, "0 s")]
)
def test_an_age_has_one_unit(seconds: Any, words: str) -> None:
    assert age(1000.0, now=1000.0 + seconds) == words
    assert age(None) == ""


def test_a_metric_that_is_not_there_is_answered_with_its_neighbour() -> None:
    check_metric("kl", [{"kl": 1.0}], "runs/a")
    with pytest.raises(ConfigError, match=r"no metric 'rewrd' in runs/a: did you mean 'reward'\?"):
        check_metric("rewrd", [{"reward": 1.0, "kl": 0.1}], "runs/a")
    with pytest.raises(ConfigError, match="no row of metrics yet"):
        check_metric("kl", [], "runs/a")
