"""The learner that fits its own reward: its pool, what it compares, and how it goes on."""

from __future__ import annotations

import json
from contextlib import contextmanager
from math import inf, log
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from tests.small_runs import Listener, Parts, small_page, train
from tests.training.learners.test_learners import Dying, groups_of, rows

from straw.engines.base import SamplingParams
from straw.rollouts.collect import SeedKey
from straw.runs.reading import read_metrics
from straw.training.learners.listing import behind, listed
from straw.training.learners.reply_log import ReplyLog
from straw.training.learners.surrogate import MOST_POOL, Surrogate, SurrogateOptions, layers_of, spoken
from straw.training.session import resume_run, run_page
from straw.training.sources.base import Collector
from straw.training.sources.fresh import AlreadyPaid
from straw.types import Datum, Turn

SMALL = "pool=64 fresh=8"
END = 9
TREE = {(): {1: 0.6, 2: 0.4}, (1,): {END: 1.0}, (2,): {1: 0.5, END: 0.25, 3: 0.25}, (2, 1): {END: 1.0}}


class Writer:
    """Whoever stands before a tree of tokens with these probabilities; behind every other beginning comes a 4."""

    def __init__(self) -> None:
        self.read: list[tuple[int, ...]] = []

    def likeliest(self, data: Any, count: int, policy: str) -> list[list[dict[int, float]]]:
        assert policy == "start"
        self.read += [datum.tokens[:-1] for datum in data]
        return [[{}] * (len(datum.tokens) - 1) + [TREE.get(datum.tokens[:-1], {4: 1.0})] for datum in data]


def params(most: int) -> SamplingParams:
    return SamplingParams(max_tokens=most, stop=frozenset({END}))


def test_what_would_be_written_is_listed_with_its_probability() -> None:
    """1 with 0.6, 2 1 with 0.2, 2 with 0.1; what begins with 2 3 never ends."""
    engine: Any = Writer()
    found = listed(engine, (7,), params(3), 100)
    assert found.nats == {
        (1, END): pytest.approx(log(0.6)), (2, 1, END): pytest.approx(log(0.2)), (2, END): pytest.approx(log(0.1))
    }  # fmt: skip
    assert found.share == pytest.approx(0.9) and not found.is_whole
    assert engine.read == [(), (1,), (2,), (2, 1), (2, 3)] and found.read == 5


def test_the_likeliest_beginnings_are_read_first_and_no_more_than_may_be() -> None:
    engine: Any = Writer()
    assert listed(engine, (7,), params(3), 2).read <= 2 and engine.read[0] == ()


class Chain:
    """Ends behind one digit of ten, some likelier than others; or goes on for ever."""

    def __init__(self, shares: dict[int, float], ends: bool = True) -> None:
        self.shares, self.ends, self.calls = shares, ends, list[tuple[int, int]]()

    def likeliest(self, data: Any, count: int, policy: str) -> list[list[dict[int, float]]]:
        self.calls.append((len(data), count))
        behind = {END: 1.0} if self.ends else self.shares
        return [[{}] * (len(one.tokens) - 1) + [self.shares if len(one.tokens) == 1 else behind] for one in data]


def test_what_is_as_unlikely_as_one_in_fifty_thousand_is_not_looked_at() -> None:
    engine: Any = Chain({1: 0.5, 2: 2.1e-5, 3: 1.9e-5})
    assert set(listed(engine, (7,), params(3), 100).nats) == {(1, END), (2, END)}


def test_nothing_more_is_read_once_nearly_all_is_listed() -> None:
    for rest, read in ((9e-5, 2), (1.1e-4, 3)):
        engine: Any = Chain({1: 1 - rest, 2: rest})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("straw.training.learners.listing.TOGETHER", 1)
            assert listed(engine, (7,), params(3), 100).read == read


