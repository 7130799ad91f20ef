"""The divided engine keeps the contract of every engine. Bits are promised for one number of ranks: here it is two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.engines.contract import Contract
from tests.engines.ranks.ranks_here import page_of, ranks_engine

from straw.engines.ranks.engine import RanksEngine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["", "lora_rank=2"], ids=["full", "lora"])
def words(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def first(words: str) -> Iterator[RanksEngine]:
    with ranks_engine(page_of(words, ranks=2)) as one:
        yield one


@pytest.fixture(scope="module")
def second(words: str) -> Iterator[RanksEngine]:
    with ranks_engine(page_of(words, ranks=2)) as one:
        yield one


class TestRanks(Contract):
    @pytest.fixture
    def engine(self, first: RanksEngine) -> Iterator[RanksEngine]:
        with first.undone():
            yield first

    @pytest.fixture
    def another(self, second: RanksEngine) -> Iterator[RanksEngine]:
        with second.undone():
            yield second
