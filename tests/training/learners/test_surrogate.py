"""The learner that fits its own reward: its pool, what it compares, and how it goes on."""

from __future__ import annotations

import json
from math import log
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from tests.small_runs import Listener, Parts, small_page, train
from tests.training.learners.test_learners import Dying, groups_of, rows

from straw.engines.base import SamplingParams
from straw.runs.reading import read_metrics
from straw.training.learners.listing import behind, listed
from straw.training.learners.reply_log import ReplyLog
from straw.training.learners.surrogate import Surrogate
from straw.training.session import resume_run, run_page
from straw.training.sources.base import Collector

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