def test_what_cannot_become_enough_is_given_up() -> None:
    """Ten beginnings alike: nine of them hold 0.9 of the share, below 0.99, and all of them everything."""
    ten = {token: 0.1 for token in range(10, 20)}
    assert listed(Chain(ten), (7,), params(3), 10).read == 1  # type: ignore[arg-type]
    assert listed(Chain(ten), (7,), params(3), 11).read == 11  # type: ignore[arg-type]
    assert listed(Chain({1: 0.991, 2: 0.009}), (7,), params(3), 2).is_whole  # type: ignore[arg-type]
    assert listed(Chain({1: 0.989, 2: 0.011}), (7,), params(3), 2).read == 1  # type: ignore[arg-type]


def test_beginnings_are_read_together_and_the_first_looks_farther() -> None:
    """256 at once; 2,048 tokens behind nothing, 64 behind something."""
    engine: Any = Chain({token: 1 / 300 for token in range(10, 310)})
    assert listed(engine, (7,), params(3), 1000).is_whole
    assert engine.calls == [(1, 2048), (256, 64), (44, 64)]


def test_a_reply_has_at_most_as_many_tokens_as_may_be_sampled() -> None:
    """One digit and the end are two; what never ends is read to one token less."""
    assert len(listed(Chain({1: 1.0}), (7,), params(2), 9).nats) == 1  # type: ignore[arg-type]
    assert listed(Chain({1: 1.0}), (7,), params(1), 9).read == 1  # type: ignore[arg-type]
    assert listed(Chain({1: 1.0}, ends=False), (7,), params(4), 9).read == 4  # type: ignore[arg-type]


def test_what_the_start_would_write_is_whole_from_99_of_100_on() -> None:
    for share, is_whole in ((0.991, True), (0.989, False)):
        assert listed(Chain({1: share}), (7,), params(2), 9).is_whole is is_whole  # type: ignore[arg-type]


def test_behind_a_beginning_come_the_probabilities_that_the_start_gives(home: Path) -> None:
    parts = Parts()
    prompt = parts.chat.opening(parts.task.problem(0).messages)
    (root,) = behind(parts.engine, prompt, [()])
    assert sum(root.values()) == pytest.approx(1, abs=1e-4)
    (three,) = parts.chat.encode("3")
    (found,) = behind(parts.engine, prompt, [(three,)])
    assert found[parts.chat.end] > 0.5


@pytest.mark.parametrize("listing", ["", "listed=0"])
def test_a_pool_has_each_reply_once_with_what_the_start_gives_to_it(home: Path, listing: str) -> None:
    parts = Parts(f"algorithm=surrogate {SMALL} {listing}")
    student = Surrogate(parts.plan, parts.engine, parts.params)
    student.observe(groups_of(parts), 1)
    (log,) = student.logs.values()
    assert set(log.said) <= set(log.pool)
    for said in log.said:
        datum, nats = log.pool[said]
        assert nats == pytest.approx(sum(parts.engine.logprobs([datum])[0]), abs=1e-5)  # nothing has been learned
    assert sum(log.pieces) == len(log.pool)


