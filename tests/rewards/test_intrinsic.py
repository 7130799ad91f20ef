from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from straw.rewards.elliptical import Elliptical
from straw.rewards.episodic import Episodic
from straw.rewards.intrinsic import Intrinsic, Rules
from straw.rewards.memory_store import MemoryStore
from straw.rewards.surprise import ByteEntropy, Surprise
from straw.rewards.trace import Trace

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


def test_an_empty_memory_pays_nothing_and_says_so():
    intrinsic = memory()
    assert intrinsic.score([trace(0, 0), trace(0, 1, True)], 1) == {"exploit": [None] * 2, "explore": [None] * 2}
    assert intrinsic.empty_share == 1
    intrinsic.score([trace(0, 0)], 2)
    assert intrinsic.empty_share == 0


def test_a_step_is_scored_against_the_memory_as_it_was_before():
    intrinsic = memory()
    intrinsic.score([trace(0, 0)], 1)
    found = intrinsic.score([trace(0, 1), trace(0, 1), trace(0, 0)], 2)["explore"]
    assert found == [pytest.approx(1), pytest.approx(1), 0]  # its twin beside it takes nothing from the first
    assert intrinsic.score([trace(0, 1), trace(0, 2)], 3)["explore"][0] == 0  # but now it was seen


def test_only_novelty_waits_for_the_warm_up_and_shrinks_after_it():
    intrinsic = memory(Rules(window=10, warmup_steps=2, anneal_rate=0.5, window_eps=0.0))
    told = [trace(0, 0), trace(0, 1, True)]
    intrinsic.score(told, 1)
    during = intrinsic.score([trace(0, 2), trace(0, 3, True)], 2)
    assert during["explore"] == [None, None] and None not in during["exploit"]
    assert None not in intrinsic.score([trace(0, 4)], 3)["explore"]
    assert [intrinsic.rules.anneal(step) for step in (1, 3, 4, 5)] == [1, 1, 0.5, 0.25]


def test_the_warm_up_may_wait_for_questions_with_failures():
    intrinsic = memory(Rules(warmup_keys=2))
    intrinsic.score([trace(0, 0)], 1)
    assert intrinsic.score([trace(0, 1)], 2)["explore"] == [None]
    intrinsic.score([trace(1, 1)], 3)
    assert intrinsic.score([trace(0, 2)], 4)["explore"] != [None]


def test_right_and_wrong_may_have_windows_of_their_own():
    intrinsic = memory(Rules(per_outcome=True), explores=False)
    intrinsic.score([trace(0, 0, True)], 1)
    found = intrinsic.score([trace(0, 1), trace(0, 2, True)], 2)["exploit"]
    assert found == [0.5, 0.5]  # each alone in its window
    assert sorted(intrinsic.windows) == ["exploit/right", "exploit/wrong"]


traces = st.lists(
    st.builds(trace, st.integers(0, 3), st.integers(0, 12), st.booleans(), st.sampled_from([0.1, 0.2, 3.0])),
    min_size=1, max_size=8,
)  # fmt: skip
steps = st.lists(traces, min_size=1, max_size=5)
judges = st.sampled_from([
    lambda: memory(), lambda: memory(k=3), lambda: Intrinsic(Surprise(), PAID),
    lambda: Intrinsic(ByteEntropy(6), PAID), lambda: Intrinsic(Elliptical(WIDTH, 4, 1.0, 0), PAID),
])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(judges, steps, st.randoms(use_true_random=False))
def test_where_in_its_group_a_reply_stands_changes_no_reward_now_or_later(judge, told, random):
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
def test_a_reply_that_equals_a_stored_failure_earns_no_explore(told, text):
    intrinsic = memory(keys=9, values=99)
    for step, here in enumerate(told, 1):
        intrinsic.score(here, step)
    intrinsic.score([trace(0, text)], 90)
    assert intrinsic.score([trace(0, 13), trace(0, text), trace(0, text, True)], 91)["explore"][1:] == [0, 0]


@settings(max_examples=30, deadline=None)
@given(judges, steps, steps)
def test_what_was_kept_and_read_goes_on_with_equal_scores(judge, before, after):
    one, other = judge(), judge()
    for step, here in enumerate(before, 1):
        one.score(here, step)
    other.load({name: array.clone() for name, array in one.arrays().items()})
    for step, here in enumerate(after, 50):
        assert one.score(here, step) == other.score(here, step)
    assert {n: a.tolist() for n, a in one.arrays().items()} == {n: a.tolist() for n, a in other.arrays().items()}
