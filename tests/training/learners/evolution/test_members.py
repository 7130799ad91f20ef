"""Who is a member, which seeds and coins it has, and who writes its rollouts: by hand."""

from __future__ import annotations

import json
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from straw.engines.base import SamplingParams
from straw.errors import ConfigError
from straw.rollouts.collect import SeedKey
from straw.seeds import seed_for
from straw.training.learners.evolution import members as members_module
from straw.training.learners.evolution.es import (
    EvolutionOptions,
    EvolutionStrategies,
    member_rewards,
    spread,
    z_scores,
)
from straw.training.learners.evolution.members import Members
from straw.training.learners.evolution.processes import Helpers
from straw.types import Metric

PARAMS = SamplingParams(max_tokens=3, temperature=0.5)


def page_of(**more: Any) -> Any:
    told = {"group_size": 3, "batch_size": 2, "max_lag": 0, "threads": 1, "device": "cpu", "es_processes": 1, **more}
    return SimpleNamespace(
        run=SimpleNamespace(seed=7, n_batches=4),
        algorithm=EvolutionOptions(
            group_size=told["group_size"], batch_size=told["batch_size"], es_processes=told["es_processes"], sigma=0.25
        ),
        engine=SimpleNamespace(max_lag=told["max_lag"]),
        model=SimpleNamespace(threads=told["threads"], device=told["device"]),
        optimizer=SimpleNamespace(learning_rate=1.0, schedule="linear", lr_warmup_steps=0, lr_warmup=0.0),
    )


class Moved:
    """An engine that says how its weights are moved."""

    chat = "chat"

    def __init__(self) -> None:
        self.noise: list[Any] = []
        self.published = 0

    @contextmanager
    def noisy(self, seed: int, sigma: float) -> Any:
        self.noise.append((seed, sigma))
        yield

    def add_noise(self, seeds: Any, rates: Any) -> None:
        self.noise.append((seeds, rates))

    def publish(self) -> None:
        self.published += 1


def members_of(engine: Any, greedy: bool = True) -> Members:
    plan = SimpleNamespace(page=page_of(), task="task", channel="channel")
    collector: Any = SimpleNamespace(plan=plan, sampling=PARAMS, problems=lambda step: ["first", "second"])
    return Members(collector, engine, 0.25, greedy, lambda step: [10 * step + member for member in range(3)])


@pytest.mark.parametrize(("greedy", "temperature"), [(True, 0.0), (False, 0.5)])
def test_a_member_answers_every_problem_once_with_its_noise_and_in_its_place(
    monkeypatch: pytest.MonkeyPatch, greedy: bool, temperature: float
) -> None:
    asked: list[Any] = []

    def sampled(engine: Any, task: Any, problems: Any, seats: Any, params: Any) -> Any:
        asked.append((problems, seats, params.temperature))
        return [[f"turns of {problem}"] for problem in problems]

    monkeypatch.setattr(members_module, "sample_turns", sampled)
    monkeypatch.setattr(members_module, "finish", lambda chat, task, problem, turns: (problem, turns))
    engine = Moved()
    found: Any = members_of(engine, greedy).of(2, 1)
    assert found == [("first", "turns of first"), ("second", "turns of second")]
    seats = [[(SeedKey(7, 2, 0), 1)], [(SeedKey(7, 2, 1), 1)]]
    assert asked == [(["first", "second"], seats, temperature)] and engine.noise == [(21, 0.25)]


def test_members_are_paid_together_problem_by_problem_by_coins_of_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(members_module, "paid_by_step", lambda *what: told.append(what))
    answers: Any = {2: ["c0", "c1"], 0: ["a0", "a1"], 1: ["b0", "b1"]}
    members_of(Moved()).paid(2, answers)
    ((channel, keys, groups, coins),) = told
    assert channel == "channel" and keys == [SeedKey(7, 2, 0), SeedKey(7, 2, 1)]
    assert groups == {0: ["a0", "b0", "c0"], 1: ["a1", "b1", "c1"]}
    assert coins == {group: [key.coin(member) for member in range(3)] for group, key in enumerate(keys)}


@pytest.mark.parametrize(("count", "shares"), [(1, [[0, 1, 2]]), (2, [[0, 2], [1]]), (4, [[0], [1], [2], []])])
def test_members_are_dealt_out_among_processes(count: int, shares: list[list[int]]) -> None:
    helpers = Helpers(members_of(Moved()), lambda step, rewards: {}, count)
    assert [list(helpers.share(rank)) for rank in range(count)] == shares
    assert helpers.facts() == {}


class Pipe:
    """What is sent to it; a broken one refuses."""

    def __init__(self, is_broken: bool = False) -> None:
        self.is_broken, self.sent = is_broken, list[bytes]()

    def send_bytes(self, message: bytes) -> None:
        if self.is_broken:
            raise OSError
        self.sent.append(message)


