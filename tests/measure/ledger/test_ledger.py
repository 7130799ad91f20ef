from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from math import log2
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.measure.ledger.test_received import GAMES, REPLIES, game, rollout, told

from straw.algorithms.baselines import Credit
from straw.information import miller_madow_bits, plug_in_entropy_bits
from straw.measure.ledger.ledger import Ledger, efficiencies, rewards_of, told_by
from straw.training.step import credited
from straw.types import Rollout

Groups = list[list[Rollout]]
DETERMINISTIC = (
    "", "reward_type=plus_minus", "reward_type=binned_log_distance", "reward_type=log_distance",
    "reward_type=log_distance form=raw", "reward_type=higher_lower", "reward_type=shuffled_bins",
    "reward_type=weighted reward_weights=correctness=1,integer=0.5",
)  # fmt: skip
SINGLE = [words for words in GAMES if "length=2" not in words]
GUESSES = st.lists(st.lists(st.sampled_from(["0", "3", "7", "no"]), min_size=4, max_size=4), min_size=1, max_size=6)


def groups_of(words: str, guesses: list[list[str]], secret: int = 3) -> tuple[Ledger, Groups]:
    task, channel = game(words, secret)
    return Ledger.of(task, channel), [[rollout(task, channel, (one,)) for one in group] for group in guesses]


def entered(words: str, guesses: list[list[str]], baseline: str = "group") -> Ledger:
    """Step by step."""
    ledger, groups = groups_of(words, guesses)
    for group in groups:
        ledger.enter([group], credited([group], Credit(baseline=baseline)))
    return ledger


def numbers(ledger: Ledger, absorbed: float | None = None) -> dict[str, float]:
    return {name.removeprefix("ledger/"): value for name, value in ledger.row(absorbed).items()}


def test_a_run_by_hand() -> None:
    """N=10: misses 0, 7, 7, 0 exclude two, then 3 is the secret, and repeats cost nothing.

    After two misses an observer gave 9/10 x 8/9 = 4/5 to what was paid, the zeros 1, the counts 1/2 x 3/4 = 3/8; after
    the hit 1/10, 0 and 3/8 x 1/6 = 1/16. Shares of 1/2, 1/4 and 1/4 make that 0.74375 and 0.065625.
    """
    found = numbers(entered("", [["0", "7", "7", "0"], ["3", "0", "7", "3"]]), absorbed=1.0)
    assert found["offered_bits"] == pytest.approx(-log2(0.065625))
    assert found["wasted_bits"] == pytest.approx(-log2(0.74375))
    assert found["usable_bits"] == pytest.approx(log2(0.74375 / 0.065625))
    assert found["received_bits"] == pytest.approx(log2(10))
    assert found["capacity_bits"] == 8
    assert found["offered_entropy_bits"] == pytest.approx(4)  # two of four, four times
    assert found["eta_channel"] == pytest.approx(log2(10) / found["offered_bits"])
    assert found["eta_absorb"] == pytest.approx(1 / log2(10))
    assert found["eta"] == pytest.approx(1 / found["offered_bits"])


def test_a_group_that_agrees_is_wasted_unless_its_baseline_is_fixed() -> None:
    assert numbers(entered("", [["0", "7", "7", "0"]]))["usable_bits"] == 0
    assert numbers(entered("", [["0", "7", "7", "0"]], baseline="constant"))["wasted_bits"] == 0


def test_whoever_keeps_a_log_can_use_a_group_that_agrees() -> None:
    """A student learns from the rewards themselves: no advantage is no waste."""
    ledger, groups = groups_of("", [["0", "7", "7", "0"]])
    ledger.enter(groups, credited(groups, Credit(baseline="group")), is_logged=True)
    assert numbers(ledger)["wasted_bits"] == 0 < numbers(ledger)["usable_bits"]


