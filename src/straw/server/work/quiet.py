"""Memory that nobody uses any more, given back to the system.

The C library keeps what large prompts took, in case as much is wanted again. On a laptop others want it.
"""

from __future__ import annotations

import ctypes
import gc
import sys

QUIET_S = 5.0  # without work, before that is done


def give_memory_back() -> None:
    """What the C library holds and nobody uses; where it has no such call, nothing."""
    gc.collect()
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
