"""A small data set of the kind that GSM8K is."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.made_data import gsm8k_folder


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return gsm8k_folder(tmp_path / "made")
