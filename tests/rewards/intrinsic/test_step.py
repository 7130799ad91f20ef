from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from straw.rewards.intrinsic.base import Trace
from straw.rewards.intrinsic.episodic import Episodic
from straw.rewards.intrinsic.kinds.elliptical import Elliptical
from straw.rewards.intrinsic.kinds.surprise import ByteEntropy, Surprise
from straw.rewards.intrinsic.memory_store import MemoryStore
from straw.rewards.intrinsic.step import Intrinsic, Rules

WIDTH = 8
VECTORS = normalize(torch.randn(40, WIDTH, generator=torch.Generator().manual_seed(0)), dim=1)
QUESTIONS = normalize(torch.randn(4, WIDTH, generator=torch.Generator().manual_seed(1)), dim=1)
PAID = Rules(window=10)


def trace(question: int, text: int, is_right: bool = False, surprisal: float = 0.5) -> Trace:
    return Trace(
        key=f"{question:032x}", question=QUESTIONS[question], text=f"reply {text}", vectors=VECTORS[text][None],
        is_right=is_right, surprisal=surprisal,
    )  # fmt: skip


def memory(rules: Rules = PAID, *, k: int = 1, keys: int = 3, values: int = 5, explores: bool = True) -> Intrinsic:
    failure = MemoryStore(WIDTH, keys, values) if explores else None
    return Intrinsic(Episodic(MemoryStore(WIDTH, keys, values), failure, k=k, floor=None), rules)


def test_an_empty_memory_pays_nothing_and_says_so() -> None:
    intrinsic = memory()
    assert intrinsic.score([trace(0, 0), trace(0, 1, True)], 1) == {"exploit": [None] * 2, "explore": [None] * 2}
    assert intrinsic.empty_share == 1
    intrinsic.score([trace(0, 0)], 2)
    assert intrinsic.empty_share == 0


def test_a_step_is_scored_against_the_memory_as_it_was_before() -> None:
    intrinsic = memory()
    intrinsic.score([trace(0, 0)], 1)
    found = intrinsic.score([trace(0, 1), trace(0, 1), trace(0, 0)], 2)["explore"]
    assert found == pytest.approx([1, 1, 0], abs=1e-4)  # its twin beside it takes nothing from the first
    assert intrinsic.score([trace(0, 1), trace(0, 2)], 3)["explore"][0] == 0  # but now it was seen


def test_only_novelty_waits_for_the_warm_up_and_shrinks_after_it() -> None:
    intrinsic = memory(Rules(window=10, warmup_steps=2, anneal_rate=0.5, window_eps=0.0))
    told = [trace(0, 0), trace(0, 1, True)]
    intrinsic.score(told, 1)
    during = intrinsic.score([trace(0, 2), trace(0, 3, True)], 2)
    assert during["explore"] == [None, None] and None not in during["exploit"]
    assert None not in intrinsic.score([trace(0, 4)], 3)["explore"]
    assert [intrinsic.rules.anneal(step) for step in (1, 3, 4, 5)] == [1, 1, 0.5, 0.25]


def test_without_a_warm_up_novelty_is_paid_from_the_first_step_on_and_stays() -> None:
    intrinsic = Intrinsic(Surprise(), Rules())
    assert [intrinsic.score([trace(0, 0)], step)["surprise"] for step in (1, 2, 300)] == [[0.5]] * 3


def test_the_warm_up_may_wait_for_questions_with_failures() -> None:
    intrinsic = memory(Rules(warmup_keys=2))
    intrinsic.score([trace(0, 0)], 1)
    assert intrinsic.score([trace(0, 1)], 2)["explore"] == [None]
    intrinsic.score([trace(1, 1)], 3)
    assert intrinsic.score([trace(0, 2)], 4)["explore"] != [None]


def test_right_and_wrong_may_have_windows_of_their_own() -> None:
    intrinsic = memory(Rules(per_outcome=True), explores=False)
    intrinsic.score([trace(0, 0, True)], 1)
    found = intrinsic.score([trace(0, 1), trace(0, 1), trace(0, 2, True)], 2)["exploit"]
    assert found == [0.5, 0.5, 0.5]  # each outcome alone in its window
    assert {name: len(window.newest) for name, window in intrinsic.windows.items()} == {
        "exploit/right": 1, "exploit/wrong": 2,
    }  # fmt: skip


