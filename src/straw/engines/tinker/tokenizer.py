"""The served model's own tokenizer: token ids must be those that the service reads.

a name of ours              tiny-1M and its kind: characters, made here, unless the server has another tokenizer
a server of one's own       the tokenizer that it offers as a hub of its own, into a folder that is thrown away
the hosted service          what the SDK finds for the model, on the Hugging Face hub
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from straw.engines.local.models.tiny import SHAPES
from straw.engines.tinker.sdk import first_line, is_hosted
from straw.errors import ModelError
from straw.text.chat.character_tokenizer import character_tokenizer
from straw.text.chat.chat import Chat

WANTED = ["tokenizer*", "*.jinja", "special_tokens_map.json", "vocab.*", "merges.txt", "added_tokens.json"]


def served_chat(training: Any, name: str, url: str | None) -> Chat:
    """`url` of a server of one's own; None: the hosted service."""
    found = character_tokenizer(name) if name in SHAPES else None
    if found is None and url is not None:
        found = offered(name, url)
    try:
        return Chat(found if found is not None else training.get_tokenizer())
    except Exception as error:
        raise ModelError(
            f"the tokenizer of {name} cannot be had ({first_line(error)}): the service sends none, so it comes from "
            "the Hugging Face hub or from HF_ENDPOINT; log in there, or name the model as the hub does"
        ) from error


def offered(name: str, url: str) -> Any | None:
    """From the server's own hub; None where it is none or has no such name."""
    from huggingface_hub import snapshot_download
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    with TemporaryDirectory(prefix="straw-tokenizer-") as cache:
        try:
            folder = Path(snapshot_download(hub_name(name), endpoint=url, allow_patterns=WANTED, cache_dir=cache))
        except Exception:  # whatever else answers there is no hub
            return None
        if (folder / "tokenizer.json").is_file():
            return PreTrainedTokenizerFast.from_pretrained(folder)
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def at_hand(name: str, url: str | None) -> Any | None:
    """Without the network, but for a server of one's own; None where it is not here."""
    from transformers import AutoTokenizer

    found = offered(name, url) if url is not None and not is_hosted(url) else None
    if found is None:
        try:
            found = AutoTokenizer.from_pretrained(hub_name(name), local_files_only=True)
        except Exception:  # not in the cache, or no name of the hub
            return None
    return found


def hub_name(name: str) -> str:
    """As the hub spells it: a model's name behind ":" is a variant with the same tokenizer."""
    return name.partition(":")[0]
