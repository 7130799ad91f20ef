"""The contract on a real card (`make gpu`): all of it but equal bits in any company, which no card promises.

STRAW_GPU names the device, cuda where it is not set; without a card everything here is skipped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch
from tests.engines.contract import Contract, gap_to_trainer, prompts_of
from tests.engines.local.kinds import make_engine

from straw.engines.base import Engine, SamplingParams

DEVICE = os.environ.get("STRAW_GPU", "cuda")

pytestmark = pytest.mark.skipif(
    DEVICE.startswith("cuda") and not torch.cuda.is_available(), reason="there is no CUDA card: see make gpu"
)


@pytest.fixture(scope="module", params=["embedded", "llama", "qwen2", "gemma3", "lora"])
def pair(request: pytest.FixtureRequest) -> tuple[Engine, Engine]:
    return make_engine(request.param, device=DEVICE), make_engine(request.param, device=DEVICE)


class TestCard(Contract):
    @pytest.fixture
    def engine(self, pair: tuple[Engine, Engine]) -> Iterator[Engine]:
        with pair[0].undone():
            yield pair[0]

    @pytest.fixture
    def another(self, pair: tuple[Engine, Engine]) -> Iterator[Engine]:
        with pair[1].undone():
            yield pair[1]

    # promised on one thread of a processor alone
    test_a_sample_has_the_same_bits_alone_and_in_any_group = None  # type: ignore[assignment]
    test_a_sample_does_not_see_the_other_prompts_of_its_batch = None  # type: ignore[assignment]
    test_a_sample_does_not_see_how_many_prompts_there_are = None  # type: ignore[assignment]
    test_a_sample_does_not_see_that_its_neighbours_stop = None  # type: ignore[assignment]
    test_a_long_sample_has_the_same_bits_alone_and_in_a_group = None  # type: ignore[assignment]
    test_a_row_of_a_conversation_does_not_see_the_other_rows = None  # type: ignore[assignment]


@pytest.mark.parametrize("kind", ["embedded", "llama", "lora"])
def test_in_bfloat16_sampler_and_trainer_are_less_than_half_a_nat_apart(kind: str) -> None:
    engine = make_engine(kind, device=DEVICE, dtype="bfloat16")
    prompt = prompts_of(engine)[2]
    (replies,) = engine.sample([prompt], 16, SamplingParams(max_tokens=8), [range(16)])
    assert gap_to_trainer(engine, prompt, replies) <= 0.5
