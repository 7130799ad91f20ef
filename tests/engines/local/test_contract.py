"""The local engine keeps the contract, over every kind of model that it promises to serve."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.engines.contract import Contract, gap_to_trainer, prompts_of
from tests.engines.local.kinds import KINDS, SMOLLM2, make_engine

from straw.engines.base import Engine, SamplingParams


@pytest.fixture(scope="module", params=[*KINDS, SMOLLM2])
def pair(request: pytest.FixtureRequest) -> tuple[Engine, Engine]:
    return make_engine(request.param), make_engine(request.param)


class TestLocal(Contract):
    @pytest.fixture
    def engine(self, pair: tuple[Engine, Engine]) -> Iterator[Engine]:
        with pair[0].undone():
            yield pair[0]

    @pytest.fixture
    def another(self, pair: tuple[Engine, Engine]) -> Iterator[Engine]:
        with pair[1].undone():
            yield pair[1]


@pytest.fixture(scope="module")
def coarse() -> Engine:
    return make_engine("embedded", dtype="bfloat16")


class TestBfloat16:
    """What is exact is exact in any precision; how far sampler and trainer are apart is another matter."""

    @pytest.fixture
    def engine(self, coarse: Engine) -> Engine:
        return coarse

    test_group = Contract.test_a_sample_has_the_same_bits_alone_and_in_any_group
    test_prompts = Contract.test_a_sample_does_not_see_the_other_prompts_of_its_batch
    test_stops = Contract.test_a_sample_does_not_see_that_its_neighbours_stop
    test_conversation = Contract.test_a_row_of_a_conversation_does_not_see_the_other_rows

    @pytest.mark.parametrize("kind", KINDS)
    def test_sampler_and_trainer_are_less_than_half_a_nat_apart(self, kind: str):
        engine = make_engine(kind, dtype="bfloat16")
        prompt = prompts_of(engine)[2]
        (replies,) = engine.sample([prompt], 16, SamplingParams(max_tokens=8), [range(16)])
        assert gap_to_trainer(engine, prompt, replies) <= 0.5
