"""Where a matmul in bfloat16 is faster than one in float32, by a fixed rule: the same machine always says the same.

    cpu     processors with instructions for it: AMX, AVX-512 BF16, ARM's BF16 (Linux tells; elsewhere: no)
    cuda    compute capability 8.0 (Ampere) and later
    mps     no: nobody measured it

A stopwatch would choose otherwise on a busy machine, and a run that goes on there would not have the bits it had.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

CPUINFO = Path("/proc/cpuinfo")
INSTRUCTIONS = {"amx_bf16", "avx512_bf16", "bf16"}
AMPERE = (8, 0)


def is_fast_in_bfloat16(device: str) -> bool:
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.get_device_capability(device) >= AMPERE
    return kind == "cpu" and bool(INSTRUCTIONS & cpu_flags())


def has_amx() -> bool:
    return "amx_bf16" in cpu_flags()


@cache
def cpu_flags() -> frozenset[str]:
    """What the processor can do, by Linux's names; nothing where Linux is not there to tell."""
    try:
        lines = CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    named = (line.partition(":") for line in lines)
    return next(
        (frozenset(flags.split()) for name, _, flags in named if name.strip() in ("flags", "Features")), frozenset()
    )
