"""Gates of an engine are asked once for each start, and those of a run by each run."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.small_runs import Listener, Parts, small_page

from straw.engines.local.engine import LocalEngine
from straw.errors import TrainingError
from straw.runs.reading import read_events, read_rollouts
from straw.training.checks import preflight
from straw.training.checks.gates_once import OF_ENGINE, GatesOnce
from straw.training.checks.preflight import GATES, run_gates
from straw.training.session import continue_page


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The gates that were passed, in order."""
    names: list[str] = []
    for name, gate in GATES.items():
        monkeypatch.setitem(
            preflight.GATES, name, lambda trial, name=name, gate=gate: (names.append(name), gate(trial))[1]
        )
    return names


def run(folder: Path, words: str, once: GatesOnce | None) -> list[str]:
    heard = Listener()
    continue_page(small_page(f"n_batches=2 {words} run_dir={folder}"), heard, once)
    return heard.lines


def test_a_second_run_from_the_same_start_asks_only_what_is_its_own(
    home: Path, tmp_path: Path, asked: list[str]
) -> None:
    once = GatesOnce()
    run(tmp_path / "first", "secret_seed=1", once)
    assert asked == list(GATES)
    asked.clear()
    lines = run(tmp_path / "second", "secret_seed=2 seed=5", once)
    assert asked == [name for name in GATES if name not in OF_ENGINE]
    assert any(line.startswith("gates passed: sampler and trainer ") for line in lines)
    asked.clear()
    alone = run(tmp_path / "alone", "secret_seed=2 seed=5", None)
    assert asked == list(GATES)
    (mine,), (theirs,) = (
        [event["found"] for event in read_events(tmp_path / name) if event["event"] == "gates"]
        for name in ("second", "alone")
    )
    assert mine == theirs and lines == alone
    assert list(read_rollouts(tmp_path / "second")) == list(read_rollouts(tmp_path / "alone"))


@pytest.mark.parametrize("words", ["model_seed=1", "N=4", "temperature=0.7", "max_tokens=9", "rows_at_once=16"])
def test_another_start_or_other_options_are_asked_anew(
    home: Path, tmp_path: Path, asked: list[str], words: str
) -> None:
    once = GatesOnce()
    run(tmp_path / "first", "", once)
    asked.clear()
    run(tmp_path / "second", words, once)
    assert asked == list(GATES)


def test_a_gate_that_fails_is_asked_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once, parts = GatesOnce(), Parts("N=8")

    def broken(*_: object) -> float:
        raise TrainingError("nothing agrees")

    with monkeypatch.context() as patch:
        patch.setattr(preflight, "check_sampler", broken)
        for _ in range(2):
            with pytest.raises(TrainingError, match=r"nothing agrees .*sampler_equals_trainer"):
                run_gates(parts.plan, parts.engine, parts.params, parts.heard.say, once)
    run_gates(parts.plan, parts.engine, parts.params, parts.heard.say, once)


def test_an_engine_that_is_not_of_this_process_is_always_asked(home: Path) -> None:
    class Another(LocalEngine): ...

    parts = Parts("N=8")
    engine = Another(parts.engine.model, parts.engine.chat, is_made=True)
    assert GatesOnce().start(parts.plan, engine, parts.params) is None
    assert GatesOnce().start(parts.plan, parts.engine, parts.params) is not None