@settings(deadline=None)
@given(GUESSES, st.sampled_from(DETERMINISTIC))
def test_what_a_deterministic_channel_offers_is_at_most_a_bit_more_than_an_observer_receives(
    guesses: Any, words: str
) -> None:
    """So it never is more than log2 N + 1, through floats or not."""
    found = numbers(entered(words, guesses))
    assert found["offered_bits"] <= found["received_bits"] + 1 + 1e-9 <= log2(10) + 1 + 2e-9


@settings(max_examples=5, deadline=None)
@pytest.mark.parametrize("words", [*SINGLE, "reward_type=noisy_binary flip_probability=0.2", "reward_type=random"])
@given(data=st.data())
def test_offered_is_a_probability_of_what_was_told(words: Any, data: Any) -> None:
    """Every secret and every coin: equal news are charged alike, and all news together have a probability."""
    turns = game(words)[0].max_turns
    spoken = [tuple(data.draw(st.sampled_from(REPLIES)) for _ in range(turns)) for _ in range(3)]
    coins = [*product((0.1, 0.9), repeat=3)] if not game(words)[1].deterministic else [(0.5,) * 3]
    found: dict[object, set[float]] = {}
    for secret, flips in product(range(10), coins):
        task, channel = game(words, secret)
        ledger = Ledger.of(task, channel)
        group = [replace(rollout(task, channel, *one), advantages=(1.0,)) for one in zip(spoken, flips, strict=True)]
        ledger.enter([group], [group])
        news = tuple(told(one) for one in group)
        found.setdefault(news, set()).add(round(numbers(ledger)["offered_bits"], 9))
    assert all(len(bits) == 1 for bits in found.values())
    assert sum(2 ** -max(bits) for bits in found.values()) <= 1 + 1e-6


@pytest.mark.parametrize("words", [*DETERMINISTIC, "reward_type=weighted reward_weights=integer=0.5,xmlcount=0.5"])
def test_where_nothing_is_ever_paid_at_most_two_bits_are_offered(words: Any) -> None:
    """Unread replies, each another one; a raw distance pays its lowest for them."""
    found = numbers(entered(words, [[f"no {group} {row}" for row in range(4)] for group in range(24)]))
    assert found["offered_bits"] <= 2
    assert found["usable_bits"] == 0


def test_where_answers_cannot_be_listed_a_run_of_zeros_costs_at_most_a_bit() -> None:
    """A million secrets are too many for an observer, and none of 96 guesses is near: 24 bits were charged for it."""
    task, channel = game("N=1000000 reward_type=log_distance", 999_999)
    ledger = Ledger.of(task, channel)
    group = [replace(rollout(task, channel, (f"no {row}",)), advantages=(0.0,)) for row in range(96)]
    ledger.enter([group], [group])
    assert ledger.observer is None
    assert numbers(ledger)["offered_bits"] <= 1


@pytest.mark.parametrize(("flips", "words"), [(0.2, "reward_type=noisy_binary flip_probability=0.2"),
                                              (0.5, "reward_type=random")])  # fmt: skip
def test_a_channel_that_flips_offers_a_bit_at_most_beside_what_is_received_and_its_noise(
    flips: float, words: str
) -> None:
    """-log2 of what the flips are likely to be, for one who knows the secret: each is told apart."""
    coins = [0.1, 0.9, 0.9, 0.4, 0.9, 0.15]
    task, channel = game(words, 3)
    ledger = Ledger.of(task, channel)
    group = [replace(rollout(task, channel, ("37503"[at % 5],), coin), advantages=(1.0,))
             for at, coin in enumerate(coins)]  # fmt: skip
    ledger.enter([group], [group])
    noise = sum(-log2(flips if coin < flips else 1 - flips) for coin in coins)
    assert numbers(ledger)["offered_bits"] <= numbers(ledger)["received_bits"] + noise + 1 + 1e-9


