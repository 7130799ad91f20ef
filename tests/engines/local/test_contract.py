"""The local engine keeps the contract, over every kind of model that it promises to serve."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.engines.contract import Contract
from tests.engines.local.kinds import KINDS, SMOLLM2, make_engine

from straw.engines.base import Engine


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
