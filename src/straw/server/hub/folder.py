"""The served tokenizer as a folder that any transformers loads, with the ids that the served model reads.

The character tokenizer has 95 tokens that it never writes: bytes of characters that have tokens of their own, <0x41>
beside A. Markers of the usual chat forms take their places, so that a program's own renderer (ChatML, Llama 3,
DeepSeek, gpt-oss) finds each marker a single token, and no other id moves:

    id of <0x20>  ->  <|im_start|>        id of <0x21>  ->  <|im_end|>        ...

Another tokenizer gets those that it lacks where its model has rows for them, as ids behind its own; else it stays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from straw.text.chat.characters import SPECIALS, character_vocabulary
from straw.text.chat.chat import Chat

CHATML = ("<|im_start|>", "<|im_end|>", "<think>", "</think>")
MARKERS = (
    *CHATML, "<tool_call>", "</tool_call>", "<|endoftext|>",
    "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
    "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>",
    "<|start|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|return|>", "<|call|>",
)  # fmt: skip
PLAIN = ("<think>", "</think>", "<tool_call>", "</tool_call>")  # text that a decoder shows
FIRST_FREE = 0x20  # the byte of the first printable character
NAMED = ("bos_token", "eos_token", "pad_token", "unk_token")


def tokenizer_folder(chat: Chat, where: Path, vocabulary: int | None = None) -> Path:
    """Writes tokenizer.json and what belongs to it; `vocabulary` is the number of the model's rows."""
    where.mkdir(parents=True, exist_ok=True)
    backend = getattr(chat.tokenizer, "backend_tokenizer", None)
    if backend is None:  # a slow one of an old model
        chat.tokenizer.save_pretrained(where)
        return where
    core = with_markers(json.loads(backend.to_str()), vocabulary)
    (where / "tokenizer.json").write_text(core.to_str(), encoding="utf-8")
    (where / "tokenizer_config.json").write_text(json.dumps(config_of(chat), indent=2), encoding="utf-8")
    (where / "special_tokens_map.json").write_text(json.dumps(named_tokens(chat), indent=2), encoding="utf-8")
    return where


def with_markers(described: dict[str, Any], vocabulary: int | None = None) -> Tokenizer:
    """The tokenizer that tokenizer.json describes, and the markers for which there is room."""
    vocab = described["model"].get("vocab")
    if vocab == character_vocabulary():
        described["model"]["vocab"] = renamed(vocab)
        return added(described, MARKERS)
    core = Tokenizer.from_str(json.dumps(described))
    missing = [marker for marker in CHATML if core.token_to_id(marker) is None]
    if vocabulary is None or core.get_vocab_size() + len(missing) > vocabulary:
        return core
    return added(described, missing)


def added(described: dict[str, Any], markers: Sequence[str]) -> Tokenizer:
    core = Tokenizer.from_str(json.dumps(described))
    core.add_special_tokens([AddedToken(one, special=True, normalized=False) for one in markers if one not in PLAIN])
    core.add_tokens([AddedToken(one, special=False, normalized=False) for one in markers if one in PLAIN])
    return core


def renamed(vocab: dict[str, int]) -> dict[str, int]:
    """The characters' vocabulary with markers in the places of bytes that are never written."""
    names = {f"<0x{FIRST_FREE + place:02X}>": marker for place, marker in enumerate(MARKERS)}
    return {names.get(token, token): id for token, id in vocab.items()}


def named_tokens(chat: Chat) -> dict[str, str]:
    return {name: str(token) for name in NAMED if (token := getattr(chat.tokenizer, name, None)) is not None}


def config_of(chat: Chat) -> dict[str, Any]:
    """Read by transformers 4 and 5 alike: its class is one that believes tokenizer.json."""
    tokenizer = chat.tokenizer
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": int(min(tokenizer.model_max_length, 1 << 31)),
        "chat_template": chat.template,
        **named_tokens(chat),
    }


assert FIRST_FREE + len(MARKERS) <= 0x7F and not set(MARKERS) & set(SPECIALS)