def test_groups_of_one_are_one_group() -> None:
    ledger, groups = groups_of("", [["0"], ["3"]])
    ledger.enter(groups, credited(groups, Credit(baseline="group")))
    assert numbers(ledger)["wasted_bits"] == 0 < numbers(ledger)["usable_bits"]


def test_what_is_not_defined_is_absent() -> None:
    assert "capacity_bits" not in numbers(entered("reward_type=log_distance", [["0", "3", "7", "no"]]))
    assert "eta_channel" not in numbers(Ledger.of(*game("")))  # 0 / 0
    assert "eta_absorb" not in numbers(entered("", [["no"] * 4]), absorbed=1.0)
    assert numbers(Ledger.of(game("")[0], None), absorbed=1.0) == {}  # supervised
    assert efficiencies(0.0, None, 1.0) == {"eta_channel": None, "eta_absorb": None, "eta": None}


def test_turns_that_are_credited_alone_are_one_symbol() -> None:
    task, channel = game("N=8 env_type=multi_step", 5)
    one = rollout(task, channel, ("1", "1", "0"))
    assert rewards_of(one) == (1, 0, 0)
    ledger = Ledger.of(task, channel)
    ledger.enter([[one]], [[replace(one, advantages=(1.0, 0.0, 0.0))]])
    assert numbers(ledger)["capacity_bits"] == 3
    assert numbers(ledger)["offered_bits"] == pytest.approx(-log2((1 / 2 + 1 / 4) / 8))
    task, channel = game("N=8 env_type=multi_step credit=sum", 5)
    summed = Ledger.of(task, channel)
    summed.enter([[rollout(task, channel, ("1", "1", "0"))]], [[replace(one, advantages=(1.0,) * 3)]])
    assert numbers(summed)["capacity_bits"] == 2  # a count in 0..3
    assert numbers(summed)["offered_bits"] == pytest.approx(-log2(1 / 2 * 3 / 8 + 1 / 4 * 1 / 4))  # two right of three


@settings(deadline=None)
@given(GUESSES, st.sampled_from(["", "reward_type=binned_log_distance", "reward_type=log_distance"]))
def test_sums_are_those_of_the_steps_and_never_fall(guesses: Any, words: str) -> None:
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
def test_other_names_for_the_answers_change_nothing_where_only_hits_are_paid(guesses: Any) -> None:
    names = {"0": "9", "3": "3", "7": "1", "no": "what"}
    exchanged = [[names[one] for one in group] for group in guesses]
    assert numbers(entered("", guesses)) == numbers(entered("", exchanged))


@settings(deadline=None)
@given(GUESSES, GUESSES)
def test_a_ledger_that_was_kept_goes_on_bit_for_bit(before: Any, after: Any) -> None:
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
def test_entropies_of_a_group_are_in_order(counts: Any) -> None:
    levels = len(counts)
    plain, corrected = plug_in_entropy_bits(counts), miller_madow_bits(counts, levels)
    assert 0 <= plain <= log2(sum(counts)) + 1e-9
    assert plain <= corrected + 1e-9 <= log2(levels) + 2e-9
    if sum(map(bool, counts)) == 1:
        assert plain == corrected == 0


def advantages(groups: Groups, *values: tuple[float, ...]) -> Groups:
    told = iter(values)
    return [[replace(one, advantages=next(told)) for one in group] for group in groups]


def test_a_group_is_usable_where_any_of_its_turns_has_an_advantage() -> None:
    ledger, groups = groups_of("", [["0", "7"], ["1", "2"]])
    ledger.enter(groups, advantages(groups, (0.0,), (0.0,), (0.0,), (-0.5,)))
    found = numbers(ledger)
    assert 0 < found["wasted_bits"] < found["offered_bits"] and found["usable_bits"] > 0
    turns, more = groups_of("", [["0", "7"]])
    turns.enter(more, advantages(more, (0.0, 0.0), (0.0, 1.0)))
    assert numbers(turns)["wasted_bits"] == 0


