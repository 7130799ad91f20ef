"""How often the engine calls a device, and how often the host waits for it: budgets, so that neither grows unseen.

On a card a launch is some 5 us whatever it computes, and a wait lets it run dry. The model has three layers; by the
count of operators, which is a lower bound.

    a token of every row      launches in all          one look at the end tokens every 16 tokens
    a micro-batch             forward and backward     a copy from the host for each array, the metrics back
    an optimiser step         the norm of the gradient, looked at once
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.engines.contract import CROSS_ENTROPY, STEP, learn, lesson, prompts_of
from tests.engines.local.kinds import make_engine
from tests.pretend.device import NAME, Counts, counted

from straw.engines.base import SamplingParams
from straw.engines.local.engine import LocalEngine
from straw.engines.local.forward import attention

STOPS = frozenset({1_000_000})  # nobody stops
A_TOKEN, A_MICRO_BATCH = 205, 600  # launches; 204.25 and 595 when they were counted


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    """As a real card is treated, on which no bits are promised."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attention, "keeps_bits", lambda device: False)
        yield make_engine("embedded", device=NAME)


def counts_of_sampling(engine: LocalEngine, num_tokens: int) -> Counts:
    prompt = prompts_of(engine)[3]  # some hundreds of tokens
    with counted() as counts:
        engine.sample([prompt] * 2, 4, SamplingParams(max_tokens=num_tokens, stop=STOPS), [range(4)] * 2)
    return counts


def test_a_decode_step(engine: LocalEngine) -> None:
    short, long = counts_of_sampling(engine, 16), counts_of_sampling(engine, 48)
    assert (long.launches - short.launches) / 32 <= A_TOKEN, long.by_operator
    assert (long.waits - short.waits) / 2 <= 3, long.by_reason  # for every 16 tokens


def test_a_micro_batch_and_a_step(engine: LocalEngine) -> None:
    data = lesson(engine)
    learn(engine)  # the first step makes Adam's moments
    engine.publish()
    with counted() as counts:
        engine.forward_backward(data, CROSS_ENTROPY)
    assert counts.launches <= A_MICRO_BATCH, counts.by_operator
    assert counts.waits <= 20, counts.by_reason
    with counted() as counts:
        engine.optim_step(STEP)
    engine.publish()
    assert counts.waits <= 2, counts.by_reason
    assert counts.launches <= 20 + 3 * len(engine.trained), counts.by_operator


def test_waits_do_not_grow_with_the_reply(engine: LocalEngine) -> None:
    assert counts_of_sampling(engine, 4).waits == counts_of_sampling(engine, 12).waits


def test_waits_grow_with_micro_batches_by_what_is_copied_to_them_alone(engine: LocalEngine) -> None:
    """What they say comes back once, behind the last of them."""
    data = lesson(engine)

    def waits(tokens_at_once: int) -> tuple[int, dict[str, int]]:
        kept, engine.tokens_at_once = engine.tokens_at_once, tokens_at_once
        try:
            with counted() as counts:
                engine.forward_backward(data, CROSS_ENTROPY)
        finally:
            engine.tokens_at_once = kept
            engine.model.zero_grad()
        return counts.waits, dict(counts.by_reason)

    all_at_once, apart = waits(10_000), waits(1)
    assert apart[0] > all_at_once[0]  # more of them, or this says nothing
    assert {name: count for name, count in apart[1].items() if name != "from the host"} == {"to the host": 2}
    assert all_at_once[1]["to the host"] == 2
