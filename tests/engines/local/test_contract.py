"""The local engine keeps the contract, over every kind of model that it promises to serve."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.engines.contract import Contract, gap_to_trainer, prompts_of
from tests.engines.local.kinds import EACH, KINDS, make_engine

from straw.engines.base import Engine, SamplingParams
from straw.errors import ConfigError
from straw.types import Datum


@pytest.fixture(scope="module", params=EACH)
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


def test_prompts_beyond_what_decodes_together_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, params = make_engine("embedded"), SamplingParams(max_tokens=4)
    prompts = prompts_of(engine)
    at_once = engine.sample(prompts, 3, params, [range(3)] * 5)
    monkeypatch.setattr("straw.engines.local.engine.MAX_ROWS", 7)
    assert engine.sample(prompts, 3, params, [range(3)] * 5) == at_once
    assert engine.sample([], 3, params, []) == []


def test_more_tokens_than_the_model_has_positions_are_refused() -> None:
    engine = make_engine("llama")  # 512 positions
    prompt = (20,) * 500
    engine.sample([prompt], 1, SamplingParams(max_tokens=12), [[0]])
    talk = engine.converse(prompt, 1)
    talk.generate(SamplingParams(max_tokens=6), [0])
    talk.append([(21, 22)])
    for refused in (
        lambda: engine.sample([prompt], 1, SamplingParams(max_tokens=13), [[0]]),
        lambda: engine.converse((20,) * 513, 1),
        lambda: talk.generate(SamplingParams(max_tokens=5), [0]),
        lambda: talk.append([(23,) * 5]),
        lambda: engine.logprobs([Datum(prompt=prompt, tokens=(20,) * 13, weights=(1.0,) * 13)]),
    ):
        with pytest.raises(ConfigError, match="reads 512 tokens"):
            refused()
    talk.generate(SamplingParams(max_tokens=4), [0])


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
    def test_sampler_and_trainer_are_less_than_half_a_nat_apart(self, kind: str) -> None:
        engine = make_engine(kind, dtype="bfloat16")
        prompt = prompts_of(engine)[2]
        (replies,) = engine.sample([prompt], 16, SamplingParams(max_tokens=8), [range(16)])
        assert gap_to_trainer(engine, prompt, replies) <= 0.5
