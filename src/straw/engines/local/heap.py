"""Memory that was freed goes back to the system: glibc keeps what lies between blocks that are still in use.

Weights that were loaded and then replaced by shared ones are half a GiB in each process of SmolLM2.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress


def give_back_heap() -> None:
    """Some milliseconds; where the C library has no way to, nothing."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
