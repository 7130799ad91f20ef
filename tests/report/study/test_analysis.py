from __future__ import annotations

import tomllib
from types import SimpleNamespace
from typing import Any

import pytest
from tests.report.study.in_memory import cell_of, knowing, run_of
from tests.small_runs import small_plan

from straw.config import dump
from straw.report.study import analysis
from straw.report.study.load_runs import Gathered, Seen


@pytest.mark.parametrize(
    ("secrets", "patient", "is_computed"), [(8, False, True), (4096, False, False), (4096, True, True)]
)
def test_an_observer_of_many_secrets_is_computed_on_request(
    monkeypatch: pytest.MonkeyPatch, secrets: int, patient: bool, is_computed: bool
) -> None:
    config = tomllib.loads(dump(small_plan(f"N={secrets}").page))
    run = SimpleNamespace(config=config, is_sft=False)
    cell: Any = SimpleNamespace(label="mine", N=secrets, ceiling_bits=3.0, runs=[run])
    monkeypatch.setattr(analysis, "observed", lambda *game, group: "an observer")
    monkeypatch.setattr(analysis, "cached_at", lambda *game: SimpleNamespace(exists=lambda: False))
    found, waiting = analysis.observers_of([cell], patient)
    assert (found, waiting) == (({"mine": "an observer"}, []) if is_computed else ({}, ["mine"]))


def game(words: str, *, is_sft: bool = False) -> Any:
    return SimpleNamespace(config=tomllib.loads(dump(small_plan(words).page)), is_sft=is_sft)


def watched(N: int, run: Any, ceiling: float | None = 3.0) -> Any:
    return SimpleNamespace(label=f"N={N}", N=N, ceiling_bits=ceiling, runs=[run])


@pytest.mark.parametrize(
    ("secrets", "is_cached", "is_computed"), [(1024, False, True), (1025, False, False), (1025, True, True)]
)
def test_up_to_1024_secrets_and_what_is_in_the_cache_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, secrets: int, is_cached: bool, is_computed: bool
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(analysis, "observed", lambda *game, group: asked.append((len(game), group)))
    monkeypatch.setattr(analysis, "cached_at", lambda *game: SimpleNamespace(exists=lambda: is_cached))
    found, _ = analysis.observers_of([watched(secrets, game(f"N={secrets} group_size=8 batch_size=2"))], False)
    assert bool(found) == is_computed and asked == ([(2, 16)] if is_computed else [])


def test_supervised_runs_and_tasks_without_bits_have_no_observer_and_the_others_keep_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(analysis, "observed", lambda *game, group: "an observer")
    cells = [
        watched(4, game("N=4", is_sft=True)),
        watched(5, game("N=5"), ceiling=None),
        watched(6, game("kind=sum_digits")),
        watched(8, game("N=8")),
    ]
    assert analysis.observers_of(cells, False) == ({"N=8": "an observer"}, [])


def test_bits_that_a_reward_tells_apart_are_those_of_its_levels() -> None:
    """Four bins of 256 secrets tell 6.4 bits; of supervised runs nothing is asked."""
    bins = "N=256 reward_type=binned_log_distance reward_bins=4"
    found = analysis.identifiable([watched(256, game(bins))])
    assert found == {"N=256": pytest.approx(6.4, abs=0.05)}
    assert analysis.identifiable([watched(256, game(bins, is_sft=True))]) == {}
    other = watched(0, game("kind=sum_digits"))
    assert list(analysis.identifiable([other, watched(256, game(bins))])) == ["N=256"]


def runs_at(N: int, *, series: int = 0) -> list[Seen]:
    return [
        knowing(0, 0, 4, secret=secret, step=N // 4 + secret, N=N, learning_rate=0.1, kl_coef=series)
        for secret in range(3)
    ]


def test_a_study_has_its_medians_by_condition_and_its_scalings_by_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "observers_of", lambda cells, patient: ({}, [f"waits: {patient}"]))
    monkeypatch.setattr(analysis, "identifiable", lambda cells: {"a": 1.0})
    without = run_of({"accuracy": ([0, 4], [0.1, 0.2])}, ceiling=None, kind="gsm8k", learning_rate=0.1)
    study = analysis.studied(Gathered(runs=[*runs_at(64), *runs_at(16), without], left_out=[]))
    assert (study.sizes, study.unobserved, study.identifiable) == ([16, 64], ["waits: False"], {"a": 1.0})
    assert {name: [cell.N for cell in cells] for name, cells in study.series.items()} == {
        "binary, secret": [16, 64], "binary, gsm8k": [None],
    }  # fmt: skip
    assert [cell.N for cell in study.with_bits] == [16, 64] and [cell.N for cell in study.with_accuracy] == [None]
    assert [cell.N for cell in study.of_size(64)] == [64] and study.of_size(8) == []
    label = study.of_size(64)[0].label
    assert study.medians[label]["known"].value == 34 and "found" not in study.medians[label]
    assert set(study.scalings["binary, secret"]) == {"known"} and study.scalings["binary, gsm8k"] == {}
    assert study.scalings["binary, secret"]["known"].sizes == [16, 64]


def test_a_series_has_one_colour_and_supervised_runs_that_of_ink() -> None:
    cells = [cell_of(run_of(), label="a"), cell_of(run_of(algorithm="sft"), label="s"), cell_of(run_of(), label="b")]
    study = analysis.Study(gathered=Gathered(runs=[], left_out=[]), cells=cells)
    assert study.colour("s") is None and study.colour("nobody") is None
    assert study.colour("a") is not None and study.colour("b") is not None and study.colour("a") != study.colour("b")
