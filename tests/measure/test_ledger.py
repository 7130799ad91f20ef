from __future__ import annotations

import json
from dataclasses import replace
from math import log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.measure.test_candidates import attempt, game

from straw.algorithms.named import Credit
from straw.information import miller_madow_bits, plug_in_entropy_bits
from straw.measure.ledger import Ledger, efficiencies, rewards_of
from straw.training.step import credited
from straw.types import Rollout

Groups = list[list[Rollout]]
GUESSES = st.lists(st.lists(st.sampled_from(["0", "3", "7", "no"]), min_size=4, max_size=4), min_size=1, max_size=6)


def groups_of(words: str, guesses: list[list[str]], secret: int = 3) -> tuple[Ledger, Groups]:
    task, channel = game(words, secret)
    return Ledger.of(task, channel), [[attempt(task, channel, (one,)) for one in group] for group in guesses]


def entered(words: str, guesses: list[list[str]], baseline: str = "group") -> Ledger:
    """Step by step."""
    ledger, groups = groups_of(words, guesses)
    for group in groups:
        ledger.enter([group], credited([group], Credit(baseline=baseline)))
    return ledger


def numbers(ledger: Ledger, absorbed: float | None = None) -> dict[str, float]:
    return {name.removeprefix("ledger/"): value for name, value in ledger.row(absorbed).items()}


def test_a_run_by_hand():
    """N=10: misses 0, 7, 7, 0 cost 1 + 0.415 bits and exclude two; then the hit 3 costs -log2 (1/2 / 3)."""
    found = numbers(entered("", [["0", "7", "7", "0"], ["3", "0", "7", "3"]]), absorbed=1.0)
    assert found["offered_bits"] == pytest.approx(1 + log2(4 / 3) + log2(6))
    assert found["wasted_bits"] == pytest.approx(1 + log2(4 / 3))
    assert found["usable_bits"] == pytest.approx(log2(6))
    assert found["received_bits"] == pytest.approx(log2(10))
    assert found["capacity_bits"] == 8
    assert found["offered_entropy_bits"] == pytest.approx(4)  # two of four, four times
    assert found["eta_channel"] == pytest.approx(log2(10) / found["offered_bits"])
    assert found["eta_absorb"] == pytest.approx(1 / log2(10))
    assert found["eta"] == pytest.approx(1 / found["offered_bits"])


def test_a_group_that_agrees_is_wasted_unless_its_baseline_is_fixed():
    assert numbers(entered("", [["0", "7", "7", "0"]]))["usable_bits"] == 0
    assert numbers(entered("", [["0", "7", "7", "0"]], baseline="constant"))["wasted_bits"] == 0


def test_groups_of_one_are_one_group():
    ledger, groups = groups_of("", [["0"], ["3"]])
    ledger.enter(groups, credited(groups, Credit(baseline="group")))
    assert numbers(ledger)["wasted_bits"] == 0 < numbers(ledger)["usable_bits"]


def test_what_is_not_defined_is_absent():
    assert "capacity_bits" not in numbers(entered("reward_type=log_distance", [["0", "3", "7", "no"]]))
    assert "eta_channel" not in numbers(Ledger.of(*game("")))  # 0 / 0
    assert "eta_absorb" not in numbers(entered("", [["no"] * 4]), absorbed=1.0)
    assert numbers(Ledger.of(game("")[0], None), absorbed=1.0) == {}  # supervised
    assert efficiencies(0.0, None, 1.0) == {"eta_channel": None, "eta_absorb": None, "eta": None}


def test_turns_that_are_credited_alone_are_one_symbol():
    task, channel = game("N=8 env_type=multi_step", 5)
    one = attempt(task, channel, ("1", "1", "0"))
    assert rewards_of(one) == (1, 0, 0)
    ledger = Ledger.of(task, channel)
    ledger.enter([[one]], [[replace(one, advantages=(1.0, 0.0, 0.0))]])
    assert numbers(ledger)["offered_bits"] == numbers(ledger)["capacity_bits"] == 3
    summed = Ledger.of(*game("N=8 env_type=multi_step credit=sum", 5))
    task, channel = game("N=8 env_type=multi_step credit=sum", 5)
    summed.enter([[attempt(task, channel, ("1", "1", "0"))]], [[replace(one, advantages=(1.0,) * 3)]])
    assert numbers(summed)["offered_bits"] == numbers(summed)["capacity_bits"] == 2  # a count in 0..3


@settings(deadline=None)
@given(GUESSES, st.sampled_from(["", "reward_type=binned_log_distance", "reward_type=log_distance"]))
def test_sums_are_those_of_the_steps_and_never_fall(guesses, words):
    ledger, groups = groups_of(words, guesses)
    before = numbers(ledger)
    for group in groups:
        ledger.enter([group], credited([group], Credit(baseline="group")))
        now = numbers(ledger)
        assert all(now[name] >= before[name] - 1e-9 for name in before if name.endswith("bits"))
        before = now
    assert before["usable_bits"] + before["wasted_bits"] == pytest.approx(before["offered_bits"])
    assert before["received_bits"] <= log2(10) + 1e-9


@settings(deadline=None)
@given(GUESSES)
def test_other_names_for_the_answers_change_nothing_where_only_hits_are_paid(guesses):
    names = {"0": "9", "3": "3", "7": "1", "no": "what"}
    exchanged = [[names[one] for one in group] for group in guesses]
    assert numbers(entered("", guesses)) == numbers(entered("", exchanged))


@settings(deadline=None)
@given(GUESSES, GUESSES)
def test_a_ledger_that_was_kept_goes_on_bit_for_bit(before, after):
    one, groups = groups_of("num_secrets=2 reward_type=binned_log_distance", before + after)
    two, _ = groups_of("num_secrets=2 reward_type=binned_log_distance", [])
    for place, group in enumerate(groups):
        if place == len(before):
            two.load_state_dict(json.loads(json.dumps(one.state_dict())))
        for ledger in (one, two) if place >= len(before) else (one,):
            ledger.enter([group], credited([group], Credit(baseline="group")))
    assert numbers(one) == numbers(two)
    assert one.state_dict() == two.state_dict()


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8).filter(any))
def test_entropies_of_a_group_are_in_order(counts):
    levels = len(counts)
    plain, corrected = plug_in_entropy_bits(counts), miller_madow_bits(counts, levels)
    assert 0 <= plain <= log2(sum(counts)) + 1e-9
    assert plain <= corrected + 1e-9 <= log2(levels) + 2e-9
    if sum(map(bool, counts)) == 1:
        assert plain == corrected == 0
