"""A reply has the bits that LocalEngine gives it with PEFT's layers, whoever else is in the batch, and whenever."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.engines.tenants.tenants_here import SHAPES, as_replies, ask, finish, in_process, local, prompt_of, tenants

from straw.engines.base import Reply
from straw.engines.tenants.bank import Adapter
from straw.engines.tenants.engine import TenantEngine
from straw.engines.tenants.records import Sampled, Sampling, Shape
from straw.engines.tenants.sampling.sampler import SamplerSettings
from straw.engines.tenants.sampling.served import sampler_of
from straw.engines.tenants.sampling.stacks import Stack

SHORT, MIDDLE, LONG = prompt_of("2+2="), prompt_of("the secret is " * 5), prompt_of("once upon a time " * 9)
ENDS = frozenset(prompt_of("aeiou 02468"))
REQUESTS: list[tuple[str | None, Sampling]] = [
    (None, Sampling(prompt=SHORT, seeds=tuple(range(5)), max_tokens=20)),
    (None, Sampling(prompt=LONG, seeds=(7,), max_tokens=70, temperature=0.7)),
    (None, Sampling(prompt=LONG, seeds=(1, 2, 3), max_tokens=1)),
    ("first", Sampling(prompt=SHORT, seeds=tuple(range(20)), max_tokens=12, stop=ENDS)),
    ("first", Sampling(prompt=MIDDLE, seeds=(8, 9), max_tokens=30, top_k=5)),
    ("second", Sampling(prompt=SHORT, seeds=(0, 1, 2), max_tokens=25, top_p=0.8)),
    ("second", Sampling(prompt=LONG, seeds=(4,), max_tokens=9, temperature=0.0)),
    ("wider", Sampling(prompt=MIDDLE, seeds=(0, 1, 2, 3, 4, 5), max_tokens=15, temperature=1.3)),
    ("attention", Sampling(prompt=MIDDLE, seeds=(3, 4), max_tokens=18, stop=ENDS)),
    ("narrow", Sampling(prompt=SHORT, seeds=tuple(range(18)), max_tokens=14, stop=ENDS)),
]
SETTINGS = {
    "much room": SamplerSettings(),
    "little room": SamplerSettings(keys_room=400_000, prompts_room=0, read_work=2e6),
    "few rows": SamplerSettings(max_rows=7, prompts_room=100_000),
}


@pytest.fixture(scope="module")
def engine() -> TenantEngine:
    return tenants(SHAPES)


@pytest.fixture(scope="module")
def expected(engine: TenantEngine) -> list[list[Reply]]:
    locals_ = {name: local(engine, name) for name in (None, *SHAPES)}
    return [in_process(locals_[name], request) for name, request in REQUESTS]


def test_alone_a_reply_is_the_local_engine_s(engine: TenantEngine, expected: list[list[Reply]]) -> None:
    for (weights, request), replies in zip(REQUESTS, expected, strict=True):
        assert as_replies(ask(engine, weights, request).sequences) == replies
    assert len({len(reply.tokens) for replies in expected for reply in replies}) > 8
    assert len({tuple(replies[:1]) for replies in expected}) == len(REQUESTS)


IN_TURN = [pytest.param(name, marks=[pytest.mark.slow] * (name == "little room")) for name in SETTINGS]


@pytest.fixture(scope="module", params=IN_TURN)
def busy(request: pytest.FixtureRequest) -> TenantEngine:
    return tenants(SHAPES, SETTINGS[request.param])


comers = st.lists(
    st.tuples(st.integers(0, len(REQUESTS) - 1), st.integers(0, 25), st.one_of(st.none(), st.integers(1, 12))),
    min_size=1, max_size=10,
)  # fmt: skip


@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(comers=comers)
def test_who_comes_and_goes_changes_no_bit(
    busy: TenantEngine, expected: list[list[Reply]], comers: list[tuple[int, int, int | None]]
) -> None:
    """(which request, when it comes, after how many tokens it is cancelled)"""
    busy.sampler = sampler_of(busy, busy.sampler.settings)
    found: dict[str, Sampled] = {}
    for step in range(40):
        for number, (which, begins, stays) in enumerate(comers):
            if begins == step:
                busy.begin(str(number), *REQUESTS[which])
            elif stays is not None and begins + stays == step:
                busy.cancel(str(number))
        found |= results(busy.decode())
    found |= finish(busy)
    for number, (which, _, stays) in enumerate(comers):
        assert stays is not None or str(number) in found
        if str(number) in found:
            assert as_replies(found[str(number)].sequences) == expected[which]
    assert busy.sampler.places.used == 0 and not busy.sampler.places.lanes


def results(some: list[tuple[str, Sampled | Exception]]) -> dict[str, Sampled]:
    assert not [result for _, result in some if isinstance(result, Exception)]
    return {key: result for key, result in some if isinstance(result, Sampled)}


@pytest.mark.parametrize("rank", [1, 2, 16])
def test_many_adapters_of_any_rank_on_the_head_too(rank: int) -> None:
    """One with more rows than a segment, and some with one."""
    engine = tenants({f"t{n}": Shape(rank=rank, seed=n) for n in range(6)})
    counts = [40, 1, 1, 17, 3, 1]
    requests = [Sampling(prompt=MIDDLE, seeds=tuple(range(count)), max_tokens=6) for count in counts]
    alone = [ask(engine, f"t{n}", request) for n, request in enumerate(requests)]
    for n, request in enumerate(requests):
        engine.begin(f"t{n}", f"t{n}", request)
    together = finish(engine)
    for n, one in enumerate(alone):
        assert as_replies(together[f"t{n}"].sequences) == as_replies(one.sequences)
    one_row = Sampling(prompt=MIDDLE, seeds=(0,), max_tokens=6)
    assert as_replies(ask(engine, "t0", one_row).sequences) == as_replies(alone[0].sequences[:1])
    assert len({one.sequences[0].logprobs.tobytes() for one in alone}) == 6


def test_a_stack_holds_whoever_is_wanted_each_once() -> None:
    def adapter(number: int) -> Adapter:
        return Adapter({"layer": (torch.full((2, 3), float(number)), torch.full((4, 2), float(number)))}, number)

    adapters, stack, draw = [adapter(number) for number in range(12)], Stack(), random.Random(0)
    for _ in range(200):
        some = draw.sample(adapters, draw.randrange(1, 13))
        order = stack.hold(some)
        assert len(order) == len(some) and set(order) == set(some)
        for slot, one in enumerate(order):
            assert all((both[slot] == one.scale).all() for both in (*stack.layers["layer"], stack.scales))


def test_weights_with_another_name_by_now_finish_what_they_began(engine: TenantEngine) -> None:
    request = Sampling(prompt=SHORT, seeds=(1, 2), max_tokens=10)
    before, after = ask(engine, "first", request), ask(engine, "second", request)
    engine.snapshot("named", "first")
    engine.begin("old", "named", request)
    engine.decode()
    engine.snapshot("named", "second")
    engine.begin("new", "named", request)
    found = finish(engine)
    assert as_replies(found["old"].sequences) == as_replies(before.sequences)
    assert as_replies(found["new"].sequences) == as_replies(after.sequences)
    engine.forget("named")


def test_a_pass_that_fails_is_told_to_its_requests_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = tenants({"first": SHAPES["first"]})
    request = Sampling(prompt=SHORT, seeds=(1,), max_tokens=10)
    engine.begin("base", None, request)
    engine.begin("adapted", "first", request)
    engine.decode()
    hidden: Callable[..., object] = engine.reader.hidden

    def fails(*args: object) -> object:
        assert engine.bank is not None
        if engine.bank.switch.route is not None:
            raise MemoryError("no room")
        return hidden(*args)

    monkeypatch.setattr(engine.sampler.reader, "hidden", fails)
    ((key, error),) = engine.decode()
    assert key == "adapted" and isinstance(error, MemoryError)
    monkeypatch.undo()
    assert finish(engine).keys() == {"base"}
    assert engine.sampler.places.used == 0


def test_keys_stay_within_their_room() -> None:
    """Rows wait, give up their places and come again; in the end all have written what they write with much room."""
    room = 3_000_000
    little, much = (tenants({}, SamplerSettings(keys_room=size, prompts_room=0)) for size in (room, 10**10))
    requests = [
        Sampling(prompt=prompt, seeds=(n, n + 100), max_tokens=100, end_token_stops=False)
        for n, prompt in enumerate((SHORT, MIDDLE, LONG) * 3)
    ]
    for engine in (little, much):
        for n, request in enumerate(requests):
            engine.begin(str(n), None, request)
    expected, found, most, gave_up = finish(much), {}, 0, False
    while little.num_rows:
        found |= results(little.decode())
        most = max(most, little.sampler.places.used)
        gave_up |= any(
            row.tokens[1:] and not row.num_read for one in little.sampler.requests.values() for row in one.rows
        )
    assert gave_up and 0 < most <= room
    for key, result in expected.items():
        assert as_replies(found[key].sequences) == as_replies(result.sequences)
