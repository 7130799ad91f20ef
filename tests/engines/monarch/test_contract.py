"""The distributed engine keeps the contract of every engine, with two generators and with one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.engines.contract import Contract
from tests.monarch_here import needs_monarch
from tests.small_runs import small_plan

from straw.engines.local.build import load_engine, with_adapters
from straw.engines.monarch.engine import MonarchEngine

pytestmark = needs_monarch


def made(words: str, num_generators: int) -> MonarchEngine:
    page = small_plan("warmup=none", words).page
    return MonarchEngine(page, with_adapters(load_engine(page), page.model), num_generators=num_generators)


@pytest.fixture(
    scope="module", params=[pytest.param("", marks=pytest.mark.slow, id="full"), pytest.param("lora_rank=2", id="lora")]
)
def words(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def first(words: str) -> Iterator[MonarchEngine]:
    with made(words, 2) as one:
        yield one


@pytest.fixture(scope="module")
def second(words: str) -> Iterator[MonarchEngine]:
    with made(words, 1) as one:
        yield one


class TestMonarch(Contract):
    @pytest.fixture
    def engine(self, first: MonarchEngine) -> Iterator[MonarchEngine]:
        with first.undone():
            yield first

    @pytest.fixture
    def another(self, second: MonarchEngine) -> Iterator[MonarchEngine]:
        with second.undone():
            yield second