def test_what_the_warm_up_does_not_pay_is_measured_all_the_same() -> None:
    intrinsic = memory(Rules(window=10, warmup_steps=2, anneal_rate=0.5))
    intrinsic.score([trace(0, 0)], 1)
    told = [trace(0, 1), trace(0, 0), trace(0, 2)]
    during = intrinsic.score(told, 2)["explore"]
    assert during == [None] * 3
    first, repeated, third = intrinsic.measured["explore"]
    assert repeated == 0 < min(first, third) and max(first, third) == pytest.approx(1, abs=1e-4)
    paid = intrinsic.score([trace(0, 4)], 4)["explore"]  # annealed once, and measured as it is
    assert paid == [intrinsic.measured["explore"][0] / 2]


def test_what_there_is_nothing_to_compare_with_is_not_measured() -> None:
    intrinsic = memory()
    intrinsic.score([trace(0, 0), trace(0, 1, True)], 1)
    assert intrinsic.measured == {"exploit": [None] * 2, "explore": [None] * 2}


def test_a_repeated_failure_is_worth_0_whatever_its_window_and_exploit_is_not_touched() -> None:
    intrinsic = memory(Rules(window=10, constant_window=0.5))
    intrinsic.score([trace(0, 0), trace(0, 1, True)], 1)
    found = intrinsic.score([trace(0, 0), trace(0, 0)], 2)
    assert found == {"exploit": [0.5, 0.5], "explore": [0, 0]}


def test_before_the_first_step_nothing_was_measured() -> None:
    intrinsic = memory()
    assert (intrinsic.empty_share, intrinsic.measured, intrinsic.flaws, intrinsic.windows) == (0.0, {}, {}, {})


def test_the_share_that_could_not_be_compared_is_of_all_scores() -> None:
    """Question 0 has a failure and no success: of six scores the three of exploit are none."""
    intrinsic = memory(keys=9)
    intrinsic.score([trace(0, 0)], 1)
    intrinsic.score([trace(0, 1), trace(0, 2), trace(0, 3)], 2)
    assert intrinsic.empty_share == 0.5


def test_a_step_without_any_reply_scores_nothing_and_writes_nothing() -> None:
    for judge in JUDGES:
        intrinsic = judge()
        assert intrinsic.score([], 1) == intrinsic.measured == {name: [] for name in intrinsic.names}
        assert (intrinsic.empty_share, intrinsic.flaws) == (0, {})


# --- numbers that are not finite


def broken(one: Trace, number: float) -> Trace:
    """With a surprisal, a reply or a question that is no number."""
    return replace(one, surprisal=number, vectors=one.vectors * number)


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_flaw_has_no_score_and_leaves_no_trace(number: Any, place: int) -> None:
    for judge in JUDGES:
        one, other = judge(), judge()
        for step in range(1, 5):
            told = [trace(0, step, step % 2 == 0), trace(0, step + 5, True)]
            with_flaw = [*told[:place], broken(trace(0, step), number), *told[place:]]
            clean, found = other.score(told, step), one.score(with_flaw, step)
            assert one.flaws == {place: "the embedding of the reply is not finite"}
            for name, scores in clean.items():
                assert found[name] == [*scores[:place], None, *scores[place:]]
        assert same(one, other)


def test_a_question_without_a_finite_embedding_has_neither_scores_nor_a_place() -> None:
    intrinsic = memory()
    intrinsic.score([trace(0, 0), trace(0, 1, True)], 1)
    lost = replace(trace(1, 2), question=QUESTIONS[1] * math.nan)
    assert intrinsic.score([lost, trace(0, 2)], 2)["exploit"] == [None, 0.5]
    assert intrinsic.flaws == {0: "the embedding of the question is not finite"}
    assert intrinsic.counts() == {"memory/keys": 2, "memory/values": 3}
    assert intrinsic.empty_share == 0


def test_a_step_of_flaws_alone_scores_nothing() -> None:
    intrinsic = memory()
    assert intrinsic.score([broken(trace(0, 0), math.nan)], 1) == {"exploit": [None], "explore": [None]}
    assert intrinsic.empty_share == 0 and intrinsic.counts()["memory/values"] == 0


def test_a_checkpoint_that_carries_a_number_that_is_not_finite_is_refused() -> None:
    for judge in JUDGES:
        intrinsic = judge()
        intrinsic.score([trace(0, 0), trace(0, 1, True)], 1)
        intrinsic.score([trace(0, 2)], 2)
        kept = {name: array.clone() for name, array in intrinsic.arrays().items()}
        for name, array in kept.items():
            if array.is_floating_point() and array.numel():
                poisoned = array.clone()
                poisoned.view(-1)[-1] = math.nan
                with pytest.raises(ValueError, match=f"{name} hold numbers that are not finite"):
                    judge().load({**kept, name: poisoned})


