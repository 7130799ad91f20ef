from __future__ import annotations

import math

from straw.measure.diversity import answers, jaccard_distance, lexical, mean, semantic


def test_answers_all_the_same_and_all_different() -> None:
    assert answers([3, 3, 3, 3]) == 0
    assert answers([1, 2, 3, 4]) == 1
    assert answers([1, 1, 2, None]) == 2 / 3
    assert answers([1]) == answers([]) == 0


def test_lexical_is_the_share_of_words_that_two_replies_do_not_have_in_common() -> None:
    assert lexical(["two apples", "Two, apples!"]) == 0
    assert lexical(["a b", "c d"]) == 1
    assert math.isclose(lexical(["a b", "b c", "a b"]), (2 / 3 + 0 + 2 / 3) / 3)
    assert lexical(["", ""]) == lexical(["alone"]) == 0


def test_semantic_is_one_minus_the_mean_cosine() -> None:
    assert semantic([[1, 0], [2, 0]]) == 0
    assert math.isclose(semantic([[1, 0], [0, 3]]), 1)
    assert math.isclose(semantic([[1, 0], [0, 1], [0.6, 0.8]]), 1 - (0 + 0.6 + 0.8) / 3)
    assert semantic([[1, 0]]) == 0


def test_opposite_and_equal_vectors_are_the_ends_whatever_their_length() -> None:
    assert math.isclose(semantic([[1, 0], [-3, 0]]), 2)
    assert semantic([[0.1, 0.3]] * 7) == 0.0  # rounding makes it nothing less
    assert math.isclose(semantic([[2, 0], [0, 5], [-1, 0], [0, 0.5]]), 1 - (0 - 1 + 0 + 0 + 1 + 0) / 6)
    assert semantic([]) == 0


def test_words_are_counted_once_whatever_stands_between_them() -> None:
    assert math.isclose(jaccard_distance(frozenset("abc"), frozenset("cd")), 3 / 4)
    assert jaccard_distance(frozenset(), frozenset("a")) == 1
    assert lexical(["a-b a, A", "b a"]) == 0


def test_two_replies_are_alike_or_not_and_a_mean_of_nothing_is_nothing() -> None:
    assert (answers([1, 1]), answers([1, 2]), answers([1, 1, 1, 2])) == (0, 1, 1 / 3)
    assert mean([]) == 0 and mean([1, 2, 6]) == 3
