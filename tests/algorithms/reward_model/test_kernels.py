"""Kernels by hand, and which of them there are."""

from __future__ import annotations

import numpy as np
import pytest

from straw.algorithms.reward_model.kernels import Kernel, field_kernels, residual_kernels
from straw.algorithms.reward_model.likeness import Replies

FIRST = np.array([0])


def row(kernel: Kernel, replies: Replies) -> list[float]:
    return [float(one) for one in kernel.rows(replies, FIRST, replies.likeness(FIRST))[0]]


def test_a_prefix_kernel_by_hand() -> None:
    """0.7 in beginnings of 0, 1 and 2 tokens, as 1 : 2 : 4; 0.3 in three places, of which a reply may leave some."""
    replies = Replies([(1, 2), (1, 3), (4, 2), (1,)])
    kernel = Kernel("prefix", 0.7, 2.0)
    assert row(kernel, replies) == pytest.approx([0.7 + 0.2, 0.3 + 0.1, 0.1 + 0.1, 0.1])
    assert kernel.own(replies).tolist() == pytest.approx([0.9, 0.9, 0.9, 0.4])


def test_a_suffix_kernel_by_hand() -> None:
    replies = Replies([(1, 2), (1, 3), (4, 2), (1,)])
    kernel = Kernel("suffix", 0.7, 2.0)
    assert row(kernel, replies) == pytest.approx([0.7 + 0.2, 0.1 + 0.1, 0.3 + 0.1, 0.1])
    assert kernel.own(replies).tolist() == pytest.approx([0.9, 0.9, 0.9, 0.4])


def test_a_layer_s_kernel_falls_with_the_distance_in_that_layer_by_its_median() -> None:
    """Of nine pairs three are 0: the median of 3, 9 and 12 beside them is 3, and that of 1, 4 and 5 is 1."""
    states = np.stack([np.array([[5.0], [1.0], [0.0]]), np.array([[0.0], [3.0], [12.0]])], axis=1)
    replies = Replies([(0,), (1,), (2,)], states)
    assert row(Kernel("layer", 1), replies) == pytest.approx([1.0, np.exp(-1), np.exp(-4)], rel=1e-5)
    assert row(Kernel("layer", 0), replies) == pytest.approx([1.0, np.exp(-4), np.exp(-5)], rel=1e-5)
    assert Kernel("layer", 1).own(replies).tolist() == [1.0, 1.0, 1.0]


def test_nothing_is_alike_but_a_reply_and_itself() -> None:
    replies = Replies([(1, 2), (1, 3), (1, 2, 3)])
    found = Kernel("nothing").rows(replies, np.array([2, 0]), replies.likeness(np.array([2, 0])))
    assert found.tolist() == [[0, 0, 1], [1, 0, 0]]


def test_which_fields_are_weighed() -> None:
    shares, falls = (0.02, 0.5, 0.98), (0.5, 1.0, 2.0)
    begun = [Kernel(kind, share, fall) for kind in ("prefix", "suffix") for share in shares for fall in falls]
    products = [Kernel("product", rho) for rho in (0.1, 0.5, 0.9)]
    assert field_kernels(0) == [*begun, *products, Kernel("nothing")]
    assert field_kernels(2) == [*begun, *products, Kernel("layer", 0), Kernel("layer", 1), Kernel("nothing")]


def test_what_a_centre_leaves_over_is_its_reply_s_own_or_shared_with_those_alike() -> None:
    """Where there are states, by those of the layer in the middle."""
    kernels = [Kernel("prefix", 0.5, 1.0), Kernel("suffix", 0.5, 1.0), Kernel("product", 0.5)]
    both = [(kernel, own) for kernel in kernels for own in (0.1, 0.4)]
    nothing = (Kernel("nothing"), 1.0)
    assert residual_kernels(0) == [nothing, *both]
    for num_layers, middle in ((1, 0), (2, 1), (4, 2), (5, 2)):
        layer = Kernel("layer", middle)
        assert residual_kernels(num_layers) == [nothing, *both, (layer, 0.1), (layer, 0.4)]
