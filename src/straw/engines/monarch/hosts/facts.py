"""What has to be equal on two machines for their numbers to be, and who they are otherwise."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata

from straw.version import VERSION

PACKAGES = ("torch", "transformers", "tokenizers", "torchmonarch")
PROTOCOL = 1  # of links
WAYS_OUT = {
    "cpu": "start everybody with ATEN_CPU_CAPABILITY=avx2 (or default)",
    "machine": "use machines of one kind",
}
Facts = dict[str, str]


def facts_here() -> Facts:
    import torch

    python = ".".join(platform.python_version_tuple()[:2])
    cpu = torch.backends.cpu.get_cpu_capability()
    versions = {name: version_of(name) for name in PACKAGES}
    return {
        "straw": VERSION, "link": str(PROTOCOL), "python": python, **versions, "machine": platform.machine(),
        "cpu": cpu,
    }  # fmt: skip


def version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def difference(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """What differs, in a line; nothing where nothing does."""
    names = [name for name in (*ours, *(theirs.keys() - ours.keys())) if ours.get(name) != theirs.get(name)]
    if not names:
        return ""
    pairs = ((name, theirs.get(name, "unknown"), ours.get(name, "unknown")) for name in names)
    listed = ", ".join(f"{name} {there} there and {here} here" for name, there, here in pairs)
    return f"{listed}: {WAYS_OUT.get(names[0], 'install the same versions on all hosts')}"
