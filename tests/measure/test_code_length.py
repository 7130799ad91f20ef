from __future__ import annotations

import json
from math import isclose, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from straw.measure.code_length import CausalCode, escape_bits, fresh_bits_for, kt_bits, symbol_of

SYMBOLS = st.lists(st.sampled_from(["0.0", "1.0"]), max_size=40)


def charged(code: CausalCode, symbols: list[str]) -> list[float]:
    """As replies that are all different."""
    return [code.charge("secret-0", str(place), symbol) for place, symbol in enumerate(symbols)]


def test_the_first_of_two_symbols_costs_one_bit():
    assert charged(CausalCode(levels=2), ["1.0"]) == [1.0]


def test_three_zeros_by_hand():
    """1/2, 3/4, 5/6"""
    assert charged(CausalCode(levels=2), ["0.0"] * 3) == pytest.approx([1, log2(4 / 3), log2(6 / 5)])
    assert sum(charged(CausalCode(levels=2), ["0.0"] * 3)) == pytest.approx(1.678, abs=1e-3)


def test_a_tuple_of_turns_is_one_symbol_of_a_large_alphabet():
    assert charged(CausalCode(levels=64), [symbol_of((1.0, 0.0, 1.0, 1.0, 0.0, 1.0))]) == [6.0]


def test_floats_pay_for_what_is_new_and_little_for_what_is_not():
    """-log2 (2^-24 / 1), then -log2 (1/2), then -log2 (2^-24 / 3)"""
    assert charged(CausalCode(levels=None), ["0.5", "0.5", "0.25"]) == pytest.approx([24, 1, 24 + log2(3)])
    assert escape_bits(3, 3) == pytest.approx(log2(4 / 3))


def test_noise_opens_no_new_symbol():
    assert symbol_of((-0.0,)) == symbol_of((0.0,)) == symbol_of((1e-17,)) == "0.0"
    assert symbol_of((0.5, 1 / 3)) == "0.5 0.333333"


def test_a_wide_range_of_floats_needs_more_digits():
    assert fresh_bits_for(0, 1) == 24
    assert fresh_bits_for(-30, 30) == pytest.approx(log2(60e6 + 1))


def test_a_reply_that_was_scored_before_costs_nothing():
    code = CausalCode(levels=2)
    assert code.charge("a", "7", "0.0") == 1
    assert code.charge("a", "7", "0.0") == 0
    assert code.charge("b", "7", "0.0") > 0  # the same reply to another prompt


def test_where_dice_are_rolled_repeats_cost():
    code = CausalCode(levels=2, deterministic=False)
    assert code.charge("a", "7", "0.0") == 1
    assert code.charge("a", "7", "1.0") > 1


def test_more_symbols_than_declared_are_an_error():
    code = CausalCode(levels=2)
    with pytest.raises(ValueError, match="declares 2 levels"):
        charged(code, ["0.0", "0.5", "1.0"])


@given(SYMBOLS)
def test_one_prompt_is_charged_as_krichevsky_and_trofimov_say(symbols):
    expected = [
        kt_bits(symbols[:place].count(symbol), place, 2) for place, symbol in enumerate(symbols)
    ]  # fmt: skip
    assert charged(CausalCode(levels=2), symbols) == pytest.approx(expected)


@given(SYMBOLS, SYMBOLS)
def test_what_comes_later_changes_nothing_before(symbols, others):
    half = len(symbols) // 2
    one, two = charged(CausalCode(levels=2), symbols), charged(CausalCode(levels=2), symbols[:half] + others)
    assert one[:half] == two[:half]


@pytest.mark.parametrize("levels", [3, None])
@pytest.mark.parametrize("deterministic", [True, False])
def test_the_next_symbol_has_probabilities_that_add_up_to_at_most_one(levels, deterministic):
    history = [("a", "0.0"), ("b", "1.0"), ("a", "0.5"), ("a", "0.0"), ("b", "0.0"), ("a", "0.0")]
    total = 0.0
    for symbol in ("0.0", "0.5", "1.0"):
        code = CausalCode(levels=levels, deterministic=deterministic)
        for place, (prompt, seen) in enumerate(history):
            code.charge(prompt, str(place), seen)
        total += 2 ** -code.charge("a", "new", symbol)
    assert isclose(total, 1) if levels else total <= 1


def test_many_prompts_share_what_they_learn():
    """One hit in a hundred prompts that come once: a code for each prompt alone would pay 1 bit every time."""
    code = CausalCode(levels=2)
    bits = sum(code.charge(str(prompt), "x", "0.0") for prompt in range(100))
    assert bits < 6


def test_a_switch_is_followed_where_repeats_cost():
    symbols = ["0.0"] * 100 + ["1.0"] * 100
    noisy = CausalCode(levels=2, deterministic=False)
    assert sum(charged(noisy, symbols)) < 20 < sum(charged(CausalCode(levels=2), symbols))


def test_prompts_that_never_come_back_are_forgotten():
    code = CausalCode(levels=2)
    charged(code, ["0.0", "1.0"])
    code.forget_prompts()
    assert code.state_dict()["scored"] == {}
    assert code.counts == {"all": {"0.0": 1, "1.0": 1}}


@given(SYMBOLS, SYMBOLS)
def test_a_code_that_was_kept_goes_on_bit_for_bit(before, after):
    one = CausalCode(levels=2, deterministic=False)
    charged(one, before)
    two = CausalCode(levels=2, deterministic=False)
    two.load_state_dict(json.loads(json.dumps(one.state_dict())))
    assert charged(one, after) == charged(two, after)
