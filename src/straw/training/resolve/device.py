"""Where and how precisely a model runs, when nobody chose: by fixed rules, so that a machine always chooses the same.

device   cuda, else cpu; mps where it is asked for, until somebody has proved it on a Mac
dtype    float32 for an embedded model (it is too small to gain), else bfloat16 where the device is fast in it
threads  1: for small models one thread a process is fastest, and samples keep their bits
"""

from __future__ import annotations

import re

import torch

from straw.config import Page, with_values
from straw.engines.precision import is_fast_in_bfloat16
from straw.errors import ConfigError
from straw.runs.about import cores

DEVICE = re.compile(r"cpu|mps|cuda(:\d+)?")


def best_device(wanted: str) -> str:
    if wanted != "auto":
        check_device(wanted)
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"


def check_device(name: str) -> None:
    rule = f"a device is auto, cpu, cuda, cuda:1 or mps; got device={name}"
    if not DEVICE.fullmatch(name):
        raise ConfigError(f"{rule}. Write device=auto.")
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].partition(". ")[0].rstrip(".")
        raise ConfigError(f"{rule}, which cannot be used here ({reason}). Write device=cpu.") from error


def thread_notes(threads: int) -> tuple[str, ...]:
    """A page may come from a larger machine, so this is said and not refused."""
    if threads <= cores():
        return ()
    return (f"threads={threads} on {cores()} cores wait for each other: threads=1 is faster for small models",)


def best_dtype(wanted: str, device: str, is_embedded: bool) -> str:
    if wanted != "auto":
        return wanted
    return "bfloat16" if not is_embedded and is_fast_in_bfloat16(device) else "float32"


def on_this_machine(page: Page) -> Page:
    """What a page leaves open about the device and its numbers."""
    page = with_values(page, {"device": best_device(page.model.device)})
    return with_values(page, {"dtype": best_dtype(page.model.dtype, page.model.device, page.model.is_embedded)})
