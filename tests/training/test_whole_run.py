"""From a page to a run folder, on a model of 0.2M parameters that has to learn three bits."""

from __future__ import annotations

from itertools import pairwise
from math import log2
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from safetensors.torch import load_file
from tests.small_runs import small_plan, train

from straw.algorithms.registry import NAMED
from straw.config import load_page, with_values
from straw.errors import ConfigError, RunError
from straw.registry import names
from straw.runs.reading import read_checkpoints, read_config, read_metrics, read_rollouts
from straw.training.resolve.page_to_plan import plan_of

CHANNELS = names("rewards")


def without_times(folder: Path) -> list[dict[str, object]]:
    return [{key: value for key, value in row.items() if key != "time_s"} for row in read_metrics(folder)]


# --- it learns


def test_supervised_learning_memorises_the_secret_without_a_rollout(home: Path, tmp_path: Path) -> None:
    finished = train(tmp_path / "run", "algorithm=sft n_batches=30 learning_rate=1e-3")
    assert finished.known["bits_known"] > 0.9 * 3
    assert list(read_rollouts(finished.folder)) == []
    assert read_metrics(finished.folder)[-1]["episodes"] == 30 * 4  # readings of the reference, on the same counter


@pytest.mark.parametrize(
    ("words", "bits"),
    [
        ("reward_type=binary fixed_secret=1", 2.7),
        pytest.param("reward_type=binary fixed_secret=6", 2.7, marks=pytest.mark.slow),
        pytest.param("reward_type=log_distance fixed_secret=5", 2.7, marks=pytest.mark.slow),
        pytest.param("env_type=multi_step fixed_secret=6 learning_rate=5e-4", 2, marks=pytest.mark.slow),
        pytest.param(
            "reward_type=binary lora_rank=4 learning_rate=1e-2", 1, marks=pytest.mark.slow
        ),  # so short a warm-up leaves adapters little room
    ],
)
def test_a_reward_memorises_the_secret(home: Path, tmp_path: Path, words: str, bits: float) -> None:
    finished = train(tmp_path / "run", "n_batches=60 group_size=8 learning_rate=1e-3", words)
    first, *_, last = read_metrics(finished.folder)
    assert abs(first["bits_known"]) < 1
    assert last["bits_known"] == finished.known["bits_known"] > bits


def test_of_three_secrets_each_is_learned_behind_its_own_prompt(home: Path, tmp_path: Path) -> None:
    finished = train(
        tmp_path / "run", "num_secrets=3 algorithm=sft n_batches=80 batch_size=3 group_size=1 learning_rate=1e-3"
    )
    assert finished.known["bits_known"] > 0.9 * 3  # the mean over the three


def test_one_possible_secret_is_a_run_like_any_other(home: Path, tmp_path: Path) -> None:
    finished = train(tmp_path / "run", "N=1 n_batches=2")
    assert finished.known["bits_known"] == pytest.approx(0, abs=0.2)
    assert {record["facts"]["secret"] for record in read_rollouts(finished.folder)} == {0}


# --- the folder


def test_the_folder_tells_the_whole_run(home: Path, tmp_path: Path) -> None:
    began = monotonic()
    finished = train(tmp_path / "run", "n_batches=5 eval_every=2 save_every=2 keep_last=0 batch_size=2")
    rows = read_metrics(finished.folder)
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert [row["episodes"] for row in rows] == [0, 8, 16, 24, 32, 40]
    assert ["bits_known" in row for row in rows] == [True, False, True, False, True, True]
    assert [row["step"] for row in read_checkpoints(finished.folder)] == [2, 4, 5]
    assert len(list(read_rollouts(finished.folder))) == 40
    assert all(later["time_s"] >= earlier["time_s"] for earlier, later in pairwise(rows))
    assert rows[0]["time_s"] >= 0 and rows[-1]["time_s"] <= monotonic() - began


def test_the_measurements_of_a_row(home: Path, tmp_path: Path) -> None:
    start, step = read_metrics(train(tmp_path / "run", "n_batches=1").folder)
    measured = {"bits_known", "bits_known_clamped", "bits_known_normalised", "p_secret", "valid_mass"}
    measured |= {"answer_entropy_bits", "distance_to_uniform"}
    assert measured <= start.keys() & step.keys()
    seen = {"reward", "reward_std", "rewards/binary/mean", "frac_reward_zero_std", "groups_without_advantage"}
    seen |= {"completions/mean_length", "completions/clipped_ratio", "hits", "format_errors"}
    assert seen <= step.keys()
    assert start["bits_known"] == pytest.approx(3 + log2(start["p_secret"]))


