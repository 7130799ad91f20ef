from __future__ import annotations

from math import log2

import pytest
import torch

from straw.rewards.intrinsic.base import Trace
from straw.rewards.intrinsic.kinds.surprise import ByteEntropy, Surprise, byte_counts, entropy_bits


def trace(text: str, surprisal: float = 0.0) -> Trace:
    return Trace(
        key="00", question=torch.zeros(0), text=text, vectors=torch.zeros(1, 0), is_right=False, surprisal=surprisal
    )


def test_surprise_is_what_the_policy_thought_of_its_reply() -> None:
    assert Surprise().raw([trace("a", 0.25), trace("b", 2.0)]) == {"surprise": [0.25, 2.0]}


def test_entropy_of_bytes_by_hand() -> None:
    assert entropy_bits(byte_counts("")) == 0
    assert str(entropy_bits(byte_counts("aaaa"))) == "0.0"  # and not -0.0
    assert entropy_bits(byte_counts("aaaa")) == 0
    assert entropy_bits(byte_counts("aabb")) == 1
    assert entropy_bits(byte_counts("abcd")) == 2


def test_entropy_is_as_exact_as_a_float64() -> None:
    assert entropy_bits(byte_counts("abc")) == pytest.approx(log2(3), abs=1e-14)
    assert entropy_bits(byte_counts("aab")) == pytest.approx(log2(3) - 2 / 3, abs=1e-14)
    assert entropy_bits(torch.ones(256, dtype=torch.int64)) == 8


def test_the_log_holds_a_thousand_replies() -> None:
    judge = ByteEntropy()
    judge.write([trace("z")] + [trace("a")] * 999)
    assert judge.raw([trace("")])["entropy"][0] and judge.counts() == {"memory/values": 1000}
    judge.write([trace("a")])
    assert judge.raw([trace("")])["entropy"] == [0] and judge.counts() == {"memory/values": 1000}


def test_a_reply_with_new_letters_makes_the_log_richer() -> None:
    judge = ByteEntropy()
    judge.write([trace("aaaa")])
    same, new = judge.raw([trace("aaaa"), trace("bbbb")])["entropy"]
    assert (same, new) == (0, 1)


def test_the_log_forgets_its_oldest_replies() -> None:
    judge = ByteEntropy(2)
    judge.write([trace("zzzz"), trace("aa"), trace("bb")])
    assert judge.raw([trace("")])["entropy"] == [1]  # aabb
    assert judge.counts() == {"memory/values": 2}


def test_the_log_goes_on_from_what_was_kept_and_only_with_it() -> None:
    one, other = ByteEntropy(3), ByteEntropy(3)
    one.write([trace("aa"), trace("bc"), trace("dd")])
    other.load({name: array.clone() for name, array in one.arrays().items()})
    for judge in (one, other):
        judge.write([trace("e")])
    assert one.raw([trace("b"), trace("xyz")]) == other.raw([trace("b"), trace("xyz")])
    assert one.counts() == other.counts() == {"memory/values": 3}
    with pytest.raises(KeyError, match="log"):
        other.load({})


def test_what_is_kept_is_enough_before_another_reply_comes() -> None:
    one, other = ByteEntropy(), ByteEntropy()
    one.write([trace("aaaa")])
    other.load(one.arrays())
    assert other.raw([trace("bbbb")]) == {"entropy": [1]}


def test_surprise_keeps_nothing() -> None:
    judge = Surprise()
    judge.write([trace("a", 1.0)])
    assert judge.arrays() == judge.counts() == {}
    judge.load({})
    assert judge.raw([trace("b", 0.5)]) == {"surprise": [0.5]}
