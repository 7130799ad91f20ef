"""What the loop does when something breaks, and the small numbers in it."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from tests.small_runs import Listener, Parts, train

from straw.errors import RunError, TrainingError
from straw.runs.files import jsonl as lines
from straw.runs.reading import read_checkpoints, read_metrics, read_rollouts, state_of
from straw.runs.store import RunFolder
from straw.training.learners.policy_gradient import entropy_coef
from straw.training.loop import Loop
from straw.training.monitor.rollout_metrics import summary
from straw.training.sources.problems import problems_of
from straw.training.updates import Updates
from straw.types import End, Grade, Message, Metric, Problem, Rollout, Turn


def kept_batch(folder: Path) -> list[dict[str, object]]:
    (path,) = folder.glob("broken-step-*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("words", ["algorithm=sft", "reward_type=log_distance"])
def test_weights_that_grow_beyond_all_numbers_stop_the_run(home: Path, tmp_path: Path, words: str) -> None:
    with pytest.raises(
        TrainingError, match=r"step 2 had to stop, .*batch is kept in .*smaller learning_rate"
    ) as caught:
        train(tmp_path / "run", "n_batches=20 group_size=8 learning_rate=1 weight_decay=1e38", words)
    assert "\n" not in str(caught.value)
    batch = kept_batch(tmp_path / "run")
    assert len(batch) >= 8  # and what is replayed
    assert {"prompt", "tokens", "weights", "advantages", "logprobs"} <= batch[0].keys()
    assert read_checkpoints(tmp_path / "run") == []
    assert [row["step"] for row in read_metrics(tmp_path / "run")] == [0, 1]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("algorithm=sft", "the loss is nan"),
        ("reward_type=binary replay=0", "the policy has no finite probabilities"),  # nothing is hit, so no loss tells
    ],
)
def test_weights_that_are_no_numbers_stop_the_run_and_keep_the_batch(
    home: Path, tmp_path: Path, words: str, reason: str
) -> None:
    parts = Parts("N=8 n_batches=3", words)
    with torch.no_grad():
        parts.engine.model.model.norm.weight[0] = torch.nan
    with RunFolder.create(tmp_path / "run", "") as folder:
        loop = Loop(parts.plan, parts.engine, parts.params, folder, Listener())
        with pytest.raises(TrainingError, match=f"step 1 had to stop, {reason}"):
            loop.run()
    kept = kept_batch(tmp_path / "run")
    assert len(kept) == 4 and all(set(one["weights"]) == {0.25} for one in kept)
    assert read_metrics(tmp_path / "run")[0]["bits_known"] is None  # measured, and no number


def test_a_gradient_that_is_no_number_stops_too(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts("N=8 algorithm=sft n_batches=3")

    def breaks(*_: object) -> None:
        raise TrainingError("the gradient is not finite (norm inf): no step was taken")

    monkeypatch.setattr(parts.engine, "optim_step", breaks)
    with RunFolder.create(tmp_path / "run", "") as folder:
        loop = Loop(parts.plan, parts.engine, parts.params, folder, Listener())
        with pytest.raises(TrainingError, match=r"step 1 had to stop, the gradient is not finite \(norm inf\)"):
            loop.run()
    assert len(kept_batch(tmp_path / "run")) == 4


class FullDisk:
    """os.write, until the disk is full."""

    def __init__(self, writes: int) -> None:
        self.left, self.write = writes, os.write

    def __call__(self, descriptor: int, data: bytes) -> int:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.write(descriptor, data)


@pytest.mark.parametrize("writes", [0, 1, 2, 3, 4])
def test_a_disk_that_is_full_at_the_start_leaves_no_folder(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    monkeypatch.setattr(lines.os, "write", FullDisk(writes))
    with pytest.raises(RunError, match="is full"):
        train(tmp_path / "runs" / "mine", "n_batches=3")
    assert os.listdir(tmp_path) == []


def test_a_disk_that_fills_up_later_leaves_what_was_written(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines.os, "write", FullDisk(8))  # two events, rows 0 to 2 and the rollouts of 1 to 3
    with pytest.raises(RunError, match="is full"):
        train(tmp_path / "run", "n_batches=9")
    assert [row["step"] for row in read_metrics(tmp_path / "run")] == [0, 1, 2]
    assert {record["step"] for record in read_rollouts(tmp_path / "run")} == {1, 2, 3}


def test_a_checkpoint_that_does_not_fit_is_not_there(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_behind_the_start(tensors: dict[str, object], path: Path) -> None:
        if "checkpoints" in path.parts:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("straw.engines.local.training.checkpoints.save_file", full_behind_the_start)
    with pytest.raises(RunError, match="is full"):
        train(tmp_path / "run", "n_batches=3")
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert len(read_metrics(tmp_path / "run")) == 4
    assert state_of(tmp_path / "run") == "failed"


def test_the_entropy_bonus_falls_in_a_line(home: Path, tmp_path: Path) -> None:
    parts = Parts("N=8 entropy_coef=0.4 n_batches=4")
    with RunFolder.create(tmp_path / "run", "") as folder:
        loop = Loop(parts.plan, parts.engine, parts.params, folder, Listener())
        bonus = []
        for step in range(1, 5):
            bonus.append(entropy_coef(loop.page.algorithm, step, loop.num_steps))
    assert bonus == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_groups_take_the_problems_in_turn_across_steps(home: Path, tmp_path: Path) -> None:
    parts = Parts("N=8 num_secrets=2 batch_size=3")
    asked = [problem.key for step in (1, 2) for problem in problems_of(parts.plan, step)]
    assert asked == ["secret-0", "secret-1"] * 3


def rollout(reward: float, end: End = End.ANSWERED, well_formed: bool = True, tokens: int = 2) -> Rollout:
    turn = Turn(prompt=(1,), reply=(2,) * tokens, logprobs=(-1.0,) * tokens, policy_version=0)
    return Rollout(
        problem=Problem(key="", messages=(Message("user", "?"),), reference=("1",)),
        turns=(turn,),
        replies=("1",),
        end=end,
        grade=Grade(hits=(reward == 1,), well_formed=well_formed),
        rewards={"binary": reward},
        advantages=(reward,),
    )


def test_the_summary_of_a_step_by_hand() -> None:
    groups = [[rollout(1.0), rollout(0.0, End.OUT_OF_TOKENS, False, 6)], [rollout(0.0), rollout(0.0)]]
    assert summary(groups) == {
        "reward": Metric(0.25, 4),
        "reward_std": Metric(0.25, 2),  # 0.5 and 0
        "frac_reward_zero_std": Metric(0.5, 2),
        "rewards/binary/mean": Metric(0.25, 4),
        "hits": Metric(0.25, 4),
        "format_errors": Metric(0.25, 4),
        "completions/clipped_ratio": Metric(0.25, 4),
        "completions/mean_length": Metric(3.0, 4),
        "diversity/answers": Metric(0.0, 2),
        "most_common_reply": Metric(1.0, 2),
        "advantage_scale": Metric(0.25, 4),
        "groups_without_advantage": Metric(0.5, 2),
    }


def test_a_run_is_over_when_it_knows_enough(home: Path, tmp_path: Path) -> None:
    words = "algorithm=sft n_batches=60 eval_every=2 learning_rate=3e-3"
    whole = train(tmp_path / "whole", words)
    short = train(tmp_path / "short", words, "stop_at=0.9")
    rows = read_metrics(tmp_path / "short")
    assert short.is_done and state_of(tmp_path / "short") == "done"
    assert rows[-1]["p_secret"] >= 0.9 > rows[-3]["p_secret"]
    assert (rows[-1]["step"], short.episodes) == (short.steps, short.steps * 4)
    assert short.steps < whole.steps == 60
    assert rows[-1]["bits_known"] == read_metrics(tmp_path / "whole")[short.steps]["bits_known"]
    assert read_checkpoints(tmp_path / "short")[-1]["step"] == short.steps


def test_accuracy_can_be_enough_too(home: Path, tmp_path: Path) -> None:
    finished = train(
        tmp_path / "run", "kind=sum_digits warmup=none n_batches=4 eval_every=1 eval_samples=4 stop_at=0.0001"
    )
    assert finished.steps == 4  # an empty model is never right


def test_equal_weights_are_measured_once(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts("N=8 n_batches=6 eval_every=1")
    monkeypatch.setattr(Updates, "on", lambda *_: {"updates": Metric(0.0)})
    asked = []
    monkeypatch.setattr(parts.engine, "logprobs", lambda *a, real=parts.engine.logprobs: asked.append(1) or real(*a))
    with RunFolder.create(tmp_path / "run", "") as folder:
        Loop(parts.plan, parts.engine, parts.params, folder, Listener()).run()
    rows = read_metrics(tmp_path / "run")
    assert len({row["bits_known"] for row in rows}) == 1 and len(rows) == 7
    assert len(asked) == 1


def test_what_is_known_of_the_secret_does_not_depend_on_how_many_others_are_asked_for(
    home: Path, tmp_path: Path
) -> None:
    words = "env_type=multi_step N=8 n_batches=3 eval_every=1"
    train(tmp_path / "all", words)
    train(tmp_path / "some", words, "eval_answers=2")
    whole, some = read_metrics(tmp_path / "all"), read_metrics(tmp_path / "some")
    exact = ("bits_known", "p_secret", "ledger/absorbed_bits", "reward")
    assert [[row.get(name) for name in exact] for row in whole] == [[row.get(name) for name in exact] for row in some]
    assert "answer_entropy_bits" in whole[0] and "answer_entropy_bits" not in some[0]
