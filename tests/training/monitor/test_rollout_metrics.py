from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.training.monitor.test_play_metrics import rollout

import straw
from straw.runs.metrics import is_taken
from straw.training.monitor.rollout_metrics import summary


def test_a_metric_that_somebody_logs_keeps_its_name_unless_a_run_has_one_of_that_name() -> None:
    """TRL's own example logs `accuracy`: mixed with the accuracy on held-out problems it would stop runs early."""
    found = summary([[replace(rollout(), metrics={"share": 0.5, "accuracy": 0.25, "step": 7.0, "ledger/x": 1.0})]])
    assert found["share"].mean == 0.5
    assert (found["logged/accuracy"].mean, found["logged/step"].mean, found["logged/ledger/x"].mean) == (0.25, 7.0, 1.0)
    assert not {"accuracy", "step", "ledger/x"} & found.keys()


def test_every_name_that_a_run_writes_is_taken(home: Path, tmp_path: Path) -> None:
    """Or somebody's metric could be in its column. (What a learner writes beside these is judged by nobody.)"""
    options = {"model": "tiny-0.2M", "warmup": "none", "quiet": True, "n_batches": 2}
    for number, (task, more) in enumerate(
        [
            ("secret", {"N": 8, "kl_coef": 0.1, "entropy_coef": 0.1, "redraws": 1}),
            (
                "sum_digits",
                {"curriculum": "pass_rate", "only_first": 8, "algorithm": "ppo", "eval_replies": 2, "eval_samples": 2},
            ),
            ("secret", {"N": 8, "algorithm": "es"}),
        ]
    ):
        run = straw.train(task, run_dir=tmp_path / f"{number}", **options, **more)
        assert [name for row in run.metrics for name in row if not is_taken(name)] == [], more


def test_a_rollout_that_failed_makes_no_spread_of_rewards() -> None:
    lost = rollout(reason="no board")
    one, other = rollout(paid=(1.0,)), rollout(paid=(3.0,))
    found = summary([[one, other, lost], [one, one, lost], [lost, lost]])
    assert found["reward_std"].mean == 0.5  # 1 and 0; nothing was paid in the third group
    assert found["frac_reward_zero_std"].mean == 2 / 3
    assert found["reward"].mean == 6 / 8  # each counts there