def test_the_page_of_a_run_is_the_page_that_ran(home: Path, tmp_path: Path) -> None:
    words = "n_batches=1 reward_type=log_distance algorithm=rloo"
    finished = train(tmp_path / "run", words)
    config = read_config(finished.folder)
    assert config["sampling"]["max_tokens"] == 2
    assert config["run"]["run_dir"] == str(tmp_path / "run")
    assert "none" not in {
        config["optimizer"]["learning_rate"],
        config["algorithm"]["baseline"],
        config["model"]["dtype"],
    }
    expected = with_values(small_plan(words).page, {"max_tokens": 2, "run_dir": str(tmp_path / "run")})
    assert plan_of(load_page(finished.folder / "config.toml")).page == finished.plan.page == expected


def test_a_rollout_tells_what_was_asked_said_and_paid(home: Path, tmp_path: Path) -> None:
    finished = train(tmp_path / "run", "n_batches=3 fixed_secret=5 reward_type=log_distance")
    for record in read_rollouts(finished.folder):
        guess = int(record["replies"][0]) if record["grade"]["well_formed"] else None
        assert record["prompt"] == "Name the secret in [0, 8). Number only."
        assert record["facts"] == {"secret": 5}
        assert record["grade"]["hits"] == [guess == 5]
        assert record["grade"]["offsets"] == [None if guess is None else guess - 5]
        paid = 0.0 if guess is None else max(0.0, 1 - log2(abs(guess - 5) + 1) / 3)
        assert record["rewards"] == {"log_distance": pytest.approx(paid)}
        assert record["reward"] == pytest.approx(paid)
        assert record["end"] == "answered"
        assert len(record["advantages"]) == 1
        assert record["policy_version"] == record["step"] - 1  # on policy: written by the weights before the step
        (turn,) = record["turns"]
        assert len(turn["reply_tokens"]) == len(turn["logprobs"])


def test_the_last_checkpoint_has_the_weights_that_were_measured_last(home: Path, tmp_path: Path) -> None:
    finished = train(tmp_path / "run", "n_batches=2 algorithm=sft save_every=1")
    one, two = (
        load_file(finished.folder / row["folder"] / "weights.safetensors") for row in read_checkpoints(finished.folder)
    )
    assert one.keys() == two.keys()
    assert any(not one[name].equal(two[name]) for name in one)


