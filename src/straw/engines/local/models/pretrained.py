"""Weights and tokenizer from files, through transformers; whatever is wrong with them becomes one line.

    folder   config.json, safetensors in one file or in shards, a tokenizer
    file     .gguf, its blocks unpacked so that it can be trained and saved

Weights are float32 on the CPU and the model is in eval mode. Training goes on in eval mode too
(`model.train(False)`), so a dropout that a config asks for never acts: a sampler and a trainer that
disagree by a coin toss could not be compared. Not here: pickled weights, quantised training, and code from
a model's folder unless the user asks for it.
"""

from __future__ import annotations

import os
import string
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from straw.engines.local.adapters.folder import ADAPTER_CONFIG
from straw.engines.local.models.folder import first_line, shortcoming
from straw.engines.local.models.loaded import Loaded
from straw.errors import ModelError
from straw.files import MIB, parse_json, read_file


def read_folder(folder: Path, *, trust_remote_code: bool = False, source: str | None = None) -> Loaded:
    """A folder in Hugging Face's form."""
    if missing := shortcoming(folder):
        raise ModelError(f"a model folder holds config.json, safetensors and a tokenizer; {folder} {missing}")
    if (folder / ADAPTER_CONFIG).exists():
        raise ModelError(f"a model folder holds no adapters, and {folder} has an {ADAPTER_CONFIG}: take it out")
    return read(folder, source or str(folder.resolve()), trust_remote_code=trust_remote_code, local_files_only=True)


def read_gguf(file: Path) -> Loaded:
    if not os.path.isfile(file):
        raise ModelError(f"there is no file {file}: give the path of a .gguf file that exists")
    return read(file.parent, str(file.resolve()), gguf_file=file.name)


def read(folder: Path, source: str, **options: Any) -> Loaded:
    # Other people's files meet other people's code here, and every exception there is may come back.
    with quietly(), without_bars(options):
        try:
            model, info = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are told in `check_every_weight_is_read`
                **form_of_weights(options),
                **options,
            )
        except Exception as error:
            raise ModelError(what_is_wrong(source, error)) from error
        try:
            tokenizer = tokenizer_class(folder, options).from_pretrained(folder, **options)
        except Exception as error:
            raise ModelError(
                f"the tokenizer of {source} cannot be read ({first_line(error)}): save it there again"
            ) from error
    check_every_weight_is_read(source, **info)
    check_tokenizer_fits(source, model, tokenizer)
    return Loaded(model.eval(), tokenizer, source)


def without_bars(options: dict[str, Any]) -> AbstractContextManager[object]:
    """transformers' reader of GGUF files draws a bar of its own, which none of its settings hides."""
    return redirect_stderr(StringIO()) if "gguf_file" in options else nullcontext()


def form_of_weights(options: dict[str, Any]) -> dict[str, Any]:
    return {"quantization_config": GgufConfig(dequantize=True)} if "gguf_file" in options else {"use_safetensors": True}


def tokenizer_class(folder: Path, options: dict[str, Any]) -> Any:
    """tokenizer.json says all about a tokenizer; classes for an architecture put in parts of their own.

    (AutoTokenizer reads any tokenizer.json beside a Qwen2 with Qwen2's splitting and Qwen2's bytes.)
    """
    if "gguf_file" in options or not (folder / "tokenizer.json").is_file():
        return AutoTokenizer
    file = folder / "tokenizer_config.json"
    has_code = file.is_file() and "auto_map" in parse_json(read_file(file, MIB, follow=True))
    return AutoTokenizer if has_code and options["trust_remote_code"] else PreTrainedTokenizerFast


def what_is_wrong(source: str, error: Exception) -> str:
    if "trust_remote_code" in str(error):
        return (
            f"{source} comes with code of its own, which runs only if you trust it: look at it, then write "
            "trust_remote_code=true behind the command"
        )
    return (
        f"straw loads causal language models that transformers knows, and {source} cannot be loaded "
        f"({first_line(error)}): get its files anew, or choose another model"
    )


def check_every_weight_is_read(
    source: str, missing_keys: set[str], mismatched_keys: set[tuple[Any, ...]], unexpected_keys: set[str], **_: object
) -> None:
    """A weight that the file lacks would be drawn at random, and nothing would look wrong."""
    if missing_keys:
        raise ModelError(
            f"every weight must come from the file, and {source} lacks {len(missing_keys)}: {some_of(missing_keys)}; "
            "take the config.json that belongs to it, or save the model whole"
        )
    if mismatched_keys:
        name, there, wanted = min((str(name), tuple(there), tuple(wanted)) for name, there, wanted in mismatched_keys)
        raise ModelError(
            f"weights have the sizes that config.json says, and {name} in {source} is {there}, not {wanted}: "
            "take the config.json that belongs to it"
        )
    if unexpected_keys:
        ignored = f"{len(unexpected_keys)} weights that the model ignores: {some_of(unexpected_keys)}"
        warnings.warn(f"{source} holds {ignored}", stacklevel=2)


def check_tokenizer_fits(source: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    highest = max(tokenizer.encode(string.printable), default=-1)
    rows = model.get_input_embeddings().weight.shape[0]
    if not 0 <= highest < rows:
        raise ModelError(
            f"tokens are counted from 0 below the model's vocabulary of {rows}, and the tokenizer of {source} "
            f"writes token {highest}: save the tokenizer that the model was trained with"
        )


def some_of(names: set[str]) -> str:
    return ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")


@contextmanager
def quietly() -> Iterator[None]:
    """Without transformers' bars and tables: what matters in them becomes an error or a warning of ours."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
