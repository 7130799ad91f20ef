"""A run's weights for the rest of the world: a folder in Hugging Face's form.

    merged     a plain model with its tokenizer; adapters are added to the weights beneath them
    adapter    PEFT's form; where straw made the weights beneath (a warm-up), they lie in base/ beside it

A model card, README.md, lies beside the weights. Written whole or not at all, and never over something else.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Literal

import torch
from transformers import PreTrainedModel

from straw.config import Page
from straw.engines.local.adapters.lora import save_adapter
from straw.engines.local.build import starting_again
from straw.engines.local.engine import LocalEngine
from straw.engines.local.models.in_transformers import in_transformers
from straw.engines.local.models.pretrained import quietly
from straw.engines.local.models.resolve import HUB_NAME
from straw.engines.tinker.download.files import downloaded
from straw.engines.tinker.download.here import engine_here, is_elsewhere, name_base, tokenizer_here
from straw.errors import RunError
from straw.export.manifest import write_manifest
from straw.export.model_card import CARD, Library, model_card
from straw.export.serving import folder_lines
from straw.runs.checkpoints.config_match import page_of, page_to_run
from straw.runs.checkpoints.integrity import Say, checkpoint_named
from straw.runs.files.atomic_write import whole_folder
from straw.runs.reading import run_folder
from straw.text.shown.visible import visible
from straw.training.resolve.device import on_this_machine

Form = Literal["merged", "adapter"]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def export_run(
    run: Path,
    out: Path,
    say: Say,
    *,
    at: str = "last",
    form: Form = "merged",
    dtype: str = "float32",
    trusts: bool = False,
    hub: str = "",
) -> int:
    """Returns the step whose weights these are. `hub`: the name under which others will find them."""
    folder = run_folder(run)
    if hub and form == "adapter":
        check_base(page_of(folder).model.model_name)
    if form == "adapter" and is_elsewhere(page_of(folder)):
        return export_downloaded(folder, out, say, at, hub, dtype)
    page, engine, step = engine_at(folder, at, say, trusts=trusts)
    if form == "adapter" and engine.adapters is None:
        raise RunError(f"{folder} trained all weights and has no adapter: leave --adapter out")
    with whole_folder(out) as staging, quietly():
        if form == "adapter":
            write_adapter(engine, page.model.is_embedded, staging, out, DTYPES[dtype])
        else:
            write_model(engine, merged(engine), staging, DTYPES[dtype])
        lines = folder_lines(Path(hub) if hub else out, page, is_adapter=form == "adapter")
        add_card(folder, step, staging, lines, "peft" if form == "adapter" else "transformers", hub, dtype)
    return step


def check_base(name: str) -> None:
    """On a hub an adapter finds its base by name; a path of this machine is nowhere else."""
    if not HUB_NAME.fullmatch(name) or os.path.exists(name):
        raise RunError(
            f"an adapter on the hub names a base model that is there, and {visible(name)} is none: leave --adapter out"
        )


def export_downloaded(folder: Path, out: Path, say: Say, at: str, hub: str, dtype: str) -> int:
    """The adapter of a run that a service trained, as it lies there; the model beneath it is not needed."""
    page, checkpoint = page_of(folder), checkpoint_named(folder, at, say)
    if not page.model.lora_rank:
        raise RunError(f"{folder} trained all weights and has no adapter: leave --adapter out")
    with whole_folder(out) as staging, quietly():
        with downloaded(folder / checkpoint["folder"], page.engine.base_url, say) as found:
            name_base(found, page.model.model_name)
            for file in found.iterdir():
                shutil.copyfile(file, staging / file.name)
        if (tokenizer := tokenizer_here(page)) is not None:
            tokenizer.save_pretrained(staging)
        lines = folder_lines(Path(hub) if hub else out, page, is_adapter=True)
        add_card(folder, int(checkpoint["step"]), staging, lines, "peft", hub, dtype)
    return int(checkpoint["step"])


def add_card(run: Path, step: int, staging: Path, lines: list[str], library: Library, hub: str, dtype: str) -> None:
    weights = {path.relative_to(staging).as_posix(): path for path in sorted(staging.rglob("*.safetensors"))}
    (staging / CARD).write_text(model_card(run, step, weights, lines, library=library, hub=hub), encoding="utf-8")
    if hub:
        write_manifest(staging, run, step, hub, "adapter" if library == "peft" else "merged", dtype)


def engine_at(folder: Path, at: str, say: Say, *, trusts: bool) -> tuple[Page, LocalEngine, int]:
    """The run's page, and an engine with the weights of one of its checkpoints; the step of those."""
    page, checkpoint = page_to_run(folder, trusts=trusts), checkpoint_named(folder, at, say)
    if is_elsewhere(page):
        return page, engine_here(on_this_machine(page), folder / checkpoint["folder"], say), int(checkpoint["step"])
    engine = starting_again(page, folder)
    engine.load(folder / checkpoint["folder"], optimizer=False)
    return page, engine, int(checkpoint["step"])


def merged(engine: LocalEngine) -> PreTrainedModel:
    if engine.adapters is None:
        return in_transformers(engine.model)
    model: PreTrainedModel = engine.adapters.merge_and_unload()
    return model


def write_model(engine: LocalEngine, model: PreTrainedModel, folder: Path, dtype: torch.dtype) -> None:
    model.set_attn_implementation("sdpa")  # straw's own reading is nobody else's
    model.to(dtype).save_pretrained(folder)
    engine.chat.tokenizer.save_pretrained(folder)


def write_adapter(engine: LocalEngine, keeps_base: bool, folder: Path, out: Path, dtype: torch.dtype) -> None:
    assert engine.adapters is not None
    base = str((out / "base").resolve()) if keeps_base else engine.model.name_or_path
    save_adapter(engine.adapters, folder / "adapter", base)
    for file in (folder / "adapter").iterdir():
        file.rename(folder / file.name)
    (folder / "adapter").rmdir()
    engine.chat.tokenizer.save_pretrained(folder)
    if keeps_base:
        write_model(engine, engine.adapters.unload(), folder / "base", dtype)
