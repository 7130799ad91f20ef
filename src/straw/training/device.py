"""Where and how precisely a model runs, when nobody chose: measured, not assumed.

device   cuda, then mps, then cpu
dtype    float32 for an embedded model (it is too small to gain), else bfloat16 where a matmul of
         the machine is at least 1.5 times as fast in it
threads  1: for small models one thread a process is fastest, and samples keep their bits
"""

from __future__ import annotations

import re
import time
from functools import cache

import torch

from straw.errors import ConfigError

GAIN = 1.5
DEVICE = re.compile(r"cpu|mps|cuda(:\d+)?")


def best_device(wanted: str) -> str:
    if wanted != "auto":
        check_device(wanted)
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def check_device(name: str) -> None:
    rule = f"a device is auto, cpu, cuda, cuda:1 or mps; got device={name}"
    if not DEVICE.fullmatch(name):
        raise ConfigError(f"{rule}. Write device=auto.")
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ConfigError(f"{rule}, which cannot be used here ({reason}). Write device=cpu.") from error


def best_dtype(wanted: str, device: str, is_embedded: bool) -> str:
    if wanted != "auto":
        return wanted
    return "bfloat16" if not is_embedded and matmul_gain(device) >= GAIN else "float32"


@cache
def matmul_gain(device: str) -> float:
    """How much faster a bfloat16 matmul is than a float32 one, on a typical layer."""
    return seconds(torch.float32, device) / seconds(torch.bfloat16, device)


def seconds(dtype: torch.dtype, device: str, repeats: int = 5) -> float:
    a = torch.ones(256, 1024, dtype=dtype, device=device)
    b = torch.ones(1024, 1024, dtype=dtype, device=device)
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        float((a @ b)[0, 0])  # reading a number waits for the device
        best = min(best, time.perf_counter() - start)
    return best
