"""straw.json of a folder for the hub: what it is in numbers, and the hashes of its files.

    {"hub": "me/mine", "step": 300, "form": "merged", "dtype": "float32", "page_sha256": "4f..",
     "seeds": {"seed": "0", ...}, "ledger": {...}, "files": {...}}

A program finds here what the card says in words; and a folder that was looked at can be sent as it is, if it is still
what was written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from straw.errors import RunError
from straw.export.model_card import rows_until
from straw.files import MIB, is_folder, parse_json, read_file
from straw.measure.ledger.series import series_from
from straw.report.runs.options_diff import flat
from straw.runs.files.hashes import hashed
from straw.runs.reading import CONFIG, ROLLOUTS, read_config
from straw.version import VERSION

MANIFEST = "straw.json"
LEDGER = ("offered_bits", "usable_bits", "received_bits", "absorbed_bits")


def write_manifest(folder: Path, run: Path, step: int, hub: str, form: str, dtype: str) -> None:
    """The last file of a folder: of all others it has the hash."""
    config = read_config(run)
    options, series = flat(config), series_from(config, rows_until(run, step))
    told = {
        "straw": VERSION, "hub": hub, "step": step, "form": form, "dtype": dtype, "page_sha256": hashed(run / CONFIG),
        "rollouts_sha256": hashed(run / ROLLOUTS),
        "seeds": {name: value for name, value in options.items() if name.endswith("seed")},
        "ledger": {name: value for name in LEDGER if (value := series.last(name)) is not None},
        "files": files_of(folder),
    }  # fmt: skip
    (folder / MANIFEST).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def files_of(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {path.relative_to(folder).as_posix(): hashed(path) for path in paths}


def is_written_for(folder: Path, run: Path, step: int, hub: str, form: str, dtype: str) -> bool:
    """Whether a folder is there that was written of these weights under this name, and is still what was written."""
    if not is_folder(folder):
        return False
    try:
        told: Any = parse_json(read_file(folder / MANIFEST, MIB))
    except (OSError, ValueError):
        return False
    asked = {"hub": hub, "step": step, "form": form, "dtype": dtype, "page_sha256": hashed(run / CONFIG)}
    if not isinstance(told, dict) or {name: told.get(name) for name in asked} != asked:
        return False
    if told.get("files") != files_of(folder):
        raise RunError(f"{folder} is no longer what straw export wrote: remove it, or name another with -o FOLDER")
    return True