# --- order, and state


def same(one: Intrinsic, other: Intrinsic) -> bool:
    mine, yours = ({name: array.tolist() for name, array in each.arrays().items()} for each in (one, other))
    return mine == yours


traces = st.lists(
    st.builds(trace, st.integers(0, 3), st.integers(0, 12), st.booleans(), st.sampled_from([0.1, 0.2, 3.0])),
    min_size=1, max_size=8,
)  # fmt: skip
steps = st.lists(traces, min_size=1, max_size=5)
JUDGES: list[Callable[[], Intrinsic]] = [
    lambda: memory(), lambda: memory(k=3), lambda: Intrinsic(Surprise(), PAID),
    lambda: Intrinsic(ByteEntropy(6), PAID), lambda: Intrinsic(Elliptical(WIDTH, 4, 1.0, 0), PAID),
]  # fmt: skip
judges = st.sampled_from(JUDGES)


@settings(max_examples=60, deadline=None)
@given(judges, steps, st.randoms(use_true_random=False))
def test_where_in_its_group_a_reply_stands_changes_no_reward_now_or_later(judge: Any, told: Any, random: Any) -> None:
    one, other = judge(), judge()
    for step, here in enumerate(told, 1):
        places = list(range(len(here)))
        random.shuffle(places)
        found = one.score(here, step)
        moved = other.score([here[place] for place in places], step)
        for name, scores in found.items():
            assert [scores[place] for place in places] == moved[name]


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(0, 12))
def test_a_reply_that_equals_a_stored_failure_earns_no_explore(told: Any, text: Any) -> None:
    intrinsic = memory(keys=9, values=99)
    for step, here in enumerate(told, 1):
        intrinsic.score(here, step)
    intrinsic.score([trace(0, text)], 90)
    assert intrinsic.score([trace(0, 13), trace(0, text), trace(0, text, True)], 91)["explore"][1:] == [0, 0]


@settings(max_examples=30, deadline=None)
@given(judges, steps, steps)
def test_what_was_kept_and_read_goes_on_with_equal_scores(judge: Any, before: Any, after: Any) -> None:
    one, other = judge(), judge()
    for step, here in enumerate(before, 1):
        one.score(here, step)
    other.load({name: array.clone() for name, array in one.arrays().items()})
    for step, here in enumerate(after, 50):
        assert one.score(here, step) == other.score(here, step)
    assert same(one, other)


@pytest.mark.parametrize("per_outcome", [False, True])
def test_a_window_that_is_left_out_is_noticed(per_outcome: bool) -> None:
    def going_on(left_out: str) -> list[object]:
        rules = Rules(window=20, per_outcome=per_outcome)
        one, other = memory(rules), memory(rules)
        for step in range(1, 6):
            one.score(
                [trace(0, 2 * step), trace(0, 2 * step + 1, True), trace(1, step), trace(1, step + 1, True)], step
            )
        other.load({name: array for name, array in one.arrays().items() if name != left_out})
        told = [trace(0, 20), trace(0, 21, True), trace(1, 22), trace(1, 23, True)]
        return [one.score(told, 9), other.score(told, 9)]

    one, other = going_on("nothing")
    assert one == other
    names = (
        ("exploit/right", "exploit/wrong", "explore/right", "explore/wrong") if per_outcome else ("exploit", "explore")
    )
    for name in names:
        one, other = going_on(f"window.{name}")
        assert one != other, name


def test_what_was_read_is_left_as_it_was_kept() -> None:
    for judge in JUDGES:
        one, other = judge(), judge()
        one.score([trace(0, 0), trace(0, 1, True)], 1)
        kept = dict(one.arrays())
        before = {name: array.tolist() for name, array in kept.items()}
        other.load(kept)
        for ours in (one, other):
            ours.score([trace(0, text, text % 2 == 1) for text in range(2, 12)], 2)
        assert {name: array.tolist() for name, array in kept.items()} == before


def test_a_memory_that_is_read_forgets_the_windows_it_had() -> None:
    one, other = memory(), memory()
    other.score([trace(0, 0), trace(0, 1, True)], 1)
    other.score([trace(0, 2)], 2)
    other.load(one.arrays())
    assert other.windows == {} and same(one, other)
