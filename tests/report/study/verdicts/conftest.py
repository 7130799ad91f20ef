from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_cache(home) -> None:
    """Observers are kept there."""
