from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(home: Path) -> None:
    """Observers are kept there."""