def test_groups_of_one_count_together_and_a_group_of_two_beside_them_alone() -> None:
    ledger, groups = groups_of("", [["0"], ["7"], ["3"]])
    ledger.enter(groups, advantages(groups, (0.0,), (0.0,), (1.0,)))
    assert numbers(ledger)["wasted_bits"] == 0
    ledger, groups = groups_of("", [["0"], ["7"]])
    ledger.enter(groups, advantages(groups, (0.0,), (0.0,)))
    assert numbers(ledger)["usable_bits"] == 0
    ledger, groups = groups_of("", [["0"], ["7", "3"]])
    ledger.enter(groups, advantages(groups, (0.0,), (0.0,), (1.0,)))
    assert 0 < numbers(ledger)["wasted_bits"] < numbers(ledger)["offered_bits"]


def test_capacity_is_a_bit_a_rollout_for_two_levels_and_two_for_four() -> None:
    assert numbers(entered("", [["0", "3", "7"]]))["capacity_bits"] == 3
    assert numbers(entered("reward_type=binned_log_distance reward_bins=4", [["0", "3", "7"]]))["capacity_bits"] == 6
    assert numbers(Ledger.of(*game("")))["capacity_bits"] == 0


def test_the_symbol_of_a_rollout_is_its_pay_and_the_words_that_go_with_it() -> None:
    def told(reward: float, turns: tuple[float, ...] | None = None, words: str = "") -> str:
        return told_by(SimpleNamespace(reward=reward, turn_rewards=turns, words=words))  # type: ignore[arg-type]

    assert (told(0.5), told(0.5, (1.0, 0.0)), told(1.0, words="too high")) == ("0.5", "1.0 0.0", "1.0 too high")


@pytest.mark.parametrize(("num_problems", "kept"), [(None, {"all"}), (2, {"all", "prompt secret-0"})])
def test_prompts_are_forgotten_where_they_never_come_back(num_problems: int | None, kept: set[str]) -> None:
    ledger, groups = groups_of("", [["0", "7"]])
    ledger.repeats = num_problems is not None
    ledger.enter(groups, advantages(groups, (0.0,), (1.0,)))
    assert ledger.code is not None and set(ledger.code.counts) == kept
    task_like = SimpleNamespace(num_problems=num_problems)
    assert Ledger(task_like).repeats == (num_problems is not None) and Ledger().repeats  # type: ignore[arg-type]


def test_entropies_are_those_of_a_groups_symbols_as_often_as_it_has_rollouts() -> None:
    """Two misses and a hit, and then three misses, of which nothing is unexpected."""
    found = numbers(entered("", [["0", "3", "7"], ["0", "1", "7"]]))
    assert found["offered_entropy_bits"] == pytest.approx(3 * plug_in_entropy_bits([2, 1]))
    assert found["offered_entropy_mm_bits"] == pytest.approx(3 * miller_madow_bits([2, 1], 2))


@pytest.mark.parametrize(("pays_by_length", "lengths", "is_new"), [(True, (5, 6), True), (True, (5, 5), False),
                                                                   (False, (5, 6), False)])  # fmt: skip
def test_a_reply_of_another_length_is_another_one_where_a_part_of_the_reward_pays_by_it(
    pays_by_length: bool, lengths: tuple[int, int], is_new: bool
) -> None:
    task, channel = game("", 3)
    one = rollout(task, channel, ("no",))
    raw = {"length": 1.0} if pays_by_length else {}
    group = [
        replace(one, raw_rewards=raw, grade=replace(one.grade, num_tokens=length), advantages=(1.0,))
        for length in lengths
    ]
    ledger = Ledger.of(task, channel)
    ledger.enter([group], [group])
    assert ledger.code is not None and ledger.code.counts["all"] == {"0.0": 2 if is_new else 1}
    assert ledger.episodes == 2
