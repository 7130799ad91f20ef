"""What ran: versions, machine, command and the hash of the config, as about.json of a run folder."""

from __future__ import annotations

import os
import platform
import sys
import time
import tomllib
from hashlib import blake2b
from importlib import metadata
from pathlib import Path

from straw.version import VERSION

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "peft", "numpy")


def about_run(config_toml: str) -> dict[str, object]:
    """Plain JSON values."""
    return {
        "config_hash": config_hash(config_toml),
        "config": tomllib.loads(config_toml),  # so that an edit can be named
        "versions": versions(),
        "machine": {"processor": processor(), "system": platform.platform(), "cores": os.cpu_count()},
        "command": [*program(), *sys.argv[1:]],
        "started": time.time(),
    }


def program() -> list[str]:
    """What a person typed: straw, or python -m straw."""
    path = Path(sys.argv[0])
    return ["python", "-m", path.parent.name] if path.name == "__main__.py" else [path.name]


def config_hash(config_toml: str) -> str:
    return blake2b(config_toml.encode(), digest_size=12).hexdigest()


def versions() -> dict[str, str]:
    """Of whatever can change a bit; a package that is not installed cannot."""
    found = {"python": platform.python_version(), "straw": VERSION}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """Its model name: equal bits are promised on equal processors only."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def available_memory() -> int | None:
    """Bytes that could be had without swapping, where Linux tells."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