def test_rewards_are_told_to_all_that_still_listen() -> None:
    helpers = Helpers(members_of(Moved()), lambda step, rewards: {}, 3)
    broken, whole = Pipe(is_broken=True), Pipe()
    helpers.pipes = [broken, whole]  # type: ignore[list-item]
    helpers.tell(2, [0.5, 1.0])
    assert [json.loads(one) for one in whole.sent] == [{"step": 2, "rewards": [0.5, 1.0]}]


def test_a_step_of_this_process_alone_is_written_by_all_members_here() -> None:
    paid: list[Any] = []
    members: Any = SimpleNamespace(
        size=3, of=lambda step, member: [(step, member)], paid=lambda step, answers: paid.append((step, answers))
    )
    Helpers(members, lambda step, rewards: {}, 1).rollouts(5)
    assert paid == [(5, {member: [(5, member)] for member in range(3)})]


# --- the learner


def learner(**more: Any) -> tuple[EvolutionStrategies, Moved]:
    engine: Any = Moved()
    plan: Any = SimpleNamespace(page=page_of(**more))
    nobody: Any = None
    return EvolutionStrategies(plan, engine, nobody), engine


def test_seeds_of_noise_are_those_of_run_step_and_member() -> None:
    own, _ = learner()
    assert own.seeds(2) == [seed_for(7, "member", 2, member) for member in range(3)]


def test_an_update_is_the_rate_of_its_step_times_each_score_over_all_members() -> None:
    own, engine = learner()
    assert own.move(2, [1.0, 0.0, 0.5]) == {"updates": 1.0, "learning_rate": 0.75}
    ((seeds, rates),) = engine.noise
    assert seeds == own.seeds(2) and rates == pytest.approx([0.25 * 1.5**0.5, -0.25 * 1.5**0.5, 0.0])
    assert engine.published == 1


def test_nothing_is_moved_nor_published_where_all_were_paid_alike() -> None:
    own, engine = learner()
    assert own.move(2, [0.1] * 3) == {"updates": 0.0} and (engine.noise, engine.published) == ([], 0)


def rewarded(*rewards: float) -> Any:
    return [SimpleNamespace(reward=one) for one in rewards]


def test_a_member_is_paid_the_mean_over_problems_and_helpers_hear_it() -> None:
    told: list[Any] = []
    own, _ = learner()
    own.helpers = SimpleNamespace(tell=lambda *what: told.append(what))  # type: ignore[assignment]
    found = own.learn(2, [rewarded(1.0, 0.0, 0.0), rewarded(1.0, 0.0, 1.0)], [])
    assert told == [(2, [1.0, 0.0, 0.5])]
    assert found["member_reward_std"].mean == pytest.approx((1 / 6) ** 0.5) and found["updates"] == Metric(1.0)
    own.helpers = None
    assert own.learn(2, [rewarded(0.5, 0.5, 0.5)], [])["member_reward_std"] == Metric(0.0)


def test_rewards_spread_as_a_population_does_and_not_at_all_where_they_are_equal() -> None:
    assert spread([1.0, 0.0, 0.0, 0.0]) == pytest.approx((3 / 16) ** 0.5)
    assert spread([0.1] * 3) == 0.0 and z_scores([0.1, 0.1]) == [0.0, 0.0]
    assert member_rewards([rewarded(1.0, 2.0), rewarded(3.0, 5.0), rewarded(5.0, 2.0)]) == [3.0, 3.0]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"group_size": 2}, ""),
        ({"group_size": 1}, "got group_size=1. Write for example group_size=32"),
        ({"max_lag": 1}, "got max_lag=1. Write max_lag=0"),
        ({"es_processes": 2}, ""),
        ({"threads": 2}, ""),
        ({"device": "cuda"}, ""),
        ({"es_processes": 2, "threads": 2}, "es_processes=2 with device=cpu and threads=2"),
        ({"es_processes": 2, "device": "cuda"}, "es_processes=2 with device=cuda and threads=1"),
    ],
)
def test_members_are_compared_and_processes_are_copies_on_a_cpu(more: dict[str, Any], why: str) -> None:
    if not why:
        return EvolutionStrategies.check_page(page_of(**more))
    with pytest.raises(ConfigError, match=why):
        EvolutionStrategies.check_page(page_of(**more))


def test_the_source_has_the_sigma_and_the_processes_of_the_page() -> None:
    own, engine = learner(es_processes=2)
    source: Any = own.source(SimpleNamespace(plan=own.plan))  # type: ignore[arg-type]
    assert own.helpers == source and source.count == 2 and source.move == own.move
    assert (source.members.sigma, source.members.greedy, source.members.engine) == (0.25, True, engine)
    assert source.members.size == 3 and source.members.seeds(2) == own.seeds(2)
