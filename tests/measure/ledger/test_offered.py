"""A code length by hand, and as what it has to be: minus the logarithm of a probability."""

from __future__ import annotations

import json
from itertools import product
from math import fsum, inf, isclose, log2
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from straw.measure.ledger.offered import (
    CausalCode,
    escape_bits,
    fresh_bits_for,
    is_zero,
    kt_bits,
    shares_of,
    symbol_of,
)

SYMBOLS = st.lists(st.sampled_from(["0.0", "1.0"]), max_size=40)
ONES = st.lists(st.sampled_from(["1.0", "0.5"]), max_size=40)
ROUNDING = 1e-9


def charged(code: CausalCode, symbols: list[str], observer: list[float] | None = None) -> list[float]:
    """As replies that are all different."""
    told = observer or [0.0] * len(symbols)
    return [code.charge("secret-0", str(place), *one) for place, one in enumerate(zip(symbols, told, strict=True))]


def total(code: CausalCode, symbols: list[str], observer: list[float] | None = None) -> float:
    return fsum(charged(code, symbols, observer))


# --- each code by itself


def test_three_zeros_by_hand() -> None:
    """1/2, 3/4, 5/6"""
    assert [kt_bits(seen, seen, 2) for seen in range(3)] == pytest.approx([1, log2(4 / 3), log2(6 / 5)])
    assert fsum(kt_bits(seen, seen, 2) for seen in range(3)) == pytest.approx(1.678, abs=1e-3)


def test_floats_pay_for_what_is_new_and_little_for_what_is_not() -> None:
    """2^-24 / 1, then 1/2, then 2^-24 / 3"""
    assert [escape_bits(0, 0), escape_bits(1, 1), escape_bits(0, 2)] == pytest.approx([24, 1, 24 + log2(3)])


def test_noise_opens_no_new_symbol() -> None:
    assert symbol_of((-0.0,)) == symbol_of((0.0,)) == symbol_of((1e-17,)) == "0.0"
    assert symbol_of((0.5, 1 / 3)) == "0.5 0.333333"


def test_a_wide_range_of_floats_needs_more_digits() -> None:
    assert fresh_bits_for(0, 1) == 24
    assert fresh_bits_for(-30, 30) == pytest.approx(log2(60e6 + 2))


@pytest.mark.parametrize(("lowest", "highest"), [(0.0, 1.0), (-3.0103, 0.0), (-0.0000005, 20.0), (-1.0, 4.0)])
def test_there_are_bits_enough_for_every_number_of_six_digits(lowest: float, highest: float) -> None:
    first, last = (round(round(value, 6) * 10**6) for value in (lowest, highest))
    assert last - first + 1 <= 2 ** fresh_bits_for(lowest, highest)


# --- all together


def test_the_shares_are_a_half_for_the_observer_and_a_half_of_the_rest_for_zeros() -> None:
    assert CausalCode(levels=2, is_observed=True).shares == {
        "observer": 1 / 2, "zeros": 1 / 4, "all": 1 / 8, "prompt": 1 / 8,
    }  # fmt: skip
    assert CausalCode(levels=2).shares == {"zeros": 1 / 2, "all": 1 / 4, "prompt": 1 / 4}
    assert CausalCode(levels=2, lowest=-1, deterministic=False).shares == pytest.approx(
        {"zeros": 1 / 2, "lowest": 1 / 4, "all": 1 / 12, "prompt": 1 / 12, "last": 1 / 12}
    )


def test_the_first_symbol_by_hand() -> None:
    """A zero: 1/2 + 1/2 x 1/2 = 3/4. A one: 1/2 x 1/2. With an observer who held it for 1 in 8: 1/16 + 1/4 x 1/2."""
    assert charged(CausalCode(levels=2), ["0.0"]) == pytest.approx([log2(4 / 3)])
    assert charged(CausalCode(levels=2), ["1.0"]) == pytest.approx([2])
    assert charged(CausalCode(levels=2, is_observed=True), ["1.0"], [3.0]) == pytest.approx([-log2(1 / 16 + 1 / 8)])


