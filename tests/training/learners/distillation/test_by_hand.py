"""What a token is worth and who is asked what, on texts and numbers made by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from straw.config import Page
from straw.engines.base import Reply, SamplingParams
from straw.errors import ConfigError
from straw.rollouts.collect import SeedKey
from straw.tasks.secret.numbers import Hidden
from straw.tasks.secret.single_step import Secret
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat
from straw.training.learners.distillation import rltf_sd
from straw.training.learners.distillation.behind_words import behind_words, check_words
from straw.training.learners.distillation.opd import (
    OnPolicyDistillation,
    TeacherOptions,
    credited_by,
    mean_advantage,
)
from straw.training.learners.distillation.rltf_sd import (
    SecondTries,
    SecondTryOptions,
    TextFeedback,
    mean_reward,
    weighed,
)
from straw.training.learners.distillation.sdpo import SelfDistillation, SelfTeacherOptions, towards
from straw.types import Datum, End, Grade, Message, Problem, Rollout, Turn

CHAT = Chat(character_tokenizer())


def datum(weights: tuple[float, ...], logprobs: tuple[float, ...] = ()) -> Datum:
    return Datum(prompt=(1,), tokens=(2,) * len(weights), weights=weights, logprobs=logprobs)


def rollout(reward: float, reply: tuple[int, ...] = (2,), words: str = "higher", prompt: int = 1) -> Rollout:
    turn = Turn(prompt=(prompt,), reply=reply, logprobs=(-1.0,) * len(reply), policy_version=0)
    return Rollout(
        problem=Problem(key="a", messages=(Message("user", "?"),), reference=("1",)), turns=(turn,), replies=("1",),
        end=End.ANSWERED, grade=Grade(hits=(False,), well_formed=True), rewards={"paid": reward}, words=words,
        advantages=(0.0,),
    )  # fmt: skip


def test_only_tokens_that_train_are_worth_something() -> None:
    found = credited_by(datum((0.5, 0.0, 0.25), (-1.0, -2.0, -3.0)), [-0.5, -9.0, -4.0])
    assert found.advantages == (0.5, 0.0, -1.0)


def test_a_mean_advantage_is_over_all_tokens_that_train_and_0_of_none() -> None:
    one = replace(datum((0.5, 0.0, 0.25)), advantages=(0.5, 9.0, -1.0))
    other = replace(datum((1.0,)), advantages=(2.0,))
    assert mean_advantage([one, other]) == 0.5 and mean_advantage([other]) == 2.0
    assert mean_advantage([replace(datum((0.0,)), advantages=(3.0,))]) == 0.0


def test_what_is_taught_are_shares_that_add_up_to_one_and_nothing_of_who_wrote_it() -> None:
    one = replace(datum((0.5, 0.5), (-1.0, -1.0)), advantages=(1.0, 1.0))
    found = towards(one, [{1: 0.25, 2: 0.5}, {7: 0.125}])
    assert [*(found.soft_targets or ())] == [{1: pytest.approx(1 / 3), 2: pytest.approx(2 / 3)}, {7: 1.0}]
    assert (found.advantages, found.logprobs, found.weights) == ((), (), (0.5, 0.5))


def test_a_reply_that_was_cut_short_is_closed_before_its_words() -> None:
    said = CHAT.continuation(Message("user", "higher"))
    whole = CHAT.encode_reply("5")
    assert behind_words(CHAT, rollout(0.0, whole)) == (1, *whole, *said)
    assert behind_words(CHAT, rollout(0.0, whole[:-1])) == (1, *whole, *said)
    assert behind_words(CHAT, rollout(0.0, ())) == (1, CHAT.end, *said)


def test_words_are_for_channels_that_speak_and_tasks_of_one_turn() -> None:
    channel: Any = SimpleNamespace(speaks=True, name="it")
    task: Any = SimpleNamespace(name="it", max_turns=1)
    check_words("sdpo", task, channel)
    with pytest.raises(ConfigError, match=r"algorithm=sdpo is told about one reply, and it has several turns\."):
        check_words("sdpo", SimpleNamespace(name="it", max_turns=2), channel)
    with pytest.raises(ConfigError, match=r"learns from words, and it has none\."):
        check_words("sdpo", task, SimpleNamespace(name="it", speaks=False))  # type: ignore[arg-type]


# --- sdpo


def sdpo(engine: Any, temperature: float = 0.5, **options: Any) -> SelfDistillation:
    page = SimpleNamespace(
        algorithm=SelfTeacherOptions(weigh="token", **options), sampling=SimpleNamespace(temperature=temperature)
    )
    plan: Any = SimpleNamespace(page=page)
    return SelfDistillation(plan, engine, SamplingParams(max_tokens=3))


class Teacher:
    """Writes down what it is asked, and would have written token 2 with 1/2."""

    def __init__(self) -> None:
        self.chat, self.asked = CHAT, list[Any]()

    def likeliest(self, data: Any, *how: Any) -> list[Any]:
        self.asked.append((data, *how))
        return [[{2: 0.5}] * len(one.tokens) for one in data]

    def logprobs(self, data: Any, *how: Any, temperature: float = 0.0) -> list[list[float]]:
        self.asked.append((data, *how, temperature))
        return [[-0.25] * len(one.tokens) for one in data]


def test_sdpo_s_teacher_is_the_start_and_teaches_its_hundred_likeliest_tokens() -> None:
    teacher = Teacher()
    own = sdpo(teacher)
    assert own.loss_fn == "cross_entropy" and own.facts == {}
    (found,) = own.data(1, [], [[rollout(0.0)]])
    ((data, *how),) = teacher.asked
    assert how == [100, "start", 0.5] and data[0].prompt == behind_words(CHAT, rollout(0.0))
    assert found.soft_targets == ({2: 1.0},) and found.weights == (1.0,)


def test_sdpo_by_drawn_tokens_has_the_page_s_loss_and_says_how_far_its_teacher_is() -> None:
    teacher = Teacher()
    own = sdpo(teacher, distill_tokens=0, self_teacher="current", loss_fn="ppo")
    assert own.loss_fn == "ppo" and own.facts == {"kl_to_teacher": 0.0}
    first, second = own.data(1, [], [[rollout(0.0), rollout(0.0, (2, 3))]])
    assert (first.advantages, second.advantages) == ((0.75,), (0.75, 0.75))
    assert own.facts == {"kl_to_teacher": -0.75} and teacher.asked[0][1:] == ("current", 0.5, 0.0)
    assert first.weights == pytest.approx((1 / 3,))


@pytest.mark.parametrize(("kl", "tokens", "is_refused"), [(0.0, 100, False), (0.1, 0, False), (0.1, 1, True)])
def test_a_penalty_and_a_taught_distribution_exclude_each_other(kl: float, tokens: int, is_refused: bool) -> None:
    page: Any = SimpleNamespace(algorithm=SelfTeacherOptions(kl_coef=kl, distill_tokens=tokens))
    if not is_refused:
        return SelfDistillation.check_page(page)
    with pytest.raises(ConfigError, match=r"got kl_coef=0\.1 with distill_tokens=1\. Leave kl_coef out"):
        SelfDistillation.check_page(page)


# --- opd


def test_opd_knows_nothing_of_its_distance_before_its_first_step_and_asks_at_the_page_s_temperature() -> None:
    own = object.__new__(OnPolicyDistillation)
    teacher: Any = Teacher()
    page: Any = SimpleNamespace(algorithm=TeacherOptions(weigh="rollout"), sampling=SimpleNamespace(temperature=0.75))
    own.page, own.teacher, own.kl = page, teacher, 0.0
    found = own.data(1, [], [[rollout(0.0)], [rollout(0.0, (2, 3))]])
    assert [one.advantages for one in found] == [(0.75,), (0.75, 0.75)]
    assert [one.weights for one in found] == [(0.5,), (0.5, 0.5)]
    assert own.facts == {"kl_to_teacher": -0.75} and teacher.asked[0][1] == 0.75


def test_opd_wants_a_teacher_named() -> None:
    OnPolicyDistillation.check_page(replace(Page(), algorithm=TeacherOptions(teacher="tiny-1M")))
    for nobody in (None, ""):
        with pytest.raises(ConfigError, match="algorithm=opd learns from a teacher, and none is named"):
            OnPolicyDistillation.check_page(replace(Page(), algorithm=TeacherOptions(teacher=nobody)))


# --- rltf_sd


def feedback(**options: Any) -> TextFeedback:
    plan: Any = SimpleNamespace(page=SimpleNamespace(algorithm=SecondTryOptions(weigh="rollout", **options)))
    nobody: Any = None
    return TextFeedback(plan, nobody, nobody)


def test_a_second_try_is_weighed_by_what_it_was_paid_above_first_tries() -> None:
    """First tries are paid 1 and 0, second ones 2 and 0 behind prompts of their own."""
    group = [rollout(1.0), rollout(0.0), rollout(2.0, prompt=8), rollout(0.0, prompt=9)]
    found = feedback(distill_coef=2.0).data(1, [group], [group])
    assert [(one.prompt[0], one.advantages[0], one.weights[0]) for one in found] == [
        (1, 0.5, 0.25), (8, 1.0, 0.25), (1, 1.5, 0.5), (1, -0.5, 0.25), (9, -1.0, 0.25), (1, -0.5, 0.5),
    ]  # fmt: skip
    assert [bool(one.logprobs) for one in found] == [True, True, False] * 2
    assert SecondTryOptions().distill_coef == 1.0


def test_what_teaches_nothing_is_left_out() -> None:
    """First tries are paid alike and second ones too, with a weight of nothing; then better ones."""
    alike = [rollout(1.0), rollout(1.0), rollout(1.0), rollout(1.0)]
    assert feedback().data(1, [alike], [alike]) == []
    better = [rollout(0.0), rollout(0.0), rollout(1.0), rollout(1.0)]
    assert [one.advantages for one in feedback().data(1, [better], [better])] == [(1.0,), (1.0,)]
    assert feedback(distill_coef=0.0).data(1, [better], [better]) == []


def test_a_mean_reward_and_a_weighed_rollout_by_hand() -> None:
    assert mean_reward([rollout(1.0), rollout(0.0), rollout(0.5)]) == 0.5
    found = weighed(rollout(9.0, (2, 3)), 0.5, 0.25)
    assert (found.advantages, found.weights, found.logprobs) == ((0.5, 0.5), (0.25, 0.25), (-1.0, -1.0))


@pytest.mark.parametrize(
    ("size", "lag", "why"),
    [(4, 0, ""), (2, 0, ""), (3, 0, "got group_size=3. Write an even one"), (4, 1, "got max_lag=1. Write max_lag=0")],
)
def test_half_of_a_group_are_second_tries_by_the_weights_of_the_first(size: int, lag: int, why: str) -> None:
    page: Any = SimpleNamespace(algorithm=SecondTryOptions(group_size=size), engine=SimpleNamespace(max_lag=lag))
    if not why:
        return TextFeedback.check_page(page)
    with pytest.raises(ConfigError, match=why):
        TextFeedback.check_page(page)


def test_second_tries_have_the_seeds_and_coins_of_their_places_in_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of four at two problems: samples 2 and 3 are second tries, of seeds of the first turn."""
    seeds: list[Any] = []
    coins: list[Any] = []
    firsts: list[Any] = []

    class Engine:
        chat, policy_version = CHAT, 3

        def sample(self, prompts: Any, count: int, params: Any, asked: Any) -> Any:
            assert count == 1
            seeds.extend(asked)
            return [[Reply(CHAT.encode_reply(str(number)), (0.0, 0.0), True)] for number in range(len(prompts))]

    def collected(engine: Any, task: Any, channel: Any, problems: Any, keys: Any, size: int, params: Any) -> Any:
        firsts.append((keys, size))
        return [[replace(rollout(0.0), problem=problem) for _ in range(size)] for problem in problems]

    def paid(done: Any, channel: Any, drawn: Any, step: int) -> Any:
        coins.append((drawn, step))
        return done

    monkeypatch.setattr(rltf_sd, "collect", collected)
    monkeypatch.setattr(rltf_sd, "pay", paid)
    task = Secret(Hidden(N=8))
    page = SimpleNamespace(run=SimpleNamespace(seed=3), algorithm=SimpleNamespace(group_size=4, batch_size=2))
    collector: Any = SimpleNamespace(
        plan=SimpleNamespace(page=page, task=task, channel=None), sampling=None,
        problems=lambda step: [task.problem(0)] * 2,
    )  # fmt: skip
    engine: Any = Engine()
    groups = SecondTries(collector, engine).rollouts(5)
    keys = [SeedKey(3, 5, 0), SeedKey(3, 5, 1)]
    assert firsts == [(keys, 2)]
    assert seeds == [[key.sample_seed(sample, 0)] for key in keys for sample in (2, 3)]
    assert coins == [([key.coin(sample) for key in keys for sample in (2, 3)], 5)]
    assert [[one.replies for one in group[2:]] for group in groups] == [[("0",), ("1",)], [("2",), ("3",)]]
    assert [len(group) for group in groups] == [4, 4] and groups[0][2].turns[0].policy_version == 3
