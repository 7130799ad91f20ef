"""Algorithms that keep a log of rollouts and learn towards what they believe."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from tests.small_runs import Listener, Parts, small_page, small_plan, train

from straw.cli import main
from straw.cli.commands.runs import what
from straw.cli.live.watch import show_finished
from straw.config import plain
from straw.errors import ConfigError
from straw.library.live.watcher import label_of
from straw.report.runs.compare import compare
from straw.report.runs.listing import runs_under
from straw.report.runs.summary import summary_of
from straw.rollouts.collect import SeedKey, collect
from straw.runs.about import config_hash
from straw.runs.reading import read_config, read_metrics
from straw.training.learners.reward_aware import RewardAware
from straw.training.learners.surrogate import Surrogate
from straw.training.session import resume_run, run_page

GAMES = ("reward_type=log_distance", "env_type=multi_step", "env_type=multi_step credit=sum")
SMALL = "pool=64 fresh=8"


def groups_of(parts: Parts, step: int = 1, size: int = 4) -> Any:
    problems = [parts.task.problem(index) for index in range(parts.task.num_problems or 1)]
    places = [SeedKey(0, step, group) for group in range(len(problems))]
    return collect(parts.engine, parts.task, parts.channel, problems, places, size, parts.params)


@pytest.mark.parametrize("game", GAMES)
def test_reward_aware_keeps_the_right_answer_and_what_else_would_have_been_paid_alike(home: Path, game: Any) -> None:
    parts = Parts(f"algorithm=reward_aware {game}")
    student, target = (
        RewardAware(parts.plan, parts.engine, parts.params),
        parts.task.target_index(parts.task.problem(0)),
    )
    left = [8]
    for step in range(1, 4):
        student.observe(groups_of(parts, step), step)
        (belief,) = student.beliefs()
        assert belief.shares[target] == belief.shares.max()
        left.append(int((belief.shares > 0).sum()))
    assert left == sorted(left, reverse=True) and left[-1] < 8


@pytest.mark.parametrize("game", GAMES)
def test_secrets_that_are_paid_alike_are_believed_in_alike(home: Path, game: Any) -> None:
    """The observer is handed the secret, and must not use more of it than the reward tells."""
    parts = Parts(f"algorithm=reward_aware fixed_secret=3 {game}")
    (group,) = groups_of(parts)
    student = RewardAware(parts.plan, parts.engine, parts.params)
    student.observe([group], 1)
    (belief,) = student.beliefs()
    for other in np.flatnonzero(belief.shares):
        them = Parts(f"algorithm=reward_aware fixed_secret={other} {game}")
        (theirs,) = groups_of(them)  # the same draws of the same policy
        assert [one.replies for one in theirs] == [one.replies for one in group]
        assert [(one.reward, one.turn_rewards) for one in theirs] == [(one.reward, one.turn_rewards) for one in group]
        student = RewardAware(them.plan, them.engine, them.params)
        student.observe([theirs], 1)
        np.testing.assert_array_equal(student.beliefs()[0].shares, belief.shares)


def test_a_flipped_reward_leaves_a_likelihood(home: Path) -> None:
    parts = Parts("algorithm=reward_aware reward_type=noisy_binary flip_probability=0.2")
    student, (group,) = RewardAware(parts.plan, parts.engine, parts.params), groups_of(parts)
    student.observe([group], 1)
    guesses = [int(one.replies[0]) for one in group]
    tried = {guess: sum(1 if one.reward else -1 for one, g in zip(group, guesses, strict=True) if g == guess)
             for guess in guesses}  # fmt: skip
    weights = np.array([4.0 ** tried.get(guess, 0) for guess in range(8)])
    np.testing.assert_allclose(student.beliefs()[0].shares, weights / weights.sum())


@pytest.mark.parametrize("words", [f"algorithm=surrogate {SMALL}", "algorithm=reward_aware"])
def test_they_learn_a_secret_of_three_bits_within_a_few_groups(home: Path, tmp_path: Path, words: str) -> None:
    finished = train(
        tmp_path / "run", f"{words} reward_type=log_distance learning_rate=2e-3 n_batches=5 most_updates=20"
    )
    assert finished.known["bits_known"] > 2.7


class Dying(Listener):
    def update(self, step: int, row: dict[str, float]) -> None:
        if step == 3:
            raise ZeroDivisionError


@pytest.mark.parametrize(
    "words",
    [f"algorithm=surrogate {SMALL} env_type=multi_step credit=sum", "algorithm=reward_aware reward_type=log_distance"],
)
def test_a_run_that_goes_on_has_the_bits_of_one_that_never_stopped_but_not_without_its_log(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    page = f"{words} group_size=1 n_batches=4 save_every=2 eval_every=2 most_updates=2"
    alone = train(tmp_path / "alone", page)
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={tmp_path / 'run'}", page), Dying())
    copytree(tmp_path / "run", tmp_path / "forgetful")
    resume_run(tmp_path / "run", Listener())
    assert rows(tmp_path / "run") == rows(alone.folder)
    for student in (Surrogate, RewardAware):
        monkeypatch.setattr(student, "load_state_dict", lambda self, state: None)
    resume_run(tmp_path / "forgetful", Listener())
    assert rows(tmp_path / "forgetful") != rows(alone.folder)


@pytest.mark.parametrize("words", ["algorithm=grpo", f"algorithm=surrogate {SMALL}"])
def test_a_run_of_before_goes_on_though_it_wrote_down_the_options_of_every_algorithm(
    home: Path, tmp_path: Path, words: str
) -> None:
    page = f"{words} n_batches=4 save_every=2"
    alone = train(tmp_path / "alone", page)
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={tmp_path / 'run'}", page), Dying())
    as_before(tmp_path / "run")
    copytree(tmp_path / "run", tmp_path / "parent")
    resume_run(tmp_path / "run", Listener())
    assert (tmp_path / "run/rollouts.jsonl").read_bytes() == (alone.folder / "rollouts.jsonl").read_bytes()
    branch = ["resume", str(tmp_path / "parent"), "--branch", "--quiet", f"run_dir={tmp_path / 'branch'}"]
    assert main(branch) == 0 and main(["show", str(tmp_path / "branch")]) == 0
    assert (tmp_path / "branch/rollouts.jsonl").read_bytes() == (alone.folder / "rollouts.jsonl").read_bytes()


def as_before(folder: Path) -> None:
    """Its page as it was written when every algorithm had the options of all."""
    lines = (folder / "config.toml").read_text().splitlines(keepends=True)
    every = ['most_updates = "none"\n', 'target_kl = "none"\n', 'pool = "none"\n', "fresh = 64\n"]
    missing = [line for line in every if not any(one.startswith(line.split(" = ")[0] + " = ") for one in lines)]
    place = lines.index("[optimizer]\n") - 1
    config = "".join([*lines[:place], *missing, *lines[place:]])
    (folder / "config.toml").write_text(config)
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(
        json.dumps({**about, "config": tomllib.loads(config), "config_hash": config_hash(config)})
    )


def rows(folder: Path) -> list[dict[str, object]]:
    return [{name: value for name, value in row.items() if name != "time_s"} for row in read_metrics(folder)]


def test_a_run_counts_its_updates_and_what_it_draws_unpaid(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the first step the pool, and `fresh` in each step behind it; updates stop early where they have come near."""
    words = "algorithm=surrogate listed=0 pool=20 fresh=5 most_updates=3 target_kl=1e-9 n_batches=3 N=8 save_every=0"
    finished = train(tmp_path / "run", words)
    rows = read_metrics(tmp_path / "run")[1:]
    again = [row["unpaid_draws"] - drawn for row, drawn in zip(rows, (20, 5, 5), strict=True)]
    assert set(again) <= {0, 16}  # four times a group, where it drew something twice
    assert [row["updates"] for row in rows] == [3, 3, 3]
    found = summary_of(tmp_path / "run")
    assert (found.updates, found.unpaid_draws, found.episodes) == (9, 30 + sum(again), 12)
    show_finished(finished)
    shown = capsys.readouterr().out
    assert re.search(r"updates\W+9\b", shown) and re.search(
        rf"unpaid draws, no episodes\W+{found.unpaid_draws:.0f}\b", shown
    )


