from __future__ import annotations

import numpy as np
import pytest
from tests.measure.observer.watched import table, watch

from straw.measure.observer import greedy
from straw.measure.observer.greedy import best_guess, greedy_pace, partition_bits, share_bits, split


@pytest.mark.parametrize(
    "words", ["N=10", "N=37 reward_type=higher_lower", "N=100 reward_type=binned_log_distance reward_bins=5"]
)
def test_greedy_is_as_the_law_of_small_trees_says(words: str) -> None:
    """Brute force: the bits behind two episodes, from the best first split and the best second ones."""
    found = table(words)
    N, pace = found.N, greedy_pace(found.codes, found.num_codes)
    first = partition_bits(found.codes, np.arange(N), found.num_codes)
    assert pace.bits[1] == pytest.approx(first.max())
    guess = next(g for g in range(N) if first[g] >= first.max() - 1e-9)
    parts = [np.flatnonzero(found.codes[guess] == code) for code in np.unique(found.codes[guess])]
    second = sum(len(part) / N * partition_bits(found.codes, part, found.num_codes).max() for part in parts)
    assert pace.bits[2] == pytest.approx(first.max() + second)


def test_one_true_bit_halves_what_is_left() -> None:
    assert watch("N=64 reward_type=higher_lower", runs=100).paces["greedy"].to_know == 6
    assert watch("N=64 reward_type=higher_lower", runs=100).paces["greedy"].bits[:7] == pytest.approx(range(7))


def test_shuffled_bins_say_as_much_as_bins() -> None:
    plain, shuffled = (f"N=64 reward_type={kind} reward_bins=8" for kind in ("binned_log_distance", "shuffled_bins"))
    exact = [watch(words, runs=100).paces["greedy"].bits for words in (plain, shuffled)]
    assert exact[0] == pytest.approx(exact[1], abs=1e-9)


def test_of_guesses_that_say_equally_much_the_first_that_may_be_right_is_taken() -> None:
    """Right or wrong alone: every guess in the node splits it alike, and one outside says nothing."""
    right_or_wrong = np.eye(40, dtype=np.int64)
    node = np.arange(7, 31)
    assert best_guess(right_or_wrong, 2, node) == 7
    assert [part.tolist() for part in split(right_or_wrong, 2, node)] == [[*range(8, 31)], [7]]


def test_a_guess_from_outside_is_taken_where_it_says_more_and_the_first_of_those() -> None:
    codes = np.eye(40, dtype=np.int64)
    codes[33] = codes[36] = np.arange(40) % 2  # halves any node; neither may be right
    node = np.arange(2, 26)
    assert best_guess(codes, 2, node) == 33
    assert {len(part) for part in split(codes, 2, node)} == {12}


def test_a_guess_that_tells_all_of_a_few_apart_is_taken_from_among_them() -> None:
    codes = np.zeros((12, 12), dtype=np.int64)
    codes[0] = np.arange(12)  # it would say as much, and cannot be right
    codes[5] = codes[9] = np.arange(12)
    assert best_guess(codes, 12, np.array([4, 5, 9])) == 5


def test_secrets_that_no_guess_tells_apart_are_settled_as_they_are() -> None:
    """0 and 1 are told from 2 and 3, and these not from each other: one bit for half of them, two for the others."""
    codes = np.array([[0, 1, 2, 2], [1, 0, 2, 2], [2, 2, 1, 1], [2, 2, 1, 1]])
    found = greedy_pace(codes, 3)
    assert found.bits == pytest.approx((0.0, 1.5, 1.5))
    assert found.to_know is None and found.to_nine_tenths is None
    assert greedy_pace(np.zeros((1, 1), np.int64), 1).to_know == 0


def test_what_is_settled_early_counts_in_every_episode_behind_it() -> None:
    """Three that nothing tells apart, and five of which a guess finds itself alone."""
    codes = np.zeros((8, 8), dtype=np.int64)
    codes[3:, 3:] = np.eye(5, dtype=np.int64) + 1
    thirds, one = 3 / 8 * np.log2(8 / 3), 1 / 8 * 3
    bits = greedy_pace(codes, 3).bits
    assert bits[1] == pytest.approx(thirds + one + 4 / 8)  # 3, 1 and 4 of eight
    assert bits[2] == pytest.approx(thirds + 2 * one + 3 / 8 * np.log2(8 / 3))
    assert bits[3] == pytest.approx(thirds + 3 * one + 2 / 8 * 2)
    assert bits[-1] == pytest.approx(thirds + 5 * one)


def test_the_bits_of_a_guess_are_the_entropy_of_its_parts_however_many_are_counted_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Parts of 1, 1 and 2 of four are 1.5 bits; among 0, 2 and 3 alone one of three is told: 0.918."""
    codes = np.array([[0, 1, 2, 2], [0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 2, 3]])
    third = np.log2(3) - 2 / 3
    for at_once in (1 << 22, 8, 1):
        monkeypatch.setattr(greedy, "AT_ONCE", at_once)
        assert partition_bits(codes, np.arange(4), 4) == pytest.approx([1.5, 0, 1, 2])
        assert partition_bits(codes, np.array([0, 2, 3]), 4) == pytest.approx([third, 0, third, np.log2(3)])


def test_a_part_tells_the_bits_of_its_size_as_often_as_it_comes() -> None:
    assert (share_bits(2, 8), share_bits(1, 8), share_bits(8, 8)) == (2 / 8 * 2, 3 / 8, 0)


def test_when_it_is_known_and_nearly_known_is_counted_for_each_secret() -> None:
    """The first guess tells 0 and 1; 2 and 3 are told by the next: 1, 1, 2 and 2 episodes. Then three of four bits."""
    codes = np.array([[0, 1, 2, 2], [0, 1, 2, 2], [3, 3, 1, 0], [3, 3, 1, 0]])
    found = greedy_pace(codes, 4)
    assert found.bits == pytest.approx((0, 1.5, 2)) and (found.to_know, found.to_nine_tenths) == (1.5, 1.5)


def test_sixteen_secrets_are_looked_at_among_themselves_and_seventeen_are_not() -> None:
    """A guess from among them that tells all apart is taken at once, and beyond that the first that says as much."""
    for count, guess in ((16, 5), (17, 5)):
        codes = np.zeros((count + 4, count + 4), np.int64)
        codes[0] = codes[5] = codes[7] = np.arange(count + 4)
        assert best_guess(codes, count + 4, np.arange(3, count + 3)) == guess
