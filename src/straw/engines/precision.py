"""Where a matmul in bfloat16 is faster than one in float32, by a fixed rule: the same machine always says the same.

    cpu     processors with instructions for it: AMX, AVX-512 BF16, ARM's BF16 (Linux tells; elsewhere: no)
    cuda    compute capability 8.0 (Ampere) and later
    mps     no: nobody measured it

    float64 is nowhere missing but on mps, where what needs it is computed on the CPU: draws, next to which it is dear
    bits    a product gives a row the same bits in any company on the CPU alone; nobody promises it elsewhere

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


def has_float64(device: torch.device) -> bool:
    return device.type != "mps"


def keeps_bits(device: torch.device) -> bool:
    """Whether fixed shapes make a row independent of its neighbours: elsewhere they would cost and give nothing."""
    return device.type == "cpu"


def is_dear_to_ask(device: torch.device) -> bool:
    """Whether the host would wait for what it computes: the CPU's own numbers are there at once."""
    return device.type != "cpu"


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
