"""Which learner a page gets, by what the learner can do; and the small ones by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from straw.algorithms.replay import BestReplay
from straw.algorithms.row import Algorithm as Row
from straw.config import Algorithm
from straw.engines.base import Loss
from straw.errors import ConfigError
from straw.training.learners import registry
from straw.training.learners.own_data import FromData
from straw.training.learners.policy_gradient import PolicyGradient, entropy_coef, loss_at
from straw.training.learners.registry import (
    check_learner,
    check_verbs,
    keeps_a_log,
    learner_of,
    options_of,
    own_learner,
)
from straw.training.learners.soft_targets import BeliefOptions, Toward
from straw.training.learners.supervised import Supervised
from straw.types import Datum, End, Grade, Message, Metric, Problem, Rollout, Turn


def plan_of(*, is_sft: bool = False, learner: str | None = None, options: Algorithm | None = None, **more: Any) -> Any:
    page = SimpleNamespace(
        algorithm=options or BeliefOptions(algorithm="mine"), sampling=SimpleNamespace(temperature=0.5),
        engine=SimpleNamespace(engine="monarch"), run=SimpleNamespace(n_batches=4),
    )  # fmt: skip
    row = Row(learner=learner)
    return SimpleNamespace(page=page, is_sft=is_sft, row=row, loss_settings={"clip_low": 0.25}, **more)


class Believes:
    def __init__(self, *made_with: Any) -> None:
        self.made_with = made_with

    def observe(self) -> None: ...
    def beliefs(self) -> None: ...
    def state_dict(self) -> None: ...
    def load_state_dict(self) -> None: ...


class MakesData(Believes):
    def data(self) -> None: ...


class Learns(Believes):
    keeps_log = False

    def learn(self) -> None: ...


def found(monkeypatch: pytest.MonkeyPatch, learner: Any) -> None:
    """The learner that any name stands for."""

    def find(kind: str, name: str) -> Any:
        assert (kind, name) == ("learners", "mine")
        return learner

    monkeypatch.setattr(registry, "find", find)


def test_a_learner_of_its_own_is_made_with_plan_engine_and_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, Believes)
    plan, engine, params = plan_of(learner="mine"), object(), object()
    made = own_learner(plan, engine, params)  # type: ignore[arg-type]
    assert made.made_with == (plan, engine, params)
    assert own_learner(plan_of(), engine, params) is None  # type: ignore[arg-type]


def test_what_a_learner_can_do_decides_who_makes_the_updates() -> None:
    updates: Any = SimpleNamespace(engine=None, num_steps=4)
    engine: Any = None

    def made(plan: Any, own: Any) -> Any:
        return learner_of(plan, engine, updates, BestReplay(0), own)

    assert isinstance(made(plan_of(is_sft=True), None), Supervised)
    assert isinstance(made(plan_of(), None), PolicyGradient)
    assert isinstance(made(plan_of(), MakesData()), FromData)
    assert isinstance(made(plan_of(), Believes()), Toward)
    own = Learns()
    assert made(plan_of(), own) is own


def test_a_learner_keeps_a_log_unless_it_says_otherwise_and_a_policy_gradient_keeps_none() -> None:
    assert (keeps_a_log(None), keeps_a_log(Believes()), keeps_a_log(Learns())) == (False, True, False)


def test_a_learner_may_refuse_a_task_and_a_page_and_need_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    some: Any = ("page", "task", "channel")
    check_learner(Row(), *some)
    found(monkeypatch, Believes)
    check_learner(Row(learner="mine"), *some)
    looks = SimpleNamespace(check=lambda *what: asked.append(what), check_page=lambda page: asked.append(page))
    found(monkeypatch, looks)
    check_learner(Row(learner="mine"), *some)
    assert asked == [("task", "channel"), "page"]


class Lacking:
    def lacks(self, verbs: Any) -> list[str]:
        return [verb for verb in verbs if verb != "states"]


def test_an_engine_has_to_have_the_verbs_that_a_learner_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    engine: Any = Lacking()
    check_verbs(plan_of(), engine)
    for needs in ({}, {"needs": ("states",)}):
        found(monkeypatch, SimpleNamespace(**needs))
        check_verbs(plan_of(learner="mine"), engine)
    found(monkeypatch, SimpleNamespace(needs=("states", "noisy", "layers")))
    with pytest.raises(ConfigError) as caught:
        check_verbs(plan_of(learner="mine"), engine)
    assert str(caught.value) == (
        "algorithm=mine takes an engine with the verb noisy and layers, which engine=monarch lacks. Write engine=local."
    )


class Own(BeliefOptions):
    pass


def test_a_learner_s_options_are_its_own_or_those_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    for learner, options in ((Believes, BeliefOptions), (MakesData, Algorithm), (Learns, Algorithm)):
        found(monkeypatch, learner)
        assert options_of("mine") is options
    found(monkeypatch, SimpleNamespace(Options=Own))
    assert options_of("mine") is Own
    for wrong, said in ((Algorithm, "with beliefs"), (3, "with beliefs")):
        found(monkeypatch, SimpleNamespace(Options=wrong))
        with pytest.raises(ConfigError, match=rf"learner {said} are a subclass of BeliefOptions; .* class MyOptions"):
            options_of("mine")
    for verb in ("learn", "data"):
        found(monkeypatch, SimpleNamespace(Options=int, **{verb: None}))
        with pytest.raises(
            ConfigError, match=r"without beliefs are a subclass of Algorithm; got <class 'int'> of mine"
        ):
            options_of("mine")


# --- the policy gradient


def test_a_loss_has_the_page_s_numbers_and_the_bonus_of_its_step() -> None:
    options = Algorithm(
        loss_fn="ppo", kl_coef=0.04, use_bias_correction_kl=True, entropy_coef=0.5, entropy_schedule="linear"
    )
    assert loss_at(plan_of(options=options), 3, 4) == Loss(
        name="ppo", settings={"clip_low": 0.25}, entropy_coef=0.25, kl_coef=0.04, kl_by_ratio=True, temperature=0.5
    )


def test_an_entropy_bonus_falls_from_the_first_step_or_stays_or_is_none() -> None:
    assert [entropy_coef(Algorithm(entropy_coef=0.4), step, 4) for step in (1, 2, 4)] == pytest.approx([0.4, 0.3, 0.1])
    constant = Algorithm(entropy_coef=0.4, entropy_schedule="constant")
    assert [entropy_coef(constant, step, 4) for step in (1, 4)] == [0.4, 0.4]
    assert entropy_coef(Algorithm(entropy_coef=None), 1, 4) == 0.0


def rollout(reward: float, *, reply: int = 2) -> Rollout:
    turn = Turn(prompt=(1,), reply=(reply,), logprobs=(-2.0,), policy_version=0)
    return Rollout(
        problem=Problem(key="a", messages=(Message("user", "?"),), reference=("1",)), turns=(turn,),
        replies=(str(reply),), end=End.ANSWERED, grade=Grade(hits=(reward == 1,), well_formed=True),
        rewards={"binary": reward}, advantages=(reward - 0.5,),
    )  # fmt: skip


class Asked:
    """Engine and updates in one: what they were asked; replies are as likely as e^-1 now."""

    def __init__(self) -> None:
        self.num_steps, self.asked, self.learned = 4, list[Any](), list[Any]()

    def logprobs(self, data: Any, *, temperature: float) -> list[list[float]]:
        self.asked.append((data, temperature))
        return [[-1.0] * len(one.tokens) for one in data]

    def on(self, data: Any, loss: Loss, step: int) -> dict[str, Metric]:
        self.learned.append((data, loss, step))
        return {"updates": Metric(1.0)}


def test_the_best_of_before_is_learned_again_beside_a_batch_and_the_batch_is_remembered() -> None:
    every: Any = Asked()
    replay = BestReplay(1)
    learner = PolicyGradient(plan_of(options=Algorithm(weigh="rollout", loss_fn="ppo")), every, every, replay)
    replay.add(rollout(1.0, reply=9))
    group = [rollout(0.0, reply=3), rollout(0.5, reply=4)]
    assert learner.learn(2, [group], [group]) == {"updates": Metric(1.0)}
    ((data, loss, step),) = every.learned
    assert [(one.tokens, one.advantages) for one in data] == [((3,), (-0.5,)), ((9,), (0.75,))]
    assert (loss.name, step, every.asked) == ("ppo", 2, [])
    better = rollout(2.0, reply=5)
    learner.learn(3, [[better]], [[better]])
    assert replay.of("a") == [better]


def test_a_cap_weighs_replayed_rollouts_by_how_likely_they_have_become() -> None:
    every: Any = Asked()
    options = Algorithm(weigh="rollout", replay_cap=2.0)
    learner = PolicyGradient(plan_of(options=options), every, every, BestReplay(1))
    (one,) = learner.weighed([rollout(1.0)])
    assert one.advantages == (1.0,)  # e times as likely, capped: twice a half
    ((data, temperature),) = every.asked
    assert temperature == 0.5 and data[0].logprobs == () and data[0].tokens == (2,)
    assert learner.weighed([]) == [] and len(every.asked) == 1


# --- own data, and references


@pytest.mark.parametrize(("own", "name"), [({}, "ppo"), ({"loss_fn": "cross_entropy"}, "cross_entropy")])
def test_data_of_a_learner_s_own_is_learned_by_its_loss_or_the_page_s(own: dict[str, str], name: str) -> None:
    every: Any = Asked()
    datum = Datum(prompt=(1,), tokens=(2,), weights=(1.0,))
    asked: list[Any] = []

    def data(*what: Any) -> list[Datum]:
        asked.append(what)
        return [datum]

    mine: Any = SimpleNamespace(data=data, facts={"kl": 0.5}, **own)
    plan = plan_of(options=Algorithm(loss_fn="ppo", kl_coef=0.25))
    assert FromData(plan, every, mine).learn(2, "told", "paid") == {  # type: ignore[arg-type]
        "updates": Metric(1.0), "kl": Metric(0.5),
    }  # fmt: skip
    ((learned, loss, step),) = every.learned
    assert (learned, loss.name, loss.kl_coef, step, asked) == ([datum], name, 0.25, 2, [(2, "told", "paid")])


def test_references_are_read_as_often_as_a_group_has_rollouts_and_weigh_one_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problems = [SimpleNamespace(reference="one"), SimpleNamespace(reference="two")]
    monkeypatch.setattr("straw.training.learners.supervised.problems_of", lambda plan, step: problems)
    monkeypatch.setattr("straw.training.learners.supervised.forced", lambda *what: what)
    every: Any = Asked()
    plan = plan_of(options=Algorithm(group_size=2, loss_fn="cross_entropy"), task="task")
    engine: Any = SimpleNamespace(chat="chat")
    Supervised(plan, engine, every).learn(3, [], [])
    ((data, loss, step),) = every.learned
    expected = [("chat", "task", one, one.reference, 0.25) for one in problems for _ in range(2)]
    assert (data, loss, step) == (expected, Loss(name="cross_entropy"), 3)
