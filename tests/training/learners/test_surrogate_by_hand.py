"""The surrogate learner by hand, without a model."""

from __future__ import annotations

from contextlib import contextmanager
from math import inf
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.training.learners.test_surrogate import END, Chain, params

from straw.rollouts.collect import SeedKey
from straw.training.learners.listing import listed
from straw.training.learners.reply_log import ReplyLog
from straw.training.learners.surrogate import MOST_POOL, Surrogate, SurrogateOptions, layers_of, spoken
from straw.training.sources.fresh import AlreadyPaid
from straw.types import Datum, Turn


def test_what_has_no_chance_at_all_is_not_written() -> None:
    assert set(listed(Chain({1: 0.5, 2: 0.0}), (7,), params(3), 100).nats) == {(1, END)}  # type: ignore[arg-type]


def test_of_what_is_left_to_read_the_likeliest_has_to_be_enough() -> None:
    """One more may be read of 0.98 and 0.02, or of 0.995 and 0.005."""
    assert listed(Chain({1: 0.98, 2: 0.02}), (7,), params(3), 2).read == 1  # type: ignore[arg-type]
    assert listed(Chain({1: 0.995, 2: 0.005}), (7,), params(3), 2).read == 2  # type: ignore[arg-type]


def plan_with(**more: Any) -> Any:
    """Of one turn and a quiet channel, where `more` says nothing else."""
    told = {"max_turns": 1, "reads_replies": False, "noise": 0.0, "max_lag": 0, "is_embedded": False, **more}
    return SimpleNamespace(
        task=SimpleNamespace(name="it", max_turns=told["max_turns"]),
        channel=SimpleNamespace(reads_replies=told["reads_replies"], noise=told["noise"], highest=1.0),
        page=SimpleNamespace(
            algorithm=SurrogateOptions(group_size=4), run=SimpleNamespace(seed=3),
            engine=SimpleNamespace(max_lag=told["max_lag"]), model=SimpleNamespace(is_embedded=told["is_embedded"]),
        ),
    )  # fmt: skip


class Able:
    """An engine that lacks some verbs, and says when it stands at its start."""

    def __init__(self, *lacking: str) -> None:
        self.lacking, self.is_at_start = lacking, False

    def lacks(self, verbs: Any) -> list[str]:
        return [verb for verb in verbs if verb in self.lacking]

    @contextmanager
    def at_start(self) -> Any:
        self.is_at_start = True
        yield
        self.is_at_start = False

    def logprobs(self, data: Any, policy: str) -> list[list[float]]:
        assert policy == "start"
        return [[-float(token) for token in one.tokens] for one in data]


def by_hand(plan: Any = None, engine: Any = None, **options: Any) -> Surrogate:
    student = object.__new__(Surrogate)
    student.plan, student.engine = plan or plan_with(), engine or cast(Any, Able())
    student.options, student.logs, student.params = SurrogateOptions(**options), {}, params(4)
    student.unpaid = student.read = student.layers = 0
    student.fresh, student.asked = None, AlreadyPaid(inf)
    return student


@pytest.mark.parametrize(
    ("more", "candidates", "has_source"),
    [({}, 20, True), ({"max_lag": 1}, 20, False), ({"max_turns": 2}, 0, False), ({"reads_replies": True}, 0, False),
     ({"noise": 0.125}, 0, False)],
)  # fmt: skip
def test_five_draws_a_rollout_are_tried_where_a_reply_is_all_of_a_rollout(
    more: dict[str, Any], candidates: int, has_source: bool
) -> None:
    student = by_hand(plan_with(**more))
    assert student.candidates == candidates
    assert (student.source(cast(Any, None)) is not None) is has_source
    assert student.facts["unpaid_draws"] == 0


def test_facts_are_all_draws_that_were_not_paid_and_what_was_read() -> None:
    student = by_hand()
    student.unpaid, student.read, student.layers = 3, 5, 2
    assert student.facts == {"reward_aware": 0, "unpaid_draws": 3, "listed_beginnings": 5, "layers_compared": 2}
    student.fresh = cast(Any, SimpleNamespace(unpaid_draws=4))
    assert student.facts["unpaid_draws"] == 7


def test_layers_are_five_of_a_pretrained_model_and_those_that_a_page_wants_of_any() -> None:
    free, two, none = SurrogateOptions(), SurrogateOptions(layers=2), SurrogateOptions(layers=0)
    pretrained, made = plan_with(), plan_with(is_embedded=True)
    able: Any = Able()
    assert [layers_of(plan, able, free) for plan in (pretrained, made)] == [5, 0]
    assert [layers_of(plan, able, two) for plan in (pretrained, made)] == [2, 2]
    assert layers_of(pretrained, able, none) == 0 and layers_of(plan_with(max_turns=2), able, two) == 0
    for verb in ("layers", "token_vectors"):
        assert layers_of(pretrained, cast(Any, Able(verb)), two) == 0


