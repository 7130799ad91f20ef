"""What begins alike is read once, and that changes nothing but the cost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.engines.tenants.made import (
    apart,
    backward,
    engine_of,
    equal,
    gradients,
    group,
    perturbed,
    weighed,
)

from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.records import Example, Shape
from straw.engines.tenants.training import batches
from straw.engines.tenants.training.prefixes import LEAST, Shared, common, shared

SHAPE = Shape(rank=3, seed=1)


def made(**settings: int) -> TenantEngine:
    engine = engine_of("llama", **settings)
    perturbed(engine, "a", SHAPE)
    return engine


def plain(data: list[Example]) -> list[Example]:
    """Everything trains, as in supervised training without weights."""
    return [Example(e.tokens, {"target_tokens": e.inputs["target_tokens"]}) for e in data]


def nothing_shared(data: list[Example], starts: list[int]) -> list[Shared]:
    return [Shared([index], example.num_tokens) for index, example in enumerate(data)]


@pytest.mark.parametrize("form", [lambda data: data, plain], ids=["a group", "everything trains"])
def test_sharing_a_prefix_is_not_sharing_it(
    form: Callable[[list[Example]], list[Example]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = form(group(1, prompt=24, replies=(4, 1, 6, 3)) + group(2, prompt=20, replies=(3, 3)))
    loss = "cross_entropy" if form is plain else "importance_sampling"
    together, alone = made(), made()
    one = backward(together, "a", data, loss)
    monkeypatch.setattr(batches, "shared", nothing_shared)
    other = backward(alone, "a", data, loss)
    assert apart(gradients(together, "a"), gradients(alone, "a")) < 1e-5
    assert max(np.abs(x - y).max() for x, y in zip(one.logprobs, other.logprobs, strict=True)) < 1e-5
    assert other.metrics["tokens_read:sum"] == sum(e.num_tokens for e in data) == 4 * 23 + 14 + 2 * 19 + 6
    # of tokens of the second kind only what comes before the last prompt token may be shared as well
    assert one.metrics["tokens_read:sum"] == 24 + (3 + 0 + 5 + 2) + 20 + (2 + 2)


def test_a_group_of_eight_reads_its_prompt_once() -> None:
    found = backward(made(), "a", group(3, prompt=112, replies=(16,) * 8), "importance_sampling")
    assert found.metrics["tokens_read:sum"] == 112 + 8 * 15


def test_calls_that_add_up_are_one_call_and_micro_batches_change_nothing() -> None:
    data = group(1) + group(2, prompt=5)
    whole, parts, small = made(), made(), made(tokens_per_microbatch=12)
    one = backward(whole, "a", data, "ppo")
    for some in (data[:3], data[3:]):
        backward(parts, "a", some, "ppo")
    many = backward(small, "a", data, "ppo")
    assert many.metrics["tokens_read:sum"] > one.metrics["tokens_read:sum"]  # it was cut, through a group too
    assert apart(gradients(parts, "a"), gradients(whole, "a")) < 1e-5
    assert apart(gradients(small, "a"), gradients(whole, "a")) < 1e-5
    assert max(np.abs(x - y).max() for x, y in zip(one.logprobs, many.logprobs, strict=True)) < 1e-5


def test_the_order_of_the_data_does_not_matter() -> None:
    data = weighed(group(1) + group(2, prompt=5))
    mixed = [data[index] for index in (4, 0, 7, 1, 2, 6, 5, 3)]
    one, other = made(), made()
    first, second = backward(one, "a", data, "cross_entropy"), backward(other, "a", mixed, "cross_entropy")
    assert apart(gradients(one, "a"), gradients(other, "a")) < 1e-5
    assert np.allclose(first.logprobs[4], second.logprobs[0], atol=1e-5)


# --- who is read with whom


def example(*tokens: int, prompt: int = 0) -> Example:
    return Example(tokens, {"target_tokens": np.array(tokens)}, prompt)


def test_equal_up_to_what_trains_is_a_group() -> None:
    data = [example(1, 2, 3, 4), example(9, 2), example(1, 2, 3, 5, 6), example(1, 2, 3)]
    assert shared(data, [2, 0, 2, 2]) == [Shared([0, 2, 3], 3), Shared([1], 2)]


def test_what_begins_alike_for_half_of_its_length_is_a_group_unless_its_sender_decided() -> None:
    start = tuple(range(LEAST))
    data = [example(*start, 1, 2), example(*start, 3), example(*range(LEAST - 1), 99)]
    assert shared(data, [0, 0, 0]) == [Shared([0, 1], LEAST), Shared([2], LEAST)]
    assert shared(data, [LEAST, 0, 0])[0] == Shared([0, 1], LEAST)
    decided = [example(*start, 1, 2, prompt=LEAST + 1), *data[1:]]
    assert shared(decided, [LEAST, 0, 0])[0] == Shared([0], LEAST + 1)
    long = [example(*start, *range(LEAST + 1)), example(*start, *range(7, LEAST + 9))]
    assert [one.members for one in shared(long, [0, 0])] == [[0], [1]]


def test_equal_examples_share_all_they_have() -> None:
    same = [example(*range(20))] * 3
    assert shared(same, [0, 0, 0]) == [Shared([0, 1, 2], 20)]
    engine, once = made(), made()
    backward(engine, "a", plain(same), "cross_entropy")
    for _ in range(3):
        backward(once, "a", plain(same[:1]), "cross_entropy")
    assert apart(gradients(engine, "a"), gradients(once, "a")) < 1e-5


def test_common_beginnings() -> None:
    assert common((1, 2, 3), (1, 2)) == 2 and common((1, 2), (3,)) == 0 and common((), (1,)) == 0


def test_the_same_call_twice_is_the_same_bits() -> None:
    one, other = made(), made()
    for engine in (one, other):
        backward(engine, "a", group(1), "gspo")
    assert equal(gradients(one, "a"), gradients(other, "a"))
