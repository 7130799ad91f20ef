"""A run's weights as one GGUF file, for llama.cpp, ollama and whatever reads their files.

    FOLDER/mine-f16.gguf      weights, tokenizer and chat template; adapters are merged into the weights first
    FOLDER/Modelfile          for ollama
    FOLDER/README.md          the model card

Beside a file that somebody named, mine.gguf, they are mine.Modelfile and mine.md, since the folder is not ours. All of
them appear whole or not at all, and over others only where somebody said so.

Whoever reads a GGUF file builds the tokenizer anew from what stands in it, so the file is read once more before it gets
its name: a tokenizer that would read other tokens than the run did is refused.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gguf import MODEL_ARCH_NAMES, GGUFWriter
from transformers import AutoTokenizer, PreTrainedModel

from straw.engines.local.models.pretrained import quietly
from straw.errors import RunError
from straw.export.folder import engine_at, merged
from straw.export.gguf_tensors import (
    ARCHITECTURES,
    GgufType,
    add_sizes,
    check_can_be_written,
    write_with_tensors,
)
from straw.export.gguf_tokenizer import add_vocabulary, check_reads_alike
from straw.export.model_card import CARD, model_card
from straw.export.serving import gguf_lines, modelfile
from straw.files import is_file
from straw.runs.checkpoints.integrity import Say
from straw.runs.files.atomic_write import whole_files
from straw.runs.reading import run_folder
from straw.text.chat.chat import Chat, template_of
from straw.text.shown.visible import visible
from straw.types import Message

TEXTS = (
    "The answer is 42.", "What is 17 + 5?\nIt is 22, isn't it?", "x = 3.14159 (about 22/7)", "<answer>-7</answer>",
    "äöü, naïve, 数学, 🙂", "\tA line\r\n\n  and another  ",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Places:
    """Where the three files go."""

    gguf: Path
    modelfile: Path
    card: Path

    @classmethod
    def in_folder(cls, folder: Path, name: str, kind: GgufType) -> Places:
        return cls(folder / f"{name}-{kind}.gguf", folder / "Modelfile", folder / CARD)

    @classmethod
    def beside(cls, gguf: Path) -> Places:
        return cls(gguf, gguf.with_suffix(".Modelfile"), gguf.with_suffix(".md"))

    @property
    def names(self) -> list[str]:
        return [self.gguf.name, self.modelfile.name, self.card.name]


def export_gguf(
    run: Path, places: Places, say: Say, *, at: str = "last", kind: GgufType = "f16", trusts: bool = False,
    replaces: bool = False,
) -> tuple[int, list[str]]:  # fmt: skip
    """The step whose weights these are, and the commands that use them."""
    folder = run_folder(run)
    check_are_free(places, replaces)
    page, engine, step = engine_at(folder, at, say, trusts=trusts)
    model, about = merged(engine), f"{page.model.model_name} after {step} steps of {page.task.kind}"
    lines = gguf_lines(places.gguf, places.modelfile, page)
    with whole_files(places.gguf.parent, places.names) as staging:
        written = staging / places.gguf.name
        write_gguf(model, engine.chat, written, kind, folder.name, about)
        (staging / places.modelfile.name).write_text(modelfile(written.name, engine.chat, page), encoding="utf-8")
        card = model_card(folder, step, {written.name: written}, lines, library="gguf")
        (staging / places.card.name).write_text(card, encoding="utf-8")
    return step, lines


def check_are_free(places: Places, replaces: bool) -> None:
    for path in (places.gguf, places.modelfile, places.card):
        if os.path.lexists(path) and not (replaces and is_file(path)):
            way_out = "name another with -o" + ("" if replaces else ", or write --force to replace it")
            raise RunError(f"an export overwrites nothing, and {path} is there: {way_out}")


def write_gguf(model: PreTrainedModel, chat: Chat, file: Path, kind: GgufType, name: str, description: str) -> None:
    """A file at a path where nothing is; whoever calls sees to it that nobody meets it half written."""
    check_can_be_written(model)
    writer = GGUFWriter(file, MODEL_ARCH_NAMES[ARCHITECTURES[model.config.model_type]])
    writer.add_type("model")
    writer.add_name(f"{visible(name)} by straw")  # transformers takes a model that is called mistral for a Mistral
    writer.add_description(visible(description))
    add_sizes(writer, model.config, kind)
    add_vocabulary(writer, chat, model.get_input_embeddings().weight.shape[0], template_of(chat.tokenizer))
    write_with_tensors(writer, model, kind)
    with quietly():
        written = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    added = [token.content for token in chat.tokenizer.added_tokens_decoder.values()]
    check_reads_alike(
        written, chat, (*TEXTS, chat.written([Message("user", "2 + 2?")]), "x".join(added), " ".join(added))
    )
