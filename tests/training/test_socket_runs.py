"""Whole runs in worlds behind a socket: stopped and gone on with, and with a server that dies."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.pretend.openenv_server import Message, Pretend, Visit, observed, serving, stopped

import straw
from straw.errors import TrainingError

SMALL: dict[str, Any] = {
    "model": "tiny-0.2M", "warmup": "none", "max_tokens": 4, "max_turns": 2, "n_batches": 3, "group_size": 4,
    "batch_size": 2, "eval_samples": 4, "eval_every": 3, "save_every": 1, "quiet": True,
}  # fmt: skip


def by_seed(visit: Visit, message: Message) -> Any:
    """A world that its seed decides."""
    if message["type"] == "reset":
        return observed(f"world {message['data']['seed'] % 7}")
    if message["type"] == "state":
        return {"type": "state", "data": {"step_count": visit.steps}}
    said = sum(message["data"]["message"].encode()) + visit.seeds[-1]
    return observed(f"heard {said % 5}", float(said % 3), visit.steps == 2)


def rollouts_of(run: straw.Run) -> list[Any]:
    return [json.loads(line) for line in (run.path / "rollouts.jsonl").read_text().splitlines()]


def test_a_run_that_was_stopped_and_goes_on_has_the_bits_of_one_that_never_was(home: Path, tmp_path: Path) -> None:
    with serving(by_seed, capacity=3) as server:
        world = f"openenv:{server.url}"
        whole = straw.train(world, run_dir=tmp_path / "whole", **SMALL)
        first = straw.train(world, run_dir=tmp_path / "halves", callbacks=[lambda step, metrics: step == 2], **SMALL)
        assert first.state == "stopped"
        halves = straw.resume(first, quiet=True)
        for _ in range(100):
            time.sleep(0.05 * bool(server.here))
        assert server.here == 0  # every session ended with its run
    assert rollouts_of(halves) == rollouts_of(whole)
    newest = sorted((whole.path / "checkpoints").iterdir())[-1].name
    weights = [(run.path / "checkpoints" / newest / "weights.safetensors").read_bytes() for run in (whole, halves)]
    assert weights[0] == weights[1]
    assert whole.metrics[-1]["environments/failed"] == 0.0
    gates = next(one for one in whole.events if one["event"] == "gates")
    assert "repeats itself" in gates["found"]["environment_repeats"]


def test_a_world_that_does_not_repeat_itself_is_said_to_be_one(home: Path, tmp_path: Path) -> None:
    asked: list[int] = []

    def counts(visit: Visit, message: Message) -> Any:
        asked.append(1)
        return observed(f"message {len(asked)}") if message["type"] == "reset" else by_seed(visit, message)

    with serving(counts) as server:
        run = straw.train(f"openenv:{server.url}", run_dir=tmp_path / "run", **SMALL)
    gates = next(one for one in run.events if one["event"] == "gates")
    assert "does not repeat itself" in gates["found"]["environment_repeats"]


def test_a_server_that_dies_fails_the_rest_and_the_run_ends_in_order(home: Path, tmp_path: Path) -> None:
    servers: list[Pretend] = []

    def dies(step: int, metrics: Any) -> None:
        if step == 1:
            stopped(servers[0])

    with serving(by_seed) as server:
        servers.append(server)
        run = straw.train(f"openenv:{server.url}", run_dir=tmp_path / "run", callbacks=[dies], **SMALL)
    assert [row["environments/failed"] for row in run.metrics if row.get("step")] == [0.0, 1.0, 1.0]
    reasons = {one["play"]["reason"] for one in rollouts_of(run) if one["end"] == "failed"}
    assert len(reasons) <= 2 and all("closed the connection" in one or "reached" in one for one in reasons)
    assert run.state == "done"


def test_where_all_fail_at_the_start_the_run_is_refused(home: Path, tmp_path: Path) -> None:
    def refuses(visit: Visit, message: Message) -> Any:
        return {"type": "error", "data": {"code": "EXECUTION_ERROR", "message": "no board"}}

    with serving(refuses) as server, pytest.raises(TrainingError, match="cannot be reset: no board"):
        straw.train(f"openenv:{server.url}", run_dir=tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists()
