"""How many generators fit into memory, asked before a process is started.

    trainer       weights, gradient, two moments, start      5 x what trains + what is frozen
    slots         copies of what trains, mapped by all
    generator     a process with torch in it, and a copy of what is frozen; of what trains too, where it is pushed

Activations are small beside these for the models straw is made for.
"""

from __future__ import annotations

from pathlib import Path

from straw.errors import ConfigError

PROCESS = 400 * 2**20  # python, torch and transformers, measured


def check_room(
    num_generators: int,
    trained_bytes: int,
    model_bytes: int,
    slots: int,
    available: int | None = None,
    are_copied: bool = False,
) -> None:
    """Refuse what would not fit, and say what would."""
    frozen_bytes = model_bytes - trained_bytes
    there = available if available is not None else available_memory()
    fixed = PROCESS + (5 + slots) * trained_bytes + frozen_bytes
    each = PROCESS + frozen_bytes + (trained_bytes if are_copied else 0)
    fits = (there - fixed) // each
    if num_generators > fits:
        wanted = (fixed + num_generators * each) / 2**30
        advice = f"Write num_generators={fits}." if fits > 0 else "Write engine=local, or take lora_rank=8."
        raise ConfigError(
            f"generators have to fit into memory; num_generators={num_generators} would take about {wanted:.1f} GiB, "
            f"and {there / 2**30:.1f} GiB are free. {advice}"
        )


def available_memory() -> int:
    """Bytes that could be had without swapping; where nobody tells, as much as you like."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return 2**62
