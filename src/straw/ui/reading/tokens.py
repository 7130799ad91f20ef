"""Tokens as texts, without torch and without the model: only a tokenizer that is on this machine already.

    texts = token_texts("tiny-1M")      texts([23, 1]) == ["1", "<|end|>"]
    token_texts("/some/folder")         None: a run folder may name any path, and none of them is opened

What a run calls its model came with its folder. A plain name is looked for among the models of straw's own cache, a
name of the hub in the hub's cache on this machine; nothing is downloaded. Without a tokenizer the page shows numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from straw.cache_dir import cache_folder
from straw.files import MIB, is_folder, read_file
from straw.text.chat.characters import character_vocabulary

Texts = Callable[[Sequence[int]], list[str]]
EMBEDDED = re.compile(r"tiny-[0-9.]+M(-numbers|-3digits)?")
CACHED = re.compile(r"[A-Za-z0-9][\w.-]{0,95}")
OF_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
LARGEST = 64 * MIB


@lru_cache(maxsize=16)
def token_texts(model: str) -> Texts | None:
    """None where the tokenizer is not here."""
    if EMBEDDED.fullmatch(model):
        known = {index: token for token, index in character_vocabulary(model).items()}
        return lambda ids: [known.get(one, f"#{one}") for one in ids]
    path = tokenizer_file(model)
    try:
        return of_file(path) if path is not None else None
    except Exception:  # what the tokenizers library raises is a plain Exception
        return None


def tokenizer_file(model: str) -> Path | None:
    if CACHED.fullmatch(model) and is_folder(folder := cache_folder() / "models" / model):
        return folder / "tokenizer.json"
    if OF_HUB.fullmatch(model):
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(model, "tokenizer.json")
        return Path(found) if isinstance(found, str) else None
    return None


def of_file(path: Path) -> Texts:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_buffer(read_file(path, LARGEST, follow=True))

    def text(one: int) -> str:
        """A piece of a character alone is no text: then the token's own name."""
        found = tokenizer.decode([one], skip_special_tokens=False)
        return found if found and "\ufffd" not in found else tokenizer.id_to_token(one) or f"#{one}"

    return lambda ids: [text(one) for one in ids]
