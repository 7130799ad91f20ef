from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.made_runs import curve_rows, write_run

from straw.report.curves.observer import curves_of
from straw.runs.reading import read_config


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))
    return lambda **options: read_config(write_run(tmp_path / "run", **options))


def test_the_observer_of_a_runs_own_game(config: Any) -> None:
    (curve,) = curves_of(config(N=16, reward_type="log_distance", group_size=8), until=40)
    assert curve.label == "observer, Thompson in groups of 8"
    assert (curve.episodes[0], curve.bits_known[0]) == (0, 0)
    assert (curve.episodes[-1], curve.bits_known[-1]) == (40, 4)
    assert curve.dashed


def test_it_is_cut_where_the_runs_end(config: Any) -> None:
    (curve,) = curves_of(config(N=64), strategies=("greedy",), until=10)
    assert curve.episodes[-1] == 10
    assert curve.bits_known[-1] == pytest.approx(1.15, abs=0.01)


def test_several_secrets_share_the_episodes(config: Any) -> None:
    (curve,) = curves_of(config(N=16, num_secrets=3, reward_type="log_distance"), strategies=("greedy",))
    assert (list(curve.episodes), list(curve.bits_known)) == ([0, 3], [0, 4])


@pytest.mark.parametrize("options", [{"kind": "sum_digits"}, {"reward_type": "noisy_binary"}, {"N": 5000}])
def test_where_no_observer_can_be_there_is_no_curve(config: Any, options: dict[str, Any]) -> None:
    assert curves_of(config(**options)) == []


def test_runs_are_compared_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from straw.cli.commands.compare import compare

    monkeypatch.setenv("STRAW_HOME", str(tmp_path / "home"))
    runs = [str(write_run(tmp_path / name, curve_rows(0.0, 1.0), N=16, seed=seed)) for seed, name in enumerate("ab")]
    assert compare([*runs, "--observer"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("observer, Thompson in groups of 4") == 1
    assert compare(runs) == 0
    assert "observer" not in capsys.readouterr().out
