"""Pages about word problems: what nobody chose, how batches and passes are counted, what is paid and written."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.made_data import gsm8k_folder
from tests.small_runs import Listener

from straw.config import Loaded, dump, load_page, parse_overrides
from straw.errors import ConfigError
from straw.rewards.weighted import Weighted, read_weights
from straw.rollouts.collect import pay
from straw.runs.reading import read_metrics
from straw.training.monitor.rollout_metrics import summary
from straw.training.plan import Plan
from straw.training.resolve.page_to_plan import plan_of
from straw.training.session import run_page
from straw.training.state import rollout_from
from straw.types import End, Grade, Message, Play, Problem, Rollout, ToolCall, Turn


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return gsm8k_folder(tmp_path / "data", trained=80)


def page(folder: Path, words: str) -> Loaded:
    return load_page(None, parse_overrides(["kind=gsm8k", f"path={folder}", *words.split()]))


def plan(folder: Path, words: str = "") -> Plan:
    return plan_of(page(folder, f"model_name=org/name dtype=float32 {words}"))


def test_a_bare_page_has_the_settings_of_the_memory_study(made: Path) -> None:
    found = plan(made).page
    ours, adam = found.algorithm, found.optimizer
    assert (ours.algorithm, ours.baseline, ours.kl_coef) == ("grpo", "zscore", 0.04)
    assert (ours.group_size, ours.batch_size) == (16, 16)
    assert (adam.learning_rate, adam.beta1, adam.beta2, adam.weight_decay) == (pytest.approx(5e-6), 0.9, 0.99, 0.1)
    assert (adam.schedule, adam.lr_warmup, adam.grad_clip) == ("cosine", 0.1, 0.1)
    assert (found.sampling.max_tokens, found.run.num_epochs, found.run.n_batches) == (200, 1, 5)  # 80 / 16
    assert found.reward.reward_type == "weighted"


@pytest.mark.parametrize(
    ("words", "batch_size", "n_batches"),
    [
        ("--bs 2 --gc 8", 16, 5),
        ("--bs 1 --gc 16 --nepochs=2", 16, 10),
        ("--bs 3", 3, 26),  # two problems are left over
        ("gc=4 n_batches=7", 4, 7),
        ("bs=100", 100, 1),  # a batch of more than there are goes round
        ("samples_per_step=32", 2, 40),
    ],
)
def test_batches_are_bs_times_gc_groups_and_passes_are_counted_in_them(
    made: Path, words: str, batch_size: int, n_batches: int
) -> None:
    found = plan(made, words).page
    assert (found.algorithm.batch_size, found.run.n_batches) == (batch_size, n_batches)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("bs=2 gc=8 batch_size=4", r"16 here; got batch_size=4 as well"),
        ("bs=2 samples_per_step=32", r"got samples_per_step=32 as well"),
        ("nepochs=1 n_batches=4", r"num_epochs=1 of 80 problems are 5 batches of 16; got n_batches=4"),
        ("reward_weights=corectness=1", r"no reward part 'corectness'; did you mean 'correctness'"),
        ("reward_weights=correctness=0", r"somebody has to pay; got reward_weights=correctness=0 with use_ir=no"),
    ],
)
def test_what_contradicts_itself_is_refused(made: Path, words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan(made, words)


def test_without_any_part_an_intrinsic_reward_may_pay_alone(made: Path) -> None:
    assert plan(made, "reward_weights=correctness=0 use_ir=elliptical").channel.highest == 0.0


def test_problems_that_never_repeat_have_no_passes() -> None:
    with pytest.raises(ConfigError, match=r"those of sum_digits never repeat; got num_epochs=2\. Write n_batches"):
        plan_of(load_page(None, {"kind": "sum_digits", "nepochs": "2"}))


def test_a_written_page_loads_as_the_same_plan(made: Path, tmp_path: Path) -> None:
    first = plan(made, "--bs 2 --gc 8 --nepochs=2 reward_weights=cosine=1,integer=0.5").page
    (tmp_path / "page.toml").write_text(dump(first))
    assert plan_of(load_page(tmp_path / "page.toml")).page == first


# --- parts, from payment to record


def rollout(form: dict[str, float], right: bool) -> Rollout:
    turn = Turn(prompt=(1,), reply=(2, 3), logprobs=(0.0, 0.0), policy_version=0)
    problem = Problem(key="a", messages=(Message("user", "?"),), reference=("5",))
    grade = Grade(hits=(right,), well_formed=True, form=form, num_tokens=2)
    return Rollout(problem=problem, turns=(turn,), replies=("5",), end=End.ANSWERED, grade=grade, advantages=(0.0,))


def test_a_part_that_one_rollout_lacks_is_a_mean_over_the_others() -> None:
    channel = Weighted(weights=read_weights(["correctness=2", "integer=0.5"]))
    group = pay([rollout({}, True), rollout({"integer": 1.0}, False)], channel, [0.0, 0.0], 1)
    assert [one.reward for one in group] == [2.0, 0.5]
    assert [dict(one.rewards) for one in group] == [{"correctness": 2.0}, {"correctness": 0.0, "integer": 0.5}]
    found = summary([group])
    assert (found["rewards/integer/mean"].mean, found["rewards/integer/mean"].count) == (1.0, 1)  # raw, not 0.5 of two
    assert found["rewards/correctness/mean"].mean == 0.5


def test_a_rollout_with_parts_comes_back_from_a_checkpoint() -> None:
    (one,) = pay([rollout({"integer": 1.0}, True)], Weighted(weights=read_weights(["integer=0.5"])), [0.0], 1)
    assert rollout_from(json.loads(json.dumps(asdict(one)))) == one


def test_so_does_what_intrinsic_rewards_made_of_it() -> None:
    one = replace(rollout({}, True), bonuses={"explore": 0.25}, scores={"explore": 0.5}, unscored="a reason")
    assert rollout_from(json.loads(json.dumps(asdict(one)))) == one


def test_a_run_logs_every_part_apart(made: Path, tmp_path: Path, home: Path) -> None:
    words = "model_name=tiny-0.2M warmup=none L=8 --bs 2 --gc 1 group_size=2 n_batches=1 eval_samples=1"
    weights = "correctness=0,cosine=1,integer=0.5,strict_format=0.5,soft_format=0.5,xmlcount=0.5"
    run_page(page(made, f"{words} run_dir={tmp_path / 'run'} reward_weights={weights}"), Listener())
    row = read_metrics(tmp_path / "run")[-1]
    names = {word.partition("=")[0] for word in weights.split(",")}
    assert {name.split("/")[1] for name in row if name.startswith("rewards/")} == names
    first = json.loads((tmp_path / "run" / "rollouts.jsonl").read_text().splitlines()[0])
    assert first["rewards"].keys() == first["raw_rewards"].keys() == names
    assert first["reward"] == sum(first["rewards"].values())
    assert -1.0 <= first["raw_rewards"]["cosine"] <= -0.5  # of a wrong one
    assert first["grade"]["form"]["xmlcount"] == 0.0


@pytest.mark.parametrize("by_turn", [None, (0.5, 0.0)])
def test_so_does_what_happened_in_an_environment(by_turn: tuple[float, ...] | None) -> None:
    calls = (ToolCall(turn=0, name="add", arguments={"a": [1, 2]}, result="3", status="answered"),)
    played = Play(
        environment="game", calls=calls, heard=("3", ""), tools=("add", "look"), reward=0.5, turn_rewards=by_turn,
        solved=True, reason="", seconds=0.25,
    )  # fmt: skip
    one = replace(rollout({}, True), play=played)
    back = rollout_from(json.loads(json.dumps(asdict(one))))
    assert back == one and back.play is not None and isinstance(back.play.calls[0], ToolCall)
