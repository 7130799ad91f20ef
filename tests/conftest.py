from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from straw.engines.monarch.processes import namespace as wall
from straw.errors import ConfigError

SLOW_S = 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that waits for ever fails in the end; one that is marked slow gets longer."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_S))


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all test processes: a warm-up that one of them makes serves the others."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "home"


@pytest.fixture
def home(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of straw's own that keeps the warm-ups of the session; see `tests.small_runs`."""
    monkeypatch.setenv("STRAW_HOME", str(shared_cache))
    return shared_cache


@pytest.fixture(scope="session", autouse=True)
def behind_a_wall_where_there_is_one() -> Iterator[None]:
    """Where the system allows no namespaces, runs on Monarch are tested in the open; see `tests.monarch_here`."""
    real = wall.raised

    def raised_or_open(shared_machine: bool) -> wall.Wall:
        try:
            return real(shared_machine)
        except ConfigError:
            return real(False)

    raised_or_open.__wrapped__ = real  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wall, "raised", raised_or_open)
        yield
