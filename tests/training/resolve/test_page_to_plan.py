from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.small_runs import small_page, small_plan

from straw.algorithms.registry import NAMED
from straw.config import dump, load_page
from straw.engines.local.build import load_engine, with_adapters
from straw.errors import ConfigError
from straw.registry import names
from straw.tasks.secret.bit_by_bit import SecretBits
from straw.training.resolve.page_to_plan import plan_of, sampling_of

CHANNELS = [name for name in names("rewards") if name != "environment"]  # which is none of the secret game's
WANTED = {"opd": "teacher=teacher", "sdpo": "reward_type=told_in_words", "rltf_sd": "reward_type=told_in_words"}


def complaint(*words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        small_plan(*words)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", NAMED)
def test_a_row_fills_in_what_nobody_chose(name: Any) -> None:
    row = NAMED[name]
    page = small_plan(f"algorithm={name}", WANTED.get(name, "")).page
    assert page.algorithm.baseline == (row.baseline if row.baseline != "none" else None)
    assert (page.algorithm.loss_fn, page.algorithm.weigh) == (row.loss_fn, row.weigh)
    assert page.algorithm.kl_coef == row.kl_coef
    assert page.optimizer.learning_rate and page.run.n_batches


def test_what_was_chosen_wins_over_the_row() -> None:
    page = small_plan("algorithm=grpo baseline=group kl_coef=0 weigh=token loss_fn=importance_sampling").page
    ours = page.algorithm
    assert (ours.baseline, ours.kl_coef, ours.weigh, ours.loss_fn) == ("group", 0, "token", "importance_sampling")


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_channel_finds_its_values(channel: Any) -> None:
    words = "env_type=multi_step" if channel == "dense" else ""
    plan = small_plan(f"reward_type={channel}", words)
    assert plan.channel.name == channel
    assert None not in (plan.page.optimizer.learning_rate, plan.page.algorithm.replay, plan.page.run.n_batches)


def test_a_game_of_many_turns_is_paid_turn_by_turn() -> None:
    plan = small_plan("env_type=multi_step")
    assert isinstance(plan.task, SecretBits)
    assert (plan.channel.name, plan.page.reward.reward_type) == ("dense", "dense")


def test_a_plan_written_as_a_page_is_the_same_plan(tmp_path: Path) -> None:
    for words in (
        "algorithm=grpo",
        "env_type=multi_step credit=sum",
        "algorithm=sft",
        "reward_type=log_distance N=100",
    ):
        page = small_plan(words).page
        (tmp_path / "page.toml").write_text(dump(page))
        assert plan_of(load_page(tmp_path / "page.toml")).page == page


def test_unknown_names_come_with_their_neighbour() -> None:
    assert "did you mean 'binary'" in complaint("reward_type=binry")
    assert "did you mean 'grpo'" in complaint("algorithm=grop")


@pytest.mark.parametrize("words", ["algorithm=sft loss_fn=ppo", "loss_fn=cross_entropy"])
def test_a_loss_that_cannot_teach_is_refused(words: str) -> None:
    """Cross entropy on its own guesses would teach a policy whatever it said, right or wrong."""
    assert "loss_fn=cross_entropy learns the reference reply" in complaint(words)


@pytest.mark.parametrize("name", ["surrogate", "regress", "expert_iteration", "reward_aware", "es"])
def test_learners_of_what_the_channel_paid_take_no_intrinsic_reward(name: str) -> None:
    with pytest.raises(ConfigError, match=f"algorithm={name} learns from what the channel paid; got use_ir=elliptical"):
        small_plan(f"algorithm={name} use_ir=elliptical")
    small_plan("algorithm=grpo use_ir=elliptical")
    small_plan("algorithm=ppo_critic use_ir=elliptical")


@pytest.mark.parametrize("algorithm", ["sft", "surrogate", "reward_aware"])
@pytest.mark.parametrize("words", ["kl_coef=0.1", "entropy_coef=0.05"])
def test_what_a_learner_of_given_targets_would_ignore_is_refused(algorithm: str, words: str) -> None:
    assert f"algorithm={algorithm} learns towards given targets; got {words}" in complaint(
        f"algorithm={algorithm} {words}"
    )


def test_a_single_rollout_has_nothing_to_be_compared_with() -> None:
    assert "no advantage" in complaint("group_size=1 batch_size=1")
    assert "no advantage" in complaint("group_size=1 algorithm=rloo")
    for words in (
        "group_size=1 algorithm=reinforce_ema",
        "group_size=1 baseline=constant",
        "group_size=1 batch_size=2",
    ):
        small_plan(words)


def sampled(*words: str) -> Any:
    plan = small_plan(*words)
    return sampling_of(plan, load_engine(plan.page).chat)


@pytest.mark.parametrize(
    ("words", "room"), [("N=10", 2), ("N=64", 3), ("N=1000", 4), ("N=64 env_type=multi_step", 2), ("N=64 length=2", 6)]
)
def test_a_reply_has_room_for_the_longest_answer_and_its_end(words: str, room: int) -> None:
    assert sampled(words).max_tokens == room


def test_more_room_may_be_given_but_not_too_little() -> None:
    assert sampled("N=64 max_tokens=9").max_tokens == 9
    assert sampled("N=64 max_tokens=3").max_tokens == 3
    with pytest.raises(ConfigError, match=r"3 tokens for '63'; got max_tokens=2\. Write max_tokens=3"):
        sampled("N=64 max_tokens=2")


def test_a_stop_text_is_one_token() -> None:
    assert sampled("stop=#").stop == sampled().stop | {load_engine(small_plan().page).chat.encode_reply("#")[0]}
    with pytest.raises(ConfigError, match="'END' is 3"):
        sampled("stop=END")


def test_the_same_page_gives_the_same_engine_and_another_seed_another() -> None:
    one, two, other = (load_engine(small_plan(words).page) for words in ("", "", "model_seed=1"))
    weights = [engine.model.state_dict()["model.embed_tokens.weight"] for engine in (one, two, other)]
    assert weights[0].equal(weights[1])
    assert not weights[0].equal(weights[2])


def test_adapters_train_alone() -> None:
    page = small_plan("lora_rank=2").page
    plain = load_engine(page)
    whole = sum(p.numel() for p in plain.trained.values())
    adapted = with_adapters(plain, page.model)
    assert 0 < sum(p.numel() for p in adapted.trained.values()) < whole / 5
    assert with_adapters(plain, small_plan().page.model) is plain


def test_what_was_named_is_remembered_and_the_rest_is_tuned() -> None:
    assert small_page("learning_rate=1e-5").named >= {"learning_rate", "N"}
    assert small_plan("learning_rate=1e-5 reward_type=log_distance").page.optimizer.learning_rate == 1e-5