@pytest.mark.parametrize(
    ("options", "lacking", "is_new", "is_whole", "pooled", "by_start", "by_policy"),
    [
        ({"pool": 7}, (), True, False, 0, [], range(7)),
        ({"pool": 7}, (), True, True, 0, [], []),
        ({"pool": None}, (), True, False, 0, [], []),
        ({"fresh": 5}, (), False, False, 10, range(2), range(2, 5)),
        ({"fresh": 5}, ("at_start",), False, False, 10, [], range(5)),
        ({"fresh": 5}, (), False, True, 10, [], []),
        ({"fresh": 5}, (), False, False, MOST_POOL - 3, range(1), range(1, 3)),
        ({"fresh": 5}, (), False, False, MOST_POOL + 1, [], []),
    ],
)  # fmt: skip
def test_a_pool_is_drawn_at_first_and_then_half_by_the_start_until_it_is_full(
    monkeypatch: pytest.MonkeyPatch, options: Any, lacking: Any, is_new: bool, is_whole: bool, pooled: int,
    by_start: Any, by_policy: Any,
) -> None:  # fmt: skip
    student = by_hand(engine=Able(*lacking), **options)
    drawn: dict[bool, list[int]] = {True: [], False: []}

    def draw(problem: Any, step: int, rows: Any) -> list[Any]:
        drawn[student.engine.is_at_start].extend(rows)  # type: ignore[attr-defined]
        return []

    monkeypatch.setattr(student, "drawn", draw)
    log_of = ReplyLog(is_whole=is_whole)
    log_of.pool = cast(Any, dict.fromkeys(range(pooled)))
    student.unpaid_draws(cast(Any, None), 2, log_of, is_new)
    assert (drawn[True], drawn[False]) == ([*by_start], [*by_policy]) and MOST_POOL == 8192


def test_what_is_drawn_unpaid_has_seeds_far_from_those_of_the_step_and_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    student, asked = by_hand(), list[Any]()

    def sampled(engine: Any, task: Any, problems: Any, seats: Any, params: Any) -> Any:
        asked.append((problems, seats))
        return [[[("turn", True)] for _ in seats[0]]]

    monkeypatch.setattr("straw.training.learners.surrogate.sample_turns", sampled)
    problem: Any = object()
    assert [len(one) for one in student.drawn(problem, 2, range(3, 5))] == [1, 1]
    assert asked == [([problem], [[(SeedKey(3, 2, 2**40), 3), (SeedKey(3, 2, 2**40), 4)]])]
    assert student.unpaid == 2 and student.drawn(problem, 2, []) == [] and student.unpaid == 2


def turn(prompt: tuple[int, ...], *reply: int) -> Turn:
    return Turn(prompt=prompt, reply=reply, logprobs=(0.0,) * len(reply), policy_version=0)


def test_a_conversation_is_one_datum_that_weighs_where_the_model_speaks() -> None:
    turns = [turn((1, 2), 3, 4), turn((1, 2, 3, 4, 9, 9), 5), turn((1, 2, 3, 4, 9, 9, 5, 9), 6, 7)]
    assert spoken(turns) == Datum(
        prompt=(1, 2), tokens=(3, 4, 9, 9, 5, 9, 6, 7), weights=(1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0)
    )


def test_a_pool_takes_new_replies_once_and_counts_what_the_model_said_alone() -> None:
    student, log_of = by_hand(), ReplyLog()
    talk = (turn((1,), 3), turn((1, 3, 9), 5))
    student.pour(log_of, [talk, talk, (turn((1,), 4),)])
    student.pour(log_of, [talk])
    student.pour(log_of, [(turn((1,), 6),), talk])
    assert {said: nats for said, (_, nats) in log_of.pool.items()} == {((3,), (5,)): -8.0, ((4,),): -4.0, ((6,),): -6.0}
    assert log_of.pieces == [2, 1]


def test_a_turn_that_never_came_was_paid_nothing_and_what_is_not_paid_by_turn_is_paid_in_all() -> None:
    student = by_hand(plan_with(max_turns=3))
    rollout: Any = SimpleNamespace(turn_rewards=(1.0, 0.5), reward=1.5)
    assert student.paid(rollout) == (1.0, 0.5, 0.0)
    rollout.turn_rewards = None
    assert student.paid(rollout) == (1.5,)


@pytest.mark.parametrize(
    ("more", "options", "lacking", "read"),
    [({}, {}, (), 1), ({"max_turns": 2}, {}, (), 0), ({}, {"listed": 0}, (), 0), ({}, {}, ("likeliest",), 0)],
)
def test_replies_are_listed_where_there_is_one_and_an_engine_that_can(
    more: dict[str, Any], options: dict[str, Any], lacking: Any, read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(read=1, is_whole=True, nats={(5, END): -0.5})
    asked: list[Any] = []

    def listing(*how: Any) -> Any:
        asked.append(how)
        return found

    monkeypatch.setattr("straw.training.learners.surrogate.listed", listing)
    student, log_of = by_hand(plan_with(**more), Able(*lacking), **options), ReplyLog()
    student.list_replies(log_of, (7,))
    assert (student.read, log_of.is_whole, len(asked)) == (read, bool(read), read)
    datum = Datum(prompt=(7,), tokens=(5, END), weights=(1.0, 1.0))
    assert log_of.pool == ({((5, END),): (datum, -0.5)} if read else {})
    assert not asked or asked[0][1:] == ((7,), params(4), 2048)


def test_what_is_not_whole_is_no_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(read=3, is_whole=False, nats={(5, END): -0.5})
    monkeypatch.setattr("straw.training.learners.surrogate.listed", lambda *_: found)
    student, log_of = by_hand(), ReplyLog()
    for _ in range(2):
        student.list_replies(log_of, (7,))
    assert (student.read, log_of.is_whole, log_of.pool) == (6, False, {})


def test_a_page_that_says_nothing_knows_no_dictionary_and_draws_as_documented() -> None:
    options = SurrogateOptions()
    assert (options.dictionary_order, options.pool, options.layers) == (False, None, None)
    assert (options.fresh, options.listed) == (256, 2048)
