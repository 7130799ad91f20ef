from __future__ import annotations

import torch

from straw.rewards.surprise import ByteEntropy, Surprise, byte_counts, entropy_bits
from straw.rewards.trace import Trace


def trace(text: str, surprisal: float = 0.0) -> Trace:
    return Trace(
        key="00", question=torch.zeros(0), text=text, vectors=torch.zeros(1, 0), is_right=False, surprisal=surprisal
    )


def test_surprise_is_what_the_policy_thought_of_its_reply():
    assert Surprise().raw([trace("a", 0.25), trace("b", 2.0)]) == {"surprise": [0.25, 2.0]}


def test_entropy_of_bytes_by_hand():
    assert entropy_bits(byte_counts("")) == 0
    assert entropy_bits(byte_counts("aaaa")) == 0
    assert entropy_bits(byte_counts("aabb")) == 1
    assert entropy_bits(byte_counts("abcd")) == 2


def test_a_reply_with_new_letters_makes_the_log_richer():
    judge = ByteEntropy()
    judge.write([trace("aaaa")])
    same, new = judge.raw([trace("aaaa"), trace("bbbb")])["entropy"]
    assert (same, new) == (0, 1)


def test_the_log_forgets_its_oldest_replies():
    judge = ByteEntropy(2)
    judge.write([trace("zzzz"), trace("aa"), trace("bb")])
    assert judge.raw([trace("")])["entropy"] == [1]  # aabb
    assert judge.counts() == {"memory/values": 2}
