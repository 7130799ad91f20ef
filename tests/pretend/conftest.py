from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.pretend.device import NAME, pretending

from straw.engines.local.forward import attention
from straw.training.resolve import device as rule


@pytest.fixture(scope="package", autouse=True)
def device() -> Iterator[str]:
    """Pages may name it. Its kernels are the CPU's, so the fixed shapes that keep bits there keep them here."""
    with pretending(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule, "DEVICE", re.compile(f"{rule.DEVICE.pattern}|{NAME}"))
        patch.setattr(attention, "keeps_bits", lambda device: True)
        yield NAME
