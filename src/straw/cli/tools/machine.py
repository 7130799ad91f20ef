"""What this machine is and has, as facts with a verdict each. Nothing is changed, fetched or trained for them.

ok        works
missing   would be of use, and is not needed: its way out says how to get it
broken    straw cannot work without it
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from straw.cache_dir import cache_folder
from straw.files import GIB
from straw.runs.about import available_memory, cores, processor

State = Literal["ok", "missing", "broken"]
ROOM_NEEDED = GIB  # of disk: a small run and its checkpoints
TRIES_A_WALL = """
import sys
from straw.engines.monarch.processes import namespace as wall
kinds = wall.CLONE_NEWNET | wall.CLONE_FS
sys.exit((0 if wall.may_unshare() else wall.enter_user_namespace()) or wall.unshare(kinds))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One fact: a sentence for a person, numbers for a program."""

    name: str
    said: str
    state: State = "ok"
    way_out: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def checks() -> Iterator[Check]:
    yield python()
    yield torch_check()
    yield library("transformers")
    if torch_is_there():
        yield device()
        yield bfloat16()
    yield processors()
    yield memory()
    yield disk("cache folder", cache_folder(), "STRAW_HOME=/another/folder keeps it elsewhere")
    yield disk("runs folder", Path("runs").absolute(), "stand in another folder, or name one with run_dir=")
    yield from extras()
    yield bubblewrap()
    yield namespaces()


def python() -> Check:
    said = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    is_right = sys.version_info >= (3, 11)
    way_out = "" if is_right else "straw needs Python 3.11 or later"
    state: State = "ok" if is_right else "broken"
    return Check(name="python", said=said, state=state, way_out=way_out, facts={"version": platform.python_version()})


def torch_is_there() -> bool:
    try:
        import torch  # noqa: F401
    except Exception:  # a library of the system that is missing is an OSError
        return False
    return True


def torch_check() -> Check:
    if not torch_is_there():
        return Check(name="torch", said="cannot be imported", state="broken", way_out="pip install --upgrade torch")
    import torch

    facts = {"version": torch.__version__, "threads": torch.get_num_threads()}
    return Check(name="torch", said=f"{torch.__version__}; straw takes threads=1 where nobody chooses", facts=facts)


def library(name: str) -> Check:
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name=name, said="not installed", state="broken", way_out=f"pip install {name}")
    return Check(name=name, said=found, facts={"version": found})


def device() -> Check:
    import torch

    from straw.training.resolve.device import best_device

    kind = best_device("auto")
    if kind != "cuda":
        return Check(name="device", said=f"{kind}: device=auto takes it", facts={"device": kind})
    found = torch.cuda.get_device_properties(0)
    facts = {"device": kind, "gpu": found.name, "gpus": torch.cuda.device_count(), "gpu_bytes": found.total_memory}
    return Check(name="device", said=f"cuda: {found.name}, {found.total_memory / GIB:.0f} GiB", facts=facts)


def bfloat16() -> Check:
    """By the rule, and which part of it decided."""
    from straw.engines.precision import INSTRUCTIONS, cpu_flags, is_fast_in_bfloat16
    from straw.training.resolve.device import best_device

    kind = best_device("auto")
    is_fast, has = is_fast_in_bfloat16(kind), sorted(INSTRUCTIONS & cpu_flags())
    why = {
        "cpu": f"this processor has {', '.join(has)}" if has else f"this processor has none of {listed(INSTRUCTIONS)}",
        "cuda": f"compute capability is {'8.0 or later' if is_fast else 'below 8.0'}",
    }.get(kind, "nobody measured it there")
    dtype = "bfloat16" if is_fast else "float32"
    said = f"dtype=auto is {dtype} for real models, since {why}; the embedded ones stay in float32"
    return Check(name="bfloat16", said=said, facts={"is_fast": is_fast, "instructions": has})


def listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def processors() -> Check:
    count = cores()
    said = f"{count} of {os.cpu_count()} for this process, {processor()}"
    return Check(name="cores", said=said, facts={"cores": count, "processor": processor()})


def memory() -> Check:
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return Check(name="memory", said="this system does not tell")
    facts: dict[str, Any] = {"bytes": pages * size}
    said = f"{pages * size / GIB:.1f} GiB"
    if (free := available_memory()) is not None:
        facts["available_bytes"] = free
        said += f", {free / GIB:.1f} GiB of it free; straw train PAGE --dry-run says what a run takes"
    return Check(name="memory", said=said, facts=facts)


def disk(name: str, folder: Path, way_out: str) -> Check:
    """Of the nearest folder that is there: whether we may write, and how much."""
    place = next((one for one in (folder, *folder.absolute().parents) if one.exists()), Path("/"))
    free = shutil.disk_usage(place).free
    facts = {"folder": str(folder), "exists": folder.is_dir(), "free_bytes": free}
    said = f"{folder}, {free / GIB:.1f} GiB free"
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Check(name=name, said=f"{said}, and may not be written to", state="broken", way_out=way_out, facts=facts)
    if free < ROOM_NEEDED:
        way_out = f"straw clean shows what can go; or {way_out}"
        return Check(name=name, said=f"{said}: little", state="missing", way_out=way_out, facts=facts)
    return Check(name=name, said=said, facts=facts)


NOT_FOR_RUNS = ("all", "dev", "bench", "docs")  # the sum of the others, and what `make` installs for work on straw


def extras() -> Iterator[Check]:
    """Each extra that a run can make use of: there, or the pip line that gets what it lacks."""
    for extra, wanted in sorted((name, of) for name, of in wanted_by_extra().items() if name not in NOT_FOR_RUNS):
        lacks = [text for name, text in wanted if not is_installed(text)]
        names = ", ".join(name for name, _ in wanted)
        facts = {"packages": [name for name, _ in wanted], "missing": lacks}
        if not lacks:
            yield Check(name=f"extra {extra}", said=names, facts=facts)
        else:
            line = "pip install " + " ".join(f"'{text}'" for text in lacks)
            yield Check(name=f"extra {extra}", said=names, state="missing", way_out=line, facts=facts)


def wanted_by_extra() -> dict[str, list[tuple[str, str]]]:
    """Of the installed package: extra -> (name, requirement), as far as they are for this system."""
    from packaging.requirements import Requirement

    try:
        lines = metadata.requires("straw") or []
        names = metadata.metadata("straw").get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, list[tuple[str, str]]] = {}
    for one in map(Requirement, lines):
        for extra in names:
            is_for = one.marker is not None and one.marker.evaluate({"extra": extra})
            if is_for and not one.marker.evaluate({"extra": ""}):  # type: ignore[union-attr]
                found.setdefault(extra, []).append((one.name, f"{one.name}{one.specifier}"))
    return found


def is_installed(requirement: str) -> bool:
    """In a version that will do."""
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    try:
        return wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def bubblewrap() -> Check:
    """Whether programs that a model wrote can be run here; tried with a small one."""
    from straw.errors import StrawError
    from straw.sandbox.process import check

    found = shutil.which("bwrap")
    facts = {"path": found}
    try:
        check()
    except StrawError as error:
        said, _, way_out = str(error).partition(": ")
        return Check(name="bubblewrap", said=said, state="missing", way_out=way_out, facts=facts)
    return Check(name="bubblewrap", said=f"{found}: programs that a model wrote can be run", facts=facts)


def namespaces() -> Check:
    """Whether a process of ours may have a network of its own, tried by a child."""
    why = why_no_wall()
    facts = {"can_unshare": not why}
    if not why:
        return Check(name="namespaces", said="a Monarch run can be kept from other users of this machine", facts=facts)
    way_out = "engine=monarch needs shared_machine=false here, for machines where nobody else has an account"
    return Check(name="namespaces", said=f"not to be had: {why}", state="missing", way_out=way_out, facts=facts)


def why_no_wall() -> str:
    if not sys.platform.startswith("linux"):
        return "this system is no Linux"
    done = subprocess.run([sys.executable, "-c", TRIES_A_WALL], capture_output=True, check=False, timeout=60)
    return os.strerror(done.returncode).lower() if done.returncode else ""


def model_there() -> str | None:
    """A real model in straw's cache, without torch."""
    folder = cache_folder() / "models"
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return next((name for name in names if not name.startswith(".")), None)
