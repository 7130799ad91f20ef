"""Samples that come in a burst are taken in together; one that comes alone waits for nobody."""

from __future__ import annotations

from pathlib import Path
from threading import Timer
from time import monotonic
from typing import Any

import pytest

pytest.importorskip("starlette", reason="straw[serve] is not installed")
pytest.importorskip("google.protobuf", reason="straw[serve] is not installed")

from tests.server.fake_backend import FakeBackend

from straw.server.desk.keys import Keys
from straw.server.desk.settings import Settings
from straw.server.keeping.rows import Request, Sampler
from straw.server.service import Service
from straw.server.wire.limits import Limits
from straw.server.wire.sampling import read_asample
from straw.server.work import worker as module
from straw.server.work.quiet import give_memory_back
from straw.server.work.worker import Worker

LONG_S = 30.0


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """Not begun as a thread: the tests take its part."""
    monkeypatch.setattr(module, "PATIENCE_S", LONG_S)
    monkeypatch.setattr(module, "MOST_PATIENCE_S", 2 * LONG_S)
    service = Service(FakeBackend(), tmp_path, Settings(names=("fake",)), Limits(vocabulary=32), Keys())
    service.journal.add_sampler(Sampler("s", "", "me", "fake", None, None, None, None, 0.0))
    return service.worker


def ask(worker: Worker, number: int) -> None:
    prompt = {"chunks": [{"type": "encoded_text", "tokens": [1]}]}
    body: dict[str, Any] = {"sampling_session_id": "s", "seq_id": number, "num_samples": 1, "prompt": prompt,
                            "sampling_params": {"max_tokens": 2}}  # fmt: skip
    worker.put(Request(f"s/{number}", "s", number, "sample", "me"), read_asample(body, Limits(vocabulary=32)))


def test_one_alone_waits_for_nobody(worker: Worker) -> None:
    ask(worker, 0)
    began = monotonic()
    worker.take_in()
    assert monotonic() - began < LONG_S / 2 and len(worker.samples.rows) == 1


def test_of_a_burst_the_late_ones_are_taken_in_too(worker: Worker) -> None:
    ask(worker, 0)
    ask(worker, 1)
    late = Timer(0.05, lambda: (ask(worker, 2), worker.end()))
    late.start()
    worker.take_in()
    late.join()
    assert len(worker.samples.rows) == 3


def test_where_somebody_trains_nobody_waits_for_a_burst(worker: Worker) -> None:
    worker.turns.append("a model")
    ask(worker, 0)
    ask(worker, 1)
    began = monotonic()
    worker.take_in()
    assert monotonic() - began < LONG_S / 2 and len(worker.samples.rows) == 2


@pytest.mark.parametrize("has_worked", [True, False])
def test_memory_is_given_back_once_in_the_quiet_behind_work(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, has_worked: bool
) -> None:
    given: list[bool] = []
    monkeypatch.setattr(module, "QUIET_S", 0.01)
    monkeypatch.setattr(module, "give_memory_back", lambda: given.append(True))
    worker.has_worked = has_worked
    late = Timer(0.1, worker.end)
    late.start()
    worker.take_in()
    late.join()
    assert worker.is_ending and given == [True] * has_worked


def test_giving_back_is_harmless() -> None:
    give_memory_back()