def test_a_tuple_of_turns_is_one_symbol_of_a_large_alphabet() -> None:
    """Half of 1/64."""
    assert charged(CausalCode(levels=64), [symbol_of((1.0, 0.0, 1.0, 1.0, 0.0, 1.0))]) == [7.0]


def test_what_a_channel_declares_is_no_new_number() -> None:
    """Of 0 and 1, seen once each, 1 has a third of the counts' half; another number has a third of 2^-24."""
    assert charged(CausalCode(levels=None), ["1.0"]) == pytest.approx([1 + log2(3)])
    assert charged(CausalCode(levels=None), ["0.5"]) == pytest.approx([25 + log2(3)])


def test_a_zero_is_declared_by_every_channel() -> None:
    """Of -1, 0 and 1, seen once each: 0.5 ends the bets on zeros and on -1, whose shares were 3/4."""
    code = CausalCode(levels=None, lowest=-1.0, highest=1.0)
    assert charged(code, ["0.5", "0.0"]) == pytest.approx([2 + 24 + log2(4), log2(5)])


def test_numbers_of_several_turns_are_written_down_one_by_one() -> None:
    assert charged(CausalCode(levels=None), ["0.3 0.7"]) == pytest.approx([49 + log2(3)])


@pytest.mark.parametrize("levels", [2, 8, None])
@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("zero", ["0.0", "0.0 0.0 0.0"])
def test_a_run_of_zeros_costs_at_most_two_bits_however_long_it_is(
    levels: int | None, deterministic: bool, zero: str
) -> None:
    code = CausalCode(levels=levels, lowest=-2.0, deterministic=deterministic)
    assert total(code, [zero] * 2000) <= 1
    watched = CausalCode(levels=levels, lowest=-2.0, deterministic=deterministic, is_observed=True)
    assert total(watched, [zero] * 2000, [0.5] * 2000) <= 2


def test_so_does_a_run_of_the_lowest_pay_where_no_observer_can_be_had() -> None:
    """Wrong in plus_minus is -1, and no zero is ever paid."""
    assert total(CausalCode(levels=2, lowest=-1.0), ["-1.0"] * 2000) <= 2


@pytest.mark.parametrize(("symbol", "zero"), [("0.0", True), ("0.0 0.0", True), ("0.0 1.0", False), ("-1.0", False)])
def test_nothing_paid_in_any_turn_is_a_zero(symbol: str, zero: bool) -> None:
    assert is_zero(symbol) is zero


@given(st.lists(st.tuples(st.sampled_from(["0.0", "1.0", "0.25"]), st.floats(0, 5)), max_size=30))
def test_it_is_never_more_than_a_bit_behind_the_observer(run: Any) -> None:
    symbols, told = [symbol for symbol, _ in run], [bits for _, bits in run]
    code = CausalCode(levels=None, is_observed=True)
    assert total(code, symbols, told) <= fsum(told) + 1 + ROUNDING


def test_a_reply_that_was_scored_before_costs_nothing() -> None:
    code = CausalCode(levels=2)
    assert code.charge("a", "7", "0.0") > 0
    assert code.charge("a", "7", "0.0") == 0
    assert code.charge("b", "7", "0.0") > 0  # the same reply to another prompt


def test_where_dice_are_rolled_repeats_cost() -> None:
    code = CausalCode(levels=2, deterministic=False)
    assert code.charge("a", "7", "0.0") > 0
    assert code.charge("a", "7", "1.0") > 1


def test_more_symbols_than_declared_are_an_error() -> None:
    code = CausalCode(levels=2)
    with pytest.raises(ValueError, match="declares 2 levels"):
        charged(code, ["0.0", "0.5", "1.0"])


