"""Stubs of wandb and trackio take what the real ones take (wandb 0.31, trackio 0.43); tensorboard is the real one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from straw.config import Page, dump, load_page
from straw.errors import ConfigError
from straw.runs.reading import read_events
from straw.runs.store import RunFolder
from straw.runs.tracking.backends import BACKENDS
from straw.runs.tracking.tracker import check_tracker, tracker_for


def row(step: int) -> dict[str, float | None]:
    return {"step": step, "episodes": 4 * step, "time_s": 0.5 * step, "reward": step / 10, "kl": None}


class StubRun:
    """A run of wandb or trackio: keeps what it is sent, refuses what the real one refuses."""

    def __init__(self, kept: list[tuple[int, dict[str, float]]]) -> None:
        self.kept, self.ended = kept, None

    @property
    def step(self) -> int:  # of wandb
        return self.kept[-1][0] + 1 if self.kept else 0

    _next_step = step  # of trackio

    def log(self, data: dict[str, float], step: int | None = None, commit: bool | None = None) -> None:
        assert "step" not in data, "trackio renames it"
        assert step is not None and step >= self.step, "wandb ignores a step that it has passed"
        assert all(isinstance(value, (int, float)) for value in data.values())
        self.kept.append((step, data))

    def finish(self, exit_code: int | None = None) -> None:
        self.ended = exit_code


class Stub(ModuleType):
    """The module; its runs live as long as it does, as on a server."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.logs: dict[str, list[tuple[int, dict[str, float]]]] = {}
        self.calls: list[dict[str, object]] = []
        self.runs: list[StubRun] = []

    def start(self, key: str, **arguments: object) -> StubRun:
        assert arguments["resume"] == "allow"
        json.dumps(arguments["config"])
        self.calls.append(arguments)
        self.runs.append(StubRun(self.logs.setdefault(key, [])))
        return self.runs[-1]


class StubWandb(Stub):
    def init(
        self, *, project: Any = None, dir: Any = None, id: Any = None, name: Any = None, config: Any = None,
        allow_val_change: Any = None, resume: Any = None, settings: Any = None,
    ) -> StubRun:  # fmt: skip
        assert not set(id) & set("/\\#?%:"), "wandb refuses these in an id"
        return self.start(id, project=project, dir=dir, name=name, config=config, resume=resume, settings=settings)


class StubTrackio(Stub):
    def init(
        self, project: Any, name: Any = None, config: Any = None, resume: Any = "never", settings: Any = None
    ) -> StubRun:
        return self.start(name, project=project, config=config, resume=resume)