def test_a_folder_in_use_is_refused_before_anything_is_loaded(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thesis.tex").touch()
    monkeypatch.setattr("straw.training.engine_factory.starting_engine", pytest.fail)
    with pytest.raises(RunError, match=r"holds thesis\.tex"):
        train(tmp_path)


# --- chance


@pytest.mark.parametrize("words", ["", "env_type=multi_step", "num_secrets=2 batch_size=3 reward_type=noisy_binary"])
def test_the_same_seed_gives_the_same_run_bit_for_bit(home: Path, tmp_path: Path, words: str) -> None:
    one, two = (train(tmp_path / name, "n_batches=3 eval_every=1 learning_rate=1e-3", words) for name in ("one", "two"))
    assert without_times(one.folder) == without_times(two.folder)
    assert (one.folder / "rollouts.jsonl").read_bytes() == (two.folder / "rollouts.jsonl").read_bytes()
    weights = [(run.folder / "checkpoints/step-000003/weights.safetensors").read_bytes() for run in (one, two)]
    assert weights[0] == weights[1]


def first_step(folder: Path, words: str) -> list[dict[str, object]]:
    return list(read_rollouts(train(folder, "n_batches=1 group_size=16", words).folder))


@pytest.mark.parametrize("game", ["", "env_type=multi_step"])
def test_the_secret_does_not_steer_the_dice(home: Path, tmp_path: Path, game: str) -> None:
    one, other = (first_step(tmp_path / str(secret), f"{game} fixed_secret={secret}") for secret in (1, 6))
    assert [record["turns"] for record in one] == [record["turns"] for record in other]
    assert [record["reward"] for record in one] != [record["reward"] for record in other]


def test_another_seed_draws_other_replies(home: Path, tmp_path: Path) -> None:
    one, other = (first_step(tmp_path / str(seed), f"seed={seed}") for seed in (0, 1))
    assert [record["replies"] for record in one] != [record["replies"] for record in other]


# --- every row, channel and option


WITH_MORE = {"es", "opd", "sdpo", "rltf_sd"}  # want a teacher, words or no gradient: tests/training/learners


@pytest.mark.parametrize("name", [name for name in NAMED if name not in WITH_MORE])
def test_every_algorithm_takes_a_step(home: Path, tmp_path: Path, name: Any) -> None:
    finished = train(tmp_path / "run", f"algorithm={name} reward_type=log_distance n_batches=2 group_size=8")
    for row in read_metrics(finished.folder)[1:]:
        assert row["grad_norm"] > 0
        assert ("kl" in row) == (NAMED[name].kl_coef > 0)
        assert ("reward" in row) == (name != "sft")


def test_what_an_environment_pays_wants_one(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"task=secret, which is none\. Write task=env:FILE\.py:CLASS"):
        train(tmp_path / "run", "reward_type=environment n_batches=2")


@pytest.mark.parametrize("name", [name for name in CHANNELS if name != "environment"])
def test_every_channel_pays(home: Path, tmp_path: Path, name: Any) -> None:
    words = {"dense": "env_type=multi_step", "weighted": "reward_weights=correctness=1"}.get(name, "")
    finished = train(tmp_path / "run", f"reward_type={name} n_batches=2 group_size=8", words)
    rows = read_metrics(finished.folder)[1:]
    part = "correctness" if name == "weighted" else name
    assert all(row["reward"] == row[f"rewards/{part}/mean"] for row in rows)
    assert any(row["grad_norm"] > 0 for row in rows if "grad_norm" in row)


@pytest.mark.parametrize(
    "words",
    [
        "updates_per_batch=2 algorithm=ppo",
        "batch_size=2",
        "group_size=1 batch_size=8",
        "num_secrets=3 batch_size=3",
        "N=3 length=2",
        "N=3 length=2 reward_type=dense credit=sum",
        "env_type=multi_step credit=turn algorithm=reinforce_ema",
        "env_type=multi_step credit=sum",
        "env_type=multi_step algorithm=grpo",
        "replay=2",
        "entropy_coef=0.05",
        "entropy_coef=0.05 entropy_schedule=constant",
        "lora_rank=4",
        "lora_rank=4 lora_targets=q_proj,v_proj algorithm=grpo",
        "temperature=1.3",
        "max_tokens=6",
        "weigh=token schedule=cosine lr_warmup_steps=1 weight_decay=0.1 grad_clip=0",
        "tokens_per_microbatch=64",
        "gradient_checkpointing=true",
        "fast_llama=false",
    ],
)
def test_every_option_takes_a_step(home: Path, tmp_path: Path, words: str) -> None:
    reward = "" if "reward_type" in words or "multi_step" in words else "reward_type=log_distance"
    finished = train(tmp_path / "run", "n_batches=2 group_size=8", reward, words)
    assert all(row["grad_norm"] > 0 for row in read_metrics(finished.folder)[1:])


def test_how_the_model_is_read_changes_nothing_but_rounding(home: Path, tmp_path: Path) -> None:
    """One step on the same rollouts, in small batches, with checkpointing, through transformers' modules."""
    words = "n_batches=1 group_size=8 reward_type=log_distance"
    norms = [
        read_metrics(train(tmp_path / str(index), words, how).folder)[1]["grad_norm"]
        for index, how in enumerate(("", "tokens_per_microbatch=64", "gradient_checkpointing=true", "fast_llama=false"))
    ]
    assert norms[1:] == pytest.approx(norms[:1] * 3, rel=1e-4)


def test_an_entropy_bonus_keeps_answers_apart(home: Path, tmp_path: Path) -> None:
    words = "n_batches=20 reward_type=log_distance learning_rate=1e-3 entropy_schedule=constant"
    greedy, curious = (train(tmp_path / str(bonus), words, f"entropy_coef={bonus}").known for bonus in (0, 1))
    assert curious["answer_entropy_bits"] > greedy["answer_entropy_bits"]
