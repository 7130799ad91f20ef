"""tinker.json in a checkpoint's folder: where the service keeps the weights.

    {"path": "tinker://RUN/weights/straw-000100-0003", "sampler_path": null, "policy_version": 100, ...}

The weights stay there, so a folder that is copied is a checkpoint for whoever may read that path.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from straw.errors import RunError
from straw.files import MIB, parse_json, read_file
from straw.runs.files.atomic_write import write_whole
from straw.runs.files.jsonl import json_line

FILE, TINKER = "tinker.json", "tinker://"


@dataclass(frozen=True, slots=True)
class Saved:
    """A state of the service, and how far it had come; the start of a run is kept for sampling too."""

    path: str
    sampler_path: str | None
    policy_version: int
    is_published: bool
    has_optimizer: bool


def write_saved(folder: Path, saved: Saved) -> None:
    write_whole(folder / FILE, json_line(asdict(saved)))


def read_saved(folder: Path) -> Saved:
    try:
        saved = Saved(**parse_json(read_file(folder / FILE, MIB)))
    except OSError as error:
        raise RunError(
            f"a checkpoint of engine=tinker holds {FILE}, and {folder} does not: name the folder of one checkpoint"
        ) from error
    except (ValueError, TypeError) as error:
        raise RunError(f"{folder / FILE} is damaged: use another checkpoint of the run") from error
    if not str(saved.path).startswith(TINKER):
        raise RunError(f"{folder / FILE} names no {TINKER} path: use another checkpoint of the run")
    return saved