def test_what_is_listed_is_not_drawn_as_well(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("straw.training.learners.listing.ENOUGH", 0.8)  # this start was taught no more
    parts = Parts("algorithm=surrogate")
    student = Surrogate(parts.plan, parts.engine, parts.params)
    student.observe(groups_of(parts), 1)
    (log,) = student.logs.values()
    assert log.is_whole and student.facts["unpaid_draws"] == 0 and student.facts["listed_beginnings"] > 8
    assert set("01234567") <= {parts.chat.decode(said[0]) for said in log.pool}


def test_half_of_the_draws_are_the_start_s_whatever_was_learned_since(home: Path) -> None:
    parts = Parts("algorithm=surrogate listed=0 pool=16 fresh=16")
    student = Surrogate(parts.plan, parts.engine, parts.params)
    ask = parts.task.problem(0), 1, ReplyLog()
    start = [turns[0].reply for turns in student.unpaid_draws(*ask, True)]
    parts.engine.add_noise([1], [0.5])
    parts.engine.publish()
    found = [turns[0].reply for turns in student.unpaid_draws(*ask, False)]
    assert found[:8] == start[:8] and found[8:] != start[8:]


@pytest.mark.parametrize("words", ["layers=2", "dictionary_order=true", "listed=0"])
def test_a_surrogate_that_is_recalled_believes_the_same(home: Path, words: str) -> None:
    parts = Parts(f"algorithm=surrogate reward_type=log_distance N=16 {SMALL} {words}")
    student = Surrogate(parts.plan, parts.engine, parts.params)
    for step in (1, 2):
        student.observe(groups_of(parts, step), step)
        student.beliefs()
    again = Surrogate(parts.plan, parts.engine, parts.params)
    again.load_state_dict(json.loads(json.dumps(student.state_dict())))
    assert json.dumps(again.state_dict()) == json.dumps(student.state_dict())
    for one in (student, again):
        one.observe(groups_of(parts, 3), 3)
    np.testing.assert_array_equal(again.beliefs()[0].shares, student.beliefs()[0].shares)
    assert again.beliefs()[0].data == student.beliefs()[0].data


@pytest.mark.parametrize("words", ["", "layers=2 listed=0", "env_type=multi_step reward_type=dense credit=turn"])
def test_a_run_that_goes_on_has_the_bits_of_one_that_never_stopped(home: Path, tmp_path: Path, words: str) -> None:
    page = f"algorithm=surrogate {SMALL} reward_type=log_distance {words} n_batches=4 save_every=2 most_updates=2"
    alone = train(tmp_path / "alone", page)
    with pytest.raises(ZeroDivisionError):
        run_page(small_page(f"run_dir={tmp_path / 'run'}", page), Dying())
    copytree(tmp_path / "run", tmp_path / "again")
    resume_run(tmp_path / "again", Listener())
    assert rows(tmp_path / "again") == rows(alone.folder)


def test_layers_are_compared_of_what_was_pretrained_alone(home: Path, tmp_path: Path) -> None:
    for words, layers in (("", 0), ("layers=2", 2)):
        folder = train(tmp_path / f"run{layers}", f"algorithm=surrogate {SMALL} {words} n_batches=1").folder
        assert read_metrics(folder)[-1]["layers_compared"] == layers


def test_labels_that_are_permuted_cost_no_more_than_guessing(home: Path, tmp_path: Path) -> None:
    """Of sixteen numbers, eight and a half in the mean; three times that is no luck any more."""
    words = "algorithm=surrogate spelling=permuted reward_type=log_distance N=16 n_batches=12 eval_every=1"
    found = train(tmp_path / "run", words)
    assert found.known["bits_known"] > 3.5


def test_a_run_asks_nothing_twice_while_there_is_something_else(home: Path, tmp_path: Path) -> None:
    """Eight answers in groups of two: what is drawn again is passed over, counted, and no episode."""
    words = "algorithm=surrogate reward_type=log_distance group_size=2 n_batches=3"
    folder = train(tmp_path / "run", f"{words} listed=0 pool=20 fresh=5 most_updates=1").folder
    lines = [json.loads(line) for line in (folder / "rollouts.jsonl").read_text().splitlines()]
    assert len({tuple(line["replies"]) for line in lines}) == len(lines) == 6
    passed = [row["unpaid_draws"] - drawn for row, drawn in zip(read_metrics(folder)[1:], (20, 5, 5), strict=True)]
    assert set(passed) <= {0, 8} and sum(passed) > 0


def test_where_a_rollout_is_more_than_a_reply_rollouts_come_as_for_everybody(home: Path) -> None:
    parts = Parts("algorithm=surrogate env_type=multi_step")
    student = Surrogate(parts.plan, parts.engine, parts.params)
    assert student.source(Collector(parts.plan, parts.params)) is None


def test_where_pay_is_noisy_a_reply_may_be_asked_again(home: Path) -> None:
    for words, count in (("reward_type=noisy_binary flip_probability=0.2", 0), ("", 1)):
        parts = Parts(f"algorithm=surrogate {SMALL} {words}")
        student = Surrogate(parts.plan, parts.engine, parts.params)
        student.observe([group[:1] for group in groups_of(parts)], 1)
        passed_over = student.asked.replies if student.candidates else {}
        assert sum(map(len, passed_over.values())) == count


# --- by hand


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
