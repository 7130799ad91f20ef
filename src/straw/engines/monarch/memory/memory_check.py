"""What the system has to give before a process is started: memory for generators, and files that may be open.

    trainer       weights, gradient, two moments, start      5 x what trains + what is frozen
    slots         copies of what trains, mapped by all
    generator     a process with torch in it, and a copy of what is frozen; of what trains too, where it is pushed

Activations are small beside these for the models straw is made for. Weights that are shared have no place in a file
system, so they fill no /dev/shm: they are memory, and count against the limits of memory.
"""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

from straw.engines.monarch.memory.cgroup import memory_left
from straw.errors import ConfigError

PROCESS = 400 * 2**20  # python, torch and transformers, measured
FILES, FILES_OF_ONE = 96, 12  # open in the directing process: its own, and for each of the others (45 and 4 measured)


def check_room(
    num_generators: int,
    trained_bytes: int,
    model_bytes: int,
    slots: int,
    available: int | None = None,
    are_copied: bool = False,
    trains: bool = True,
    packed_bytes: int = 0,
) -> None:
    """Refuse what would not fit, and say what would. `trains`: whether the trainer is here, too.

    `packed_bytes`: of matrices that each generator lays out once more (see `engines.local.forward.packed_weights`).
    """
    frozen_bytes = model_bytes - trained_bytes
    there = available if available is not None else available_memory()
    fixed = (PROCESS + 5 * trained_bytes if trains else 0) + slots * trained_bytes + frozen_bytes
    each = PROCESS + frozen_bytes + (trained_bytes if are_copied else 0) + packed_bytes
    fits = (there - fixed) // each
    if num_generators > fits:
        wanted = (fixed + num_generators * each) / 2**30
        bound = " below the limit of the control group" if available is None and there == memory_left() else ""
        advice = f"Write num_generators={fits}." if fits > 0 else "Write engine=local, or take lora_rank=8."
        raise ConfigError(
            f"generators have to fit into memory; num_generators={num_generators} would take about {wanted:.1f} GiB, "
            f"and {there / 2**30:.1f} GiB are free{bound}. {advice}"
        )


def available_memory() -> int:
    """Bytes that could be had without swapping; where nobody tells, as much as you like."""
    free = 2**62
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    return min(free, memory_left())


def check_files(num_generators: int) -> None:
    """Room for the files of all processes: taken where it may be had, or refused with the way to have it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES + FILES_OF_ONE * (num_generators + 1)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        fits = (hard - FILES) // FILES_OF_ONE - 1
        fewer = f", or num_generators={fits}" if fits > 0 else ""
        raise ConfigError(
            f"processes that talk to each other keep files open; num_generators={num_generators} wants about {wanted}, "
            f"and ulimit -n allows {hard}. Raise it (ulimit -n {wanted}){fewer}, or write engine=local."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
