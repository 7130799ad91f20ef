"""The local engine keeps the contract on a device that is not the CPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.engines.contract import Contract
from tests.engines.local.kinds import make_engine
from tests.pretend.device import NAME, pretending

from straw.engines.base import Engine


@pytest.fixture(scope="module", autouse=True)
def device() -> Iterator[str]:
    with pretending() as name:
        yield name


@pytest.fixture(scope="module", params=["embedded"])
def pair(request: pytest.FixtureRequest, device: str) -> tuple[Engine, Engine]:
    return make_engine(request.param, device=NAME), make_engine(request.param, device=NAME)


class TestPretend(Contract):
    @pytest.fixture
    def engine(self, pair: tuple[Engine, Engine]) -> Iterator[Engine]:
        with pair[0].undone():
            yield pair[0]

    @pytest.fixture
    def another(self, pair: tuple[Engine, Engine]) -> Iterator[Engine]:
        with pair[1].undone():
            yield pair[1]