def test_others_count_their_updates_too(home: Path, tmp_path: Path) -> None:
    """Two a batch, and none where no group had an advantage."""
    train(tmp_path / "run", "N=8 n_batches=4 updates_per_batch=2 save_every=0 replay=0 entropy_coef=0")
    for row in read_metrics(tmp_path / "run")[1:]:
        assert row["updates"] == (0 if row["groups_without_advantage"] == 1 else 2)
    assert summary_of(tmp_path / "run").unpaid_draws is None


def test_the_run_says_that_it_knew_the_formula(home: Path, tmp_path: Path) -> None:
    folder = train(tmp_path / "run", "algorithm=reward_aware n_batches=1").folder
    assert plain(read_config(folder)["algorithm"]["algorithm"]) == "reward_aware"
    assert [row.get("reward_aware") for row in read_metrics(folder)] == [None, 1.0]


@pytest.mark.parametrize(
    ("algorithm", "why"), [("reward_aware", "none that it could list"), ("surrogate", "never come again")]
)
def test_a_task_that_it_cannot_learn_is_refused_before_anything_is_loaded(algorithm: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        small_plan(f"kind=sum_digits algorithm={algorithm} n_batches=1")


def test_each_has_a_plan_without_gaps() -> None:
    plan = small_plan("algorithm=surrogate")
    assert (plan.page.algorithm.pool, plan.page.algorithm.most_updates) == (256, 30)
    assert small_plan("algorithm=reward_aware").page.optimizer.learning_rate == 5e-4
    assert small_plan("algorithm=reward_aware reward_type=log_distance").page.optimizer.learning_rate == 1e-3


def test_a_student_needs_fewer_episodes_than_others() -> None:
    """Three bits: 36 episodes instead of 300; by binary reward one and a half times each of eight answers."""
    steps = [small_plan(f"algorithm={name} reward_type={kind}").page.run.n_batches
             for kind in ("log_distance", "binary") for name in ("surrogate", "reinforce")]  # fmt: skip
    assert steps == [9, 75, 3, 12]


def test_a_student_is_marked_wherever_its_run_is_shown(home: Path, tmp_path: Path) -> None:
    folder = train(tmp_path / "run", "algorithm=reward_aware reward_type=log_distance n_batches=1").folder
    other = train(tmp_path / "other", "reward_type=log_distance n_batches=1").folder
    plans = [small_plan("reward_type=log_distance", f"algorithm={name}") for name in ("reward_aware", "reinforce")]
    assert [label_of(plan) for plan in plans] == ["log distance, reward_aware", "log distance"]
    assert [what(one.options).split()[2:-1] for one in runs_under(tmp_path)] == [
        ["log_distance"], ["log_distance,", "reward_aware"],
    ]  # fmt: skip
    assert [curve.label for curve in compare([folder, other]).curves()] == ["run, reward_aware", "other"]