@given(ONES)
def test_one_prompt_without_a_zero_is_charged_as_krichevsky_and_trofimov_say_and_a_bit_for_the_zeros(
    symbols: Any,
) -> None:
    """After the first, which is no zero, nothing is left but counts, and those of the run are those of the prompt."""
    expected = [kt_bits(symbols[:place].count(symbol), place, 2) for place, symbol in enumerate(symbols)]
    expected[:1] = [bits + 1 for bits in expected[:1]]
    assert charged(CausalCode(levels=2), symbols) == pytest.approx(expected)


@given(SYMBOLS, SYMBOLS)
def test_what_comes_later_changes_nothing_before(symbols: Any, others: Any) -> None:
    half = len(symbols) // 2
    one, two = charged(CausalCode(levels=2), symbols), charged(CausalCode(levels=2), symbols[:half] + others)
    assert one[:half] == two[:half]


# --- a probability


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("is_observed", [True, False])
@pytest.mark.parametrize("prompts", ["aaaaa", "abab", "aabca"])
def test_all_runs_of_three_levels_have_a_probability_of_one_together(
    deterministic: bool, is_observed: bool, prompts: str
) -> None:
    """Kraft's sum over every sequence there is. The observer holds one symbol for 1/2 and the others for 1/4 each."""
    expects = {"0.0": 2.0, "0.5": 1.0, "1.0": 2.0}
    found = []
    for run in product(expects, repeat=len(prompts)):
        code = CausalCode(levels=3, deterministic=deterministic, is_observed=is_observed)
        told = zip(prompts, range(9), run, strict=False)
        found.append(fsum(code.charge(prompt, str(place), symbol, expects[symbol]) for prompt, place, symbol in told))
    assert fsum(2**-bits for bits in found) == pytest.approx(1, abs=ROUNDING)


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("is_observed", [True, False])
def test_all_runs_of_numbers_have_a_probability_of_at_most_one_together(deterministic: bool, is_observed: bool) -> None:
    """Eight numbers of three fresh bits, three of them declared; an observer who holds all for equally likely."""
    numbers = [f"{place}.0" for place in range(-1, 7)]
    found = []
    for run in product(numbers, repeat=4):
        code = CausalCode(levels=None, lowest=-1, highest=6, deterministic=deterministic, is_observed=is_observed)
        code.fresh_bits = 3.0
        found.append(total(code, [*run], [3.0] * 4))
    assert 0.5 < fsum(2**-bits for bits in found) <= 1 + ROUNDING


@pytest.mark.parametrize("levels", [3, None])
@pytest.mark.parametrize("deterministic", [True, False])
def test_the_next_symbol_has_probabilities_that_add_up_to_at_most_one(levels: int | None, deterministic: bool) -> None:
    history = [("a", "0.0"), ("b", "1.0"), ("a", "0.5"), ("a", "0.0"), ("b", "0.0"), ("a", "0.0")]
    shares = 0.0
    for symbol in ("0.0", "0.5", "1.0"):
        code = CausalCode(levels=levels, deterministic=deterministic)
        for place, (prompt, seen) in enumerate(history):
            code.charge(prompt, str(place), seen)
        shares += 2 ** -code.charge("a", "new", symbol)
    assert isclose(shares, 1) if levels else shares <= 1


def test_many_prompts_share_what_they_learn() -> None:
    """One hit in a hundred prompts that come once: a code for each prompt alone would pay 1 bit every time."""
    code = CausalCode(levels=2)
    code.charge("first", "x", "1.0")
    bits = sum(code.charge(str(prompt), "x", "0.0") for prompt in range(100))
    assert bits < 15


def test_a_switch_is_followed_where_repeats_cost() -> None:
    symbols = ["0.0"] * 100 + ["1.0"] * 100
    noisy = CausalCode(levels=2, deterministic=False)
    assert total(noisy, symbols) < 20 < total(CausalCode(levels=2), symbols)


# --- what is kept


def test_prompts_that_never_come_back_are_forgotten() -> None:
    code = CausalCode(levels=2)
    charged(code, ["0.0", "1.0"])
    code.forget_prompts()
    assert code.state_dict()["scored"] == {}
    assert code.counts == {"all": {"0.0": 1, "1.0": 1}}