@pytest.fixture(params=["wandb", "trackio"])
def stub(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Stub:
    made = {"wandb": StubWandb, "trackio": StubTrackio}[request.param](request.param)
    monkeypatch.setitem(sys.modules, request.param, made)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    monkeypatch.delenv("TRACKIO_PROJECT", raising=False)
    return made


def page_with(track: str, path: Path) -> Page:
    return load_page(None, {"track": track, "run_dir": str(path), "N": 16}).page


def train(path: Path, track: str, steps: range, *, resumed: bool = False, said: list[str] | None = None) -> None:
    """A run without a model: rows to the file, rows to the tracker."""
    page = page_with(track, path)
    with RunFolder.open(path) if resumed else RunFolder.create(path, dump(page)) as folder:
        if resumed:
            keep = "".join(json.dumps(row(step)) + "\n" for step in range(steps.start))
            (path / "metrics.jsonl").write_text(keep)  # as `rewind` leaves it
        tracker = tracker_for(page, folder, (said if said is not None else []).append)
        for step in steps:
            folder.write_metrics(row(step))
            tracker.log(row(step))
        tracker.close()


# --- who gets what


def test_every_row_and_the_config_arrive_under_the_names_of_the_file(stub: Stub, tmp_path: Path) -> None:
    train(tmp_path / "my run", stub.__name__, range(3))
    (log,) = stub.logs.values()
    assert log == [(step, {"episodes": 4 * step, "time_s": 0.5 * step, "reward": step / 10}) for step in range(3)]
    assert stub.calls[0]["config"]["N"] == 16 and stub.calls[0]["config"]["stop"] == []
    assert stub.calls[0]["project"] == "straw"
    (name,) = stub.logs
    assert name.startswith("my-run-")


def test_a_project_may_be_named_by_the_trackers_own_variable(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{stub.__name__.upper()}_PROJECT", "bits")
    train(tmp_path / "run", stub.__name__, range(2))
    monkeypatch.delenv(f"{stub.__name__.upper()}_PROJECT")
    train(tmp_path / "run", stub.__name__, range(2, 3), resumed=True)
    assert [call["project"] for call in stub.calls] == ["bits", "bits"]


def test_a_resumed_run_goes_on_with_the_same_run_and_sends_nothing_twice(stub: Stub, tmp_path: Path) -> None:
    train(tmp_path / "run", stub.__name__, range(6))
    train(tmp_path / "run", stub.__name__, range(4, 9), resumed=True)  # killed at 5, its checkpoint is that of step 3
    (log,) = stub.logs.values()
    assert [step for step, _ in log] == list(range(9))


def test_rows_that_the_tracker_lost_are_sent_from_the_file(stub: Stub, tmp_path: Path) -> None:
    train(tmp_path / "run", stub.__name__, range(6))
    (log,) = stub.logs.values()
    del log[2:]  # what a killed process had not sent yet
    train(tmp_path / "run", stub.__name__, range(4, 6), resumed=True)
    assert [step for step, _ in log] == list(range(6))


def test_runs_of_equal_name_are_runs_of_their_own(stub: Stub, tmp_path: Path) -> None:
    train(tmp_path / "a/run", stub.__name__, range(1))
    train(tmp_path / "b/run", stub.__name__, range(1))
    assert len(stub.logs) == 2


def test_a_run_without_a_tracker_imports_none_and_leaves_no_trace(tmp_path: Path) -> None:
    before = set(sys.modules)
    train(tmp_path / "run", "none", range(2))
    assert not {"wandb", "trackio", "tensorboard"} & (set(sys.modules) - before)
    assert not (tmp_path / "run/tracker.json").exists()


def test_a_run_that_failed_says_so_to_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = StubWandb("wandb")
    monkeypatch.setitem(sys.modules, "wandb", stub)
    page = page_with("wandb", tmp_path / "run")
    with RunFolder.create(tmp_path / "run", dump(page)) as folder:
        tracker_for(page, folder, print).close(failed=True)
    assert stub.runs[0].ended == 1


# --- what goes wrong


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_a_package_that_is_not_there_is_named_before_anything_begins(
    name: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _ = BACKENDS[name].needs
    monkeypatch.setitem(sys.modules, module, None)  # what an import then finds
    with pytest.raises(ConfigError, match=rf"track={name} needs the package {name}.*pip install 'straw\[track\]'"):
        check_tracker(page_with(name, tmp_path).run.track)


def test_a_folder_called_wandb_is_not_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", ModuleType("wandb"))
    with pytest.raises(ConfigError, match="needs the package wandb"):
        check_tracker(page_with("wandb", tmp_path).run.track)


def test_a_package_that_is_there_and_no_tracker_are_fine(stub: Stub, tmp_path: Path) -> None:
    check_tracker(page_with(stub.__name__, tmp_path).run.track)
    check_tracker(page_with("none", tmp_path).run.track)


@pytest.mark.parametrize("place", ["init", "log", "finish"])
def test_a_tracker_that_fails_is_said_once_written_down_and_never_ends_the_run(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    tried = []

    def fail(*_: object, **__: object) -> None:
        tried.append(place)
        raise OSError("no network\nand a long trace")

    monkeypatch.setattr(stub if place == "init" else StubRun, place, fail)
    said: list[str] = []
    train(tmp_path / "run", stub.__name__, range(4), said=said)
    assert tried == [place]
    assert said == [f"{stub.__name__} failed and gets no more rows, the run goes on (OSError: no network)"]
    (event,) = read_events(tmp_path / "run")
    assert (event["event"], event["name"], event["error"]) == ("tracker_failed", stub.__name__, "OSError: no network")
    assert len((tmp_path / "run/metrics.jsonl").read_text().splitlines()) == 4


def test_after_a_failure_the_next_resume_tries_again_and_fills_the_gap(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(stub, "init", lambda *_, **__: 1 / 0)
        train(tmp_path / "run", stub.__name__, range(4))
    assert stub.logs == {}
    train(tmp_path / "run", stub.__name__, range(4, 6), resumed=True)
    (log,) = stub.logs.values()
    assert [step for step, _ in log] == list(range(6))


def test_somebody_who_stops_the_run_is_heard(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(StubRun, "log", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", stub.__name__, range(2))


def test_a_tracker_json_that_cannot_be_read_is_a_failure_of_the_tracker_only(stub: Stub, tmp_path: Path) -> None:
    train(tmp_path / "run", stub.__name__, range(2))
    (tmp_path / "run/tracker.json").write_text("{")
    said: list[str] = []
    train(tmp_path / "run", stub.__name__, range(2, 4), resumed=True, said=said)
    assert len(said) == 1 and "tracker.json" in said[0]


# --- tensorboard, the real one


def test_tensorboard_shows_every_row_once_after_a_resume(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    before = "torch" in sys.modules
    train(tmp_path / "run", "tensorboard", range(6))
    train(tmp_path / "run", "tensorboard", range(4, 9), resumed=True)
    shown = accumulator.EventAccumulator(str(tmp_path / "run/tensorboard"))
    shown.Reload()
    assert set(shown.Tags()["scalars"]) == {"episodes", "time_s", "reward"}
    scalars = shown.Scalars("reward")
    assert [(one.step, round(one.value, 5)) for one in scalars] == [(step, step / 10) for step in range(9)]
    assert scalars[8].wall_time - scalars[0].wall_time == pytest.approx(4.0)  # time_s, not when it was sent
    assert b"    N = 16\n" in shown.Tensors("config")[0].tensor_proto.string_val[0]
    assert ("torch" in sys.modules) == before


def test_what_tensorboard_cannot_write_is_its_failure_only(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    said: list[str] = []
    (tmp_path / "run").mkdir()
    page = page_with("tensorboard", tmp_path / "run")
    with RunFolder.create(tmp_path / "run", dump(page)) as folder:
        (tmp_path / "run/tensorboard").write_text("a file where its folder should be")
        tracker = tracker_for(page, folder, said.append)
        tracker.log(row(0))
        tracker.close()
    assert len(said) == 1


# --- a run folder that somebody else made


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_tracker_does_not_write_through_a_link(name: str, tmp_path: Path) -> None:
    train(tmp_path / "run", "tensorboard", range(1))
    (tmp_path / "elsewhere").mkdir()
    if (tmp_path / "run" / name).exists():
        (tmp_path / "run" / name).rename(tmp_path / "run" / "aside")
    (tmp_path / "run" / name).symlink_to(tmp_path / "elsewhere")
    said: list[str] = []
    train(tmp_path / "run", "tensorboard", range(1, 3), resumed=True, said=said)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert len(said) == 1 and f"{name} is no folder of this run: remove it" in said[0]


@pytest.mark.parametrize(
    "odd", [{"id": "../../x"}, {"project": "../../x"}, {"id": None}, {"id": "a" * 999}, {"project": "\x1b"}]
)
def test_the_names_in_tracker_json_are_names_or_others_are_taken(
    odd: dict[str, Any], stub: Stub, tmp_path: Path
) -> None:
    train(tmp_path / "run", stub.__name__, range(1))
    known = json.loads((tmp_path / "run" / "tracker.json").read_text())
    (tmp_path / "run" / "tracker.json").write_text(json.dumps(known | odd))
    train(tmp_path / "run", stub.__name__, range(1, 2), resumed=True)
    again = json.loads((tmp_path / "run" / "tracker.json").read_text())
    assert again["id"] != known["id"] and again["project"] == "straw" and not {*odd.values()} & {*again.values()}


def test_a_project_of_a_person_s_own_words_is_gone_on_with(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{stub.__name__.upper()}_PROJECT", "my secrets, small é")
    train(tmp_path / "run", stub.__name__, range(1))
    train(tmp_path / "run", stub.__name__, range(1, 2), resumed=True)
    assert [call["project"] for call in stub.calls] == ["my secrets, small é"] * 2 and len(stub.logs) == 1