@given(SYMBOLS, SYMBOLS, st.sampled_from([2, None]), st.booleans())
def test_a_code_that_was_kept_goes_on_bit_for_bit(before: Any, after: Any, levels: Any, is_observed: Any) -> None:
    options = {"levels": levels, "lowest": -1.0, "deterministic": False, "is_observed": is_observed}
    one, two = CausalCode(**options), CausalCode(**options)
    charged(one, before, [0.75] * len(before))
    two.load_state_dict(json.loads(json.dumps(one.state_dict(), allow_nan=False)))
    told = [0.25] * len(after)
    assert charged(one, after, told) == charged(two, after, told)
    assert one.state_dict() == two.state_dict()


@settings(max_examples=30)
@given(SYMBOLS.filter(len), SYMBOLS)
def test_a_run_that_was_begun_with_counts_alone_goes_on_with_them(before: Any, after: Any) -> None:
    """Its checkpoint knows neither of zeros nor of an observer: the next symbol is still charged by a probability."""
    begun = CausalCode(levels=2)
    charged(begun, before)
    state = begun.state_dict()
    state["lengths"] = {name: state["lengths"][name] for name in ("all", "prompt")}
    going = CausalCode(levels=2, is_observed=True)
    going.load_state_dict(json.loads(json.dumps(state)))
    for place, symbol in enumerate(after):
        assert going.charge("secret-0", f"later {place}", symbol, 0.5) == pytest.approx(
            kt_bits((before + after[:place]).count(symbol), len(before) + place, 2)
        )


# --- what a channel declares -----------------------------------------------------------------------


def test_pay_without_an_end_needs_the_bits_of_any_float_and_declares_what_ends() -> None:
    assert [fresh_bits_for(-inf, 0), fresh_bits_for(0, inf)] == [64, 64]
    code = CausalCode(levels=None, lowest=-inf, highest=2.0)
    assert (code.fresh_bits, code.known, code.bets) == (64, {"0.0": 1, "2.0": 1}, ["zeros"])
    assert CausalCode(levels=None, lowest=-1.0, highest=inf).known == {"0.0": 1, "-1.0": 1}
    assert CausalCode(levels=2, lowest=-1.0).known == {} and CausalCode(levels=2, lowest=-1.0).bets == [
        "zeros",
        "lowest",
    ]


def test_a_symbol_costs_by_how_often_it_came_among_how_many() -> None:
    assert kt_bits(3, 7, 4) == pytest.approx(-log2(3.5 / 9)) and kt_bits(0, 0, 8) == 3
    assert escape_bits(3, 7) == pytest.approx(3 - log2(3)) and escape_bits(0, 7, 10.0) == 3 + 10
    assert escape_bits(0, 0) == 24


def test_each_first_code_has_half_of_what_is_left_and_the_counts_share_the_rest() -> None:
    assert shares_of(["a", "b", "c"], ["d", "e"]) == {"a": 1 / 2, "b": 1 / 4, "c": 1 / 8, "d": 1 / 16, "e": 1 / 16}
    assert shares_of([], ["d", "e"]) == {"d": 1 / 2, "e": 1 / 2}


def test_pay_is_written_with_six_digits_in_its_order() -> None:
    assert symbol_of((0.1234567, -0.0000004, 2)) == "0.123457 0.0 2.0"


def test_what_stood_last_is_kept_for_each_prompt() -> None:
    code = CausalCode(levels=2, deterministic=False)
    for prompt, symbol in (("a", "1.0"), ("b", "0.0"), ("a", "0.0")):
        code.charge(prompt, "x", symbol)
    assert code.last == {"a": "0.0", "b": "0.0"}
    assert code.counts["behind 1.0 a"] == {"0.0": 1} and code.counts["behind  b"] == {"0.0": 1}
    assert code.counts["all"] == {"1.0": 1, "0.0": 2} and code.counts["prompt a"] == {"1.0": 1, "0.0": 1}
    code.forget_prompts()
    assert (code.last, set(code.counts), code.scored) == ({}, {"all"}, {})
